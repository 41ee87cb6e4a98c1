//! Three replicas in three regions, each with a member: the real parts in one process, on a clock of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::domain::Domain;
use causeway_api::facts::GatewayAddress;
use causeway_api::ids::{MemberName, ReplicaId};
use causeway_api::peer::{FromPeer, PeerAddresses, ToPeer};
use causeway_api::session::{FromAgent, FromReplica};
use causeway_api::spec::{MemberSpec, Mode};
use causeway_api::verdict::{Subject, VerdictState};
use causeway_memory::{Config, MemoryMember};
use causeway_seam::real::{self, Folder};
use causeway_seam::transport::hall::{Hall, Wire};
use causeway_state::command::Command;
use causeway_storage::{Change, ReplicaNode};

use super::*;
use crate::agent::{Agent, AgentConfig};
use crate::peers::{Me, PeerLinks};

mod lying;
mod removed;

const SITES: usize = 3;

/// Gateways of members that are dark.
type Dark = Arc<Mutex<BTreeSet<String>>>;

struct Probing(Dark);

#[async_trait]
impl Probe for Probing {
    async fn reach(&self, address: &GatewayAddress, _: u16, _: Duration) -> Result<(), String> {
        match self.0.lock().unwrap().contains(&address.to_string()) {
            true => Err("timed out".to_owned()),
            false => Ok(()),
        }
    }
}

struct World {
    env: Env,
    dark: Dark,
    sessions: Hall<FromAgent, FromReplica>,
    peers: Hall<ToPeer, FromPeer>,
    folder: tempfile::TempDir,
    clusters: Vec<MemoryMember>,
    agents: Vec<Option<Agent>>,
    replicas: Vec<Option<Replica>>,
}

fn member(at: usize) -> MemberName {
    ["a", "b", "c"][at].parse().unwrap()
}

fn gateway(at: usize) -> String {
    format!("192.0.2.{}", at + 11)
}

impl World {
    async fn start() -> Self {
        let env = real::env();
        let mut world = Self {
            dark: Dark::default(),
            sessions: Hall::new(&env),
            peers: Hall::new(&env),
            folder: tempfile::tempdir().unwrap(),
            clusters: Vec::new(),
            agents: Vec::new(),
            replicas: Vec::new(),
            env,
        };
        for at in 0..SITES {
            world.replica(at).await;
        }
        for at in 1..SITES {
            world.add(at).await;
        }
        for at in 0..SITES {
            let spec = MemberSpec {
                mode: Mode::Federate,
                ..MemberSpec::minimal(member(at))
            };
            let put = Command::PutMember(spec);
            world.shared(0).propose(put).await.unwrap();
            let name = member(at).to_string();
            let cluster = MemoryMember::new(Config::new(&name), world.env.clone());
            for object in restart_tests::objects(&name, u8::try_from(at + 1).unwrap()) {
                cluster.put(object).unwrap();
            }
            world.clusters.push(cluster);
            world.agent(at);
        }
        world
            .until("every mesh is written", |world| {
                (0..SITES).all(|at| world.entries(at) == SITES - 1)
            })
            .await;
        world
            .until("every gateway serves", |world| {
                (0..SITES).all(|at| world.verdict(0, at) == VerdictState::Serving)
            })
            .await;
        world
    }

    async fn replica(&mut self, at: usize) {
        let id = ReplicaId(at as u64 + 1);
        let address = format!("p{at}");
        let me = Me {
            replica: id,
            domain: format!("region-{at}"),
            addresses: PeerAddresses {
                peers: address.clone(),
                sessions: format!("s{at}"),
                admin: String::new(),
            },
            join: (at > 0).then(|| "p0".to_owned()).into_iter().collect(),
        };
        let caller = Arc::new(self.peers.caller(&address, &id.to_string()));
        let among = Among {
            links: PeerLinks::new(&self.env, me, Some(caller)),
            acceptor: Box::new(self.peers.listen(&address)),
            begin: match at {
                0 => Begin::Bootstrap,
                _ => Begin::Join,
            },
            tuning: among::Tuning::default(),
        };
        let config = ReplicaConfig {
            id,
            domain: format!("region-{at}").parse().unwrap(),
            root_namespace: "causeway-system".parse().unwrap(),
            probe: ProbeTimes::default(),
        };
        let disk = Folder::open(self.folder.path().join(format!("r{at}"))).unwrap();
        let replica = Replica::start_among(
            self.env.clone(),
            Arc::new(disk),
            None,
            Box::new(self.sessions.listen(&format!("s{at}"))),
            Arc::new(Probing(self.dark.clone())),
            Metrics::new("controller"),
            config,
            Some(among),
        );
        self.replicas.push(Some(replica.await.unwrap()));
    }

