//! Where the checker draws its lines: each case a pair, the one that must be found and the one beside it that must not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, Rate, ServicePlan, Share, Withdrawal,
};
use causeway_api::rules::{Strategy, WhenUnknown};
use causeway_failover::checker::check;
use causeway_failover::plan::plan;
use support::scenario::parse;

/// Whether a check finds anything.
fn finds(check_name: &str, inputs: &PlanInputs, plan: &ServicePlan) -> bool {
    let findings = check(inputs, plan);
    findings.iter().any(|finding| finding.check == check_name)
}

fn zone<'a>(inputs: &'a mut PlanInputs, member: &str) -> &'a mut DestinationInput {
    let mut zones = inputs.destinations.iter_mut();
    zones.find(|zone| zone.member.as_str() == member).unwrap()
}

/// A network, or `member/zone`.
fn to(name: &str) -> Destination {
    match name.split_once('/') {
        Some((member, zone)) => Destination::Zone {
            member: member.parse().unwrap(),
            zone: Some(zone.parse().unwrap()),
        },
        None => Destination::Network(name.parse().unwrap()),
    }
}

/// The plan, where the first source goes so instead: destination, tier, rate; in equal shares.
fn going(inputs: &PlanInputs, rows: &[(&str, u8, u64)]) -> ServicePlan {
    let mut plan = plan(inputs);
    let parts = 10_000 / u32::try_from(rows.len().max(1)).unwrap();
    let share = |(name, tier, rps): &(&str, u8, u64)| Share {
        destination: to(name),
        tier: *tier,
        parts,
        rate: Rate::from_rps(*rps),
    };
    let first = &inputs.sources[0].source;
    let mut sources = plan.sources.iter_mut();
    let source = sources.find(|source| source.source == *first).unwrap();
    source.shares = rows.iter().map(share).collect();
    source.standby.clear();
    plan
}

/// hz calls and has nothing; far has a zone in shanghai, and one in tokyo where nothing is ready; near is in its region.
fn far() -> PlanInputs {
    let mut inputs = parse(
        "
member hz region=hangzhou
  zone g demand=100
member a region=shanghai network=far
  zone a ready=4 each=100
member b region=tokyo network=far
  zone b ready=0
member c region=singapore
  zone c ready=4 each=100
member near region=hangzhou
  zone n ready=4 each=100
",
    );
    inputs.sources.truncate(1);
    inputs
}

#[test]
fn a_finding_names_the_source() {
    let inputs = far();
    let plan = going(&inputs, &[("far", 3, 99)]);
    let finding = &check(&inputs, &plan)[0];
    assert_eq!(finding.check, "conserved");
    assert!(finding.message.starts_with("hz/g demands"), "{finding}");
}

#[test]
fn a_forbidden_region_counts_where_it_answers() {
    let mut inputs = far();
    inputs.policy.allowed_regions = ["hangzhou", "shanghai"].map(|r| r.parse().unwrap()).into();
    let there = going(&inputs, &[("far", 3, 100)]);
    assert!(!finds("allowed", &inputs, &there));
    // It may be used, so that nothing at all is one too few.
    for member in ["near", "c"] {
        zone(&mut inputs, member).ready = 0;
    }
    assert!(finds("empty", &inputs, &going(&inputs, &[])));
    zone(&mut inputs, "b").ready = 1;
    assert!(finds("allowed", &inputs, &there));
    assert!(!finds("empty", &inputs, &going(&inputs, &[])));
}

