//! Who calls and who serves, and plans written by hand.

use std::collections::BTreeMap;

use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, PlanKind, Rate, ServicePlan, Share, Source,
    SourcePlan, Withdrawal,
};
use causeway_failover::safety::moved::{Amount, Planned, Step};

use crate::support::scenario::parse;

/// hz calls, from two zones; sh, sg and tk serve, and so do the zones of hz, its own callers.
pub(crate) fn fleet() -> PlanInputs {
    let mut inputs = parse(
        "
member hz region=hangzhou
  zone g demand=200 ready=4 each=100
  zone h demand=50 ready=4 each=100
member sh region=shanghai
  zone a ready=4 each=100
member sg region=singapore
  zone a ready=4 each=100
member tk region=tokyo
  zone a ready=4 each=100
",
    );
    inputs
        .sources
        .retain(|source| source.source.member.as_str() == "hz");
    inputs
}

pub(crate) fn zone<'a>(inputs: &'a mut PlanInputs, name: &str) -> &'a mut DestinationInput {
    let mut zones = inputs.destinations.iter_mut();
    zones.find(|zone| at(zone) == name).unwrap()
}

pub(crate) fn at(zone: &DestinationInput) -> String {
    format!("{}/{}", zone.member, zone.zone.as_ref().unwrap())
}

/// Left by a person; `admitted`: how much of it stays, in percent.
pub(crate) fn leave(inputs: &mut PlanInputs, name: &str, admitted: u8) {
    let zone = zone(inputs, name);
    zone.withdrawn = Some(Withdrawal::Evacuated);
    zone.admitted_percent = admitted;
}

pub(crate) fn source(zone: &str) -> Source {
    Source {
        member: "hz".parse().unwrap(),
        zone: Some(zone.parse().unwrap()),
    }
}

/// `member/zone`, or a network.
pub(crate) fn to(name: &str) -> Destination {
    match name.split_once('/') {
        Some((member, zone)) => Destination::Zone {
            member: member.parse().unwrap(),
            zone: Some(zone.parse().unwrap()),
        },
        None => Destination::Network(name.parse().unwrap()),
    }
}

/// Of the callers in zone g: destination, parts of the whole, rate; and what is not served.
pub(crate) fn plan(rows: &[(&str, u32, u64)], unserved: u64) -> ServicePlan {
    let share = |(name, parts, rate): &(&str, u32, u64)| Share {
        destination: to(name),
        tier: 3,
        parts: *parts,
        rate: Rate(*rate),
    };
    ServicePlan {
        service: "shop/cart".parse().unwrap(),
        sources: vec![SourcePlan {
            source: source("g"),
            kind: PlanKind::Spill,
            shares: rows.iter().map(share).collect(),
            standby: Vec::new(),
            unserved: Rate(unserved),
            shed: Rate(0),
        }],
        withdrawn: BTreeMap::new(),
    }
}

/// A step from one plan and its inputs to the other, given to `then`.
pub(crate) fn step<T>(
    before: (&PlanInputs, &ServicePlan),
    after: (&PlanInputs, &ServicePlan),
    then: impl FnOnce(&Step<'_>) -> T,
) -> T {
    let planned = |(inputs, plan)| Planned { inputs, plan };
    then(&Step {
        before: Some(planned(before)),
        after: planned(after),
    })
}

/// From everything in sh to everything in sg; forced where sh is lost.
pub(crate) fn moving<T>(forced: bool, then: impl FnOnce(&Step<'_>) -> T) -> T {
    let (before, mut after) = (fleet(), fleet());
    if forced {
        zone(&mut after, "sh/a").withdrawn = Some(Withdrawal::Lost);
    }
    let (old, new) = (
        plan(&[("sh", 10_000, 200_000)], 0),
        plan(&[("sg", 10_000, 200_000)], 0),
    );
    step((&before, &old), (&after, &new), then)
}

/// A step that changes nothing.
pub(crate) fn resting<T>(then: impl FnOnce(&Step<'_>) -> T) -> T {
    let (inputs, plan) = (fleet(), plan(&[("sh", 10_000, 200_000)], 0));
    step((&inputs, &plan), (&inputs, &plan), then)
}

pub(crate) fn amount(forced: u64, chosen: u64) -> Amount {
    Amount {
        forced: Rate(forced),
        chosen: Rate(chosen),
    }
}
