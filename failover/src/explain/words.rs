//! The sentences that an explanation is made of.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, NetworkName, Region};
use causeway_api::plan::{
    CapacitySource, DestinationInput, PlanInputs, Rate, ServicePlan, SourceInput,
};
use causeway_api::rules::WhenUnknown;
use causeway_api::verdict::{Subject, Verdict};

use super::bound;
use crate::plan::Fleet;
use crate::plan::tiers::FIRST_REGION;

/// A tier in words: `zone`, `region`, `network`, `failover 1` for the first region that policy names, `elsewhere`.
#[must_use]
pub fn tier_name(
    inputs: &PlanInputs,
    source: &SourceInput,
    tier: Option<u8>,
    region: Option<&Region>,
) -> String {
    let Some(tier) = tier else {
        return "-".to_owned();
    };
    if tier < FIRST_REGION {
        let names = ["zone", "region", "network"];
        return names
            .get(usize::from(tier))
            .map_or("-", |name| name)
            .to_owned();
    }
    let order = source
        .region
        .as_ref()
        .and_then(|from| inputs.policy.failover.get(from));
    let named = order.is_some_and(|order| region.is_some_and(|region| order.contains(region)));
    if named {
        format!("failover {}", tier - FIRST_REGION + 1)
    } else {
        "elsewhere".to_owned()
    }
}

/// Such as `12 ready × 125/s, declared`.
pub(super) fn capacity_from<'a>(zones: impl Iterator<Item = &'a DestinationInput>) -> String {
    let (mut ready, mut capacity) = (0_u64, Some(Rate(0)));
    let mut sources: BTreeSet<CapacitySource> = BTreeSet::new();
    for zone in zones {
        ready += u64::from(zone.ready);
        capacity = capacity.and_then(|sum| Some(sum.plus(zone.capacity?)));
        sources.insert(zone.capacity_source);
    }
    match capacity {
        _ if ready == 0 => "nothing ready".to_owned(),
        None => format!("{ready} ready, rate unknown"),
        Some(capacity) => {
            let each = Rate(capacity.0 / ready.max(1));
            let source = match (sources.len(), sources.first()) {
                (1, Some(CapacitySource::Declared)) => "declared",
                (1, Some(CapacitySource::Learned)) => "seen to be served, at least",
                (1, Some(CapacitySource::Elastic)) => "with what the autoscaler may add",
                (1, Some(CapacitySource::Running)) => "declared, of what runs",
                _ => "of unknown source",
            };
            format!("{ready} ready × {each}, {source}")
        }
    }
}

/// The verdicts on the members of a network that are not just serving.
pub(super) fn verdicts(
    fleet: &Fleet<'_>,
    network: &NetworkName,
    verdicts: &dyn Fn(&Subject) -> Option<Verdict>,
) -> Vec<String> {
    let cells = fleet
        .cells
        .iter()
        .filter(|cell| cell.input.network == *network);
    let members: BTreeSet<&MemberName> = cells.map(|cell| &cell.input.member).collect();
    let sentence = |member: &MemberName| {
        let verdict = verdicts(&Subject::Member {
            member: member.clone(),
        })?;
        let since_s = verdict.since.0 / 1000;
        Some(format!(
            "member {member} is {} since {since_s} s of cluster time: {} of {} counted observers against it",
            verdict.state, verdict.grounds.against, verdict.grounds.counted
        ))
    };
    members.into_iter().filter_map(sentence).collect()
}

/// What is not known, and what would tell it.
pub(super) fn notes(inputs: &PlanInputs, plan: &ServicePlan) -> Vec<String> {
    let mut notes = bound::notes(inputs, plan);
    let unknown: Vec<String> = inputs
        .sources
        .iter()
        .filter(|source| source.demand.is_none())
        .map(|s| {
            format!(
                "{}/{}",
                s.source.member,
                s.source.zone.as_ref().map_or("-", |zone| zone.as_str())
            )
        })
        .collect();
    if !unknown.is_empty() {
        notes.push(format!(
            "demand unknown: {}. It goes to the nearest and is counted against nobody's capacity; declare spec.demand for its \
             region in a FailoverPolicy",
            few(&unknown)
        ));
    }
    let unknown: Vec<String> = inputs
        .destinations
        .iter()
        .filter(|zone| zone.ready > 0 && zone.capacity.is_none())
        .map(|d| {
            format!(
                "{}/{}",
                d.member,
                d.zone.as_ref().map_or("-", |zone| zone.as_str())
            )
        })
        .collect();
    if !unknown.is_empty() {
        notes.push(format!(
            "capacity unknown: {}. {}; declare spec.capacity.requestsPerSecondPerEndpoint in a \
             FailoverPolicy",
            few(&unknown),
            match inputs.policy.when_unknown {
                WhenUnknown::Hold => "Nothing is spilled there by plan",
                WhenUnknown::BestEffort =>
                    "What finds no known room is sent there (capacity.whenUnknown: BestEffort)",
            }
        ));
    }
    if inputs.policy.nowhere {
        notes.push("the allowedRegions of the policies have no region in common: nothing leaves its member".to_owned());
    }
    notes
}

pub(super) fn few(names: &[String]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        names => names.join(", "),
    }
}