#[test]
fn a_last_resort_finds_no_forbidden_region_whatever_is_concluded_of_it() {
    let mut inputs = far();
    inputs.policy.allowed_regions = ["hangzhou", "shanghai"].map(|r| r.parse().unwrap()).into();
    for member in ["near", "c"] {
        zone(&mut inputs, member).ready = 0;
    }
    let there = going(&inputs, &[("far", 3, 100)]);
    zone(&mut inputs, "b").ready = 1;
    for out in [Withdrawal::Lost, Withdrawal::Away, Withdrawal::Recovering] {
        // Beside one that is up nobody is sent to what is out; where nothing is up, it may be what answers.
        zone(&mut inputs, "b").withdrawn = Some(out);
        zone(&mut inputs, "a").withdrawn = None;
        assert!(!finds("allowed", &inputs, &there), "{out}");
        zone(&mut inputs, "a").withdrawn = Some(Withdrawal::Lost);
        assert!(finds("allowed", &inputs, &there), "{out}");
        // What has nothing ready, or offers nothing, answers nobody.
        zone(&mut inputs, "b").ready = 0;
        assert!(!finds("allowed", &inputs, &there), "{out}");
        let b = zone(&mut inputs, "b");
        (b.ready, b.exported) = (1, false);
        assert!(!finds("allowed", &inputs, &there), "{out}");
        zone(&mut inputs, "b").exported = true;
    }
    // A network that only this place does not reach is up.
    zone(&mut inputs, "a").withdrawn = None;
    inputs.sources[0].unreachable = ["far".parse().unwrap()].into();
    assert!(!finds("allowed", &inputs, &there));
}

#[test]
fn a_last_resort_in_the_own_network_is_allowed_or_the_callers_own() {
    let mut inputs = parse(
        "
allowed hangzhou
member hz region=tokyo network=one
  zone g demand=100 ready=1 each=100
member nb region=hangzhou network=one
  zone a ready=4 each=100
",
    );
    inputs.sources.truncate(1);
    zone(&mut inputs, "nb").withdrawn = Some(Withdrawal::Lost);
    let there = going(&inputs, &[("nb/a", 3, 100)]);
    assert!(!finds("allowed", &inputs, &there));
    let own = going(&inputs, &[("hz/g", 0, 100)]);
    zone(&mut inputs, "hz").withdrawn = Some(Withdrawal::Lost);
    assert!(!finds("allowed", &inputs, &own));
    zone(&mut inputs, "nb").region = Some("tokyo".parse().unwrap());
    assert!(finds("allowed", &inputs, &there));
}

#[test]
fn a_forbidden_zone_closes_its_network_to_those_outside_alone() {
    let mut inputs = parse(
        "
allowed hangzhou
member hz region=hangzhou network=one
  zone g demand=100
member nb region=hangzhou network=one
  zone a ready=4 each=100
member other region=tokyo network=one
  zone a ready=4 each=100
member outside region=hangzhou
  zone a demand=1
",
    );
    let inside = going(&inputs, &[("nb/a", 1, 100)]);
    assert!(!finds("out", &inputs, &inside));
    assert!(finds("empty", &inputs, &going(&inputs, &[])));
    inputs.sources.swap(0, 3);
    assert!(!finds("empty", &inputs, &going(&inputs, &[])));
}

#[test]
fn what_ramps_up_takes_so_much_from_other_members() {
    let mut inputs = parse(
        "
member hz region=hangzhou network=one
  zone g demand=100
member nb region=hangzhou network=one
  zone a ready=4 each=100
",
    );
    let there = going(&inputs, &[("nb/a", 1, 100)]);
    assert!(!finds("capacity", &inputs, &there));
    zone(&mut inputs, "nb").admitted_percent = 31;
    assert!(finds("capacity", &inputs, &there));
    zone(&mut inputs, "nb").admitted_percent = 32;
    assert!(!finds("capacity", &inputs, &there));
}

#[test]
fn unknown_capacity_counts_where_it_answers() {
    let mut inputs = far();
    inputs.sources[0].demand = Some(Rate::from_rps(400));
    let over = going(&inputs, &[("far", 3, 400)]);
    assert!(finds("capacity", &inputs, &over), "nothing is ready in b");
    inputs.policy.when_unknown = WhenUnknown::BestEffort;
    assert!(finds("capacity", &inputs, &over), "what is declared binds");
    zone(&mut inputs, "b").ready = 1;
    assert!(!finds("capacity", &inputs, &over));
}

