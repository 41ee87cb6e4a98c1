//! Planning on from the plan before: no less is served, hardly more is paid, and nothing moves without cause.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::plan::{PlanInputs, Rate, ServicePlan, SourcePlan, Withdrawal};
use causeway_failover::checker::check;
use causeway_failover::plan::{Stability, cost, next, plan, plan_with_previous};
use proptest::prelude::*;
use support::cases::cases;
use support::{fleets, served, tight};

fn on(inputs: &PlanInputs, previous: &ServicePlan) -> ServicePlan {
    plan_with_previous(inputs, Some(previous), Stability::default())
}

/// Destinations and shares of one source, without rates.
type Parts = Vec<(String, u32)>;

/// The same of every source.
fn parts(plan: &ServicePlan) -> Vec<Parts> {
    let of = |source: &SourcePlan| {
        let shares = source.shares.iter();
        shares
            .map(|s| (s.destination.to_string(), s.parts))
            .collect()
    };
    plan.sources.iter().map(of).collect()
}

/// Demand of all sources that goes elsewhere than before, in ten-thousandths of a thousandth of a request per second;
/// unknown demand counts as one request.
fn moved(from: &ServicePlan, to: &ServicePlan) -> u128 {
    let shares = parts(from).into_iter().zip(parts(to)).zip(&to.sources);
    let one = |((from, to), source): ((Parts, Parts), &SourcePlan)| {
        let assigned: u128 = source.shares.iter().map(|s| u128::from(s.rate.0)).sum();
        let gone = from.iter().map(|(name, parts)| {
            let stays = to.iter().find(|(other, _)| other == name);
            u128::from(parts.saturating_sub(stays.map_or(0, |(_, parts)| *parts)))
        });
        gone.sum::<u128>() * (assigned + u128::from(source.unserved.0)).max(1_000)
    };
    shares.map(one).sum()
}

/// One change that happens to a fleet.
#[derive(Debug, Clone)]
enum Change {
    Demand(prop::sample::Index, u64),
    Ready(prop::sample::Index, u32),
    Unexported(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        4 => (any(), 0_u64..1_500).prop_map(|(at, rps)| Change::Demand(at, rps)),
        4 => (any(), 0_u32..12).prop_map(|(at, ready)| Change::Ready(at, ready)),
        1 => any().prop_map(Change::Unexported),
    ]
}

