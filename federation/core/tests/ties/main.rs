//! Services that share something: gateways that carry only so much, and policies that move services as one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod doubted;
mod losses;
#[path = "../world/mod.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{FactDelta, GatewayAddress};
use causeway_api::ids::ServiceKey;
use causeway_api::plan::{Destination, PlanInputs, Rate, ServicePlan};
use causeway_api::rules::{OnOverload, PolicyRules, Priority};
use causeway_api::spec::{DeclaredGateway, MemberSpec, PolicySpec};
use causeway_api::verdict::Ballot;
use causeway_api::{Generation, MemberName};
use causeway_core::placement;
use causeway_core::ties::Ties;
use causeway_failover::checker::check;
use causeway_failover::plan::next;
use causeway_failover::replay::replay;
use causeway_index::FactStore;
use causeway_state::{Command, Effect, Outcome, PlanProposal, Refusal, State, apply_next};

fn key(name: &str) -> ServiceKey {
    format!("shop/{name}").parse().unwrap()
}

struct World {
    state: State,
    facts: FactStore,
    ties: Ties,
}

impl World {
    /// Callers in `a`; `ready` tells what of each service is ready where.
    fn new(ready: &[(&str, &[(&str, u32)])]) -> Self {
        let mut world = Self {
            state: State::default(),
            facts: FactStore::new(),
            ties: Ties::default(),
        };
        world.apply(Command::Bootstrap { incarnation: 1 });
        for member in ["a", "b", "c"] {
            world.member(member, None);
            world.facts.apply(facts(member, ready)).unwrap();
            let name: MemberName = member.parse().unwrap();
            let spec = &world.state.member(&name).unwrap().spec;
            let placement = placement::placement(spec, world.facts.owner(&name).unwrap()).unwrap();
            world.apply(Command::PlaceMember {
                member: name,
                placement,
            });
            world::vote(&mut world.state, member, Ballot::Reachable);
        }
        world
    }

    /// Declares a member, with what its gateway carries.
    fn member(&mut self, member: &str, carries_rps: Option<u64>) {
        let mut spec = MemberSpec::minimal(member.parse().unwrap());
        let gateway = DeclaredGateway {
            addresses: vec![GatewayAddress::Host(format!("{member}.example"))],
            port: 15443,
            max_rate: carries_rps.map(Rate::from_rps),
        };
        spec.gateways = [("eastwest".parse().unwrap(), gateway)].into();
        self.apply(Command::PutMember(spec));
    }

    /// A policy of one service: what `a` asks of it, and more.
    fn policy(&mut self, service: &str, rps: u64, rules: PolicyRules) {
        self.put(service, &[service], rps, rules);
    }

    fn put(&mut self, name: &str, services: &[&str], rps: u64, rules: PolicyRules) {
        self.apply(Command::PutPolicy(spec(name, services, "r-a", rps, rules)));
    }

    fn apply(&mut self, command: Command) {
        let outcome = self.decide(command);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }

    fn accept(&mut self, command: Command) -> Effect {
        match self.decide(command) {
            Outcome::Accepted { effect, .. } => effect,
            other => panic!("{other:?}"),
        }
    }

    fn decide(&mut self, command: Command) -> Outcome {
        apply_next(&mut self.state, command)
    }

    fn lose(&mut self, member: &str) {
        world::lose(&mut self.state, member);
    }

    /// One round of the planner over some services; which ones it looked at.
    fn round(&mut self, services: &[&str]) -> BTreeSet<String> {
        let asked = services.iter().map(|name| key(name)).collect();
        let inputs = self.ties.inputs(&self.state, &self.facts, &asked);
        let seen = inputs.keys().map(|key| key.name.to_string()).collect();
        for (service, inputs) in inputs {
            let proposal = self.proposal(service, inputs.unwrap());
            match self.decide(Command::CommitPlans(vec![proposal])) {
                Outcome::Unchanged => {}
                Outcome::Accepted { effect, .. } => assert_eq!(effect.refused, []),
                other => panic!("{other:?}"),
            }
        }
        seen
    }

    /// A service, planned on from what is committed.
    fn proposal(&self, service: ServiceKey, inputs: PlanInputs) -> PlanProposal {
        let row = self.state.plan(&service);
        let held = row.and_then(|row| row.value.as_ref());
        let next = next(&inputs, held.map(|held| (&held.inputs, &held.plan)));
        assert_eq!(check(&inputs, &next.plan), []);
        let previous = row
            .filter(|_| next.rests_on_previous)
            .map(|row| row.generation);
        PlanProposal {
            service,
            plan: Some((inputs, next.plan)),
            previous,
        }
    }

    /// What a service is planned from now.
    fn inputs(&mut self, service: &str) -> PlanInputs {
        let asked = [key(service)].into();
        let mut inputs = self.ties.inputs(&self.state, &self.facts, &asked);
        inputs.remove(&key(service)).unwrap().unwrap()
    }

