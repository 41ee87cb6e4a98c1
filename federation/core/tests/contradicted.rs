//! What the state knows is not a leader's to say: each of its inputs that follows from the state is computed again where a plan
//! is committed, whatever plan comes of the lie; and what moved on while an honest leader planned is refused and planned again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod world;

use causeway_api::ids::ReplicaId;
use causeway_api::plan::{
    CapacitySource, DemandSource, DestinationInput, PlanInputs, Rate, Source, Withdrawal,
};
use causeway_api::registry::ObjectKey;
use causeway_api::rules::FailbackMode;
use causeway_api::spec::{Detection, MemberSpec, PolicySpec};
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_api::{MemberName, ServiceKey};
use causeway_core::inputs::{Rates, Unmeasured, plan_inputs_with};
use causeway_core::proposal;
use causeway_failover::checker;
use causeway_failover::plan;
use causeway_state::{Command, Outcome, PlanProposal, Refusal, State, apply_next};
use world::{World, key, name};

fn policy(change: impl FnOnce(&mut PolicySpec)) -> Command {
    let mut policy = PolicySpec {
        key: "causeway-system/root".parse().unwrap(),
        root: true,
        targets: Default::default(),
        hosts: Default::default(),
        failover: Default::default(),
        allowed_regions: ["r-a", "r-b"].map(|region| region.parse().unwrap()).into(),
        demand: [("r-a".parse().unwrap(), Rate::from_rps(300))].into(),
        capacity_per_endpoint: Some(Rate::from_rps(100)),
        max_utilization_percent: None,
        detection: Some(Detection {
            hold_for_ms: 5_000,
            min_observers: 1,
            min_failure_domains: 1,
        }),
        hold_down_ms: None,
        rules: Default::default(),
    };
    change(&mut policy);
    Command::PutPolicy(policy)
}

/// a asks for more than its two endpoints carry, and policy leaves c out.
fn world() -> (World, causeway_index::FactStore) {
    let (mut world, facts) = World::planned();
    world.apply(policy(|_| {}));
    (world, facts)
}

/// Proposes what comes of inputs, whether or not they are true; what is refused.
fn propose(state: &mut State, inputs: PlanInputs) -> Option<Refusal> {
    let plan = plan::plan(&inputs);
    assert_eq!(checker::check(&inputs, &plan), [], "by itself it is a plan");
    let proposal = PlanProposal {
        service: key(),
        plan: Some((inputs, plan)),
        previous: None,
    };
    match apply_next(state, Command::CommitPlans(vec![proposal])) {
        Outcome::Accepted { effect, .. } => effect.refused.into_iter().next().map(|(_, r)| r),
        Outcome::Unchanged => None,
        other => panic!("{other:?}"),
    }
}

/// Where, which field, what was said, and what is so.
fn contradicted(refusal: Option<Refusal>) -> [String; 4] {
    match refusal {
        Some(Refusal::InputContradicted {
            service,
            contradiction: it,
        }) if service == key() => [it.place, it.field, it.claimed, it.found],
        other => panic!("{other:?}"),
    }
}

/// What one member alone reaches: its agent's word, which others contradict.
fn complain(world: &mut World, member: &str, of: &str) {
    let vote = |observer: ObserverId, ballot| {
        Command::CastVotes(vec![Vote {
            observer,
            domain: format!("r-{member}").parse().unwrap(),
            subject: format!("gateway/{of}/eastwest").parse().unwrap(),
            ballot,
            evidence: "as probed".to_owned(),
        }])
    };
    let agent = || ObserverId::Agent(name(member));
    for replica in 1..=3 {
        let replica = ObserverId::Replica(ReplicaId(replica));
        world.apply(vote(replica, Ballot::Reachable));
    }
    world.apply(vote(agent(), Ballot::Reachable));
    for _ in 0..6 {
        world.apply(vote(agent(), Ballot::Unreachable));
        world.apply(Command::Tick { elapsed_ms: 1_000 });
    }
    assert_eq!(
        world.state.unreachable_from(&name(member)),
        [of.parse().unwrap()].into()
    );
}