fn happen(inputs: &mut PlanInputs, change: &Change) {
    match change {
        Change::Demand(at, rps) => {
            let at = at.index(inputs.sources.len());
            inputs.sources[at].demand = Some(Rate::from_rps(*rps));
        }
        Change::Ready(at, ready) => {
            let at = at.index(inputs.destinations.len());
            inputs.destinations[at].ready = *ready;
            inputs.destinations[at].capacity = Some(Rate::from_rps(u64::from(*ready) * 100));
        }
        Change::Unexported(at) => {
            let at = at.index(inputs.destinations.len());
            let member = inputs.destinations[at].member.clone();
            let zones = inputs.destinations.iter_mut();
            zones
                .filter(|zone| zone.member == member)
                .for_each(|zone| zone.exported ^= true);
        }
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn what_left_comes_back(inputs in fleets(true), which in any::<prop::sample::Index>(), ramp in 0_u8..100) {
        let mut away = inputs.clone();
        let at = which.index(away.destinations.len());
        away.destinations[at].withdrawn = Some(Withdrawal::Lost);
        let before = next(&inputs, None).plan;
        let during = next(&away, Some((&inputs, &before))).plan;
        let mut returning = inputs.clone();
        returning.destinations[at].admitted_percent = ramp;
        let step = next(&returning, Some((&away, &during))).plan;
        let after = next(&inputs, Some((&returning, &step))).plan;
        if inputs.destinations[at].withdrawn.is_none() {
            prop_assert_eq!(after, plan(&inputs));
        }
    }

    #[test]
    fn through_any_changes_it_is_as_good_as_from_scratch(
        inputs in tight::tight(),
        changes in proptest::collection::vec(change(), 1..6),
    ) {
        let mut inputs = inputs;
        let mut held = plan(&inputs);
        for change in &changes {
            happen(&mut inputs, change);
            let next = on(&inputs, &held);
            let fresh = plan(&inputs);
            let findings = check(&inputs, &next);
            prop_assert!(findings.is_empty(), "{findings:#?}\n{next:#?}");
            prop_assert_eq!(served(&next), served(&fresh));
            let (ours, least) = (cost::of_plan(&next), cost::of_plan(&fresh));
            prop_assert!(ours * 100 <= least * 101, "it costs {ours}, and {least} from scratch");
            prop_assert!(moved(&held, &next) <= moved(&held, &fresh));
            held = next;
        }
    }

    #[test]
    fn whatever_the_fleet_and_the_plan_before_the_checker_finds_nothing(
        inputs in fleets(true), before in fleets(true),
    ) {
        let next = on(&inputs, &plan(&before));
        let findings = check(&inputs, &next);
        prop_assert!(findings.is_empty(), "{findings:#?}\n{next:#?}");
        prop_assert_eq!(served(&next), served(&plan(&inputs)));
    }

    #[test]
    fn the_same_fleet_keeps_its_plan(inputs in fleets(true), changes in proptest::collection::vec(change(), 0..3)) {
        let mut before = inputs.clone();
        changes.iter().for_each(|change| happen(&mut before, change));
        let held = on(&inputs, &plan(&before));
        prop_assert_eq!(on(&inputs, &held), held);
    }

    #[test]
    fn rounding_moves_nothing(inputs in tight::tight(), percent in 80_u64..100) {
        let held = plan(&inputs);
        let mut quieter = inputs;
        for source in &mut quieter.sources {
            source.demand = source.demand.map(|demand| Rate(demand.0 * percent / 100));
        }
        for (old, new) in held.sources.iter().zip(&on(&quieter, &held).sources) {
            let pairs = || old.shares.iter().zip(&new.shares);
            let near = pairs().all(|(o, n)| o.destination == n.destination && o.parts.abs_diff(n.parts) <= 1);
            if near && old.shares.len() == new.shares.len() {
                prop_assert!(pairs().all(|(o, n)| o.parts == n.parts), "{old:?} {new:?}");
            }
        }
    }

    #[test]
    fn a_little_more_room_moves_nothing(inputs in tight::tight(), which in any::<prop::sample::Index>(), more in 1_u64..2_000) {
        let held = plan(&inputs);
        let mut roomier = inputs;
        let at = which.index(roomier.destinations.len());
        let capacity = roomier.destinations[at].capacity.as_mut().unwrap();
        *capacity = capacity.plus(Rate(more));
        let fresh = plan(&roomier);
        let whole = held.sources.iter().all(|source| source.unserved.0 == 0);
        let next = on(&roomier, &held);
        if whole && cost::of_plan(&held) * 100 <= cost::of_plan(&fresh) * 101 {
            prop_assert_eq!(parts(&next), parts(&held));
        }
    }
}

/// Over many fleets, one endpoint or a tenth of one source's demand more or less: how much moves, beside what would move
/// if every plan were made from scratch.
#[test]
fn little_changes_move_less_than_from_scratch() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut on_from, mut scratch) = (0, 0);
    for round in 0..1_000_usize {
        let mut inputs = tight::tight().new_tree(&mut runner).unwrap().current();
        for source in &mut inputs.sources {
            source.demand = source.demand.map(|demand| Rate(demand.0 / 2));
        }
        let held = plan(&inputs);
        if round % 2 == 0 {
            let at = round % inputs.sources.len();
            let demand = inputs.sources[at].demand.unwrap().0;
            let tenth = if round % 4 == 0 { 9 } else { 11 };
            inputs.sources[at].demand = Some(Rate(demand * tenth / 10));
        } else {
            let zone = inputs.destinations.iter_mut().find(|zone| zone.ready > 2);
            let Some(zone) = zone else { continue };
            zone.ready = if round % 4 == 1 {
                zone.ready - 1
            } else {
                zone.ready + 1
            };
            zone.capacity = Some(Rate::from_rps(u64::from(zone.ready) * 100));
        }
        on_from += moved(&held, &on(&inputs, &held));
        scratch += moved(&held, &plan(&inputs));
    }
    assert!(
        on_from * 10 <= scratch * 9,
        "moved {on_from}, and {scratch} from scratch"
    );
}
