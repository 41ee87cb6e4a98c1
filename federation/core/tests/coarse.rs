//! From a verdict to what an agent leaves at once: over a session, with what it held before.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use causeway_api::ServiceKey;
use causeway_api::rules::PolicyRules;
use causeway_api::session::Holds;
use causeway_api::spec::PolicySpec;
use causeway_api::view::ViewDelta;
use causeway_core::coarse;
use causeway_core::holdings::Holdings;
use causeway_core::outbox::Outbox;
use causeway_index::FactStore;
use causeway_state::command::{Command, PlanProposal};
use world::{World, key, name, snapshot, version};

/// An agent and its session.
struct Agent {
    outbox: Outbox,
    held: Holdings,
}

impl Agent {
    fn of(member: &str, held: Holdings) -> Self {
        let holds = if held.complete {
            held.holds()
        } else {
            Holds::default()
        };
        Self {
            outbox: Outbox::resume(name(member), holds),
            held,
        }
    }

    /// Takes what is sent; the services that are to be looked at.
    fn hear(&mut self, world: &World, facts: &FactStore) -> Vec<String> {
        let mut touched = Vec::new();
        while let Some(delta) = self.outbox.take(&world.state, facts) {
            let services = self.held.merge(delta).services;
            touched.extend(services.iter().map(ToString::to_string));
        }
        touched
    }

    fn offered(&self, service: &ServiceKey) -> String {
        let part = coarse::in_force(&self.held.view, service).unwrap();
        let offered = part.value.unwrap().offered;
        let names: Vec<String> = offered.iter().map(ToString::to_string).collect();
        names.join(" ")
    }
}

fn stateful(service: &str, stateful: bool) -> Command {
    Command::PutPolicy(PolicySpec {
        key: "shop/one".parse().unwrap(),
        root: false,
        targets: [service.parse().unwrap()].into(),
        hosts: Default::default(),
        failover: Default::default(),
        allowed_regions: Default::default(),
        demand: Default::default(),
        capacity_per_endpoint: None,
        max_utilization_percent: None,
        detection: None,
        hold_down_ms: None,
        rules: PolicyRules {
            stateful: Some(stateful),
            ..PolicyRules::default()
        },
    })
}

/// Callers in `a`, which has nothing ready itself, of two services: the one that agents look at, and shop/db.
fn calling() -> (World, FactStore) {
    let (mut world, mut facts) = World::planned();
    let mut nothing = snapshot("a");
    nothing.version = version(2);
    nothing.endpoints.clear();
    facts.apply(nothing).unwrap();
    for service in [key(), db()] {
        let mut inputs = world.inputs(&facts).unwrap();
        inputs.service = service.clone();
        inputs.policy = world.state.policy(&service).policy;
        let plan = causeway_failover::plan::plan(&inputs);
        world.apply(Command::CommitPlans(vec![PlanProposal {
            service,
            plan: Some((inputs, plan)),
            previous: None,
        }]));
    }
    (world, facts)
}

fn db() -> ServiceKey {
    "shop/db".parse().unwrap()
}

#[test]
fn where_all_may_leave_there_is_no_step_but_the_network_itself() {
    let (mut world, facts) = World::planned();
    let mut agent = Agent::of("a", Holdings::default());
    agent.hear(&world, &facts);
    world.lose("b");
    agent.outbox.mark_networks(&["b".parse().unwrap()].into());
    agent.outbox.mark_coarse();
    agent.hear(&world, &facts);
    assert_eq!(agent.held.view.coarse, Default::default());
    let row = &agent.held.view.networks["b"];
    assert!(row.value.as_ref().unwrap().gateways.is_empty());
}

#[test]
fn what_keeps_state_stays_all_else_leaves_at_once_and_the_step_ends_with_its_cause() {
    let (mut world, facts) = calling();
    let mut agent = Agent::of("a", Holdings::default());
    agent.hear(&world, &facts);
    assert_eq!(
        (agent.offered(&key()), agent.offered(&db())),
        ("b c".into(), "b c".into())
    );
    world.apply(stateful("shop/db", true));
    let plan = &world
        .state
        .plan(&db())
        .unwrap()
        .value
        .as_ref()
        .unwrap()
        .plan;
    let source = plan
        .sources
        .iter()
        .find(|s| s.source.member == name("a"))
        .unwrap();
    let lost = source.shares[0]
        .destination
        .to_string()
        .replace("network ", "");
    let left = if lost == "b" { "c" } else { "b" };
    world.lose(&lost);
    agent.outbox.mark_networks(&[lost.parse().unwrap()].into());
    agent.outbox.mark_coarse();
    // Before anything is planned: the network keeps its way in, and all but one service leave it.
    assert_eq!(
        agent.hear(&world, &facts),
        [key().to_string(), db().to_string()]
    );
    let row = &agent.held.view.networks[lost.as_str()];
    assert_eq!(row.value.as_ref().unwrap().gateways.len(), 1);
    assert_eq!(agent.offered(&key()), left);
    assert_eq!(agent.offered(&db()), "b c");
    // Said once; and a session that is resumed need not hear it again.
    agent.outbox.mark_coarse();
    assert_eq!(agent.hear(&world, &facts), Vec::<String>::new());
    let mut again = Agent::of("a", agent.held.clone());
    again.hear(&world, &facts);
    assert_eq!(again.held.view.coarse.value, agent.held.view.coarse.value);
    // A person lets it move: the network is cut off as a whole, and nothing is left to be done one by one.
    world.apply(stateful("shop/db", false));
    again.outbox.mark_networks(&[lost.parse().unwrap()].into());
    again.outbox.mark_coarse();
    again.hear(&world, &facts);
    assert_eq!(again.held.view.coarse.value, None);
    let row = &again.held.view.networks[lost.as_str()];
    assert!(row.value.as_ref().unwrap().gateways.is_empty());
}

#[test]
fn an_agent_that_was_away_hears_how_it_stands_now() {
    let (mut world, facts) = World::planned();
    let mut agent = Agent::of("a", Holdings::default());
    agent.hear(&world, &facts);
    let none = ViewDelta::default();
    assert!(agent.held.clone().merge(none).services.is_empty());
    // It held a step that is over.
    let mut held = agent.held.clone();
    held.view.coarse.generation = world.state.last_applied;
    held.view.coarse.value = Some(causeway_api::view::CoarseCut {
        networks: ["b".parse().unwrap()].into(),
        ..Default::default()
    });
    world.apply(stateful("shop/none", true));
    let mut again = Agent::of("a", held);
    again.hear(&world, &facts);
    assert_eq!(again.held.view.coarse.value, None);
    // A replica that lags behind what was said last says nothing.
    let mut ahead = again.held.clone();
    ahead.view.coarse.generation.index += 100;
    ahead.view.coarse.value = Some(Default::default());
    let mut lagging = Agent::of("a", ahead.clone());
    lagging.hear(&world, &facts);
    assert_eq!(lagging.held.view.coarse, ahead.view.coarse);
}