#[test]
fn a_source_counts_where_its_nearest_ways_are_known_and_all_where_weights_bind_it() {
    let mut inputs = far();
    inputs.sources[0].demand = Some(Rate::from_rps(800));
    zone(&mut inputs, "c").capacity = None;
    let over = going(&inputs, &[("far", 3, 400), ("c", 4, 400)]);
    let weight = |weight: u32| [("singapore".parse().unwrap(), weight)].into();
    assert!(finds("capacity", &inputs, &over));
    inputs.policy.weights = weight(1);
    assert!(
        finds("capacity", &inputs, &over),
        "by distance all the same"
    );
    inputs.policy.strategy = Strategy::Weighted;
    assert!(!finds("capacity", &inputs, &over));
    inputs.policy.weights = weight(0);
    assert!(finds("capacity", &inputs, &over));
    inputs.policy.strategy = Strategy::Waterfall;
    inputs.sources[0].together = weight(1);
    assert!(!finds("capacity", &inputs, &over));
    inputs.sources[0].together = weight(0);
    assert!(finds("capacity", &inputs, &over));
}

#[test]
fn what_ramps_up_by_an_unknown_capacity_may_have_too_small_a_share() {
    let mut inputs = far();
    inputs.sources[0].demand = Some(Rate::from_rps(400));
    zone(&mut inputs, "c").capacity = None;
    let over = going(&inputs, &[("far", 3, 400)]);
    assert!(finds("capacity", &inputs, &over));
    zone(&mut inputs, "c").admitted_percent = 99;
    assert!(!finds("capacity", &inputs, &over));
}

#[test]
fn what_is_out_is_out_though_an_empty_zone_beside_it_is_up() {
    let mut inputs = far();
    let there = going(&inputs, &[("far", 3, 100)]);
    assert!(!finds("out", &inputs, &there));
    zone(&mut inputs, "a").withdrawn = Some(Withdrawal::Lost);
    assert!(finds("out", &inputs, &there));
    zone(&mut inputs, "b").ready = 1;
    assert!(!finds("out", &inputs, &there), "that one may answer");
}

#[test]
fn own_callers_leave_what_is_evacuated_exported_or_not() {
    let mut inputs = far();
    let own = zone(&mut inputs, "hz");
    own.ready = 4;
    own.capacity = Some(Rate::from_rps(400));
    own.exported = false;
    let stays = going(&inputs, &[("hz/g", 0, 100)]);
    assert!(!finds("out", &inputs, &stays));
    zone(&mut inputs, "hz").withdrawn = Some(Withdrawal::Evacuated);
    for (admitted_percent, found) in [(100, true), (0, true), (1, false), (99, false)] {
        zone(&mut inputs, "hz").admitted_percent = admitted_percent;
        assert_eq!(finds("out", &inputs, &stays), found, "{admitted_percent}");
    }
}

#[test]
fn as_many_as_policy_asks_for_are_healthy_enough() {
    let mut inputs = far();
    let there = going(&inputs, &[("far", 3, 100)]);
    zone(&mut inputs, "a").total = 8;
    inputs.policy.min_healthy_percent = 50;
    assert!(!finds("out", &inputs, &there));
    inputs.policy.min_healthy_percent = 51;
    assert!(finds("out", &inputs, &there));
}

#[test]
fn an_order_names_what_answers() {
    let mut inputs = far();
    inputs.policy.strategy = Strategy::Ordered;
    let order = |region: &str| [("hangzhou".parse().unwrap(), vec![region.parse().unwrap()])];
    inputs.policy.failover = order("shanghai").into();
    let there = going(&inputs, &[("far", 3, 100)]);
    assert!(!finds("strategy", &inputs, &there), "nothing answers in b");
    zone(&mut inputs, "b").ready = 1;
    assert!(finds("strategy", &inputs, &there));
    zone(&mut inputs, "b").ready = 0;
    inputs.policy.failover = order("tokyo").into();
    assert!(finds("strategy", &inputs, &there));
    zone(&mut inputs, "b").withdrawn = Some(Withdrawal::Lost);
    assert!(finds("strategy", &inputs, &there), "b is no answer");
    // In the own network each zone stands for itself.
    let mut inputs = parse(
        "
strategy Ordered
member hz region=hangzhou network=one
  zone g demand=100
member nb region=hangzhou network=one
  zone a ready=4 each=100
member other region=tokyo network=one
  zone a ready=4 each=100
",
    );
    inputs.sources.truncate(1);
    assert!(!finds(
        "strategy",
        &inputs,
        &going(&inputs, &[("nb/a", 1, 100)])
    ));
    assert!(finds(
        "strategy",
        &inputs,
        &going(&inputs, &[("other/a", 3, 100)])
    ));
}