    /// What a service sends to a network, in whole requests.
    fn sent(&self, service: &str, network: &str) -> u64 {
        let shares = self
            .plan(service)
            .1
            .sources
            .iter()
            .flat_map(|source| &source.shares);
        let there = shares.filter(
            |share| matches!(&share.destination, Destination::Network(name) if name.as_str() == network),
        );
        there.map(|share| share.rate.0).sum::<u64>() / 1000
    }

    /// Computes what is committed again, from what is committed with it; says whether the plan before was a part of that.
    fn replayed(&self, service: &str) -> bool {
        let held = self.state.plan(&key(service)).unwrap().value.as_ref();
        let held = held.unwrap();
        let previous = held.previous.as_ref().map(|previous| &*previous.plan);
        let again = replay(&held.inputs, previous, &held.plan);
        assert!(again.is_identical(), "{:#?}\n{:#?}", held.plan, again.plan);
        previous.is_some()
    }

    fn plan(&self, service: &str) -> (&PlanInputs, &ServicePlan) {
        let held = self.state.plan(&key(service)).unwrap().value.as_ref();
        let held = held.unwrap();
        (&held.inputs, &held.plan)
    }

    /// What of a service's calls from `a` is served, in whole requests, and what is shed.
    fn served_and_shed(&self, service: &str) -> (u64, u64) {
        let source = &self.plan(service).1.sources[0];
        let served: u64 = source.shares.iter().map(|share| share.rate.0).sum();
        (served / 1000, source.shed.0 / 1000)
    }
}

/// A policy of some services: what is asked of them from a region, and more.
fn spec(name: &str, services: &[&str], from: &str, rps: u64, rules: PolicyRules) -> PolicySpec {
    let targets = services.iter().map(|name| key(name));
    PolicySpec {
        key: format!("shop/{name}").parse().unwrap(),
        root: false,
        targets: targets.collect(),
        hosts: BTreeSet::new(),
        failover: BTreeMap::new(),
        allowed_regions: BTreeSet::new(),
        demand: [(from.parse().unwrap(), Rate::from_rps(rps))].into(),
        capacity_per_endpoint: Some(Rate::from_rps(100)),
        max_utilization_percent: Some(100),
        detection: None,
        hold_down_ms: None,
        rules,
    }
}

fn facts(member: &str, ready: &[(&str, &[(&str, u32)])]) -> FactDelta {
    let here = ready.iter().filter_map(|(service, members)| {
        let (_, ready) = members.iter().find(|(name, _)| *name == member)?;
        Some((key(service), *ready))
    });
    world::told(member, here)
}

fn class(priority: Priority, on_overload: OnOverload) -> PolicyRules {
    let mut rules = PolicyRules {
        priority: Some(priority),
        ..PolicyRules::default()
    };
    rules.limits.on_overload = Some(on_overload);
    rules
}

const THREE: [&str; 3] = ["first", "then", "last"];

/// Three services of three classes, each served in `b` alone and asked for 100 a second from `a`.
fn three() -> World {
    let mut world = World::new(&[
        ("first", &[("b", 5)]),
        ("then", &[("b", 5)]),
        ("last", &[("b", 5)]),
    ]);
    world.policy("first", 100, class(Priority::Critical, OnOverload::Refuse));
    world.policy("then", 100, class(Priority::Standard, OnOverload::Shed));
    world.policy("last", 100, class(Priority::Sheddable, OnOverload::Shed));
    world
}

#[test]
fn gateways_that_carry_all_tie_nobody() {
    let mut world = three();
    assert_eq!(world.round(&["first"]).len(), 1);
    world.member("b", Some(1_000));
    assert_eq!(world.round(&THREE).len(), 3);
    for service in THREE {
        assert_eq!(world.plan(service).0.gateways, []);
        assert_eq!(world.served_and_shed(service), (100, 0));
    }
}

#[test]
fn what_gateways_cannot_carry_the_lowest_class_goes_without() {
    let mut world = three();
    world.member("b", Some(210));
    world.round(&THREE);
    assert_eq!(world.served_and_shed("first"), (100, 0));
    assert_eq!(world.served_and_shed("then"), (100, 0));
    assert_eq!(world.served_and_shed("last"), (10, 90));

    // Together they never send more than the gateways carry.
    let sent: u64 = THREE.iter().map(|name| world.served_and_shed(name).0).sum();
    assert!(sent <= 210, "{sent}");
}

