//! What holds of every plan, over generated fleets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::plan::{PlanKind, Rate, WHOLE};
use causeway_failover::checker::check;
use causeway_failover::plan::plan;
use proptest::prelude::*;
use support::cases::cases;
use support::rich::rich;
use support::{fleets, served};

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_checker_finds_nothing(inputs in fleets(true)) {
        let plan = plan(&inputs);
        let findings = check(&inputs, &plan);
        prop_assert!(findings.is_empty(), "{findings:#?}\n{plan:#?}");
    }

    #[test]
    fn the_order_of_inputs_does_not_matter(inputs in fleets(true), seed in any::<u64>()) {
        let expected = plan(&inputs);
        let mut shuffled = inputs;
        let turn = |at: usize| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed).rotate_left(23);
        let mut at = 0;
        shuffled.sources.sort_by_cached_key(|_| { at += 1; turn(at) });
        shuffled.destinations.sort_by_cached_key(|_| { at += 1; turn(at) });
        prop_assert_eq!(plan(&shuffled), expected);
    }

    #[test]
    fn more_capacity_never_serves_less(inputs in fleets(false), which in any::<prop::sample::Index>(), more in 0_u64..5_000_000) {
        let before = served(&plan(&inputs));
        let mut richer = inputs;
        let at = which.index(richer.destinations.len());
        let capacity = richer.destinations[at].capacity.as_mut().unwrap();
        *capacity = capacity.plus(Rate(more));
        prop_assert!(served(&plan(&richer)) >= before);
    }

    #[test]
    fn what_can_be_served_is(inputs in fleets(false)) {
        // Each zone that has room and each source that is short: no way leads from one to the other.
        let plan = plan(&inputs);
        for source in plan.sources.iter().filter(|source| source.unserved.0 > 0) {
            let own = inputs.destinations.iter().filter(|d| d.member == source.source.member && d.ready > 0 && !d.vacated);
            for zone in own {
                let used: u128 = plan.sources.iter().filter(|s| s.source.member == zone.member).flat_map(|s| &s.shares)
                    .filter(|s| matches!(&s.destination, causeway_api::plan::Destination::Zone { member, zone: z } if *member == zone.member && *z == zone.zone))
                    .map(|s| u128::from(s.rate.0)).sum();
                let limit = u128::from(zone.capacity.unwrap().percent(zone.max_utilization_percent).0);
                // Others may use the rest, but a zone that is closed to others must be full.
                if !zone.exported {
                    prop_assert!(used >= limit, "{zone:?} has room for its own callers: {used} of {limit}\n{plan:#?}");
                }
            }
        }
    }

    #[test]
    fn nothing_moves_without_cause(inputs in fleets(false)) {
        // With room for everything at home, everything stays at home.
        let mut roomy = inputs;
        for zone in &mut roomy.destinations {
            zone.ready = zone.ready.max(1);
            zone.vacated = false;
            zone.capacity = Some(Rate(u64::MAX));
            zone.max_utilization_percent = 100;
        }
        for source in &mut roomy.sources {
            source.demand = source.demand.map(|d| Rate(d.0.min(1_000_000_000)));
        }
        for source in plan(&roomy).sources {
            prop_assert_eq!(source.kind, PlanKind::Nearest);
            prop_assert_eq!(source.shares.len(), 1);
            prop_assert_eq!((source.shares[0].tier, source.shares[0].parts), (0, WHOLE));
        }
    }

    #[test]
    fn two_plans_of_one_fleet_are_one(inputs in fleets(true)) {
        prop_assert_eq!(plan(&inputs), plan(&inputs));
    }

    #[test]
    fn whatever_is_said_of_a_fleet_the_checker_finds_nothing(inputs in rich(false)) {
        let plan = plan(&inputs);
        let findings = check(&inputs, &plan);
        prop_assert!(findings.is_empty(), "{findings:#?}\n{plan:#?}");
    }

    #[test]
    fn whatever_is_said_of_a_fleet_its_order_does_not_matter(inputs in rich(false)) {
        let expected = plan(&inputs);
        let mut reversed = inputs;
        reversed.sources.reverse();
        reversed.destinations.reverse();
        reversed.gateways.reverse();
        prop_assert_eq!(plan(&reversed), expected);
    }

    #[test]
    fn more_room_anywhere_never_serves_less(
        inputs in rich(true), which in any::<prop::sample::Index>(), more in 0_u64..5_000_000, how in 0_u8..3,
    ) {
        let before = served(&plan(&inputs));
        let mut richer = inputs;
        let at = which.index(richer.destinations.len());
        let zone = &mut richer.destinations[at];
        match how {
            0 => zone.capacity = zone.capacity.map(|capacity| capacity.plus(Rate(more))),
            1 if zone.withdrawn.is_none() && zone.admitted_percent > 0 => zone.admitted_percent = 100,
            _ => richer.gateways.iter_mut().for_each(|gateway| gateway.limit = gateway.limit.plus(Rate(more))),
        }
        prop_assert!(served(&plan(&richer)) >= before);
    }

    #[test]
    fn an_empty_set_is_nowhere_that_anything_usable_is(inputs in rich(false)) {
        // A source of a member with ready endpoints of its own is never without a destination.
        let plan = plan(&inputs);
        for source in &plan.sources {
            let own = inputs.destinations.iter().any(|zone| {
                let network = inputs.sources.iter().find(|s| s.source == source.source).map(|s| &s.network);
                zone.member == source.source.member && zone.ready > 0 && network == Some(&zone.network)
            });
            prop_assert!(!own || !source.shares.is_empty(), "{source:#?}");
        }
    }
}
