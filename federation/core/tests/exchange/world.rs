//! Replicas, agents and what runs between them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use causeway_api::FactVersion;
use causeway_api::exchange::{FromGiver, FromTaker};
use causeway_api::facts::{
    ApiFact, Change, EndpointCounts, EndpointKey, FactDelta, MemberFact, MeshFact, NamespaceFact,
};
use causeway_api::ids::{Locality, MemberName, PortName, ReplicaId, ServiceKey};
use causeway_core::exchange::{Giver, Presences, Recent, Taker, digest, hear_first_hand, table};
use causeway_index::{ApplyError, FactStore};
use proptest::prelude::*;

pub(crate) const REPLICAS: usize = 4;
pub(crate) const OWNERS: usize = 3;
/// Rows that deltas are remembered of; few, so that wholes are needed often.
const RECENT: usize = 6;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// An owner's agent changes a service's endpoints, and tells its home.
    Change(usize, usize, u32),
    /// A service goes.
    Gone(usize, usize),
    /// An owner's agent moves to another replica.
    Home(usize, usize),
    /// An owner's agent begins anew, and cannot see its member yet.
    Restart(usize),
    /// It sees its member.
    Sees(usize),
    /// One message from one replica to another arrives, from this place of the queue.
    Deliver(usize, usize, usize),
    /// One is lost.
    Lose(usize, usize, usize),
    /// One arrives, and arrives again later.
    Repeat(usize, usize, usize),
    /// The connection breaks; with `true` it is there again at once.
    Break(usize, usize, bool),
    /// It is time to compare.
    Offer(usize),
    /// A replica loses its memory: a new process.
    Wipe(usize),
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let (r, o, s) = (0..REPLICAS, 0..OWNERS, 0..3usize);
    let pair = (r.clone(), r.clone(), 0..3usize);
    prop_oneof![
        6 => (o.clone(), s.clone(), 0u32..9).prop_map(|(o, s, n)| Event::Change(o, s, n)),
        1 => (o.clone(), s).prop_map(|(o, s)| Event::Gone(o, s)),
        1 => (o.clone(), r.clone()).prop_map(|(o, r)| Event::Home(o, r)),
        1 => o.clone().prop_map(Event::Restart),
        2 => o.prop_map(Event::Sees),
        12 => pair.clone().prop_map(|(a, b, n)| Event::Deliver(a, b, n)),
        1 => pair.clone().prop_map(|(a, b, n)| Event::Lose(a, b, n)),
        1 => pair.clone().prop_map(|(a, b, n)| Event::Repeat(a, b, n)),
        1 => (r.clone(), r.clone(), any::<bool>()).prop_map(|(a, b, up)| Event::Break(a, b, up)),
        2 => r.clone().prop_map(Event::Offer),
        1 => r.prop_map(Event::Wipe),
    ]
}

/// An owner's agent.
#[derive(Default)]
pub(crate) struct Agent {
    home: usize,
    epoch: u64,
    version: FactVersion,
    pub(crate) rows: BTreeMap<usize, u32>,
    sees: bool,
    /// What is true of the owner, at every version at which it was stated.
    stated: BTreeMap<FactVersion, BTreeMap<usize, u32>>,
}

#[derive(Default)]
pub(crate) struct Replica {
    pub(crate) facts: FactStore,
    recent: Recent,
    presences: Presences,
    taker: Taker,
}

/// One direction between two replicas.
pub(crate) struct Link {
    giver: Giver,
    to: VecDeque<FromGiver>,
    pub(crate) back: VecDeque<FromTaker>,
    up: bool,
}

impl Link {
    /// Toward a peer that takes packed facts, or an older one.
    pub(crate) fn new(packing: bool) -> Self {
        Self {
            giver: if packing {
                Giver::packing()
            } else {
                Giver::new()
            },
            to: VecDeque::new(),
            back: VecDeque::new(),
            up: true,
        }
    }
}

pub(crate) struct World {
    pub(crate) agents: Vec<Agent>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) links: BTreeMap<(usize, usize), Link>,
    now: Duration,
}

pub(crate) fn owner(at: usize) -> MemberName {
    format!("m{at}").parse().unwrap()
}

pub(crate) fn service(at: usize) -> ServiceKey {
    format!("shop/s{at}").parse().unwrap()
}

fn id(at: usize) -> ReplicaId {
    ReplicaId(at as u64 + 1)
}

fn row(at: usize, ready: Option<u32>) -> Change<EndpointKey, EndpointCounts> {
    Change {
        key: EndpointKey {
            service: service(at),
            port: PortName::new("http").unwrap(),
            locality: Locality::default(),
        },
        value: ready.map(|n| EndpointCounts {
            ready: n,
            serving: n,
            total: n,
        }),
    }
}