#[test]
fn only_those_are_planned_again_whose_part_changes_and_all_is_as_from_scratch() {
    let mut world = three();
    world.member("b", Some(210));
    world.round(&THREE);
    world.policy("first", 50, class(Priority::Critical, OnOverload::Refuse));
    let seen = world.round(&["first"]);
    let expected = ["first", "last"].map(str::to_owned);
    assert_eq!(
        seen,
        expected.into(),
        "`then` has all that it wants either way"
    );
    assert_eq!(world.served_and_shed("last"), (60, 40));

    let all = THREE.iter().map(|name| key(name)).collect();
    let fresh = Ties::default().inputs(&world.state, &world.facts, &all);
    for service in THREE {
        assert_eq!(
            fresh[&key(service)].as_ref().unwrap(),
            world.plan(service).0
        );
    }

    // The gateway stops declaring what it carries: nobody is bound any more.
    world.member("b", None);
    world.round(&THREE);
    for service in THREE {
        assert_eq!(world.plan(service).0.gateways, []);
    }
}

/// A plan was refused since it sends more, with that of another, than the gateway of `b` carries.
fn overfilled(world: &mut World) {
    world.apply(Command::RaiseLevel { level: 2 });
    // What spills over falls, and what is left of it need not be shared out anew.
    for rps in [600, 300] {
        world.policy("cart", rps, PolicyRules::default());
        world.round(&["cart"]);
    }
    world.member("b", Some(100));
    world.round(&["cart"]);
    assert_eq!(world.sent("cart", "b"), 72);

    // What may go nowhere else fits beside what the other would send from scratch, and not beside what it sends.
    world.policy("pay", 40, PolicyRules::default());
    let inputs = world.inputs("pay");
    assert_eq!(inputs.gateways, [], "all that is wanted fits");
    let proposal = world.proposal(key("pay"), inputs);
    let effect = world.accept(Command::CommitPlans(vec![proposal]));
    let Refusal::GatewayOverfull { network, .. } = &effect.refused[0].1 else {
        panic!("{effect:?}");
    };

    assert!(world.state.kept_to_parts().contains(network));
}

#[test]
fn what_goes_on_from_plans_before_is_brought_back_to_what_gateways_carry() {
    let mut world = World::new(&[
        ("cart", &[("a", 2), ("b", 4), ("c", 7)]),
        ("pay", &[("b", 4)]),
    ]);
    overfilled(&mut world);
    let seen = world.round(&["pay"]);
    assert_eq!(seen.len(), 2, "the other gives way: {seen:?}");
    assert!(world.sent("cart", "b") + world.sent("pay", "b") <= 100);
    assert_eq!(world.served_and_shed("pay"), (40, 0));
    // And it stays so.
    for service in ["cart", "pay"] {
        let held = world.plan(service).0.clone();
        assert_eq!(world.inputs(service), held);
    }
}

#[test]
fn services_that_move_together_go_where_the_weakest_goes() {
    let mut world = World::new(&[
        ("cart", &[("a", 10), ("b", 10)]),
        ("pay", &[("a", 2), ("b", 10)]),
    ]);
    let rules = PolicyRules {
        move_together: Some(true),
        ..PolicyRules::default()
    };
    world.put("unit", &["cart", "pay"], 400, rules);
    world.round(&["cart", "pay"]);
    let parts = |world: &World, service: &str| {
        let shares = &world.plan(service).1.sources[0].shares;
        shares.iter().map(|share| share.parts).collect::<Vec<_>>()
    };
    // pay has room for half of it at home; cart could keep all, and goes with it.
    assert_eq!(parts(&world, "pay"), [5_000, 5_000]);
    assert_eq!(parts(&world, "cart"), [5_000, 5_000]);

    // Once there is no unit, each is by itself.
    world.put("unit", &["cart", "pay"], 400, PolicyRules::default());
    world.round(&["cart", "pay"]);
    assert_eq!(parts(&world, "cart"), [10_000]);
    assert_eq!(parts(&world, "pay"), [5_000, 5_000]);
}

#[test]
fn planned_on_from_the_plan_before_it_can_be_computed_again() {
    let mut world = World::new(&[("cart", &[("a", 2), ("b", 4), ("c", 7)])]);
    let mut on = 0;
    for step in 0_u64..40 {
        // Demand goes up and down: what spills over need not be shared out anew each time.
        world.policy("cart", 300 + step * 7919 % 500, PolicyRules::default());
        world.round(&["cart"]);
        on += usize::from(world.replayed("cart"));
    }
    assert!(on > 0, "the plan before never mattered");

    // A plan that goes on from one that is no longer committed is refused.
    let row = world.state.plan(&key("cart")).unwrap();
    let held = row.value.as_ref().unwrap();
    let stale = PlanProposal {
        service: key("cart"),
        plan: Some((held.inputs.clone(), held.plan.clone())),
        previous: Some(Generation {
            index: row.generation.index - 1,
            ..row.generation
        }),
    };
    let effect = world.accept(Command::CommitPlans(vec![stale]));
    assert!(
        matches!(effect.refused[0].1, Refusal::StalePlan { .. }),
        "{effect:?}"
    );
}
