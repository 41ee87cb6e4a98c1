//! What a plan's inputs must say, what waits and what is approved, and when the brake is pulled.

use causeway_api::plan::{DestinationInput, Withdrawal};
use causeway_api::rules::{FailbackMode, FailoverMode};
use causeway_api::shift::{Shift, ShiftAction, Urgency};
use causeway_api::spec::PolicySpec;
use causeway_api::verdict::Ballot;
use causeway_api::{Generation, MemberName};
use causeway_failover::checker;
use causeway_state::brain::{Approvable, Brain, RampStage};
use causeway_state::{Command, Effect, Outcome, Refusal};

use super::world::{World, cart, evacuate, key, overriding, shift};
use crate::support::{Machine, place, root_policy, vote};
use causeway_failover::safety::Rule;

/// The plan of a leader that says something else of a destination.
fn claiming(world: &mut World, lie: impl FnOnce(&mut DestinationInput)) -> Effect {
    let mut proposal = world.proposal();
    let (inputs, plan) = proposal.plan.as_mut().unwrap();
    lie(&mut inputs.destinations[0]);
    *plan = causeway_failover::plan::plan(inputs);
    world.propose(proposal)
}

/// What it says, and what is so.
fn words(effect: &Effect) -> (&'static str, &str, &str) {
    match effect.refused.as_slice() {
        [(_, Refusal::ShiftIgnored { claimed, found, .. })] => ("shift", claimed, found),
        [(_, Refusal::VerdictIgnored { claimed, found, .. })] => ("verdict", claimed, found),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_weaker_reason_does_not_take_the_place_of_what_was_decided() {
    let mut world = World::new(|_| {});
    let closed = |zone: &mut DestinationInput| zone.withdrawn = Some(Withdrawal::NoGateway);
    let effect = claiming(&mut world, closed);
    let said = effect.refused[0].1.to_string();
    assert!(
        said.contains("takes withdrawn of sh/- as no gateway leads into its network"),
        "{said}"
    );
    world.put(evacuate("member/sh"));
    let effect = claiming(&mut world, closed);
    assert_eq!(words(&effect).0, "shift");
    world.end("member-sh");
    world.machine.lose("sh");
    let effect = claiming(&mut world, closed);
    assert_eq!(words(&effect).0, "verdict");
    let effect = claiming(&mut world, |zone| {
        zone.withdrawn = Some(Withdrawal::Recovering);
    });
    assert_eq!(words(&effect).0, "verdict");
    // Who says that a person left what is lost says what nobody did.
    let effect = claiming(&mut world, |zone| {
        zone.withdrawn = Some(Withdrawal::Evacuated);
    });
    assert_eq!(words(&effect), ("shift", "evacuated", "Lost"));
    world.put(evacuate("member/sh"));
    let effect = claiming(&mut world, |zone| zone.vacated = false);
    assert_eq!(words(&effect), ("shift", "Lost", "Lost, and evacuated"));
}

#[test]
fn how_much_is_admitted_is_not_a_leaders_to_say() {
    let mut world = World::failing_back(FailbackMode::Automatic, &[10, 100]);
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    world.tick_s(11);
    let all = |zone: &mut DestinationInput| zone.admitted_percent = 100;
    let effect = claiming(&mut world, all);
    assert_eq!(
        words(&effect),
        ("shift", "not withdrawn", "admitted to 10 %")
    );
    let mut world = World::new(|_| {});
    let steps = Shift {
        urgency: Urgency::Planned,
        step_percents: vec![60, 100],
        interval_ms: 60_000,
        ..evacuate("member/sh")
    };
    world.put(steps);
    let effect = claiming(&mut world, |zone| zone.admitted_percent = 70);
    assert_eq!(words(&effect), ("shift", "evacuated", "evacuated"));
    assert_eq!(claiming(&mut world, |_| {}).refused, []);
}

#[test]
fn a_plan_that_goes_on_from_another_goes_on_from_the_one_that_is_committed() {
    let mut world = World::new(|_| {});
    let held = world.machine.state.plan(&cart()).unwrap().generation;
    let stale = |world: &mut World, previous| {
        world.ready = [4, 2];
        world.demand_rps = 400;
        let mut proposal = world.proposal();
        proposal.previous = Some(previous);
        let refused = world.propose(proposal).refused;
        matches!(refused.as_slice(), [(_, Refusal::StalePlan { .. })])
    };
    assert!(stale(&mut world, Generation::default()));
    assert!(!stale(&mut world, held));
    let row = world.machine.state.plan(&cart()).unwrap();
    let previous = row.value.as_ref().unwrap().previous.as_ref();
    assert_eq!(previous.map(|previous| previous.generation), Some(held));
}

#[test]
fn a_refusal_names_the_first_findings_and_counts_the_rest() {
    let mut world = World::new(|_| {});
    let mut said = |spoil: &dyn Fn(&mut causeway_api::plan::SourcePlan)| {
        let mut proposal = world.proposal();
        let (inputs, plan) = proposal.plan.as_mut().unwrap();
        spoil(&mut plan.sources[0]);
        let found = checker::check(inputs, plan).len();
        match world.propose(proposal).refused.pop() {
            Some((_, Refusal::PlanCheck { message, .. })) => (found, message),
            other => panic!("{other:?}"),
        }
    };
    let unserved = |source: &mut causeway_api::plan::SourcePlan| {
        source.unserved = causeway_api::plan::Rate(1);
    };
    let (found, message) = said(&unserved);
    assert_eq!((found, message.contains("more")), (1, false), "{message}");
    let (found, message) = said(&|source| {
        unserved(source);
        source.shed = causeway_api::plan::Rate(2);
        source.shares[0].parts -= 1;
        source.shares[1].tier = 1;
    });
    assert!(found > 3, "{message}");
    assert!(
        message.ends_with(&format!("; and {} more", found - 3)),
        "{message}"
    );
    let (found, message) = said(&|source| {
        unserved(source);
        source.shed = causeway_api::plan::Rate(1);
        source.shares[0].parts -= 1;
    });
    assert_eq!((found, message.contains("more")), (3, false), "{message}");
}

#[test]
fn what_waits_is_news_once_and_since_it_first_waited() {
    let mut world = World::mode(FailoverMode::Approve);
    world.machine.lose("sh");
    assert_eq!(world.plan().pending, [cart()]);
    let pending = |world: &World| world.machine.state.brain.pending[&cart()].clone();
    let first = pending(&world);
    assert_eq!(world.plan(), Effect::default(), "it is known");
    assert_eq!(pending(&world), first);
    world.tick_s(5);
    world.ready = [4, 1];
    world.demand_rps = 300;
    assert_eq!(world.plan().pending, [cart()], "another plan waits");
    let second = pending(&world);
    assert_eq!((second.since, second.waits), (first.since, first.waits));
    assert_ne!(second.plan, first.plan);
    world.policy(|policy| policy.rules.mode = Some(FailoverMode::Observe));
    assert_eq!(world.plan().pending, [cart()], "for another reason");
    assert_eq!(pending(&world).since, first.since);
}

#[test]
fn each_approval_is_another_persons() {
    let mut world = World::new(|_| {});
    world.put(Shift {
        approvals_required: 2,
        ..evacuate("member/sh")
    });
    let what = || Approvable::Shift(key("member-sh"));
    let outcome = world.approve(what(), "bob");
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let outcome = world.approve(what(), "bob");
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::OwnApproval { .. })),
        "{outcome:?}"
    );
    assert_eq!(world.inputs().destinations[0].withdrawn, None);
    let outcome = world.approve(what(), "eve");
    let planned_anew = matches!(&outcome, Outcome::Accepted { effect, .. } if effect.replan_all);
    assert!(planned_anew, "{outcome:?}");
    world.put(Shift {
        approvals_required: 1,
        dry_run: true,
        ..evacuate("member/sg")
    });
    let outcome = world.approve(Approvable::Shift(key("member-sg")), "bob");
    assert!(matches!(
        outcome,
        Outcome::Refused(Refusal::NothingToApprove(_))
    ));
    assert_eq!(world.machine.state.brain.audit.back().unwrap().by, "ann");
}

