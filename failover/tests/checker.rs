//! The checker catches what it is for: one plan that passes, and a violation planted for each check.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use causeway_api::plan::{
    Destination, GatewayInput, PlanInputs, PlanKind, Rate, ServicePlan, Withdrawal,
};
use causeway_api::rules::{OnOverload, Strategy};
use causeway_failover::checker::{CHECKS, check};
use causeway_failover::plan::plan;
use support::scenario::parse;

/// hz spills to sg; sh keeps to itself; lost is out; the private one exports nothing.
const FLEET: &str = "
failover hangzhou singapore,shanghai
member hz region=hangzhou
  zone g demand=1500 ready=10 each=125
  zone h demand=900 ready=8 each=125
member sh region=shanghai
  zone a demand=500 ready=10 each=125
member sg region=singapore
  zone a demand=100 ready=30 each=100
member lost region=hangzhou out=Lost
  zone a demand=0 ready=5 each=100
member own region=tokyo private
  zone a demand=10 ready=5 each=100
";

type Plant = fn(&mut PlanInputs, &mut ServicePlan);

/// For each check, violations that it must find.
const PLANTED: &[(&str, &str, Plant)] = &[
    ("service", "another service", |_, plan| {
        plan.service = "shop/other".parse().unwrap();
    }),
    ("repetitions", "a source twice in the plan", |_, plan| {
        plan.sources.push(plan.sources[0].clone());
    }),
    (
        "repetitions",
        "a destination twice in the inputs",
        |inputs, _| {
            inputs.destinations.push(inputs.destinations[0].clone());
        },
    ),
    ("repetitions", "a share twice", |_, plan| {
        let share = plan.sources[0].shares[0].clone();
        plan.sources[0].shares.push(share);
    }),
    ("repetitions", "a standby twice", |_, plan| {
        let standby = plan.sources[0].standby[0].clone();
        plan.sources[0].standby.push(standby);
    }),
    ("sources", "a source left out", |_, plan| {
        drop(plan.sources.pop());
    }),
    ("sources", "a source made up", |_, plan| {
        plan.sources[0].source.member = "ghost".parse().unwrap();
    }),
    ("destinations", "a destination made up", |_, plan| {
        plan.sources[0].shares[0].destination = Destination::Network("ghost".parse().unwrap());
    }),
    (
        "destinations",
        "the own network as a remote one",
        |_, plan| {
            let own = plan.sources[0].source.member.as_str().parse().unwrap();
            plan.sources[0].shares[0].destination = Destination::Network(own);
        },
    ),
    ("destinations", "a zone of another network", |_, plan| {
        plan.sources[0].shares[0].destination = Destination::Zone {
            member: "sh".parse().unwrap(),
            zone: Some("a".parse().unwrap()),
        };
    }),
    ("destinations", "nothing is ready there", |inputs, _| {
        inputs
            .destinations
            .iter_mut()
            .filter(|d| d.member.as_str() == "hz")
            .for_each(|d| d.ready = 0);
    }),
    ("whole", "a part too many", |_, plan| {
        plan.sources[0].shares[0].parts += 1;
    }),
    ("whole", "a part too few", |_, plan| {
        plan.sources[0].shares[0].parts -= 1;
    }),
    ("empty", "no destination", |_, plan| {
        plan.sources[0].shares.clear();
    }),
    (
        "exported",
        "standby where nothing is exported",
        |_, plan| {
            plan.sources[0].standby.push("own".parse().unwrap());
        },
    ),
    ("exported", "the export is withdrawn", |inputs, _| {
        inputs
            .destinations
            .iter_mut()
            .filter(|d| d.member.as_str() == "sg")
            .for_each(|d| d.exported = false);
    }),
    ("out", "a share of what is lost", |inputs, _| {
        inputs
            .destinations
            .iter_mut()
            .filter(|d| d.member.as_str() == "sg")
            .for_each(|d| {
                d.withdrawn = Some(Withdrawal::Lost);
            });
    }),
    ("out", "what is lost on standby", |_, plan| {
        plan.sources[0].standby.push("lost".parse().unwrap());
    }),
    ("allowed", "a region that is not allowed", |inputs, _| {
        inputs.policy.allowed_regions = ["hangzhou".parse().unwrap()].into();
    }),
    ("allowed", "nowhere is not anywhere", |inputs, _| {
        inputs.policy.allowed_regions = BTreeSet::new();
        inputs.policy.nowhere = true;
    }),
    ("conserved", "demand that vanishes", |_, plan| {
        plan.sources[0].shares[0].rate = Rate(1);
    }),
    ("conserved", "demand that appears", |_, plan| {
        plan.sources[0].unserved = Rate(1);
    }),
    (
        "conserved",
        "a rate for a demand that nobody knows",
        |inputs, _| inputs.sources[0].demand = None,
    ),
    ("capacity", "a zone over its limit", |inputs, _| {
        inputs.destinations[0].max_utilization_percent = 79;
    }),
    ("capacity", "a network over its limit", |inputs, _| {
        let sg = inputs
            .destinations
            .iter_mut()
            .find(|d| d.member.as_str() == "sg")
            .unwrap();
        sg.capacity = Some(Rate::from_rps(500));
    }),
    ("tiers", "a far one called near", |_, plan| {
        plan.sources[0].shares.last_mut().unwrap().tier = 1;
    }),
    ("tiers", "out of order", |_, plan| {
        plan.sources[0].shares.reverse();
    }),
    ("tiers", "nearest-only over several tiers", |_, plan| {
        plan.sources[0].kind = PlanKind::Nearest;
    }),
    ("capacity", "more than a ramp admits", |inputs, _| {
        let zones = inputs.destinations.iter_mut();
        zones
            .filter(|d| d.member.as_str() == "sg")
            .for_each(|d| d.admitted_percent = 1);
    }),
    ("capacity", "more than a step leaves", |inputs, _| {
        inputs.destinations[0].withdrawn = Some(Withdrawal::Evacuated);
        inputs.destinations[0].admitted_percent = 50;
    }),
    ("capacity", "more than gateways let in", |inputs, _| {
        inputs.gateways.push(GatewayInput {
            network: "sg".parse().unwrap(),
            limit: Rate(1),
        });
    }),
    ("out", "own callers of what is evacuated", |inputs, _| {
        inputs.destinations[0].withdrawn = Some(Withdrawal::Evacuated);
    }),
    ("out", "too few are healthy there", |inputs, _| {
        inputs.policy.min_healthy_percent = 50;
        let zones = inputs.destinations.iter_mut();
        zones
            .filter(|d| d.member.as_str() == "sg")
            .for_each(|d| d.total = 100);
    }),
    ("out", "away as announced", |inputs, _| {
        let zones = inputs.destinations.iter_mut();
        zones
            .filter(|d| d.member.as_str() == "sg")
            .for_each(|d| d.withdrawn = Some(Withdrawal::Away));
    }),
    ("strategy", "a region that is not named", |inputs, _| {
        inputs.policy.strategy = Strategy::Ordered;
        inputs.policy.failover.clear();
    }),
    ("strategy", "a region without a weight", |inputs, _| {
        inputs.policy.strategy = Strategy::Weighted;
        inputs.policy.weights = [("hangzhou".parse().unwrap(), 1)].into();
    }),
    ("strategy", "shedding that nobody wants", |_, plan| {
        plan.sources[0].shed = Rate(1);
        plan.sources[0].unserved = Rate(1);
    }),
    ("strategy", "more shed than unserved", |inputs, plan| {
        inputs.policy.on_overload = OnOverload::Shed;
        plan.sources[0].shed = Rate(1);
    }),
    (
        "reachable",
        "a network not reached from here",
        |inputs, _| {
            inputs.sources[0].unreachable = ["sg".parse().unwrap()].into();
        },
    ),
    ("reachable", "standby not reached from here", |inputs, _| {
        inputs.sources[0].unreachable = ["sh".parse().unwrap()].into();
    }),
];

