//! Whatever happens to a session, an agent ends up with exactly what the replica would cut for it.
//!
//! A random history of decisions and facts runs through outbox and holdings, with sessions that break, deltas that are
//! lost or come twice, and a second replica that lags. Once it is quiet, the agent's view is the cut of the state.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{Change, FactDelta, GatewayAddress, NamespaceFact};
use causeway_api::ids::{Locality, MemberName, ServiceKey};
use causeway_api::spec::MemberSpec;
use causeway_api::{FactVersion, Generation};
use causeway_core::holdings::Holdings;
use causeway_core::outbox::Outbox;
use causeway_core::{cut, inputs, placement};
use causeway_index::FactStore;
use causeway_state::{Command, PlanProposal, State, apply_next};
use proptest::prelude::*;

const MEMBERS: [&str; 3] = ["a", "b", "c"];
const SERVICES: [&str; 3] = ["shop/cart", "shop/pay", "shop/web"];

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A member's endpoints of a service change.
    Ready(usize, usize, u32),
    /// A member exports a service, or no longer.
    Export(usize, usize, bool),
    /// A member is declared in another region.
    Region(usize, bool),
    /// The planner looks at a service.
    Plan(usize),
    /// What is due is sent and arrives.
    Deliver,
    /// What is due is sent, and the session breaks on the way.
    Lose,
    /// The session breaks and a new one begins.
    Reconnect,
    /// A delta that came already comes again.
    Repeat,
}

fn event() -> impl Strategy<Value = Event> {
    let member = 0..MEMBERS.len();
    let service = 0..SERVICES.len();
    prop_oneof![
        4 => (member.clone(), service.clone(), 0u32..4).prop_map(|(m, s, n)| Event::Ready(m, s, n)),
        2 => (member.clone(), service.clone(), any::<bool>()).prop_map(|(m, s, on)| Event::Export(m, s, on)),
        1 => (member, any::<bool>()).prop_map(|(m, on)| Event::Region(m, on)),
        3 => service.prop_map(Event::Plan),
        3 => Just(Event::Deliver),
        1 => Just(Event::Lose),
        1 => Just(Event::Reconnect),
        1 => Just(Event::Repeat),
    ]
}

struct World {
    state: State,
    facts: FactStore,
    versions: BTreeMap<MemberName, FactVersion>,
    exported: BTreeSet<(usize, usize)>,
    ready: BTreeMap<(usize, usize), u32>,
    outbox: Outbox,
    agent: Holdings,
    last: Option<causeway_api::view::ViewDelta>,
}

fn member(at: usize) -> MemberName {
    MEMBERS[at].parse().unwrap()
}

fn service(at: usize) -> ServiceKey {
    SERVICES[at].parse().unwrap()
}

impl World {
    /// The agent is that of member `a`.
    fn new() -> Self {
        let mut world = Self {
            state: State::default(),
            facts: FactStore::new(),
            versions: BTreeMap::new(),
            exported: BTreeSet::new(),
            ready: BTreeMap::new(),
            outbox: Outbox::resume(member(0), Holdings::default().holds()),
            agent: Holdings::default(),
            last: None,
        };
        world.apply(Command::Bootstrap { incarnation: 1 });
        for at in 0..MEMBERS.len() {
            world.apply(Command::PutMember(MemberSpec::minimal(member(at))));
            world.introduce(at);
        }
        world
    }

    fn apply(&mut self, command: Command) {
        apply_next(&mut self.state, command);
        // As the follower does: everything that may have changed is marked.
        self.outbox
            .mark_services(&(0..SERVICES.len()).map(service).collect());
        self.outbox
            .mark_networks(&self.state.networks.keys().cloned().collect());
        self.outbox.mark_settings();
    }

    fn introduce(&mut self, at: usize) {
        let mut delta = self.delta(at);
        let locality: Locality = format!("r{at}/z1").parse().unwrap();
        delta.member = Some(world::member_fact(MEMBERS[at], &locality));
        delta.namespaces = vec![Change::set("shop".parse().unwrap(), NamespaceFact {})];
        let address = [192, 0, 2, 10 + u8::try_from(at).unwrap()];
        let gateway = world::gateway(MEMBERS[at], GatewayAddress::Ip(address.into()));
        delta.gateways = vec![Change::set("eastwest".parse().unwrap(), gateway)];
        self.say(at, delta);
        self.place(at);
    }

    fn place(&mut self, at: usize) {
        let name = member(at);
        let spec = &self.state.member(&name).unwrap().spec;
        let placement = placement::placement(spec, self.facts.owner(&name).unwrap()).unwrap();
        self.apply(Command::PlaceMember {
            member: name,
            placement,
        });
    }

    fn delta(&mut self, at: usize) -> FactDelta {
        let base = self.versions.get(&member(at)).copied();
        let version = FactVersion {
            epoch: 1,
            sequence: base.map_or(1, |base| base.sequence + 1),
        };
        self.versions.insert(member(at), version);
        FactDelta::empty(member(at), base, version)
    }

    fn say(&mut self, at: usize, delta: FactDelta) {
        let touched = self.facts.apply(delta).unwrap();
        self.outbox.mark_facts(&member(at), &touched.services);
    }