#[test]
fn a_return_is_approved_before_its_hold_down_is_over_too() {
    let mut world = World::failing_back(FailbackMode::Approve, &[50, 100]);
    let mut longer = root_policy();
    longer.key = "shop/all".parse().unwrap();
    longer.root = false;
    longer.detection = None;
    longer.hold_down_ms = Some(60_000);
    world.machine.accept(Command::PutPolicy(longer));
    world.plan();
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    world.plan();
    world.tick_s(11);
    let what = || Approvable::Failback {
        domain: "member/sh".parse().unwrap(),
        service: Some(cart()),
    };
    let outcome = world.approve(what(), "ann");
    let replanned =
        matches!(&outcome, Outcome::Accepted { effect, .. } if effect.replan == [cart()]);
    assert!(replanned, "{outcome:?}");
    let outcome = world.approve(what(), "ann");
    assert!(matches!(
        outcome,
        Outcome::Refused(Refusal::NothingToApprove(_))
    ));
    let stage = |world: &World| world.ramp("member/sh").unwrap().stage;
    assert!(matches!(stage(&world), RampStage::HoldDown { .. }));
    world.tick_s(50);
    assert_eq!(stage(&world), RampStage::Climbing);
}

/// The fleet of a test, at the level given, where no region may be lost.
fn braked(raised: bool) -> Machine {
    let mut machine = if raised {
        Machine::raised(&["hz", "sh", "sg"])
    } else {
        Machine::with(&["hz", "sh", "sg"])
    };
    let mut policy = root_policy();
    policy.rules.limits.max_regions_lost = Some(0);
    machine.accept(Command::PutPolicy(policy));
    machine
}