#[test]
fn a_good_plan_passes() {
    let inputs = parse(FLEET);
    let plan = plan(&inputs);
    assert_eq!(check(&inputs, &plan), []);
    assert_eq!(
        plan.sources[0].kind,
        PlanKind::Spill,
        "the violations below need a plan that spills"
    );
}

#[test]
fn each_planted_violation_is_found_by_its_check() {
    for (name, what, plant) in PLANTED {
        let mut inputs = parse(FLEET);
        let mut plan = plan(&inputs);
        plant(&mut inputs, &mut plan);
        let findings = check(&inputs, &plan);
        assert!(
            findings.iter().any(|finding| finding.check == *name),
            "{name}, {what}: {findings:#?}"
        );
    }
}

#[test]
fn each_check_has_a_violation_planted_for_it() {
    let planted: BTreeSet<&str> = PLANTED.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(planted, CHECKS.into_iter().collect());
}

#[test]
fn the_exception_for_a_last_resort_is_no_wider_than_that() {
    let mut inputs = parse(
        "member hz region=a out=Lost\n zone a demand=1 ready=1 each=9\nmember caller region=b\n zone a demand=9",
    );
    let good = plan(&inputs);
    assert_eq!(check(&inputs, &good), []);
    assert_eq!(
        good.sources[0].shares.len(),
        1,
        "a caller without any other keeps the one that is lost"
    );
    inputs.destinations[0].withdrawn = Some(Withdrawal::NoGateway);
    let findings = check(&inputs, &good);
    assert!(
        findings.iter().any(|finding| finding.check == "out"),
        "{findings:#?}"
    );
}

#[test]
fn a_last_way_that_is_not_reached_from_here_is_not_one_that_is_out() {
    let mut inputs = parse(
        "
member here region=hangzhou
  zone g demand=10 ready=0 each=100
member up region=shanghai
  zone a demand=0 ready=5 each=100
member down region=shanghai out=NoGateway
  zone a demand=0 ready=5 each=100
",
    );
    for zone in &mut inputs.destinations[1..] {
        zone.network = "there".parse().unwrap();
    }
    for source in &mut inputs.sources[1..] {
        source.network = "there".parse().unwrap();
    }
    inputs.sources[0].unreachable = ["there".parse().unwrap()].into();
    let findings = check(&inputs, &plan(&inputs));
    assert!(findings.is_empty(), "{findings:#?}");
}
