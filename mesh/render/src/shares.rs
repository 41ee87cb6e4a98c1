//! The plan's shares as Istio says them: priorities by locality, or `distribute` with percents.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::plan::{Destination, PlanKind, SourcePlan};
use causeway_api::view::{MeshCondition, ServiceView};
use causeway_api::{NetworkName, ServiceKey};

use crate::condition::{of_service, reason};
use crate::input::{LocalService, MemberInputs};
use crate::locality::{self, Place};

/// How a rule carries a plan out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// Priorities by locality; the first region to fail over to, as (from, to), where an order is asked for.
    Priorities(Option<(String, String)>),
    /// Exact shares: (from, to → percent), in order, the last of them from everywhere.
    Distribute(Vec<(String, BTreeMap<String, u32>)>),
}

/// Whether any source of the service spills: only then are shares said exactly.
#[must_use]
pub fn spills(view: &ServiceView) -> bool {
    view.sources
        .iter()
        .any(|plan| plan.kind == PlanKind::Spill && !plan.shares.is_empty())
}

/// How the plan is said, where entries stand at `places`, and what of it could not be.
#[must_use]
pub fn balance(
    member: &MemberInputs,
    service: &ServiceKey,
    view: &ServiceView,
    local: &LocalService,
    places: &BTreeMap<NetworkName, Place>,
) -> (Balance, Vec<MeshCondition>) {
    let mut conditions = Vec::new();
    if spills(view) {
        match distribute(member, view, local, places) {
            Ok(distribution) => {
                conditions.extend(beside_exact_shares(service, view));
                return (Balance::Distribute(distribution), conditions);
            }
            Err(why) => conditions.push(of_service(
                reason::SPILL_NOT_EXPRESSED,
                service,
                "",
                format!("exact shares are not written, priorities by locality are: {why}"),
            )),
        }
    }
    let (failover, more) = failover(member, service, view, places);
    conditions.extend(more);
    conditions.extend(merged_tiers(member, service, local, places));
    (Balance::Priorities(failover), conditions)
}

/// What exact shares cannot say.
fn beside_exact_shares(service: &ServiceKey, view: &ServiceView) -> Option<MeshCondition> {
    let standby: BTreeSet<_> = view
        .sources
        .iter()
        .flat_map(|plan| &plan.standby)
        .map(NetworkName::as_str)
        .collect();
    (!standby.is_empty()).then(|| {
        of_service(
            reason::STANDBY_NOT_EXPRESSED,
            service,
            "",
            format!(
                "while the service spills, Istio gives exact shares and no priorities: {} can stand by in the plan alone, \
                 not in the proxies.",
                standby.into_iter().collect::<Vec<_>>().join(", ")
            ),
        )
    })
}

type Distribution = Vec<(String, BTreeMap<String, u32>)>;

/// The shares of each source, or why they cannot be said.
fn distribute(
    member: &MemberInputs,
    view: &ServiceView,
    local: &LocalService,
    places: &BTreeMap<NetworkName, Place>,
) -> Result<Distribution, String> {
    if locality::own_region(member).is_none() {
        return Err(
            "the region of this member is unknown. Label its nodes with \
                    topology.kubernetes.io/region or declare spec.topology.region"
                .to_owned(),
        );
    }
    let zones = locality::local_patterns(member, view);
    let mut all = BTreeMap::new();
    let mut by_source = BTreeMap::new();
    for plan in &view.sources {
        let parts = parts(plan, &zones, places);
        if !parts
            .keys()
            .any(|pattern| has_endpoints(pattern, local, places))
        {
            return Err(format!(
                "none of the destinations of {} has an endpoint in this mesh now",
                zone_of(plan)
            ));
        }
        for (pattern, parts) in &parts {
            *all.entry(pattern.clone()).or_default() += parts;
        }
        let Some(from) = locality::zone_pattern(member, plan.source.zone.as_ref()) else {
            continue;
        };
        by_source.insert(from, percents(&parts));
    }
    if let Some((a, b)) = overlapping(all.keys()) {
        return Err(format!(
            "{a} and {b} overlap, and Istio takes them in any order"
        ));
    }
    // A region's pattern covers its zones': the first that matches wins, so the wider ones come after.
    let (zones, regions): (Vec<_>, Vec<_>) = by_source
        .into_iter()
        .partition(|(from, _)| from.matches('/').count() > 1);
    let mut distribution: Distribution = zones.into_iter().chain(regions).collect();
    distribution.push(("*".to_owned(), percents(&all)));
    Ok(distribution)
}

fn overlapping<'a>(patterns: impl Iterator<Item = &'a String>) -> Option<(&'a String, &'a String)> {
    let patterns: Vec<_> = patterns.collect();
    patterns.iter().enumerate().find_map(|(at, a)| {
        let later = patterns.iter().skip(at + 1);
        later
            .copied()
            .find(|b| locality::overlap(a, b))
            .map(|b| (*a, b))
    })
}

