//! A person moves one thing while the loss of another waits for a person.

mod gateways;

use causeway_api::NetworkName;
use causeway_api::facts::GatewayAddress;
use causeway_api::plan::{GatewayInput, PlanInputs, Rate, Withdrawal};
use causeway_api::rules::FailoverMode;
use causeway_api::shift::{Shift, ShiftAction};
use causeway_api::spec::{DeclaredGateway, MemberSpec};
use causeway_api::verdict::Ballot;
use causeway_failover::plan::plan;
use causeway_failover::safety::Waits;
use causeway_state::brain::Approvable;
use causeway_state::{Command, Effect, Outcome, PlanProposal, Refusal};

use super::world::{World, cart, evacuate, key, shift};

/// hz calls sh, s2 beside it, and sg; policy asks a person, and the loss of sg waits for one.
fn waiting(mode: FailoverMode) -> World {
    let mut world = World::wider(|_| {});
    world.policy(|policy| policy.rules.mode = Some(mode));
    world.plan();
    world.machine.lose("sg");
    assert_eq!(world.plan().pending, [cart()]);
    world
}

fn approved(world: &mut World) {
    let outcome = world.approve(Approvable::Plan(cart()), "ann");
    assert!(
        matches!(&outcome, Outcome::Accepted { effect, .. } if effect.planned == [cart()]),
        "{outcome:?}"
    );
}

fn proposal(inputs: PlanInputs) -> PlanProposal {
    let plan = plan(&inputs);
    PlanProposal {
        service: inputs.service.clone(),
        plan: Some((inputs, plan)),
        previous: None,
    }
}

/// The person's move without what waits, where it would be committed: what a leader proposes first.
fn apart(world: &World) -> Option<PlanProposal> {
    let state = &world.machine.state;
    let inputs = state.without_what_waits(&world.inputs())?;
    let proposal = proposal(inputs);
    state.would_pass(&proposal).then_some(proposal)
}

fn shares(world: &World) -> [u32; 3] {
    ["sh", "s2", "sg"].map(|member| world.share(member))
}

fn ignored(effect: &Effect) -> bool {
    matches!(
        effect.refused.as_slice(),
        [(_, Refusal::VerdictIgnored { .. })]
    )
}

#[test]
fn an_evacuation_is_committed_without_the_loss_and_the_loss_waits_on() {
    for (mode, waits) in [
        (FailoverMode::Approve, Waits::Approve),
        (FailoverMode::Observe, Waits::Observe),
    ] {
        let mut world = waiting(mode);
        let before = shares(&world);
        assert!(before.iter().all(|share| *share > 0), "{before:?}");
        let since = world.machine.state.brain.pending[&cart()].since;
        world.tick_s(5);
        assert_eq!(apart(&world), None, "nobody moves anything");
        world.put(evacuate("member/sh"));
        let proposal = apart(&world).unwrap();
        let effect = world.propose(proposal);
        assert_eq!(
            (&effect.planned, &effect.replan),
            (&vec![cart()], &vec![cart()])
        );
        let [sh, s2, sg] = shares(&world);
        assert_eq!((sh, s2 + sg), (0, 100));
        assert_eq!(sg, before[2], "who went there still does, and nobody else");
        let row = world.machine.state.plan(&cart()).unwrap();
        let held = row.value.clone().unwrap();
        assert_eq!(held.plan, plan(&held.inputs), "it can be computed again");
        // What waits is looked at again, and waits since it first did.
        assert_eq!(apart(&world), None);
        assert!(world.worth_proposing());
        assert_eq!(world.plan().pending, [cart()]);
        let pending = &world.machine.state.brain.pending[&cart()];
        assert_eq!((pending.waits, pending.since), (waits, since));
        if mode == FailoverMode::Approve {
            approved(&mut world);
            assert_eq!(shares(&world), [0, 100, 0]);
            assert!(world.machine.state.brain.pending.is_empty());
        }
    }
}

#[test]
fn as_one_whole_with_the_loss_it_waits() {
    let mut world = waiting(FailoverMode::Approve);
    world.put(evacuate("member/sh"));
    let effect = world.plan();
    assert_eq!((effect.planned, effect.pending), (vec![], vec![cart()]));
    approved(&mut world);
    assert_eq!(shares(&world), [0, 100, 0]);
}

