//! A replica that has just started knows decisions and no facts: nothing may be withdrawn for that.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use causeway_api::plan::Withdrawal;
use causeway_api::session::Holds;
use causeway_core::outbox::Outbox;
use causeway_index::FactStore;
use causeway_state::command::{Command, PlanProposal};
use world::{MEMBERS, World, introduction, key, name, snapshot};

#[test]
fn without_any_facts_plans_rest_on_what_they_were_committed_with() {
    let (world, facts) = World::planned();
    let before = world.inputs(&facts);
    assert_eq!(world.inputs(&FactStore::new()), before);
}

#[test]
fn members_that_were_not_heard_yet_count_beside_those_that_were() {
    let (world, facts) = World::planned();
    let before = world.inputs(&facts);
    for heard in [vec!["a"], vec!["b", "c"], vec!["c"]] {
        let mut some = FactStore::new();
        for member in heard {
            some.apply(snapshot(member)).unwrap();
        }
        assert_eq!(world.inputs(&some), before);
    }
}

#[test]
fn an_agent_that_sees_nothing_of_its_cluster_withdraws_nothing() {
    let (world, facts) = World::planned();
    let before = world.inputs(&facts);
    let mut introduced = FactStore::new();
    for member in MEMBERS {
        introduced.apply(introduction(member)).unwrap();
    }
    assert_eq!(world.inputs(&introduced), before);
    // Nor does a view that is cut now take back what others hold.
    let mut outbox = Outbox::resume(name("a"), Holds::default());
    let view = outbox.take(&world.state, &introduced).unwrap();
    assert!(view.owners.is_empty(), "{:?}", view.owners);
    assert_eq!(view.services.len(), 1);
}

#[test]
fn what_its_owner_withdraws_is_withdrawn_though_others_are_silent() {
    let (world, _) = World::planned();
    let mut some = FactStore::new();
    let mut without = snapshot("b");
    without.services.clear();
    without.endpoints.clear();
    some.apply(without).unwrap();
    let inputs = world.inputs(&some).unwrap();
    let members: Vec<&str> = inputs
        .destinations
        .iter()
        .map(|d| d.member.as_str())
        .collect();
    assert_eq!(members, ["a", "c"]);
}

#[test]
fn a_verdict_is_obeyed_for_a_member_that_was_not_heard() {
    let (mut world, _) = World::planned();
    world.lose("b");
    let inputs = world.inputs(&FactStore::new()).unwrap();
    let out: Vec<_> = inputs.destinations.iter().map(|d| d.withdrawn).collect();
    assert_eq!(out, [None, Some(Withdrawal::Lost), None]);
    let plan = causeway_failover::plan::plan(&inputs);
    assert_eq!(plan.withdrawn.len(), 1);
    world.apply(Command::CommitPlans(vec![PlanProposal {
        service: key(),
        plan: Some((inputs, plan.clone())),
        previous: None,
    }]));
    assert_eq!(
        world
            .state
            .plan(&key())
            .unwrap()
            .value
            .as_ref()
            .unwrap()
            .plan,
        plan
    );
}

#[test]
fn a_member_that_is_removed_takes_its_rows_along() {
    let (mut world, _) = World::planned();
    for member in MEMBERS {
        world.apply(Command::RemoveMember(name(member)));
    }
    assert_eq!(world.inputs(&FactStore::new()), None);
}
