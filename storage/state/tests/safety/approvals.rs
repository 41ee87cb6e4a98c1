//! People approve what they looked at, and what they approve is judged again.

use causeway_api::Generation;
use causeway_api::rules::FailoverMode;
use causeway_api::shift::Shift;
use causeway_state::brain::{Act, Approvable};
use causeway_state::{Command, Outcome, Refusal};

use super::world::{World, cart, evacuate, key};

#[test]
fn what_is_approved_is_judged_again() {
    let mut world = World::mode(FailoverMode::Approve);
    world.machine.lose("sh");
    assert_eq!(world.plan().pending, [cart()]);
    world.recover("sh");
    world.tick_s(11);
    let outcome = world.approve(Approvable::Plan(cart()), "ann");
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::VerdictIgnored { .. })),
        "{outcome:?}"
    );
    assert_eq!(world.shares(), [50, 50]);
    // The leader's next round says that nothing waits any more.
    let inputs = world.inputs();
    let plan = causeway_failover::plan::plan(&inputs);
    assert!(!world.machine.state.is_committed(&inputs, &plan));
    world.plan();
    assert!(world.machine.state.brain.pending.is_empty());
    assert!(world.machine.state.is_committed(&inputs, &plan));
}

#[test]
fn a_person_approves_what_they_looked_at_and_nothing_else() {
    let mut world = World::mode(FailoverMode::Approve);
    world.machine.lose("sh");
    assert_eq!(world.plan().pending, [cart()]);
    let what = || Approvable::Plan(cart());
    let seen = world.machine.state.generation_of(&what());
    let outcome = world.approve_seen(what(), None, "ann");
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::NotSeen { now, .. }) if Some(now) == seen),
        "{outcome:?}"
    );
    // It rests on other numbers, and does the same.
    world.ready[1] += 1;
    world.plan();
    assert_eq!(world.machine.state.generation_of(&what()), seen);
    // More would move than they saw.
    world.demand_rps *= 2;
    assert_eq!(world.plan().pending, [cart()]);
    let now = world.machine.state.generation_of(&what());
    assert_ne!(now, seen);
    let outcome = world.approve_seen(what(), seen, "ann");
    let Outcome::Refused(refusal) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        refusal
            .to_string()
            .contains("what waits has changed since: the plan of shop/cart"),
        "{refusal}"
    );
    assert_eq!(world.shares(), [50, 50]);
    let acts = &world.machine.state.brain.audit;
    assert!(acts.iter().all(|row| row.act != Act::Approved), "{acts:?}");
    world.approve_seen(what(), now, "ann");
    assert_eq!(world.shares(), [0, 100]);
}

#[test]
fn an_override_that_is_another_is_not_approved_unseen() {
    let mut world = World::new(|_| {});
    let asked = |life| Shift {
        approvals_required: 1,
        expires_after_ms: life,
        ..evacuate("member/sh")
    };
    world.put(asked(3_600_000));
    let what = || Approvable::Shift(key("member-sh"));
    let seen = world.machine.state.generation_of(&what());
    world.put(asked(7_200_000));
    let outcome = world.approve_seen(what(), seen, "bob");
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::ChangedSince { .. })),
        "{outcome:?}"
    );
    let now = world.machine.state.generation_of(&what());
    let outcome = world.approve_seen(what(), now, "bob");
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

#[test]
fn a_brake_that_was_pulled_again_is_not_released_unseen() {
    let mut world = World::new(|policy| policy.rules.limits.max_regions_lost = Some(0));
    let machine = &mut world.machine;
    machine.lose("sh");
    let release = |seen| Command::ReleaseBrake {
        seen,
        by: "ann".to_owned(),
        reason: "it is truly lost".to_owned(),
    };
    let before = Generation::default();
    assert!(matches!(
        machine.refused(release(before)),
        Refusal::ChangedSince { seen, now, .. } if seen == before && now == machine.pulled()
    ));
    let seen = machine.pulled();
    machine.accept(release(seen));
    assert_eq!(machine.state.brain.brake, None);
}