#[test]
fn nobody_is_sent_to_what_is_lost_who_did_not_go_there() {
    // A leader that says nothing of what sg may still be sent sends it more.
    let mut world = waiting(FailoverMode::Approve);
    world.put(evacuate("member/sh"));
    let mut more = world
        .machine
        .state
        .without_what_waits(&world.inputs())
        .unwrap();
    more.gateways.clear();
    let more = proposal(more);
    assert!(!world.machine.state.would_pass(&more));
    assert!(ignored(&world.propose(more)));
    // Another caller, that never went to sg, counts as not reaching it.
    let mut world = waiting(FailoverMode::Approve);
    world.put(evacuate("member/sh"));
    let mut inputs = world.inputs();
    let mut other = inputs.sources[0].clone();
    other.source.zone = Some("b".parse().unwrap());
    inputs.sources.push(other);
    let without = world.machine.state.without_what_waits(&inputs).unwrap();
    let unreachable = |at: usize| without.sources[at].unreachable.clone();
    assert!(unreachable(0).is_empty());
    assert_eq!(unreachable(1), ["sg".parse().unwrap()].into());
}

#[test]
fn a_leader_may_not_leave_a_loss_out_by_itself() {
    let without = |world: &World| {
        let mut inputs = world.inputs();
        let lost = &mut inputs.destinations[1];
        assert_eq!(lost.withdrawn, Some(Withdrawal::Lost));
        lost.withdrawn = None;
        proposal(inputs)
    };
    // Nobody moves anything.
    let mut world = waiting(FailoverMode::Approve);
    world.ready = [3, 4];
    let lie = without(&world);
    assert!(ignored(&world.propose(lie)));
    // Policy asks nobody.
    let mut world = World::wider(|_| {});
    world.machine.lose("sg");
    world.put(evacuate("member/sh"));
    assert_eq!(
        world.machine.state.without_what_waits(&world.inputs()),
        None
    );
    let lie = without(&world);
    assert!(ignored(&world.propose(lie)));
    // It was approved.
    let mut world = waiting(FailoverMode::Approve);
    approved(&mut world);
    world.put(evacuate("member/sh"));
    assert_eq!(
        world.machine.state.without_what_waits(&world.inputs()),
        None
    );
    let lie = without(&world);
    assert!(ignored(&world.propose(lie)));
    assert_eq!(world.plan().planned, [cart()]);
}

#[test]
fn who_leaves_the_lost_place_too_has_said_so() {
    let mut world = waiting(FailoverMode::Observe);
    world.put(evacuate("member/sh"));
    let proposal = apart(&world).unwrap();
    world.propose(proposal);
    world.put(evacuate("member/sg"));
    assert_eq!(apart(&world), None);
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(shares(&world), [0, 100, 0]);
    assert!(world.machine.state.brain.pending.is_empty());
}

#[test]
fn who_restored_a_place_in_its_hold_down_ignores_no_verdict() {
    let mut world = World::wider(|policy| policy.rules.mode = Some(FailoverMode::Approve));
    world.machine.lose("sg");
    world.plan();
    approved(&mut world);
    world.recover("sg");
    world.plan();
    let back = shift("back", ShiftAction::Restore("member/sg".parse().unwrap()));
    world.put(super::world::overriding(
        back,
        causeway_failover::safety::Rule::HoldDown,
    ));
    world.approve(Approvable::Shift(key("back")), "bob");
    assert_eq!(world.plan().planned, [cart()]);
    // What follows by itself is judged as ever.
    world.ready = [8, 3];
    assert_eq!(world.plan().refused, []);
}

#[test]
fn what_keeps_state_moves_by_what_was_approved_and_by_nothing_beside_it() {
    let mut world = World::wider(|_| {});
    world.policy(|policy| policy.rules.stateful = Some(true));
    world.plan();
    world.machine.lose("sg");
    assert_eq!(world.plan().pending, [cart()]);
    let asks = Shift {
        approvals_required: 1,
        ..evacuate("member/sh")
    };
    world.put(asks);
    assert_eq!(apart(&world), None, "nobody approved it");
    world.approve(Approvable::Shift(key("member-sh")), "bob");
    assert_eq!(world.plan().pending, [cart()], "the whole waits");
    let sg = world.share("sg");
    let proposal = apart(&world).unwrap();
    assert_eq!(world.propose(proposal).planned, [cart()]);
    assert_eq!((world.share("sh"), world.share("sg")), (0, sg));
    let gone = Command::EndShift {
        shift: key("member-sh"),
        by: "ann".to_owned(),
        reason: "done".to_owned(),
    };
    world.machine.accept(gone);
    assert!(apart(&world).is_none_or(|back| back.plan.is_some()));
}