fn of<'i>(inputs: &'i mut PlanInputs, member: &str) -> &'i mut DestinationInput {
    let mut zones = inputs.destinations.iter_mut();
    zones.find(|zone| zone.member.as_str() == member).unwrap()
}

type Lie = fn(&mut PlanInputs);

#[test]
fn each_field_that_the_state_knows_is_judged() {
    let lies: &[(&str, Lie, [&str; 4])] = &[
        (
            "policy leaves its region out",
            |inputs| {
                of(inputs, "c").region = Some("r-b".parse().unwrap());
                of(inputs, "c").withdrawn = None;
            },
            ["c/z1", "region", "r-b", "r-c"],
        ),
        (
            "callers elsewhere have another order",
            |inputs| inputs.sources[0].region = None,
            ["a/z1", "region", "none", "r-a"],
        ),
        (
            "inside a network no gateway is needed",
            |inputs| of(inputs, "b").network = "a".parse().unwrap(),
            ["b/z1", "network", "a", "b"],
        ),
        (
            "callers in a network of their own",
            |inputs| inputs.sources[1].network = "a".parse().unwrap(),
            ["b/z1", "network", "a", "b"],
        ),
        (
            "room that there is not",
            |inputs| of(inputs, "a").capacity = Some(Rate::from_rps(4_000)),
            [
                "a/z1",
                "capacity",
                "4000/s, as declared",
                "200/s, as declared",
            ],
        ),
        (
            "what is declared passed off as seen",
            |inputs| {
                of(inputs, "a").capacity = Some(Rate::from_rps(4_000));
                of(inputs, "a").capacity_source = CapacitySource::Learned;
            },
            [
                "a/z1",
                "capacity",
                "4000/s, which nobody declares",
                "200/s, as declared",
            ],
        ),
        (
            "nothing known",
            |inputs| {
                of(inputs, "a").capacity = None;
                of(inputs, "a").capacity_source = CapacitySource::Unknown;
            },
            ["a/z1", "capacity", "unknown", "200/s, as declared"],
        ),
        (
            "all of it may be used",
            |inputs| of(inputs, "a").max_utilization_percent = 100,
            ["a/z1", "maxUtilizationPercent", "100", "80"],
        ),
        (
            "more is asked for",
            |inputs| inputs.sources[0].demand = Some(Rate::from_rps(900)),
            ["a/z1", "demand", "900/s, as declared", "300/s, as declared"],
        ),
        (
            "nobody declares what is asked for",
            |inputs| {
                inputs.sources[0].demand = None;
                inputs.sources[0].demand_source = DemandSource::Unknown;
            },
            ["a/z1", "demand", "unknown", "300/s, as declared"],
        ),
        (
            "something asked for where nothing is declared",
            |inputs| {
                inputs.sources[1].demand = Some(Rate::from_rps(10));
                inputs.sources[1].demand_source = DemandSource::Declared;
            },
            ["b/z1", "demand", "10/s, as declared", "unknown"],
        ),
        (
            "a place that does not reach what it reaches",
            |inputs| {
                inputs.sources[0].unreachable = ["b".parse().unwrap()].into();
            },
            ["a/z1", "unreachable", "b", "none"],
        ),
        (
            "no way in",
            |inputs| of(inputs, "b").withdrawn = Some(Withdrawal::NoGateway),
            [
                "b/z1",
                "withdrawn",
                "no gateway leads into its network",
                "none",
            ],
        ),
        (
            "left out, though policy allows it",
            |inputs| of(inputs, "b").withdrawn = Some(Withdrawal::NotAllowed),
            ["b/z1", "withdrawn", "not in allowedRegions", "none"],
        ),
        (
            "unhealthy by somebody's word",
            |inputs| of(inputs, "b").withdrawn = Some(Withdrawal::Unhealthy),
            ["b/z1", "withdrawn", "too few endpoints are ready", "none"],
        ),
        (
            "leaving, though nobody deleted it",
            |inputs| {
                of(inputs, "b").draining = true;
                of(inputs, "b").exported = false;
            },
            ["b/z1", "draining", "true", "false"],
        ),
    ];
    for (why, lie, expected) in lies {
        let (mut world, facts) = world();
        let mut inputs = world.inputs(&facts).unwrap();
        lie(&mut inputs);
        let before = world.state.plans.clone();
        let said = contradicted(propose(&mut world.state, inputs));
        assert_eq!(said, *expected, "{why}");
        assert_eq!(world.state.plans, before, "{why}");
    }
}

