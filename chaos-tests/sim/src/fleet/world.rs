//! Who runs where: replicas on machines with disks, agents beside their members; how each is started and ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use causeway::agent::{Agent, AgentConfig, Observing};
use causeway::peers::{Me, PeerLinks};
use causeway::replica::among::{Among, Begin, Tuning};
use causeway::replica::{ProbeTimes, Replica, ReplicaConfig};
use causeway::telemetry::Metrics;
use causeway_api::ReplicaId;
use causeway_api::exchange::FromGiver;
use causeway_api::peer::{FromPeer, PeerAddresses, ToPeer};
use causeway_api::session::{FromAgent, FromReplica};
use causeway_faults::Survival;
use causeway_storage::Consensus;

use super::describe;
use super::members::Member;
use super::operators;
use super::places::{Places, Taken, What};
use super::policies::Declared;
use super::probe::{SimProbe, gateway_host};
use super::{rewritten, unguarded};
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

    /// Starts a replica; does nothing where it runs or is gone for good.
    ///
    /// # Errors
    /// Where it does not start. That it was killed meanwhile is no error.
    pub async fn start_replica(self: &Arc<Self>, id: u64) -> Result<()> {
        let place = host(id);
        let standing = self.standings().get(&id).cloned();
        let Some(standing) = standing.filter(|held| !held.retired) else {
            return Ok(());
        };
        let Some(Taken { process, disk, .. }) = self.places.take(&place) else {
            return Ok(());
        };
        let domain = format!("region-{}", region_of(id));
        let begin = match standing.join.is_empty() {
            true => Begin::Bootstrap,
            false => Begin::Join,
        };
        let tuning = Tuning {
            // Small, so that replicas that were away are sent snapshots.
            snapshot_every: Some(self.dice.fork("snapshots").between(20, 200)),
            ..Tuning::default()
        };
        let me = Me {
            replica: ReplicaId(id),
            domain: domain.clone(),
            addresses: PeerAddresses {
                peers: peer_address(id),
                sessions: session_address(id),
                admin: String::new(),
            },
            join: standing.join,
        };
        let config = ReplicaConfig {
            id: ReplicaId(id),
            domain: domain.parse()?,
            root_namespace: "causeway-system".parse()?,
            probe: ProbeTimes::default(),
        };
        let listener = self.sessions.listen(&place, &session_address(id));
        let acceptor = self.peers.listen(&place, &peer_address(id));
        let dialler = self.peers.dialer(&place, &ReplicaId(id).to_string());
        let probe = SimProbe {
            host: place.clone(),
            wires: self.wires.clone(),
            members: Arc::clone(&self.members),
        };
        let host = self.host.cluster.client();
        let env = process.env();
        let starting = process.spawn(async move {
            let among = Among {
                links: PeerLinks::new(&env, me, Some(Arc::new(dialler))),
                acceptor: Box::new(acceptor),
                begin,
                tuning,
            };
            let metrics = Metrics::new("controller");
            let (disk, probe) = (Arc::new(disk), Arc::new(probe));
            let (host, listener) = (Some(host), Box::new(listener));
            Replica::start_among(
                env,
                disk,
                host,
                listener,
                probe,
                metrics,
                config,
                Some(among),
            )
            .await
        });
        match starting.await {
            // It was killed while it started.
            Err(_) => Ok(()),
            Ok(Err(error)) => {
                self.places.end(&place, None);
                Err(anyhow!("{place} does not start: {error:#}"))
            }
            Ok(Ok(replica)) => {
                let (log, told) = (replica.log(), Some(Arc::clone(&self.told)));
                self.watch.follow(id, &process, log, &self.history, told);
                self.history.note(&place, "started");
                let what = What::Replica(Arc::new(replica));
                self.places.settle(&place, &process, what);
                Ok(())
            }
        }
    }

    /// Starts an agent of a member.
    pub fn start_agent(self: &Arc<Self>, member: &str, number: u64) {
        let place = agent_place(member, number);
        let (Some(held), Ok(name)) = (self.member(member), member.parse()) else {
            return;
        };
        let Some(Taken {
            process,
            disk,
            starts,
        }) = self.places.take(&place)
        else {
            return;
        };
        let dice = self.dice.fork(&format!("{place} {starts}"));
        let mut controllers: Vec<String> = self.ids().into_iter().map(session_address).collect();
        let voters: Vec<String> = operators::voters(self)
            .into_iter()
            .map(session_address)
            .collect();
        if dice.percent(30) && !voters.is_empty() {
            // One address suffices where it is of a replica that has a part: the others are told.
            let one = dice.pick(&voters).cloned();
            controllers = one.into_iter().collect();
        }
        let config = AgentConfig {
            member: name,
            controllers,
            identity: format!("{place}-{starts}"),
        };
        let dialer = self.sessions.dialer(&member_host(member), member);
        let client = held.cluster.client();
        let client = match self.plant {
            Some(Plant::UnguardedWrite) => unguarded::client(client, dice.fork("writes")),
            Some(Plant::RewrittenFromNothing) => rewritten::client(client, held.cluster.clone()),
            _ => client,
        };
        let probe = SimProbe {
            host: member_host(member),
            wires: self.wires.clone(),
            members: Arc::clone(&self.members),
        };
        let agent = Agent::start_observing(
            &process.env(),
            client,
            Arc::new(dialer),
            Arc::new(disk),
            config,
            Some(Observing::by(Arc::new(probe))),
        );
        self.history.note(&place, "started");
        let what = What::Agent(Arc::new(agent));
        self.places.settle(&place, &process, what);
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

    /// Starts a replica; that it does not start is a violation.
    pub async fn start_and_tell(self: &Arc<Self>, id: u64) {
        if let Err(error) = self.start_replica(id).await {
            self.history.violated("restarts", format_args!("{error:#}"));
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
