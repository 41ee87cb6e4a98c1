//! Who runs where: replicas on machines with disks, agents beside their members; how each is started ([`start`]) and ended.

mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway::replica::Replica;
use causeway_api::exchange::FromGiver;
use causeway_api::peer::{FromPeer, PeerCallKind, ToPeer};
use causeway_api::registry::ObjectKey;
use causeway_api::session::{FromAgent, FromReplica};
use causeway_faults::Survival;
use causeway_storage::Consensus;

use super::describe;
use super::members::Member;
use super::places::Places;
use super::policies::{self, Declared};
use super::probe::gateway_host;
use crate::clients::{Ground, host};
use crate::dice::Dice;
use crate::executor;
use crate::history::History;
use crate::line::Exchange;
use crate::plant::Plant;
use crate::process::{Quirks, SimProcess};
use crate::watch::{Told, Watch};
use crate::wires::Wires;

/// The names of the members, each in a region of its own.
pub const MEMBERS: [&str; 3] = ["a", "b", "c"];

/// The most replicas that there ever are, the later ones included.
const REPLICAS: u64 = 24;

/// The clusterset.
pub struct World {
    /// What happens.
    pub history: History,
    /// The ways.
    pub wires: Wires,
    /// The members.
    pub members: Arc<Vec<Member>>,
    /// The services of each.
    pub services: &'static [&'static str],
    /// The host cluster, in which MemberClusters and policies stand.
    pub host: Member,
    /// Where processes run.
    pub places: Places,
    /// Feeds the invariants of the decision log.
    pub watch: Watch,
    plant: Option<Plant>,
    declared: Declared,
    dice: Dice,
    sessions: Exchange<FromAgent, FromReplica>,
    peers: Exchange<ToPeer, FromPeer>,
    replicas: Mutex<BTreeMap<u64, Standing>>,
    told: Told,
    /// The beginning is over.
    begun: Arc<AtomicBool>,
}

/// What a replica is to be.
#[derive(Debug, Clone)]
struct Standing {
    /// Where it introduces itself; nowhere: it begins the clusterset.
    join: Vec<String>,
    /// It was removed, and is never started again.
    retired: bool,
}

/// The place of a member's agent; a second one may stand by.
#[must_use]
pub fn agent_place(member: &str, number: u64) -> String {
    format!("agent-{member}{number}")
}

/// The host of a member's API server, agents and workloads.
#[must_use]
pub fn member_host(member: &str) -> String {
    format!("host-{member}")
}

/// The member in whose region a replica stands.
#[must_use]
pub fn region_of(replica: u64) -> &'static str {
    let at = usize::try_from(replica.saturating_sub(1) % 3).unwrap_or(0);
    MEMBERS.get(at).copied().unwrap_or("a")
}

/// Where replicas find a replica.
#[must_use]
pub fn peer_address(id: u64) -> String {
    format!("r{id}:7445")
}

fn session_address(id: u64) -> String {
    format!("r{id}:7443")
}