    async fn add(&self, at: usize) {
        let add = Change::Add {
            replica: ReplicaId(at as u64 + 1),
            node: ReplicaNode {
                address: format!("p{at}"),
                domain: format!("region-{at}"),
            },
            folder: 0,
            replaces: None,
            accept_domain_risk: true,
        };
        self.shared(0).consensus.change(add).await.unwrap();
        self.until("it votes", |world| {
            let members = world.shared(0).consensus.status().members;
            members.iter().filter(|member| member.voter).count() == at + 1
        })
        .await;
    }

    fn agent(&mut self, at: usize) {
        let name = member(at);
        let folder = self.folder.path().join(format!("agent-{at}"));
        let config = AgentConfig {
            proxies: Vec::new(),
            identity: format!("{name}-agent"),
            // One address suffices: the others are told.
            controllers: vec![format!("s{at}")],
            member: name.clone(),
        };
        let dialer = self.sessions.caller(&format!("agent-{at}"), name.as_str());
        let agent = Agent::start(
            &self.env,
            self.clusters[at].client(),
            Arc::new(dialer),
            Arc::new(Folder::open(folder).unwrap()),
            config,
        );
        self.agents.push(Some(agent));
    }

    fn shared(&self, at: usize) -> &Arc<Shared> {
        &self.replicas[at].as_ref().unwrap().shared
    }

