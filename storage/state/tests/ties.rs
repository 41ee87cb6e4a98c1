//! What services share is judged where plans are committed: a leader that gives out more than there is, is refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::facts::GatewayAddress;
use causeway_api::plan::{GatewayInput, PlanInputs, Rate};
use causeway_api::rules::PolicyRules;
use causeway_api::spec::{DeclaredGateway, MemberSpec, PolicySpec};
use causeway_failover::plan::plan;
use causeway_state::{Command, Outcome, PlanProposal, Refusal};
use support::{Machine, root_policy};

fn key(name: &str) -> ServiceKey {
    format!("shop/{name}").parse().unwrap()
}

/// Callers in hz alone, endpoints in sh alone, whose gateway carries so many requests a second.
fn machine(carries_rps: Option<u64>) -> Machine {
    let mut machine = Machine::raised(&["hz", "sh"]);
    carry(&mut machine, carries_rps);
    machine
}

fn carry(machine: &mut Machine, carries_rps: Option<u64>) {
    let mut spec = MemberSpec::minimal("sh".parse().unwrap());
    let gateway = DeclaredGateway {
        addresses: vec![GatewayAddress::Host("eastwest.sh.example".to_owned())],
        port: 15443,
        max_rate: carries_rps.map(Rate::from_rps),
    };
    spec.gateways = [("eastwest".parse().unwrap(), gateway)].into();
    machine.apply(Command::PutMember(spec));
}

fn inputs(machine: &Machine, name: &str, rps: u64) -> PlanInputs {
    let mut inputs = machine.inputs(&["hz", "sh"]);
    inputs.service = key(name);
    inputs.policy = machine.state.policy(&key(name)).policy;
    inputs.sources.truncate(1);
    inputs.sources[0].demand = Some(Rate::from_rps(rps));
    inputs.destinations.remove(0);
    inputs
}

fn allotted(mut inputs: PlanInputs, rps: u64) -> PlanInputs {
    inputs.gateways = vec![GatewayInput {
        network: "sh".parse().unwrap(),
        limit: Rate::from_rps(rps),
    }];
    inputs
}

fn proposal(inputs: PlanInputs) -> PlanProposal {
    let plan = plan(&inputs);
    PlanProposal {
        service: inputs.service.clone(),
        plan: Some((inputs, plan)),
        previous: None,
    }
}