fn member(of: FactVersion) -> MemberFact {
    MemberFact {
        cluster_uid: "uid".to_owned(),
        kubernetes_version: of.to_string(),
        agent_version: String::new(),
        network: None,
        region: None,
        nodes: BTreeMap::new(),
        mesh: MeshFact::None,
        api: ApiFact::Reachable,
        problems: Vec::new(),
        ejected: BTreeMap::new(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            agents: (0..OWNERS).map(|_| Agent::default()).collect(),
            replicas: (0..REPLICAS).map(|_| Replica::new()).collect(),
            links: BTreeMap::new(),
            now: Duration::ZERO,
        };
        for a in 0..REPLICAS {
            for b in 0..REPLICAS {
                if a != b {
                    // Replicas of two versions.
                    world.links.insert((a, b), Link::new(b % 2 == 0));
                }
            }
        }
        for at in 0..OWNERS {
            world.agents[at].home = at % REPLICAS;
            world.restart(at);
            world.sees(at);
        }
        world
    }

    /// A new process begins: its rows are what the cluster has, and nobody is told until it sees them.
    fn restart(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        agent.epoch += 1;
        agent.sees = false;
        let held = self.replicas[agent.home].facts.owner(&owner(at));
        let held = held.map(|facts| facts.version);
        agent.version = FactVersion {
            epoch: agent.epoch,
            sequence: held.map_or(0, |held| held.sequence) + 1,
        };
        let mut delta = FactDelta::empty(owner(at), held, agent.version);
        delta.member = Some(member(agent.version));
        self.tell(at, delta);
    }

    fn sees(&mut self, at: usize) {
        if !std::mem::replace(&mut self.agents[at].sees, true) {
            self.agents[at].version.sequence += 1;
            let snapshot = self.snapshot(at);
            self.note(at);
            self.tell(at, snapshot);
        }
    }

    /// What is true is remembered by its version.
    fn note(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        agent.stated.insert(agent.version, agent.rows.clone());
    }

    fn snapshot(&self, at: usize) -> FactDelta {
        let agent = &self.agents[at];
        let mut delta = FactDelta::empty(owner(at), None, agent.version);
        delta.member = Some(member(agent.version));
        delta.namespaces = vec![Change::set(
            "shop".parse().unwrap(),
            NamespaceFact::default(),
        )];
        delta.endpoints = agent.rows.iter().map(|(s, n)| row(*s, Some(*n))).collect();
        delta
    }

    fn change(&mut self, at: usize, service: usize, ready: Option<u32>) {
        let agent = &mut self.agents[at];
        match ready {
            Some(ready) => agent.rows.insert(service, ready),
            None => agent.rows.remove(&service),
        };
        if !agent.sees {
            return;
        }
        let base = agent.version;
        agent.version.sequence += 1;
        let mut delta = FactDelta::empty(owner(at), Some(base), agent.version);
        delta.endpoints = vec![row(service, ready)];
        self.note(at);
        self.tell(at, delta);
    }

    /// To the agent's home, as a session does: where it does not fit, the whole follows.
    fn tell(&mut self, at: usize, delta: FactDelta) {
        let home = self.agents[at].home;
        let replica = &mut self.replicas[home];
        let told = match hear_first_hand(&mut replica.facts, &mut replica.recent, delta) {
            Err(ApplyError::NeedSnapshot { .. }) if self.agents[at].sees => {
                let whole = self.snapshot(at);
                let replica = &mut self.replicas[home];
                hear_first_hand(&mut replica.facts, &mut replica.recent, whole).unwrap()
            }
            Err(ApplyError::NeedSnapshot { .. }) => return,
            told => told.unwrap(),
        };
        if told.newer {
            for ((from, _), link) in &mut self.links {
                if *from == home && link.up {
                    link.giver.news(&owner(at), told.base);
                }
            }
        }
    }

    pub(crate) fn step(&mut self, event: Event) {
        self.now += Duration::from_millis(100);
        match event {
            Event::Change(at, service, ready) => self.change(at, service, Some(ready)),
            Event::Gone(at, service) => self.change(at, service, None),
            Event::Home(at, home) => {
                self.agents[at].home = home;
                if self.agents[at].sees {
                    let snapshot = self.snapshot(at);
                    self.tell(at, snapshot);
                }
            }
            Event::Restart(at) => self.restart(at),
            Event::Sees(at) => self.sees(at),
            Event::Deliver(a, b, n) => self.deliver(a, b, n, true, false),
            Event::Lose(a, b, n) => self.deliver(a, b, n, false, false),
            Event::Repeat(a, b, n) => self.deliver(a, b, n, true, true),
            Event::Break(a, b, again) => self.connect(a, b, again),
            Event::Offer(a) => {
                for ((from, _), link) in &mut self.links {
                    if *from == a {
                        link.giver.offer();
                    }
                }
            }
            Event::Wipe(a) => {
                self.replicas[a] = Replica::new();
                for b in 0..REPLICAS {
                    self.connect(a, b, true);
                    self.connect(b, a, true);
                }
                // Sessions of its agents begin anew.
                for at in 0..OWNERS {
                    if self.agents[at].home == a {
                        self.step(Event::Home(at, a));
                    }
                }
            }
        }
    }

    pub(crate) fn connect(&mut self, a: usize, b: usize, up: bool) {
        let Some(link) = self.links.get_mut(&(a, b)) else {
            return;
        };
        *link = Link::new(link.giver.packs());
        link.up = up;
        let (giver, taker) = (id(a), &mut self.replicas[b]);
        taker.presences.end(giver);
        taker.presences.begin(giver, self.now);
        if taker.taker.ended(giver) {
            for ((_, to), link) in &mut self.links {
                if *to == b {
                    link.back.push_back(FromTaker::Compare);
                }
            }
        }
    }

    /// Fills the queue, and takes a message out of it at some place: in order is at its front.
    pub(crate) fn deliver(&mut self, a: usize, b: usize, place: usize, arrives: bool, again: bool) {
        let before = self.versions();
        let Some(link) = self.links.get_mut(&(a, b)).filter(|link| link.up) else {
            return;
        };
        while let Some(message) = link.back.pop_front() {
            link.giver.hear(message);
        }
        let from = &self.replicas[a];
        while link.to.len() < 4
            && let Some(message) = link.giver.take(&from.facts, &from.recent)
        {
            link.to.push_back(message);
        }
        assert!(
            link.giver.len() <= 2 * OWNERS,
            "names are all that it keeps"
        );
        let place = place.min(link.to.len().saturating_sub(1));
        let Some(message) = link.to.remove(place) else {
            return;
        };
        if again {
            link.to.push_back(message.clone());
        }
        if !arrives {
            return;
        }
        let replica = &mut self.replicas[b];
        let held = (
            &mut replica.facts,
            &mut replica.recent,
            &mut replica.presences,
        );
        let heard = replica.taker.hear(id(a), message, self.now, held, |_| true);
        link.back.extend(heard.answer);
        assert!(replica.recent.rows() <= RECENT);
        assert!(replica.taker.pending() <= OWNERS);
        self.nothing_went_back(&before);
    }

    fn versions(&self) -> Vec<BTreeMap<MemberName, (FactVersion, FactVersion)>> {
        let of = |replica: &Replica| {
            table(&replica.facts)
                .map(|row| (row.owner, (row.version, row.stated)))
                .collect()
        };
        self.replicas.iter().map(of).collect()
    }

    fn nothing_went_back(&self, before: &[BTreeMap<MemberName, (FactVersion, FactVersion)>]) {
        for (was, is) in before.iter().zip(self.versions()) {
            for (owner, (version, stated)) in was {
                let now = is[owner];
                assert!(now.0 >= *version && now.1 >= *stated, "{owner}: {now:?}");
            }
        }
        for replica in &self.replicas {
            self.is_true(replica);
        }
    }

    /// What is held was true of its owner at the version that it bears.
    fn is_true(&self, replica: &Replica) {
        for (at, agent) in self.agents.iter().enumerate() {
            let Some(held) = replica.facts.owner(&owner(at)) else {
                continue;
            };
            let rows: BTreeMap<usize, u32> = (0..3)
                .flat_map(|s| {
                    held.endpoints(&service(s))
                        .map(move |(_, _, n)| (s, n.ready))
                })
                .collect();
            if held.stated == FactVersion::default() {
                assert!(rows.is_empty());
            } else {
                assert_eq!(rows, agent.stated[&held.stated], "m{at} at {}", held.stated);
            }
            if let Some(member) = &held.member
                && held.version != held.stated
            {
                assert_eq!(member.kubernetes_version, held.version.to_string());
            }
        }
    }

    /// All connections are there again, and nothing is lost any more.
    pub(crate) fn heal(&mut self) {
        for at in 0..OWNERS {
            self.sees(at);
        }
        for a in 0..REPLICAS {
            for b in 0..REPLICAS {
                self.connect(a, b, true);
            }
        }
        for round in 0.. {
            assert!(
                round < 20,
                "they do not come together: {:?}",
                self.versions()
            );
            for _ in 0..20 {
                for a in 0..REPLICAS {
                    for b in 0..REPLICAS {
                        self.deliver(a, b, 0, true, false);
                    }
                }
            }
            let digests: Vec<u64> = self.replicas.iter().map(|r| digest(&r.facts)).collect();
            if digests.windows(2).all(|pair| pair[0] == pair[1]) {
                return;
            }
            self.now += Duration::from_secs(10);
            for a in 0..REPLICAS {
                self.step(Event::Offer(a));
            }
        }
    }
}

impl Replica {
    pub(crate) fn new() -> Self {
        Self {
            recent: Recent::with_max_rows(RECENT),
            ..Self::default()
        }
    }
}
