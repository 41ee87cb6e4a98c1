//! What moves by a person's word alone stands outside what is done at once: the network that it goes to keeps its ways in.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use causeway_api::plan::Rate;
use causeway_api::rules::{FailoverMode, PolicyRules};
use causeway_api::shift::{Shift, ShiftAction, Urgency};
use causeway_api::spec::PolicySpec;
use causeway_api::{NetworkName, ServiceKey};
use causeway_state::brain::Approvable;
use causeway_state::{Command, PlanProposal};
use support::{Machine, root_policy};

fn names(list: &[&str]) -> BTreeSet<NetworkName> {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

fn policy(service: &str, rules: PolicyRules) -> Command {
    let service: ServiceKey = format!("shop/{service}").parse().unwrap();
    Command::PutPolicy(PolicySpec {
        key: service.to_string().parse().unwrap(),
        root: false,
        targets: [service].into(),
        detection: None,
        hold_down_ms: None,
        rules,
        ..root_policy()
    })
}

/// hz calls each service, which sh serves alone or sh and sg do.
fn machine(rules: PolicyRules) -> Machine {
    let mut machine = Machine::raised(&["hz", "sh", "sg"]);
    machine.accept(policy("db", rules));
    for (service, serve) in [("cart", ["sh", "sg"]), ("db", ["sh", "sg"])] {
        let mut inputs = machine.inputs(&["hz", "sh", "sg"]);
        inputs.service = format!("shop/{service}").parse().unwrap();
        inputs.policy = machine.state.policy(&inputs.service).policy;
        inputs.sources.truncate(1);
        inputs.sources[0].demand = Some(Rate::from_rps(400));
        inputs
            .destinations
            .retain(|zone| serve.contains(&zone.member.as_str()));
        let plan = causeway_failover::plan::plan(&inputs);
        machine.accept(Command::CommitPlans(vec![PlanProposal {
            service: inputs.service.clone(),
            plan: Some((inputs, plan)),
            previous: None,
        }]));
    }
    machine
}

fn ways_in(machine: &Machine, network: &str) -> usize {
    let row = &machine.state.networks[network];
    row.value.as_ref().unwrap().gateways.len()
}

#[test]
fn a_network_is_cut_off_where_all_may_leave_it() {
    let mut machine = machine(PolicyRules::default());
    machine.lose("sh");
    assert_eq!(ways_in(&machine, "sh"), 0);
    assert_eq!(machine.state.lost_and_kept(), names(&[]));
    assert_eq!(machine.state.spared(), names(&[]));
}

#[test]
fn a_network_keeps_its_ways_in_for_what_stands_outside() {
    let careful = [
        PolicyRules {
            stateful: Some(true),
            ..PolicyRules::default()
        },
        PolicyRules {
            mode: Some(FailoverMode::Approve),
            ..PolicyRules::default()
        },
        PolicyRules {
            mode: Some(FailoverMode::Observe),
            ..PolicyRules::default()
        },
    ];
    for rules in careful {
        let mut machine = machine(rules);
        let db: ServiceKey = "shop/db".parse().unwrap();
        assert!(machine.state.stands_outside(&db));
        assert!(!machine.state.stands_outside(&"shop/cart".parse().unwrap()));
        machine.lose("sh");
        assert_eq!(ways_in(&machine, "sh"), 1);
        assert_eq!(machine.state.lost_and_kept(), names(&["sh"]));
        assert_eq!(machine.state.spared(), names(&["sh", "sg"]));
        // Once nothing stands outside any more, the network is cut off after all.
        machine.accept(policy("db", PolicyRules::default()));
        assert_eq!(ways_in(&machine, "sh"), 0);
        assert_eq!(machine.state.lost_and_kept(), names(&[]));
        // What is cut off stays so.
        machine.accept(policy(
            "db",
            PolicyRules {
                stateful: Some(true),
                ..PolicyRules::default()
            },
        ));
        assert_eq!(ways_in(&machine, "sh"), 0);
    }
}

#[test]
fn a_service_that_somebody_froze_stands_outside_while_it_is_frozen() {
    let mut machine = machine(PolicyRules::default());
    let key: causeway_api::shift::ShiftKey = "shop/hold".parse().unwrap();
    machine.accept(Command::PutShift(Shift {
        root: false,
        targets: ["shop/db".parse().unwrap()].into(),
        urgency: Urgency::Emergency,
        requested_by: "ann".to_owned(),
        ..Shift::new(key.clone(), ShiftAction::Freeze, 3_600_000, "look first")
    }));
    machine.lose("sh");
    assert_eq!(ways_in(&machine, "sh"), 1);
    machine.accept(Command::EndShift {
        shift: key,
        by: "ann".to_owned(),
        reason: "looked".to_owned(),
    });
    assert_eq!(ways_in(&machine, "sh"), 0);
}

#[test]
fn what_goes_elsewhere_keeps_no_network_open() {
    let mut machine = machine(PolicyRules {
        stateful: Some(true),
        ..PolicyRules::default()
    });
    machine.lose("hz");
    assert_eq!(ways_in(&machine, "hz"), 0, "nobody is sent there");
    assert_eq!(ways_in(&machine, "sh"), 1);
}

#[test]
fn once_a_person_let_it_move_the_network_is_cut_off() {
    let mut machine = machine(PolicyRules {
        stateful: Some(true),
        ..PolicyRules::default()
    });
    machine.lose("sh");
    assert_eq!(ways_in(&machine, "sh"), 1);
    let db: ServiceKey = "shop/db".parse().unwrap();
    let held = machine.state.plan(&db).unwrap().value.clone().unwrap();
    let mut inputs = held.inputs;
    for zone in &mut inputs.destinations {
        machine.state.settle_standing(&db, zone);
    }
    let plan = causeway_failover::plan::plan(&inputs);
    let effect = machine.accept(Command::CommitPlans(vec![PlanProposal {
        service: db.clone(),
        plan: Some((inputs, plan)),
        previous: None,
    }]));
    assert_eq!(
        effect.pending,
        std::slice::from_ref(&db),
        "it waits for a person"
    );
    assert_eq!(ways_in(&machine, "sh"), 1);
    let what = Approvable::Plan(db);
    machine.accept(Command::Approve {
        seen: machine.state.generation_of(&what),
        what,
        by: "ann".to_owned(),
        reason: "its data is there".to_owned(),
    });
    assert_eq!(ways_in(&machine, "sh"), 0);
    assert_eq!(machine.state.lost_and_kept(), names(&[]));
}