    fn alive(&self) -> impl Iterator<Item = usize> + '_ {
        (0..SITES).filter(|at| self.replicas[*at].is_some())
    }

    /// Its region goes dark: nobody hears it, and it says no goodbye.
    async fn kill(&mut self, at: usize) {
        let cut = Wire {
            cut: true,
            ..Wire::default()
        };
        for other in 0..SITES {
            for (here, there) in [(at, other), (other, at)] {
                let (here, there) = (format!("p{here}"), format!("p{there}"));
                self.peers.set(&here, &there, cut);
            }
            let (door, agent) = (format!("s{at}"), format!("agent-{other}"));
            self.sessions.set(&door, &agent, cut);
            self.sessions.set(&agent, &door, cut);
        }
        self.replicas[at].take().unwrap().stop().await;
    }

    fn kill_member(&mut self, at: usize) {
        self.agents[at] = None;
        self.dark.lock().unwrap().insert(gateway(at));
    }

    fn verdict(&self, seen_by: usize, at: usize) -> VerdictState {
        let subject = Subject::Member { member: member(at) };
        let consensus = &self.shared(seen_by).consensus;
        consensus.read(|state| state.verdicts.state(&subject))
    }

    /// Whether a replica holds the very content that is named for the loss of a domain.
    fn is_prepared(&self, at: usize, domain: &Domain) -> bool {
        let shared = self.shared(at);
        shared.consensus.read(|state| {
            let row = state.brain.contingencies.rows.get(domain);
            row.is_some_and(|row| shared.preparations.holds(domain, row.hash))
        })
    }

    fn leader(&self) -> Option<usize> {
        let leads = |at: &usize| self.shared(*at).consensus.is_leader();
        self.alive().find(leads)
    }

    /// With whom a member's session is.
    fn home(&self, of: usize) -> Option<usize> {
        let name = member(of);
        let here = |at: &usize| self.shared(*at).sessions.of(&name).is_some();
        self.alive().find(here)
    }

    fn entries(&self, at: usize) -> usize {
        let kind = ("networking.istio.io/v1", "WorkloadEntry");
        self.clusters[at].objects(kind.0, kind.1).unwrap().len()
    }

    /// How everything stands, for a failure.
    fn tale(&self) -> String {
        let of = |at: usize| {
            let shared = self.shared(at);
            let status = shared.consensus.status();
            let votes = shared.consensus.read(|state| {
                format!(
                    "time {:?}, silent {:?}, votes {:#?}",
                    state.cluster_time,
                    state.votes.silent(),
                    state.votes.rows()
                )
            });
            format!(
                "r{}: {:?}, leader {:?}, {votes}\n",
                at + 1,
                status.role,
                status.leader
            )
        };
        self.alive().map(of).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = self.env.now();
        while !holds(self) {
            assert!(
                self.env.now().since(began) < Duration::from_secs(120),
                "not within two minutes: {what}\n{}",
                self.tale()
            );
            self.env.sleep(Duration::from_millis(100)).await;
        }
    }

    async fn stop(mut self) {
        for agent in self.agents.drain(..).flatten() {
            agent.stop().await;
        }
        for replica in self.replicas.drain(..).flatten() {
            replica.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_home_that_dies_takes_nothing_with_it() {
    let mut world = World::start().await;
    let home = world.home(1).unwrap();
    let addresses = world.shared(home).exchange.addresses();
    assert_eq!(addresses.len(), SITES, "{addresses:?}");
    world.kill(home).await;
    world
        .until("its members have another home", |world| {
            (0..SITES).all(|at| world.home(at).is_some_and(|new| new != home))
        })
        .await;
    world
        .until("somebody leads", |world| world.leader().is_some())
        .await;
    // Longer than any grace and any hold.
    for _ in 0..60 {
        let other = world.alive().next().unwrap();
        for at in 0..SITES {
            assert_eq!(world.entries(at), SITES - 1, "nothing is withdrawn");
            assert_eq!(world.verdict(other, at), VerdictState::Serving);
        }
        world.env.sleep(Duration::from_secs(1)).await;
    }
    // Every replica says what the home says.
    let ask = world.alive().find(|at| Some(*at) != world.home(1)).unwrap();
    let report = world.replicas[ask].as_ref().unwrap().admin();
    let report = report.status().await.unwrap();
    assert!(report.quorum.reachable && report.members.iter().all(|row| row.agent.connected));
    let dead = report.replicas.iter().find(|row| !row.reachable).unwrap();
    assert_eq!(dead.replica, format!("r{}", home + 1));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_region_that_dies_is_lost_by_the_word_of_the_two_others() {
    let mut world = World::start().await;
    // The leader's own region, so that its word, which was good, is all that is left of it.
    let dead = world.leader().unwrap();
    let lost: Domain = format!("region/r-{}", member(dead)).parse().unwrap();
    world
        .until(
            "its loss is prepared for, alike on every replica",
            |world| world.alive().all(|at| world.is_prepared(at, &lost)),
        )
        .await;
    let named = world.shared(dead).consensus.read(|state| {
        let row = state.brain.contingencies.rows.get(&lost);
        row.map(|row| row.hash)
    });
    world.kill(dead).await;
    world.kill_member(dead);
    let other = world.alive().next().unwrap();
    world
        .until("it is lost", |world| {
            world.verdict(other, dead) == VerdictState::Lost
        })
        .await;
    world
        .until("traffic left it", |world| {
            let alive = (0..SITES).filter(|at| *at != dead);
            alive.clone().all(|at| world.entries(at) == SITES - 2)
        })
        .await;
    for at in (0..SITES).filter(|at| *at != dead) {
        assert_eq!(world.verdict(other, at), VerdictState::Serving);
    }
    let (active, decisive) = world.shared(other).consensus.read(|state| {
        let decisive = state.history.iter().find(|moved| !moved.to.may_receive());
        (
            state.brain.contingencies.active.clone().unwrap(),
            decisive.unwrap().generation,
        )
    });
    assert_eq!((active.domain, Some(active.hash)), (lost, named));
    assert_eq!(active.generation, decisive, "one commit");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_facts_go_on_and_status_says_so() {
    let mut world = World::start().await;
    let last = (world.leader().unwrap() + 1) % SITES;
    let dead: Vec<usize> = (0..SITES).filter(|at| *at != last).collect();
    for at in &dead {
        world.kill(*at).await;
    }
    world
        .until("all are with the one that is left", |world| {
            (0..SITES).all(|at| world.home(at) == Some(last))
        })
        .await;
    let admin = world.replicas[last].as_ref().unwrap().admin();
    let began = world.env.now();
    let report = loop {
        let report = admin.status().await.unwrap();
        if !report.quorum.reachable {
            break report;
        }
        assert!(world.env.now().since(began) < Duration::from_secs(60));
        world.env.sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(report.severity.exit_code(), 5);
    assert_eq!((report.quorum.answering, report.quorum.voters), (1, 3));
    assert!(
        report.waiting[0].contains("2 of 3 voters"),
        "{:?}",
        report.waiting
    );
    // It is ready, and says what waits.
    let replica = world.replicas[last].as_ref().unwrap();
    assert!(replica.ready().is_ok());
    let waiting = replica.waiting();
    assert!(waiting[0].contains("2 of 3 voters"), "{waiting:?}");
    // A fact still goes from one member to another's mesh: the number of its ready endpoints.
    let facts = |world: &World| {
        let facts = world.shared(last).facts();
        facts.owner(&member(0)).unwrap().version
    };
    let before = facts(&world);
    let objects = restart_tests::objects("a", 1);
    let mut slice = objects
        .into_iter()
        .find(|o| o["kind"] == "EndpointSlice")
        .unwrap();
    let mut second = slice["endpoints"][0].clone();
    second["addresses"][0] = "10.1.0.2".into();
    second["targetRef"]["name"] = "cart-2".into();
    slice["endpoints"].as_array_mut().unwrap().push(second);
    world.clusters[0].put(slice).unwrap();
    world
        .until("a fact comes", |world| facts(world) > before)
        .await;
    for at in 0..SITES {
        assert_eq!(world.entries(at), SITES - 1, "nothing is withdrawn");
    }
    world.stop().await;
}
