//! The fleets that are planned: ten regions of three zones, one member and one network each.

use causeway_api::ids::{Region, ServiceKey};
use causeway_api::plan::{
    CapacitySource, DestinationInput, EffectivePolicy, PlanInputs, Rate, Source, SourceInput,
    Withdrawal,
};

/// Regions, each with one member in a network of its own.
pub(crate) const REGIONS: usize = 10;
/// Zones in each.
pub(crate) const ZONES: usize = 3;

/// What has befallen the fleet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    /// Each zone carries its own callers.
    Quiet,
    /// One zone in four has more callers than it can carry.
    Uneven,
    /// A region is lost: its callers spill, in the order that policy names.
    RegionLost,
}

/// The service number `number` on such a day. The same number gives the same inputs.
pub(crate) fn service(number: usize, day: Day) -> PlanInputs {
    let mut draw = Draw(number as u64 + 1);
    let regions: Vec<Region> = (0..REGIONS)
        .map(|at| Region::new(&format!("region-{at}")).unwrap())
        .collect();
    let mut inputs = PlanInputs {
        gateways: Vec::new(),
        service: format!("shop/service-{number}")
            .parse::<ServiceKey>()
            .unwrap(),
        ports: Vec::new(),
        sources: Vec::new(),
        destinations: Vec::new(),
        policy: EffectivePolicy {
            failover: regions
                .iter()
                .enumerate()
                .map(|(at, from)| {
                    let near = [1, REGIONS - 1].map(|step| (at + step) % REGIONS);
                    let to = near.iter().filter_map(|at| regions.get(*at).cloned());
                    (from.clone(), to.collect())
                })
                .collect(),
            ..EffectivePolicy::default()
        },
    };
    let lost = number % REGIONS;
    for (at, region) in regions.iter().enumerate() {
        for zone in 0..ZONES {
            let ready = 4 + draw.below(12);
            let capacity = ready * 100_000;
            let share = match day {
                Day::Uneven if draw.below(4) == 0 => 90 + draw.below(60),
                _ => 20 + draw.below(40),
            };
            let zone = Some(format!("zone-{zone}").parse().unwrap());
            let member: causeway_api::MemberName = format!("member-{at}").parse().unwrap();
            let network: causeway_api::ids::NetworkName = format!("network-{at}").parse().unwrap();
            let down = day == Day::RegionLost && at == lost;
            inputs.sources.push(SourceInput {
                source: Source {
                    member: member.clone(),
                    zone: Clone::clone(&zone),
                },
                region: Some(region.clone()),
                network: network.clone(),
                demand: Some(Rate(capacity * share / 100)),
                demand_source: causeway_api::plan::DemandSource::default(),
                unreachable: std::collections::BTreeSet::new(),
                ejected: std::collections::BTreeSet::new(),
                together: std::collections::BTreeMap::new(),
            });
            inputs.destinations.push(DestinationInput {
                member,
                zone,
                region: Some(region.clone()),
                network,
                exported: true,
                ready: if down {
                    0
                } else {
                    u32::try_from(ready).unwrap_or(1)
                },
                capacity: Some(Rate(if down { 0 } else { capacity })),
                capacity_source: CapacitySource::Declared,
                max_utilization_percent: 80,
                withdrawn: down.then_some(Withdrawal::Lost),
                total: if down {
                    0
                } else {
                    u32::try_from(ready).unwrap_or(1)
                },
                admitted_percent: 100,
                vacated: false,
                draining: false,
            });
        }
    }
    inputs
}

/// Numbers that look drawn and are the same in every run (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}