    fn say_service(&mut self, at: usize, key: usize) {
        let mut delta = self.delta(at);
        let fact = world::service_fact(&service(key), self.exported.contains(&(at, key)));
        delta.services = vec![Change::set(service(key), fact)];
        let locality = format!("r{at}/z1").parse().unwrap();
        let ready = self.ready.get(&(at, key)).copied().unwrap_or(0);
        delta.endpoints = vec![world::endpoints(&service(key), &locality, ready)];
        self.say(at, delta);
    }

    fn plan(&mut self, key: usize) {
        let key = service(key);
        let inputs = inputs::plan_inputs(&self.state, &self.facts, &key);
        let plan = inputs.map(|inputs| {
            let plan = causeway_failover::plan::plan(&inputs);
            (inputs, plan)
        });
        self.apply(Command::CommitPlans(vec![PlanProposal {
            service: key,
            plan,
            previous: None,
        }]));
    }

    fn send(&mut self) -> Option<causeway_api::view::ViewDelta> {
        self.outbox.take(&self.state, &self.facts)
    }

    fn deliver(&mut self) {
        if let Some(delta) = self.send() {
            let touched = self.agent.merge(delta.clone());
            assert_eq!(
                touched.misfits,
                BTreeSet::new(),
                "a delta of a whole session fits"
            );
            self.last = Some(delta);
        }
    }

    fn reconnect(&mut self) {
        self.outbox = Outbox::resume(member(0), self.agent.holds());
    }

    fn run(&mut self, event: Event) {
        match event {
            Event::Ready(at, key, ready) => {
                self.ready.insert((at, key), ready);
                self.say_service(at, key);
            }
            Event::Export(at, key, on) => {
                if on {
                    self.exported.insert((at, key));
                } else {
                    self.exported.remove(&(at, key));
                }
                self.say_service(at, key);
            }
            Event::Region(at, on) => {
                let mut spec = MemberSpec::minimal(member(at));
                spec.region = on.then(|| "elsewhere".parse().unwrap());
                self.apply(Command::PutMember(spec));
                self.place(at);
            }
            Event::Plan(key) => self.plan(key),
            Event::Deliver => self.deliver(),
            Event::Lose => {
                self.send();
                self.reconnect();
            }
            Event::Reconnect => self.reconnect(),
            Event::Repeat => {
                if let Some(delta) = self.last.clone() {
                    let before = self.agent.clone();
                    let touched = self.agent.merge(delta);
                    if touched.misfits.is_empty() {
                        assert_eq!(self.agent, before, "what came already changes nothing");
                    } else {
                        self.reconnect();
                    }
                }
            }
        }
    }

    fn settle(&mut self) {
        for key in 0..SERVICES.len() {
            self.plan(key);
        }
        self.deliver();
        assert_eq!(self.send(), None, "nothing is left to be sent");
    }

    fn check(&self) {
        let view = &self.agent.view;
        let me = member(0);
        assert_eq!(
            Some(&view.settings),
            cut::settings(&self.state, &self.facts, &me).as_ref()
        );
        for key in (0..SERVICES.len()).map(service) {
            let held = view.services.get(&key).and_then(|part| part.value.clone());
            let wanted = cut::service(&self.state, &me, &key).and_then(|part| part.value);
            assert_eq!(held, wanted, "{key}");
            for owner in (1..MEMBERS.len()).map(member) {
                let held = view
                    .owners
                    .get(&owner)
                    .and_then(|part| part.services.get(&key));
                let wanted = cut::owner_service(&self.state, &self.facts, &me, &owner, &key);
                assert_eq!(held, wanted.as_ref(), "{key} of {owner}");
            }
        }
        for name in cut::networks(&self.state) {
            let held = view.networks.get(&name).map(|part| part.value.clone());
            let wanted = cut::network(&self.state, &me, &name).map(|part| part.value);
            assert_eq!(held, wanted, "{name}");
        }
        assert!(self.agent.complete && self.agent.generation() > Generation::default());
    }
}

proptest! {
    #[test]
    fn an_agent_ends_up_with_what_the_replica_would_cut(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World::new();
        for event in events {
            world.run(event);
        }
        world.settle();
        world.check();
    }
}

/// The agent holds the word that there is no plan, with which the facts were taken back. Where the plan comes again with a new
/// session they come again too, although the owner has said nothing since.
#[test]
fn facts_of_a_service_that_was_gone_come_again_with_its_plan() {
    let mut world = World::new();
    for event in [
        Event::Export(1, 1, true),
        Event::Plan(1),
        Event::Deliver,
        Event::Export(1, 1, false),
        Event::Plan(1),
        Event::Export(1, 1, true),
        Event::Deliver,
        Event::Lose,
    ] {
        world.run(event);
    }
    world.settle();
    world.check();
}

#[test]
fn one_changed_endpoint_sends_one_owners_one_service() {
    let mut world = World::new();
    for key in 0..SERVICES.len() {
        for at in 0..MEMBERS.len() {
            world.run(Event::Export(at, key, true));
            world.run(Event::Ready(at, key, 2));
        }
    }
    world.settle();
    world.run(Event::Ready(1, 0, 3));
    let delta = world.send().unwrap();
    assert!(delta.services.is_empty() && delta.networks.is_empty() && delta.settings.is_none());
    assert_eq!(delta.owners.len(), 1);
    assert_eq!(delta.owners[0].services.len(), 1);
}