#[test]
fn below_level_two_nothing_of_all_this_is_kept() {
    let mut machine = braked(false);
    let proposal = machine.proposal(&["hz", "sh"]);
    machine.accept(Command::CommitPlans(vec![proposal]));
    machine.lose("sh");
    assert_eq!(machine.state.brain, Brain::default());
    let proposal = machine.proposal(&["hz", "sh"]);
    assert_eq!(
        machine.accept(Command::CommitPlans(vec![proposal])).refused,
        []
    );
    for subject in ["gateway/sh/eastwest", "session/sh"] {
        machine.vote(subject, Ballot::Reachable);
    }
    machine.tick_ms(11_000);
    assert_eq!(machine.state.brain, Brain::default());
}

#[test]
fn the_brake_is_pulled_once_and_said() {
    let mut machine = braked(true);
    for subject in ["gateway/sh/eastwest", "session/sh"] {
        machine.vote(subject, Ballot::Reachable);
        machine.vote(subject, Ballot::Unreachable);
    }
    let mut effects = (0..10).map(|_| machine.accept(Command::Tick { elapsed_ms: 1_000 }));
    assert!(effects.any(|effect| !effect.verdicts.is_empty() && effect.people));
    let pulled = machine.state.brain.brake.clone().unwrap();
    machine.lose("sg");
    assert_eq!(machine.state.brain.brake, Some(pulled));
    assert_eq!(machine.state.brain.audit.len(), 1);
    // Without a limit, verdicts are no news for people.
    let mut machine = Machine::raised(&["hz", "sh"]);
    let votes = vec![vote("session/sh", Ballot::Reachable)];
    assert!(!machine.accept(Command::CastVotes(votes)).people);
    machine.lose("sh");
    assert_eq!(machine.state.brain.brake, None);
}

#[test]
fn a_share_of_members_alone_is_a_limit_too() {
    let mut machine = Machine::raised(&["hz", "sh", "sg"]);
    let mut policy: PolicySpec = root_policy();
    policy.rules.limits.max_members_lost_percent = Some(50);
    machine.accept(Command::PutPolicy(policy));
    machine.lose("sh");
    assert_eq!(machine.state.brain.brake, None);
    machine.lose("sg");
    let brake = machine.state.brain.brake.as_ref().unwrap();
    assert_eq!((brake.limit, brake.found), (50, 67));
}

#[test]
fn what_is_acknowledged_counts_no_more_until_it_has_recovered() {
    let mut machine = braked(true);
    machine.lose("sh");
    machine.accept(Command::ReleaseBrake {
        seen: machine.pulled(),
        by: "ann".to_owned(),
        reason: "it is truly lost".to_owned(),
    });
    let sh: MemberName = "sh".parse().unwrap();
    assert_eq!(machine.state.brain.acknowledged, [sh].into());
    for gateways in [&["eastwest", "other"][..], &["eastwest"]] {
        machine.accept(place("sg", gateways));
        assert_eq!(machine.state.brain.brake, None);
    }
    for subject in ["gateway/sh/eastwest", "session/sh"] {
        machine.vote(subject, Ballot::Reachable);
    }
    assert!(machine.state.brain.acknowledged.is_empty());
    machine.tick_ms(11_000);
    machine.lose("sh");
    assert!(machine.state.brain.brake.is_some());
}

#[test]
fn a_word_of_before_the_brake_does_not_overrule_it_and_one_after_it_does() {
    let mut world = World::new(|policy| policy.rules.limits.max_regions_lost = Some(0));
    world.machine.lose("sh");
    world.put(overriding(evacuate("member/sg"), Rule::MaxLostAtOnce));
    assert_eq!(
        world.refused().rule(),
        Rule::MaxLostAtOnce,
        "not approved yet"
    );
    world.put(shift("stop", ShiftAction::Freeze));
    assert_eq!(world.refused().rule(), Rule::InForce);
}
