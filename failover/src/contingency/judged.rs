//! What a loss does to one service.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::contingency::LossOutcome;
use causeway_api::ids::{MemberName, NetworkName};
use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, Rate, ServicePlan, SourceInput, SourcePlan,
};

use super::fall::Fall;

/// The share of what plans may use from which on a destination counts as full, in percent.
const FULL_PERCENT: u128 = 95;

/// A source of unknown demand counts as so much.
const UNKNOWN: Rate = Rate(1_000);

/// What a loss does to one service. Callers in what fell count as load, and not as demand to be served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// The gravest.
    pub outcome: LossOutcome,
    /// Demand of the callers that survive.
    pub demand: Rate,
    /// The part of it that is served.
    pub served: Rate,
    /// Known demand that goes elsewhere than before.
    pub moved: Rate,
    /// Demand beyond capacity, in percent of what is served.
    pub over_percent: u32,
    /// Members whose shares change.
    pub writes: u64,
    /// What each network is asked for afterwards, and what it serves; `None`: not known of all of it.
    pub networks: Box<[(NetworkName, Rate, Option<Rate>)]>,
}

impl Judged {
    /// Judges the plan `after` a loss, computed from `inputs`, against the one `before`.
    #[must_use]
    pub fn of(fall: &Fall, inputs: &PlanInputs, before: &ServicePlan, after: &ServicePlan) -> Self {
        let mut judged = Self {
            networks: networks(inputs, after),
            ..Self::default()
        };
        let (mut unproven, mut orphaned, mut unserved) = (false, false, Rate(0));
        for source in &inputs.sources {
            let survives = !fall.members.contains(&source.source.member);
            let planned = after.sources.iter().find(|s| s.source == source.source);
            let (Some(planned), true) = (planned, survives) else {
                continue;
            };
            let asked = source.demand.unwrap_or(UNKNOWN);
            judged.demand = judged.demand.plus(asked);
            if !inputs.destinations.iter().any(|d| answers(d, source)) {
                orphaned = true;
                continue;
            }
            let missing = planned.unserved;
            unserved = unserved.plus(missing);
            judged.served = judged.served.plus(asked.minus(missing));
            unproven |= source.demand.is_none() || unknown(inputs, planned, &judged.networks);
            judged.moved = judged.moved.plus(moved(source, before, planned));
        }
        judged.over_percent = percent(unserved, judged.served);
        judged.writes = writes(before, after);
        judged.outcome = if orphaned {
            LossOutcome::Orphans
        } else if unserved > Rate(0) {
            LossOutcome::Overloads
        } else if unproven {
            LossOutcome::Unproven
        } else if full(inputs, &judged.networks) {
            LossOutcome::Saturates
        } else {
            LossOutcome::Survives
        };
        judged
    }
}

/// Whether a zone would answer a source.
fn answers(zone: &DestinationInput, source: &SourceInput) -> bool {
    let own = zone.member == source.source.member;
    zone.ready > 0 && (own || (zone.exported && zone.withdrawn.is_none()))
}

/// Whether a source is sent where it is not known what can be carried: nobody says, or what is known is a floor and all that
/// goes there together is more.
fn unknown(
    inputs: &PlanInputs,
    planned: &SourcePlan,
    networks: &[(NetworkName, Rate, Option<Rate>)],
) -> bool {
    let beyond = |of: &NetworkName| {
        let row = networks.iter().find(|(network, ..)| network == of);
        row.is_some_and(|(_, asked, carries)| carries.is_some_and(|carries| *asked > carries))
    };
    planned.shares.iter().any(|share| {
        let behind = |zone: &&DestinationInput| match &share.destination {
            Destination::Zone { member, zone: name } => {
                zone.member == *member && zone.zone == *name
            }
            Destination::Network(network) => zone.network == *network && zone.withdrawn.is_none(),
        };
        let mut zones = inputs.destinations.iter().filter(behind);
        zones.any(|zone| {
            let floor = zone.capacity_source.is_floor() && beyond(&zone.network);
            zone.ready > 0 && (zone.capacity.is_none() || floor)
        })
    })
}

fn moved(source: &SourceInput, before: &ServicePlan, planned: &SourcePlan) -> Rate {
    let Some(demand) = source.demand else {
        return Rate(0);
    };
    let old = before.sources.iter().find(|s| s.source == source.source);
    let kept = planned.shares.iter().map(|share| {
        let same = old
            .into_iter()
            .flat_map(|old| &old.shares)
            .find(|old| old.destination == share.destination);
        u64::from(same.map_or(0, |old| old.parts.min(share.parts)))
    });
    let whole = u64::from(causeway_api::plan::WHOLE);
    let gone = whole.saturating_sub(kept.sum());
    let rate = u128::from(demand.0) * u128::from(gone) / u128::from(whole);
    Rate(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// One for each member with a source whose plan changes: a mesh is written once for a service.
fn writes(before: &ServicePlan, after: &ServicePlan) -> u64 {
    let changed = after.sources.iter().filter(|new| {
        let old = before.sources.iter().find(|old| old.source == new.source);
        old != Some(*new)
    });
    let members: BTreeSet<&MemberName> = changed.map(|source| &source.source.member).collect();
    u64::try_from(members.len()).unwrap_or(u64::MAX)
}

fn networks(inputs: &PlanInputs, after: &ServicePlan) -> Box<[(NetworkName, Rate, Option<Rate>)]> {
    let mut networks: BTreeMap<NetworkName, (Rate, Option<Rate>)> = BTreeMap::new();
    for zone in inputs.destinations.iter().filter(|zone| zone.ready > 0) {
        let (_, capacity) = networks
            .entry(zone.network.clone())
            .or_insert((Rate(0), Some(Rate(0))));
        *capacity = capacity.zip(zone.capacity).map(|(a, b)| a.plus(b));
    }
    for share in after.sources.iter().flat_map(|source| &source.shares) {
        let network = match &share.destination {
            Destination::Network(network) => Some(network),
            Destination::Zone { member, zone } => {
                let same = |d: &&DestinationInput| d.member == *member && d.zone == *zone;
                inputs.destinations.iter().find(same).map(|d| &d.network)
            }
        };
        if let Some((load, _)) = network.and_then(|network| networks.get_mut(network)) {
            *load = load.plus(share.rate);
        }
    }
    let rows = networks.into_iter();
    rows.map(|(name, (load, capacity))| (name, load, capacity))
        .collect()
}

fn full(inputs: &PlanInputs, networks: &[(NetworkName, Rate, Option<Rate>)]) -> bool {
    networks.iter().any(|(name, load, capacity)| {
        let zones = inputs.destinations.iter().filter(|d| d.network == *name);
        let least = zones.map(|d| d.max_utilization_percent).min();
        let (Some(capacity), Some(least)) = (capacity, least) else {
            return false;
        };
        let may = u128::from(capacity.percent(least).0);
        load.0 > 0 && u128::from(load.0) * 100 >= may * FULL_PERCENT
    })
}

/// `part` of `whole` in percent, rounded up, so that a little is never nothing.
fn percent(part: Rate, whole: Rate) -> u32 {
    if part.0 == 0 {
        return 0;
    }
    let percent = (u128::from(part.0) * 100).div_ceil(u128::from(whole.0.max(1)));
    u32::try_from(percent).unwrap_or(u32::MAX)
}