/// Proposes all in one command; who is refused.
fn refused(machine: &mut Machine, all: Vec<PlanInputs>) -> Vec<(String, Refusal)> {
    let proposals = all.into_iter().map(proposal).collect();
    match machine.apply(Command::CommitPlans(proposals)) {
        Outcome::Accepted { effect, .. } => effect
            .refused
            .into_iter()
            .map(|(service, refusal)| (service.name.to_string(), refusal))
            .collect(),
        Outcome::Unchanged => Vec::new(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn parts_of_a_gateway_may_not_come_to_more_than_it_carries() {
    let mut machine = machine(Some(100));
    let both = |machine: &Machine, a, b| {
        vec![
            allotted(inputs(machine, "a", 80), a),
            allotted(inputs(machine, "b", 80), b),
        ]
    };
    let now = both(&machine, 60, 41);
    let said = refused(&mut machine, now);
    assert_eq!(said.len(), 2, "{said:?}");
    for (name, refusal) in said {
        let text = refusal.to_string();
        assert!(
            matches!(refusal, Refusal::GatewayOverfull { .. }),
            "{name}: {text}"
        );
        assert!(text.contains("100/s") && text.contains("101/s"), "{text}");
    }
    let now = both(&machine, 60, 40);
    assert_eq!(refused(&mut machine, now), []);
    // What one gives up another may take, in one command, and not before.
    let more = allotted(inputs(&machine, "a", 80), 70);
    assert_eq!(refused(&mut machine, vec![more.clone()]).len(), 1);
    let less = allotted(inputs(&machine, "b", 80), 30);
    assert_eq!(refused(&mut machine, vec![more, less]), []);
}

#[test]
fn a_leader_that_allots_nothing_is_refused_where_not_all_fits() {
    let mut machine = machine(Some(100));
    let free = |machine: &Machine, name| inputs(machine, name, 80);
    let (a, b) = (free(&machine, "a"), free(&machine, "b"));
    assert_eq!(refused(&mut machine, vec![a]), [], "alone it fits");
    let said = refused(&mut machine, vec![b]);
    assert!(
        matches!(said[0].1, Refusal::GatewayOverfull { .. }),
        "{said:?}"
    );
    assert!(machine.state.plan(&key("b")).is_none());
    // From now on all keep to their parts there.
    let kept = machine.state.kept_to_parts().iter();
    assert_eq!(kept.map(ToString::to_string).collect::<Vec<_>>().len(), 1);
    // Bound beside one that is not.
    let (a, b) = (
        allotted(inputs(&machine, "a", 80), 50),
        allotted(inputs(&machine, "b", 80), 50),
    );
    assert_eq!(refused(&mut machine, vec![a, b]), []);
    let c = free(&machine, "c");
    let said = refused(&mut machine, vec![c]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].1.to_string().contains("180/s"), "{said:?}");
    // What is left may be sent by one that is not, all the same: nothing is too much.
    let b = allotted(inputs(&machine, "b", 80), 20);
    let mut c = free(&machine, "c");
    c.sources[0].demand = Some(Rate::from_rps(30));
    assert_eq!(refused(&mut machine, vec![b, c]), []);
    // A gateway that declares nothing binds nobody.
    carry(&mut machine, None);
    let all = ["a", "b", "c"].map(|name| free(&machine, name));
    assert_eq!(refused(&mut machine, all.into()), []);
}

#[test]
fn a_plan_that_sends_less_is_never_refused_for_what_others_send() {
    let mut machine = machine(None);
    let all = ["a", "b"].map(|name| inputs(&machine, name, 80));
    assert_eq!(refused(&mut machine, all.into()), []);
    carry(&mut machine, Some(100));
    let less = inputs(&machine, "a", 70);
    assert_eq!(refused(&mut machine, vec![less]), []);
    let more = inputs(&machine, "a", 75);
    assert_eq!(refused(&mut machine, vec![more]).len(), 1);
}

fn unit(machine: &mut Machine, together: bool) {
    machine.apply(Command::PutPolicy(PolicySpec {
        key: "shop/unit".parse().unwrap(),
        root: false,
        targets: ["a", "b"].map(key).into(),
        detection: None,
        hold_down_ms: None,
        rules: PolicyRules {
            move_together: Some(together),
            ..PolicyRules::default()
        },
        ..root_policy()
    }));
}

fn bound(mut inputs: PlanInputs, weights: &[(&str, u32)]) -> PlanInputs {
    let weights = weights
        .iter()
        .map(|(region, weight)| (region.parse().unwrap(), *weight));
    inputs.sources[0].together = weights.collect::<BTreeMap<_, _>>();
    inputs
}

#[test]
fn what_moves_as_one_is_bound_alike() {
    let mut machine = machine(None);
    unit(&mut machine, true);
    let (a, b) = (inputs(&machine, "a", 10), inputs(&machine, "b", 10));
    assert_eq!(refused(&mut machine, vec![a.clone(), b.clone()]), []);
    // One alone, bound otherwise.
    let there = bound(a.clone(), &[("sh", 10_000)]);
    let said = refused(&mut machine, vec![there.clone()]);
    assert!(matches!(said[0].1, Refusal::NotTogether { .. }), "{said:?}");
    let text = said[0].1.to_string();
    assert!(
        text.contains("shop/a") && text.contains("shop/b") && text.contains("hz"),
        "{text}"
    );
    // Both, and each otherwise.
    let other = bound(b.clone(), &[("hz", 5_000), ("sh", 5_000)]);
    assert_eq!(refused(&mut machine, vec![there.clone(), other]).len(), 2);
    let both = vec![there, bound(b, &[("sh", 10_000)])];
    assert_eq!(refused(&mut machine, both), []);
    // Nobody moves as one any more, and a leader binds all the same.
    unit(&mut machine, false);
    let alone = bound(inputs(&machine, "a", 10), &[("sh", 10_000)]);
    let said = refused(&mut machine, vec![alone]);
    assert!(
        matches!(&said[0].1, Refusal::PlanCheck { check, .. } if check == "together"),
        "{said:?}"
    );
}

/// Nobody is allotted anything of gateways that declare no limit: whoever says so keeps callers out by its own word.
#[test]
fn a_part_of_gateways_that_declare_no_limit_is_refused() {
    let mut machine = machine(None);
    let free = inputs(&machine, "a", 80);
    assert_eq!(refused(&mut machine, vec![free]), []);
    let before = machine.state.plans.clone();
    for part in [0, 40, 1_000] {
        let now = allotted(inputs(&machine, "a", 80), part);
        let said = refused(&mut machine, vec![now]);
        let [(_, Refusal::InputContradicted { contradiction, .. })] = said.as_slice() else {
            panic!("{said:?}");
        };
        assert_eq!(contradiction.place, "sh");
        assert_eq!(contradiction.field, "gateways");
        assert_eq!(contradiction.claimed, format!("{part}/s"));
        assert_eq!(contradiction.found, "without a limit");
        assert_eq!(machine.state.plans, before);
    }
    // Another network that does declare one changes nothing.
    carry(&mut machine, Some(100));
    let mut both = allotted(inputs(&machine, "a", 80), 60);
    assert_eq!(refused(&mut machine, vec![both.clone()]), []);
    both.gateways.insert(
        0,
        GatewayInput {
            network: "hz".parse().unwrap(),
            limit: Rate(0),
        },
    );
    assert_eq!(refused(&mut machine, vec![both]).len(), 1);
}

#[test]
fn what_would_be_refused_anyway_has_nobody_keep_to_its_part() {
    let mut machine = machine(Some(100));
    let small = inputs(&machine, "a", 80);
    let mut lie = inputs(&machine, "b", 8_000);
    lie.policy.from.push("shop/made-up".parse().unwrap());
    let said = refused(&mut machine, vec![small.clone(), lie.clone()]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(machine.state.kept_to_parts().is_empty());
    assert_eq!(refused(&mut machine, vec![small]), []);
    assert_eq!(refused(&mut machine, vec![lie]).len(), 1);
    assert!(machine.state.kept_to_parts().is_empty());
    // What stands by itself counts.
    let more = inputs(&machine, "b", 80);
    assert_eq!(refused(&mut machine, vec![more]).len(), 1);
    assert!(!machine.state.kept_to_parts().is_empty());
}
