//! What is computed again, from where, and what cannot be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::ReplicaId;
use causeway_state::{ClientId, PlanProposal};

use super::*;
use crate::admin::api::ErrorKind;
use crate::replica::status::world::{World, key};

const TERM: u64 = 3;

/// A world with one plan, and where it was decided.
fn planned() -> (World, Generation) {
    let mut world = World::new();
    world.member("a");
    world.member("b");
    world.plan("shop/cart");
    let row = world.state.plan(&key("shop/cart")).unwrap();
    let generation = Generation {
        term: TERM,
        ..row.generation
    };
    (world, generation)
}

fn proposal(world: &World, previous: Option<Generation>) -> PlanProposal {
    let held = world.state.plan(&key("shop/cart")).unwrap();
    let held = held.value.as_ref().unwrap();
    PlanProposal {
        service: key("shop/cart"),
        plan: Some((held.inputs.clone(), held.plan.clone())),
        previous,
    }
}

fn request(command: Command) -> Arc<Request> {
    Arc::new(Request {
        client: ClientId {
            replica: ReplicaId(1),
            nonce: 1,
        },
        serial: 1,
        command,
    })
}

#[test]
fn what_the_log_has_is_computed_again_to_the_byte() {
    let (world, generation) = planned();
    let command = Command::CommitPlans(vec![proposal(&world, None)]);
    let entries = |index| (index == generation.index).then(|| (TERM, request(command.clone())));
    let rows = from_log(&entries, generation, &world.state.plans)
        .unwrap()
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].identical, Some(true), "{rows:?}");
    assert_eq!(rows[0].recorded, rows[0].recomputed);
    // A plan that is not what its inputs give is told.
    let mut other = proposal(&world, None);
    other.plan.as_mut().unwrap().1.sources.clear();
    let command = Command::CommitPlans(vec![other]);
    let entries = |_| Some((TERM, request(command.clone())));
    let rows = from_log(&entries, generation, &world.state.plans)
        .unwrap()
        .unwrap();
    assert_eq!(rows[0].identical, Some(false), "{rows:?}");
}

#[test]
fn what_it_went_on_from_is_looked_for_and_missed_by_name() {
    let (world, generation) = planned();
    let before = Generation {
        index: generation.index - 1,
        ..generation
    };
    let command = Command::CommitPlans(vec![proposal(&world, Some(before))]);
    let alone = |index| (index == generation.index).then(|| (TERM, request(command.clone())));
    let none = Plans::new();
    let rows = from_log(&alone, generation, &none).unwrap().unwrap();
    assert_eq!((rows[0].identical, rows[0].previous), (None, Some(before)));
    assert!(
        rows[0]
            .note
            .as_ref()
            .unwrap()
            .contains("no longer in the log")
    );
    let first = Command::CommitPlans(vec![proposal(&world, None)]);
    let both = |index| match index == before.index {
        true => Some((TERM, request(first.clone()))),
        false => alone(index),
    };
    let rows = from_log(&both, generation, &none).unwrap().unwrap();
    assert_eq!(rows[0].identical, Some(true), "{rows:?}");
}

#[test]
fn what_is_no_decision_about_plans_is_refused_and_what_is_gone_is_asked_of_the_state() {
    let (world, generation) = planned();
    let plans = &world.state.plans;
    assert_eq!(from_log(&|_| None, generation, plans).unwrap(), None);
    let tick = |term| move |_| Some((term, request(Command::Tick { elapsed_ms: 1 })));
    for (term, wrong) in [
        (TERM, "a decision without plans"),
        (TERM + 1, "there is no generation"),
    ] {
        let error = from_log(&tick(term), generation, plans).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(error.error.contains(wrong), "{}", error.error);
    }
    let row = world.state.plan(&key("shop/cart")).unwrap();
    let rows = from_state(row.generation, plans);
    assert_eq!((rows.len(), rows[0].identical), (1, Some(true)));
    assert_eq!(from_state(Generation::default(), plans), []);
}
