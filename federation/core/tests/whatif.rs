//! What a dry run says is what comes of the command.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{Change, GatewayAddress};
use causeway_api::plan::Rate;
use causeway_api::rules::{FailoverMode, PolicyRules};
use causeway_api::shift::{Shift, ShiftAction, Urgency};
use causeway_api::spec::{MemberSpec, PolicySpec};
use causeway_core::proposal::proposal;
use causeway_core::whatif::dry_run;
use causeway_core::{inputs, placement};
use causeway_index::FactStore;
use causeway_state::{Command, Effect, Outcome, State, apply_next};
use world::{gateway, key, lose, name, told};

fn accept(state: &mut State, command: Command) -> Effect {
    match apply_next(state, command) {
        Outcome::Accepted { effect, .. } => effect,
        other => panic!("{other:?}"),
    }
}

/// A leader's round.
fn plan(state: &mut State, facts: &FactStore) -> Effect {
    let inputs = inputs::plan_inputs(state, facts, &key());
    let proposal = proposal(state, &key(), inputs).unwrap();
    accept(state, Command::CommitPlans(vec![proposal]))
}

/// a asks for 200/s; b, c and d serve it alike.
fn planned(rules: PolicyRules) -> (State, FactStore) {
    let (mut state, mut facts) = (State::default(), FactStore::new());
    accept(&mut state, Command::Bootstrap { incarnation: 1 });
    let level = causeway_state::level::FEATURE_LEVEL;
    accept(&mut state, Command::RaiseLevel { level });
    let policy = PolicySpec {
        key: "causeway-system/defaults".parse().unwrap(),
        root: true,
        targets: BTreeSet::new(),
        hosts: BTreeSet::new(),
        failover: BTreeMap::new(),
        allowed_regions: BTreeSet::new(),
        demand: [("r-a".parse().unwrap(), Rate::from_rps(200))].into(),
        capacity_per_endpoint: Some(Rate::from_rps(100)),
        max_utilization_percent: Some(100),
        detection: None,
        hold_down_ms: None,
        rules,
    };
    accept(&mut state, Command::PutPolicy(policy));
    for (member, ready) in [("a", 0), ("b", 4), ("c", 4), ("d", 4)] {
        accept(
            &mut state,
            Command::PutMember(MemberSpec::minimal(name(member))),
        );
        let here = (ready > 0).then(|| (key(), ready));
        let mut delta = told(member, here);
        let leads = gateway(member, GatewayAddress::Host(format!("{member}.example")));
        delta.gateways = vec![Change::set("eastwest".parse().unwrap(), leads)];
        facts.apply(delta).unwrap();
        let spec = &state.member(&name(member)).unwrap().spec;
        let placement = placement::placement(spec, facts.owner(&name(member)).unwrap());
        let place = Command::PlaceMember {
            member: name(member),
            placement: placement.unwrap(),
        };
        accept(&mut state, place);
    }
    assert_eq!(plan(&mut state, &facts).planned, [key()]);
    (state, facts)
}

fn evacuate(member: &str) -> Command {
    let action = ShiftAction::Evacuate(format!("member/{member}").parse().unwrap());
    let shift = format!("causeway-system/evacuate-{member}");
    Command::PutShift(Shift {
        urgency: Urgency::Emergency,
        requested_by: "ann".to_owned(),
        ..Shift::new(shift.parse().unwrap(), action, 3_600_000, "a test")
    })
}

/// Whether a service would move, or why it would not.
fn foreseen(state: &State, facts: &FactStore, command: Command) -> Option<String> {
    let run = dry_run(state, facts, command);
    assert_eq!(run.services.len(), 1, "{run:?}");
    run.services[0].stays.clone()
}

#[test]
fn what_moves_while_a_loss_waits_is_foreseen_to_move() {
    let (mut state, facts) = planned(PolicyRules {
        mode: Some(FailoverMode::Approve),
        ..PolicyRules::default()
    });
    lose(&mut state, "c");
    assert_eq!(plan(&mut state, &facts).pending, [key()]);
    assert_eq!(foreseen(&state, &facts, evacuate("b")), None);
    accept(&mut state, evacuate("b"));
    assert_eq!(plan(&mut state, &facts).planned, [key()]);
    assert!(
        state.brain.pending.contains_key(&key()),
        "the loss waits on"
    );
}

#[test]
fn what_waits_for_a_person_is_foreseen_to_stay() {
    let (mut state, facts) = planned(PolicyRules {
        stateful: Some(true),
        ..PolicyRules::default()
    });
    let stays = foreseen(&state, &facts, evacuate("b")).unwrap();
    accept(&mut state, evacuate("b"));
    assert_eq!(plan(&mut state, &facts).pending, [key()]);
    assert_eq!(state.brain.pending[&key()].waits.to_string(), stays);
}