#[test]
fn what_is_true_is_never_refused_whatever_the_state_says() {
    let (mut world, facts) = world();
    let honest = |world: &mut World| {
        let inputs = world.inputs(&facts).unwrap();
        assert_eq!(propose(&mut world.state, inputs), None);
    };
    honest(&mut world);
    complain(&mut world, "a", "b");
    honest(&mut world);
    world.lose("c");
    honest(&mut world);
    let spec = MemberSpec {
        max_utilization_percent: Some(50),
        ..MemberSpec::minimal(name("a"))
    };
    world.apply(Command::PutMember(spec));
    honest(&mut world);
    world.apply(policy(|policy| {
        policy.demand.clear();
        policy.capacity_per_endpoint = None;
        policy.allowed_regions.clear();
    }));
    honest(&mut world);
}

#[test]
fn what_a_place_does_not_reach_any_more_cannot_be_left_out() {
    let (mut world, facts) = world();
    complain(&mut world, "a", "b");
    let mut inputs = world.inputs(&facts).unwrap();
    inputs.sources[0].unreachable.clear();
    let said = contradicted(propose(&mut world.state, inputs));
    assert_eq!(said, ["a/z1", "unreachable", "none", "b"]);
}

/// A leader that planned before the state moved on.
#[test]
fn what_moved_on_meanwhile_is_planned_again() {
    type Meanwhile = fn(&mut World);
    let meanwhile: &[(&str, Meanwhile)] = &[
        ("capacity", |world| {
            world.apply(policy(|policy| {
                policy.capacity_per_endpoint = Some(Rate::from_rps(90));
            }));
        }),
        ("demand", |world| {
            world.apply(policy(|policy| {
                policy.demand = [("r-a".parse().unwrap(), Rate::from_rps(200))].into();
            }));
        }),
        ("maxUtilizationPercent", |world| {
            world.apply(policy(|policy| policy.max_utilization_percent = Some(70)));
        }),
        ("region", |world| {
            let mut placement = world.state.members["a"].placement.clone().unwrap();
            placement.region = Some("r-b".parse().unwrap());
            world.apply(Command::PlaceMember {
                member: name("a"),
                placement,
            });
        }),
        ("unreachable", |world| complain(world, "a", "b")),
    ];
    for (field, meanwhile) in meanwhile {
        let (mut world, facts) = world();
        let inputs = world.inputs(&facts).unwrap();
        meanwhile(&mut world);
        let said = contradicted(propose(&mut world.state, inputs));
        assert_eq!(said[1], *field, "{said:?}");
        let again = world.inputs(&facts).unwrap();
        assert_eq!(propose(&mut world.state, again), None, "{field}");
    }
}

/// Plans as a leader does, on from what is committed, from what these rates say; none of it is refused.
fn led(world: &mut World, facts: &causeway_index::FactStore, rates: &dyn Rates) -> PlanInputs {
    let inputs = plan_inputs_with(&world.state, facts, rates, &key()).unwrap();
    let proposal = proposal::planned(&world.state, &key(), inputs.clone());
    match apply_next(&mut world.state, Command::CommitPlans(vec![proposal])) {
        Outcome::Accepted { effect, .. } => assert_eq!(effect.refused, []),
        Outcome::Unchanged => {}
        other => panic!("{other:?}"),
    }
    inputs
}

/// What was measured of callers, and seen of endpoints.
struct Seen;

impl Rates for Seen {
    fn demand(&self, _: &ServiceKey, _: &Source) -> Option<Rate> {
        Some(Rate::from_rps(120))
    }