#[test]
fn a_loss_of_what_nobody_uses_is_no_reason_to_wait() {
    let mut world = World::wider(|policy| policy.rules.mode = Some(FailoverMode::Approve));
    world.ready = [8, 0];
    world.plan();
    approved(&mut world);
    assert_eq!(world.share("sg"), 0);
    world.machine.lose("sg");
    world.put(evacuate("member/sh"));
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(shares(&world), [0, 100, 0]);
}

/// As [`waiting`] before anything is lost, where s2 and sg stand in the network of hz, and sg has so many ready.
fn in_one_network(ready: u32) -> World {
    let mut world = World::wider(|_| {});
    for member in ["s2", "sg"] {
        let Command::PlaceMember {
            member,
            mut placement,
        } = crate::support::place(member, &["eastwest"])
        else {
            unreachable!();
        };
        placement.network = "hz".parse().unwrap();
        for gateway in placement.gateways.values_mut() {
            gateway.network = "hz".parse().unwrap();
        }
        world
            .machine
            .accept(Command::PlaceMember { member, placement });
    }
    // Others lead into that network, too.
    world.machine.vote("gateway/s2/eastwest", Ballot::Reachable);
    world.ready = [8, ready];
    world.plan();
    world.policy(|policy| policy.rules.mode = Some(FailoverMode::Approve));
    world.plan();
    world
}

#[test]
fn who_goes_to_a_place_of_its_own_network_goes_on_doing_so() {
    let mut world = in_one_network(4);
    let before = shares(&world);
    assert!(before[1] > 0 && before[2] > 0, "{before:?}");
    world.machine.lose("sg");
    assert_eq!(world.plan().pending, [cart()]);
    world.put(evacuate("member/sh"));
    let state = &world.machine.state;
    let without = state.without_what_waits(&world.inputs()).unwrap();
    let withdrawn = |at: usize| without.destinations[at].withdrawn;
    assert_eq!(withdrawn(0), Some(Withdrawal::Evacuated));
    assert_eq!(withdrawn(1), None);
    let proposal = apart(&world).unwrap();
    assert_eq!(world.propose(proposal).planned, [cart()]);
    let after = shares(&world);
    assert_eq!((after[0], after[1] + after[2]), (0, 100), "{after:?}");
    assert!(after[2].abs_diff(before[2]) <= 1, "{after:?} of {before:?}");
    // Where nobody went there, what goes to another place of that network does not count.
    let mut world = in_one_network(0);
    let before = shares(&world);
    assert!(before[1] > 0 && before[2] == 0, "{before:?}");
    world.machine.lose("sg");
    world.put(evacuate("member/sh"));
    assert_eq!(
        world.machine.state.without_what_waits(&world.inputs()),
        None
    );
}

#[test]
fn gateways_let_in_what_goes_to_the_lost_or_less() {
    let mut world = waiting(FailoverMode::Approve);
    world.put(evacuate("member/sh"));
    let limits = |world: &World, rps: Option<u64>| {
        let mut inputs = world.inputs();
        inputs.gateways.extend(rps.map(|rps| GatewayInput {
            network: "sg".parse().unwrap(),
            limit: Rate::from_rps(rps),
        }));
        let without = world.machine.state.without_what_waits(&inputs).unwrap();
        let rows = without.gateways.iter();
        rows.map(|row| (row.network.to_string(), row.limit))
            .collect::<Vec<_>>()
    };
    let goes = limits(&world, None);
    assert_eq!(goes.len(), 1);
    assert!(goes[0].1 > Rate::from_rps(1), "{goes:?}");
    assert_eq!(limits(&world, Some(1_000)), goes);
    assert_eq!(
        limits(&world, Some(1)),
        [("sg".to_owned(), Rate::from_rps(1))]
    );
}

