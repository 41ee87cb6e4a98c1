//! What declarations make of a plan's inputs: asked by whoever computes a plan, and by whoever judges one.

use std::collections::BTreeMap;

use causeway_api::MemberName;
use causeway_api::ids::Region;
use causeway_api::plan::{Rate, SourceInput};
use causeway_api::spec::{MemberSpec, defaults};

use crate::policy::Effective;

/// The declared demand of each source, in their order; `None` where its region declares none.
///
/// Demand of a region is shared evenly by its members, and a member's by its zones: nothing tells yet which of them calls
/// more. What does not divide goes to the first ones.
#[must_use]
pub fn demand(sources: &[SourceInput], demand: &BTreeMap<Region, Rate>) -> Vec<Option<Rate>> {
    let mut shared = vec![None; sources.len()];
    if demand.is_empty() {
        return shared;
    }
    let mut members: BTreeMap<&Region, BTreeMap<&MemberName, Vec<usize>>> = BTreeMap::new();
    for (at, source) in sources.iter().enumerate() {
        if let Some(region) = &source.region {
            let rows = members.entry(region).or_default();
            rows.entry(&source.source.member).or_default().push(at);
        }
    }
    for (region, members) in members {
        let Some(total) = demand.get(region) else {
            continue;
        };
        for (zones, part) in members.values().zip(parts(total.0, members.len())) {
            for (at, part) in zones.iter().zip(parts(part, zones.len())) {
                if let Some(row) = shared.get_mut(*at) {
                    *row = Some(Rate(part));
                }
            }
        }
    }
    shared
}

/// `total` in `count` parts that differ by one at most.
fn parts(total: u64, count: usize) -> impl Iterator<Item = u64> {
    let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    (0..count).map(move |at| total / count + u64::from(at < total % count))
}

/// The share of its capacity that a plan may use of a member, in percent: the least that its declaration or policy says.
#[must_use]
pub fn max_utilization_percent(spec: &MemberSpec, policy: &Effective) -> u8 {
    let declared = [spec.max_utilization_percent, policy.max_utilization_percent];
    let least = declared.into_iter().flatten().min();
    least.unwrap_or(defaults::MAX_UTILIZATION_PERCENT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::plan::{DemandSource, Source};

    use super::*;

    fn source(member: &str, zone: &str, region: Option<&str>) -> SourceInput {
        SourceInput {
            source: Source {
                member: member.parse().unwrap(),
                zone: Some(zone.parse().unwrap()),
            },
            region: region.map(|region| region.parse().unwrap()),
            network: member.parse().unwrap(),
            demand: None,
            demand_source: DemandSource::Unknown,
            unreachable: Default::default(),
            ejected: Default::default(),
            together: BTreeMap::new(),
        }
    }

    #[test]
    fn a_region_s_demand_is_shared_by_its_members_and_theirs_by_their_zones() {
        let sources = [
            source("a", "z1", Some("r1")),
            source("a", "z2", Some("r1")),
            source("b", "z1", Some("r1")),
            source("c", "z1", Some("r2")),
            source("d", "z1", None),
        ];
        let declared = [("r1", 9), ("r3", 7)];
        let declared = declared.map(|(region, rate)| (region.parse().unwrap(), Rate(rate)));
        let shared = demand(&sources, &declared.into());
        let rates: Vec<Option<u64>> = shared.into_iter().map(|row| row.map(|r| r.0)).collect();
        assert_eq!(rates, [Some(3), Some(2), Some(4), None, None]);
        assert_eq!(demand(&sources, &BTreeMap::new()), [None; 5]);
    }
}