    fn per_endpoint(&self, _: &ServiceKey, _: &MemberName) -> Option<Rate> {
        Some(Rate::from_rps(40))
    }
}

#[test]
fn what_is_seen_is_true_of_what_nobody_declares() {
    let (mut world, facts) = world();
    let inputs = led(&mut world, &facts, &Seen);
    let mut sources = inputs.sources.iter();
    assert!(sources.all(|source| source.demand_source == DemandSource::Measured));
    let mut declared = inputs.destinations.iter();
    assert!(declared.all(|zone| zone.capacity_source == CapacitySource::Declared));
    world.apply(policy(|policy| policy.capacity_per_endpoint = None));
    let inputs = led(&mut world, &facts, &Seen);
    let mut learned = inputs.destinations.iter();
    assert!(learned.all(|zone| zone.capacity_source == CapacitySource::Learned));
}

#[test]
fn what_is_true_of_who_leaves_or_has_no_way_in_is_not_refused() {
    let (mut world, facts) = world();
    world.apply(Command::RaiseLevel { level: 2 });
    world.apply(policy(|policy| policy.allowed_regions.clear()));
    led(&mut world, &facts, &Unmeasured);
    let object = ObjectKey::Member(name("c"));
    world.apply(Command::ConfirmRemoval { object });
    let mut inputs = led(&mut world, &facts, &Unmeasured);
    assert!(of(&mut inputs, "c").draining);
    let mut placement = world.state.members["b"].placement.clone().unwrap();
    placement.gateways.clear();
    world.apply(Command::PlaceMember {
        member: name("b"),
        placement,
    });
    let mut inputs = led(&mut world, &facts, &Unmeasured);
    assert_eq!(of(&mut inputs, "b").withdrawn, Some(Withdrawal::NoGateway));
    // Its callers keep to it, or to what is leaving.
    assert!(of(&mut inputs, "c").draining);
}

#[test]
fn what_is_true_of_a_return_in_steps_is_not_refused() {
    let (mut world, facts) = world();
    world.apply(Command::RaiseLevel { level: 2 });
    world.apply(policy(|policy| {
        policy.allowed_regions.clear();
        policy.rules.failback.mode = Some(FailbackMode::Automatic);
        policy.rules.failback.step_percents = vec![10, 50, 100];
        policy.rules.failback.interval_ms = Some(10_000);
        policy.hold_down_ms = Some(10_000);
    }));
    led(&mut world, &facts, &Unmeasured);
    world.lose("b");
    led(&mut world, &facts, &Unmeasured);
    for subject in ["gateway/b/eastwest", "session/b"] {
        world.apply(Command::CastVotes(vec![Vote {
            observer: ObserverId::Replica(ReplicaId(1)),
            domain: "here".parse().unwrap(),
            subject: subject.parse().unwrap(),
            ballot: Ballot::Reachable,
            evidence: "as probed".to_owned(),
        }]));
    }
    let mut admitted = std::collections::BTreeSet::new();
    for _ in 0..120 {
        world.apply(Command::Tick { elapsed_ms: 1_000 });
        let mut inputs = led(&mut world, &facts, &Unmeasured);
        let zone = of(&mut inputs, "b");
        if zone.withdrawn.is_none() {
            admitted.insert(zone.admitted_percent);
        }
    }
    assert_eq!(admitted, [10, 50, 100].into());
}

#[test]
fn a_plan_that_goes_on_from_the_one_before_is_judged_by_what_it_says() {
    let (mut world, facts) = world();
    let mut on = 0;
    for step in 0_u64..20 {
        let rps = 200 + step * 7919 % 300;
        world.apply(policy(|policy| {
            policy.allowed_regions.clear();
            policy.demand = [("r-a".parse().unwrap(), Rate::from_rps(rps))].into();
        }));
        let inputs = plan_inputs_with(&world.state, &facts, &Unmeasured, &key()).unwrap();
        let next = proposal::planned(&world.state, &key(), inputs);
        on += u32::from(next.previous.is_some());
        led(&mut world, &facts, &Unmeasured);
    }
    assert!(on > 0, "the plan before never mattered");
}