#[test]
fn a_weight_of_nothing_is_none_and_what_moves_together_has_its_own() {
    let mut inputs = far();
    inputs.policy.strategy = Strategy::Weighted;
    let weights = |sg: u32| {
        [
            ("shanghai".parse().unwrap(), 0),
            ("singapore".parse().unwrap(), sg),
        ]
    };
    inputs.policy.weights = weights(1).into();
    let there = going(&inputs, &[("far", 3, 100)]);
    assert!(finds("strategy", &inputs, &there));
    inputs.policy.weights = weights(0).into();
    assert!(!finds("strategy", &inputs, &there), "no weights bind");
    inputs.policy.weights = weights(1).into();
    inputs.sources[0].together = [("shanghai".parse().unwrap(), 1)].into();
    assert!(!finds("strategy", &inputs, &there));
}

#[test]
fn a_zone_of_the_own_network_has_the_weight_of_its_region() {
    let mut inputs = parse(
        "
member hz region=hangzhou network=one
  zone g demand=100 ready=4 each=100
member nb region=singapore network=one
  zone a ready=4 each=100
member sh region=shanghai
  zone a ready=4 each=100
",
    );
    inputs.sources.truncate(1);
    inputs.policy.strategy = Strategy::Weighted;
    inputs.policy.weights = [("singapore".parse().unwrap(), 1)].into();
    assert!(!finds(
        "strategy",
        &inputs,
        &going(&inputs, &[("nb/a", 3, 100)])
    ));
    assert!(finds(
        "strategy",
        &inputs,
        &going(&inputs, &[("sh", 3, 100)])
    ));
}

#[test]
fn distances_agree_with_what_answers() {
    let inputs = far();
    let wrong = |inputs: &PlanInputs, name: &str, tier| {
        finds("tiers", inputs, &going(inputs, &[(name, tier, 100)]))
    };
    for (name, tier, expected) in [
        ("near", 2, false),
        ("near", 1, true),
        ("near", 3, true),
        ("far", 3, false),
        ("far", 2, true),
        ("far", 1, true),
    ] {
        assert_eq!(wrong(&inputs, name, tier), expected, "{name} as {tier}");
    }
    // What is not ready says nothing of how far it is.
    let mut near = far();
    for (member, region) in [("a", "hangzhou"), ("b", "tokyo")] {
        zone(&mut near, member).region = Some(region.parse().unwrap());
    }
    assert!(!wrong(&near, "far", 2) && wrong(&near, "far", 3));
    zone(&mut near, "b").ready = 1;
    assert!(!wrong(&near, "far", 2) && !wrong(&near, "far", 3));

    let mut own = parse(
        "
member hz region=hangzhou network=one
  zone g demand=100 ready=4 each=100
  zone h ready=4 each=100
member nb region=hangzhou network=one
  zone a ready=4 each=100
member other region=tokyo network=one
  zone a ready=4 each=100
",
    );
    own.sources.truncate(1);
    for (name, right) in [("hz/g", 0), ("hz/h", 1), ("nb/a", 1), ("other/a", 3)] {
        for tier in 0..4 {
            let expected = tier != right;
            assert_eq!(wrong(&own, name, tier), expected, "{name} as {tier}");
        }
    }
    // Zones of one member are near where nobody says where they are; those of another are not.
    own.destinations[1].region = None;
    assert!(!wrong(&own, "hz/h", 1) && wrong(&own, "hz/h", 3));
    own.destinations[2].region = None;
    assert!(wrong(&own, "nb/a", 1) && !wrong(&own, "nb/a", 3));
    let mut nowhere = own;
    nowhere.destinations[1].region = Some("hangzhou".parse().unwrap());
    nowhere.sources[0].region = None;
    assert!(!wrong(&nowhere, "hz/h", 1) && wrong(&nowhere, "hz/h", 3));
}