#[test]
fn what_moves_as_one_with_others_waits_with_them() {
    let mut world = waiting(FailoverMode::Approve);
    world.put(evacuate("member/sh"));
    let mut inputs = world.inputs();
    let state = &world.machine.state;
    assert!(state.without_what_waits(&inputs).is_some());
    inputs.policy.together = Some("shop/one".parse().unwrap());
    assert_eq!(state.without_what_waits(&inputs), None);
}

#[test]
fn what_a_person_restored_early_is_used_as_ever() {
    let mut world = World::wider(|_| {});
    world.policy(|policy| {
        policy.rules.mode = Some(FailoverMode::Approve);
        policy.hold_down_ms = Some(60_000);
    });
    world.plan();
    world.machine.lose("sg");
    world.plan();
    approved(&mut world);
    world.recover("sg");
    world.plan();
    let back = shift("back", ShiftAction::Restore("member/sg".parse().unwrap()));
    world.put(super::world::overriding(
        back,
        causeway_failover::safety::Rule::HoldDown,
    ));
    world.approve(Approvable::Shift(key("back")), "bob");
    assert_eq!(world.plan().planned, [cart()]);
    assert!(world.share("sg") > 0);
    world.machine.lose("s2");
    assert_eq!(world.plan().pending, [cart()]);
    world.put(evacuate("member/sh"));
    let state = &world.machine.state;
    assert!(state.brain.out.contains("sg"));
    let without = state.without_what_waits(&world.inputs()).unwrap();
    let limited = without.gateways.iter().map(|row| row.network.as_str());
    assert_eq!(limited.collect::<Vec<_>>(), ["s2"]);
}

#[test]
fn callers_of_its_own_network_are_held_to_what_they_send_where_that_is_known() {
    let mut world = in_one_network(4);
    world.machine.lose("sg");
    world.plan();
    world.put(evacuate("member/sh"));
    let capacity = |change: &dyn Fn(&mut PlanInputs)| {
        let mut inputs = world.inputs();
        change(&mut inputs);
        let before = inputs.destinations[1].capacity;
        let state = &world.machine.state;
        let without = state.without_what_waits(&inputs).unwrap();
        let zone = without.destinations[1].clone();
        (before, zone.capacity, zone.max_utilization_percent)
    };
    let row = world.machine.state.plan(&cart()).unwrap();
    let plan = &row.value.as_ref().unwrap().plan;
    let goes = plan.sources[0].shares.iter();
    let goes = goes.filter(|share| share.destination.to_string().contains("sg"));
    let parts: u32 = goes.map(|share| share.parts).sum();
    let (_, most, percent) = capacity(&|_| {});
    let most = most.unwrap();
    let (carried, goes) = (most.percent(percent).0, 200_000 * u64::from(parts) / 10_000);
    assert!(carried <= goes && carried + 2 > goes, "{carried} of {goes}");
    // What is less already stays.
    let less = Rate::from_rps(1);
    let (_, now, _) = capacity(&|inputs| inputs.destinations[1].capacity = Some(less));
    assert_eq!(now, Some(less));
    let (_, now, _) = capacity(&|inputs| inputs.destinations[1].capacity = None);
    assert_eq!(now, Some(most));
    // Where nobody knows how much they ask for, nothing can be said.
    let (before, now, _) = capacity(&|inputs| inputs.sources[0].demand = None);
    assert_eq!(before, now);
    // Nor is it where only its own callers are near.
    let (before, now, _) = capacity(&|inputs| {
        let sg = "sg".parse().unwrap();
        inputs.sources[0].source.member = sg;
    });
    assert_eq!(before, now);
}

#[test]
fn who_may_not_approve_hears_what_to_evacuate() {
    let mut world = waiting(FailoverMode::Observe);
    let says = |world: &mut World| match world.approve(Approvable::Plan(cart()), "ann") {
        Outcome::Refused(refusal) => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    let said = says(&mut world);
    assert!(
        said.contains(": causeway evacuate member/sg moves it"),
        "{said}"
    );
    // Beside an evacuation whose plan waits as a whole, too; and that lets it go.
    world.put(evacuate("member/sh"));
    assert_eq!(world.plan().pending, [cart()]);
    let said = says(&mut world);
    assert!(
        said.contains(": causeway evacuate member/sg moves it"),
        "{said}"
    );
    world.put(evacuate("member/sg"));
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(shares(&world), [0, 100, 0]);
}