impl World {
    /// Members that run, and nothing else. `told` hears of each decision.
    #[must_use]
    pub fn new(
        dice: &Dice,
        history: &History,
        plant: Option<Plant>,
        told: Told,
        services: &'static [&'static str],
    ) -> Arc<Self> {
        let wires = Wires::new(dice.fork("wires"));
        let api = |name: &str| {
            let process = SimProcess::start(
                &format!("api-{name}"),
                history,
                dice.fork(&format!("api {name}")),
                Quirks::default(),
            );
            process.env()
        };
        let member = |(number, name): (u8, &&str)| Member::new(name, number, api(name), services);
        let members = Arc::new((1..).zip(&MEMBERS).map(member).collect::<Vec<_>>());
        let host = Member::new("host", 99, api("host"), &[]);
        let sessions = Exchange::new(&wires, history, describe::agent, describe::replica);
        let sessions = match plant {
            Some(Plant::ViewsLost) => sessions.losing_answers(|message| {
                matches!(message, FromReplica::View(delta) if !delta.complete && !delta.networks.is_empty())
            }),
            _ => sessions,
        };
        let peers = Exchange::new(&wires, history, describe::dialler, describe::dialled);
        let peers = match plant {
            Some(Plant::FactsLost) => peers.losing(|message| {
                matches!(
                    message,
                    ToPeer::Facts(FromGiver::Facts(_) | FromGiver::Offer { .. })
                )
            }),
            Some(Plant::FencingLost) => peers
                .losing(|message| matches!(message, ToPeer::Fenced(_)))
                .losing_answers(|message| matches!(message, FromPeer::Fenced(_))),
            Some(Plant::VotesLost) => peers.losing(|message| {
                use PeerCallKind::{PreVote, Vote};
                matches!(message, ToPeer::Call(call) if matches!(call.kind, PreVote | Vote))
            }),
            _ => peers,
        };
        let world = Self {
            history: history.clone(),
            wires,
            members,
            services,
            host,
            places: Places::new(history, dice.fork("world"), plant),
            watch: Watch::default(),
            plant,
            declared: Declared::of(dice),
            dice: dice.fork("geography"),
            sessions,
            peers,
            replicas: Mutex::default(),
            told,
            begun: Arc::default(),
        };
        world.spread();
        Arc::new(world)
    }

    /// Sets how far regions are from each other.
    fn spread(&self) {
        let hosts = |region: &str| {
            let replicas = (1..=REPLICAS).filter(|id| region_of(*id) == region);
            let mut hosts: Vec<String> = replicas.map(host).collect();
            hosts.extend([member_host(region), gateway_host(region)]);
            hosts
        };
        for (at, one) in MEMBERS.iter().enumerate() {
            for other in MEMBERS.iter().skip(at + 1) {
                let least = self.dice.millis(1, 30);
                let most = least + least / 5;
                for here in hosts(one) {
                    for there in hosts(other) {
                        self.wires.set_distance(&here, &there, least, most);
                    }
                }
            }
        }
    }

    /// Registers all members in the host cluster, and declares what they are asked for and what they carry.
    pub fn register(&self) {
        let root = self.declared.root(self.plant);
        let members = self.members.iter();
        let members = members.map(|member| self.declared.member(member, self.plant));
        for object in [root].into_iter().chain(members) {
            if let Err(error) = self.host.cluster.put(object) {
                self.history.violated("begins", error);
            }
        }
    }

    /// The beginning is over: from now on there is trouble, and bugs show that are rarely met otherwise.
    pub fn has_begun(self: &Arc<Self>) {
        self.begun.store(true, Ordering::Relaxed);
        match self.plant {
            Some(Plant::OwnLease) => MEMBERS.iter().for_each(|name| self.start_agent(name, 2)),
            Some(Plant::ListsCut) => {
                self.host.cluster.compact();
                self.host.cluster.drop_watches();
            }
            _ => {}
        }
    }

    /// What stands in the host cluster.
    #[must_use]
    pub fn stands(&self) -> BTreeSet<ObjectKey> {
        policies::standing(&self.host.cluster)
    }

    /// What people declare once and for all.
    #[must_use]
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// What is planted.
    #[must_use]
    pub fn plant(&self) -> Option<Plant> {
        self.plant
    }

    /// A member by its name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    fn standings(&self) -> MutexGuard<'_, BTreeMap<u64, Standing>> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the next replica, which none ever had. It is not started yet.
    pub fn enlist(&self) -> u64 {
        let mut standings = self.standings();
        let id = standings.keys().last().copied().unwrap_or(0) + 1;
        let others = standings.iter().filter(|(_, held)| !held.retired);
        let join = others.map(|(id, _)| peer_address(*id)).collect();
        let retired = false;
        standings.insert(id, Standing { join, retired });
        id
    }

    /// A replica is gone for good.
    pub fn retire(&self, id: u64) {
        if let Some(held) = self.standings().get_mut(&id) {
            held.retired = true;
        }
        self.places.end(&host(id), None);
    }

    /// A replica that was gone for good is there again, as it was.
    pub fn revive(&self, id: u64) {
        if let Some(held) = self.standings().get_mut(&id) {
            held.retired = false;
        }
    }

    /// A replica, where it runs.
    #[must_use]
    pub fn replica(&self, id: u64) -> Option<(Arc<SimProcess>, Arc<Replica>)> {
        self.places.replica(&host(id))
    }

    /// The replica that leads in the highest incarnation and term, as far as any knows.
    #[must_use]
    pub fn leader(&self) -> Option<u64> {
        let leads = |id: u64| {
            let (_, replica) = self.replica(id)?;
            let log = replica.log();
            let incarnation = log.read(|state| state.incarnation);
            log.is_leader()
                .then(|| (incarnation, log.status().term, id))
        };
        let leader = self.ids().into_iter().filter_map(leads).max();
        leader.map(|(.., id)| id)
    }

    /// Ends what runs at a place; with a loss of power so much of what was not synced survives.
    pub fn end(&self, place: &str, power: Option<Survival>) {
        self.places.end(place, power);
    }

    /// A member's region is gone: its gateway, its API server, and its agents' way to replicas.
    pub fn lose(&self, member: &str) {
        self.wires.darken(&gateway_host(member));
        self.wires.darken(&member_host(member));
        if let Some(member) = self.member(member) {
            member.cluster.go_dark();
        }
    }

    /// Ends [`Self::lose`].
    pub fn regain(&self, member: &str) {
        self.wires.lighten(&gateway_host(member));
        self.wires.lighten(&member_host(member));
        if let Some(member) = self.member(member) {
            member.cluster.come_back();
        }
    }

    /// Everything is whole again, and everything runs.
    pub async fn heal(self: &Arc<Self>) {
        self.wires.heal();
        for member in self.members.iter().chain([&self.host]) {
            member.cluster.come_back();
            member.cluster.delay(Duration::ZERO);
        }
        for process in self.places.processes() {
            process.thaw();
            process.set_disk(Quirks::default().disk);
        }
        let starting: Vec<_> = self
            .ids()
            .into_iter()
            .map(|id| {
                let world = Arc::clone(self);
                executor::spawn(async move { world.start_and_tell(id).await })
            })
            .collect();
        for started in starting {
            let _ = started.await;
        }
        for member in MEMBERS {
            self.start_agent(member, 1);
        }
    }
}

impl Ground for World {
    fn history(&self) -> &History {
        &self.history
    }

    fn wires(&self) -> &Wires {
        &self.wires
    }

    fn ids(&self) -> Vec<u64> {
        let standings = self.standings();
        let there = standings.iter().filter(|(_, held)| !held.retired);
        there.map(|(id, _)| *id).collect()
    }

    fn log(&self, id: u64) -> Option<(Arc<SimProcess>, Consensus)> {
        let (process, replica) = self.replica(id)?;
        Some((process, replica.log()))
    }
}