fn zone_of(plan: &SourcePlan) -> String {
    match &plan.source.zone {
        Some(zone) => format!("zone {zone}"),
        None => "the zone without a name".to_owned(),
    }
}

/// The parts of a source's demand by pattern; what has no pattern is left out.
fn parts(
    plan: &SourcePlan,
    zones: &BTreeMap<Destination, String>,
    places: &BTreeMap<NetworkName, Place>,
) -> BTreeMap<String, u64> {
    let mut parts = BTreeMap::new();
    for share in plan.shares.iter().filter(|share| share.parts > 0) {
        let pattern = match &share.destination {
            Destination::Network(network) => places.get(network).map(|place| &place.pattern),
            zone => zones.get(zone),
        };
        if let Some(pattern) = pattern {
            *parts.entry(pattern.clone()).or_default() += u64::from(share.parts);
        }
    }
    parts
}

fn has_endpoints(
    pattern: &str,
    local: &LocalService,
    places: &BTreeMap<NetworkName, Place>,
) -> bool {
    places.values().any(|place| place.pattern == pattern)
        || (local.ready > 0
            && local
                .localities
                .iter()
                .any(|locality| locality::covers(pattern, locality)))
}

/// Parts as whole percents that sum to 100: rounded down, and what is missing goes to the largest remainders (the
/// first by name where they are equal). What comes to no percent at all is left out, since Istio refuses a weight of 0.
#[must_use]
pub fn percents(parts: &BTreeMap<String, u64>) -> BTreeMap<String, u32> {
    let total: u128 = parts.values().map(|part| u128::from(*part)).sum();
    if total == 0 {
        return BTreeMap::new();
    }
    let exact = |part: u64| {
        (
            u128::from(part) * 100 / total,
            u128::from(part) * 100 % total,
        )
    };
    let floor: u128 = parts.values().map(|part| exact(*part).0).sum();
    let mut by_remainder: Vec<_> = parts.iter().collect();
    by_remainder.sort_by(|a, b| exact(*b.1).1.cmp(&exact(*a.1).1).then(a.0.cmp(b.0)));
    let missing = usize::try_from(100 - floor).unwrap_or(0);
    let raised: BTreeSet<_> = by_remainder
        .into_iter()
        .take(missing)
        .map(|(name, _)| name)
        .collect();
    parts
        .iter()
        .map(|(name, part)| {
            let percent = u32::try_from(exact(*part).0).unwrap_or(100);
            (name.clone(), percent + u32::from(raised.contains(name)))
        })
        .filter(|(_, percent)| *percent > 0)
        .collect()
}

/// The first other region that traffic goes to when the own one has failed, where policy or plan order them.
fn failover(
    member: &MemberInputs,
    service: &ServiceKey,
    view: &ServiceView,
    places: &BTreeMap<NetworkName, Place>,
) -> (Option<(String, String)>, Option<MeshCondition>) {
    let Some(own) = locality::own_region(member) else {
        return (None, None);
    };
    let Some(plan) = view.sources.first() else {
        return (None, None);
    };
    let other_regions = |networks: &mut dyn Iterator<Item = &NetworkName>| {
        let mut regions: Vec<String> = Vec::new();
        for place in networks.filter_map(|network| places.get(network)) {
            if place.region != own && !regions.contains(&place.region) {
                regions.push(place.region.clone());
            }
        }
        regions
    };
    let shared = plan
        .shares
        .iter()
        .filter_map(|share| match &share.destination {
            Destination::Network(network) => Some(network),
            Destination::Zone { .. } => None,
        });
    let first = other_regions(&mut shared.clone());
    let order = other_regions(&mut shared.chain(&plan.standby));
    let plan_orders = !first.is_empty() && order.len() > first.len();
    if view.failover.is_empty() && !plan_orders {
        return (None, None);
    }
    let Some(to) = order.first() else {
        return (None, None);
    };
    let unordered = order.get(1..).unwrap_or_default();
    let condition = (unordered.len() > 1 && view.failover.len() > 1).then(|| {
        of_service(
            reason::FAILOVER_ORDER,
            service,
            "",
            format!(
                "after {to}, Istio knows no order: {} share one priority by their endpoints.",
                unordered.join(", ")
            ),
        )
    });
    (Some((own, to.clone())), condition)
}

/// A remote network in the own region stands beside the own other zones.
fn merged_tiers(
    member: &MemberInputs,
    service: &ServiceKey,
    local: &LocalService,
    places: &BTreeMap<NetworkName, Place>,
) -> Option<MeshCondition> {
    let own = locality::own_region(member)?;
    let near: Vec<_> = places
        .iter()
        .filter(|(_, place)| place.region == own)
        .map(|(network, _)| network.as_str())
        .collect();
    (!near.is_empty() && local.localities.len() > 1).then(|| {
        of_service(
            reason::TIERS_MERGED,
            service,
            "",
            format!(
                "{} and this member's own other zones are one priority to Istio: callers whose zone has failed use \
                 both, by their endpoints.",
                near.join(", ")
            ),
        )
    })
}
