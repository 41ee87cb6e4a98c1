//! Who runs where: replicas on machines with disks, agents beside their members; how each is started and ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use causeway::agent::{Agent, AgentConfig};
use causeway::replica::{ProbeTimes, Replica, ReplicaConfig};
use causeway::telemetry::Metrics;
use causeway_api::ReplicaId;
use causeway_api::session::{FromAgent, FromReplica};
use causeway_faults::{FaultyDisk, Survival};
use causeway_seam::Random;
use serde_json::json;

use super::members::Member;
use super::probe::{SimProbe, gateway_host};
use crate::dice::Dice;
use crate::history::History;
use crate::line::Exchange;
use crate::process::{Quirks, SimProcess};
use crate::wires::Wires;

/// The names of the members.
pub const MEMBERS: [&str; 3] = ["a", "b", "c"];

/// The clusterset.
pub struct World {
    /// What happens.
    pub history: History,
    /// The ways.
    pub wires: Wires,
    /// The members.
    pub members: Arc<Vec<Member>>,
    /// The host cluster, in which MemberClusters and policies stand.
    pub host: Member,
    dice: Dice,
    sessions: Exchange<FromAgent, FromReplica>,
    places: Mutex<BTreeMap<String, Place>>,
}

/// Where one process runs, again and again.
struct Place {
    disk: FaultyDisk,
    starts: u64,
    quirks: Quirks,
    running: Option<Running>,
}

/// What runs at a place.
struct Running {
    process: Arc<SimProcess>,
    /// Held while it runs.
    _what: What,
}

#[expect(dead_code, reason = "held while it runs")]
enum What {
    Replica(Box<Replica>),
    Agent(Box<Agent>),
}

/// The place of a member's agent; a second one may stand by.
#[must_use]
pub fn agent_place(member: &str, number: u64) -> String {
    format!("agent-{member}{number}")
}

/// The place of a replica.
#[must_use]
pub fn replica_place(id: u64) -> String {
    format!("r{id}")
}

impl World {
    /// Members that run, and nothing else.
    #[must_use]
    pub fn new(dice: &Dice, history: &History) -> Arc<Self> {
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
        let member = |(number, name): (u8, &&str)| Member::new(name, number, api(name));
        let members = Arc::new((1..).zip(&MEMBERS).map(member).collect::<Vec<_>>());
        let host = Member::new("host", 99, api("host"));
        let sessions = Exchange::new(&wires, history, describe_agent, describe_replica);
        Arc::new(Self {
            history: history.clone(),
            wires,
            members,
            host,
            dice: dice.fork("world"),
            sessions,
            places: Mutex::default(),
        })
    }

    /// Registers all members in the host cluster.
    pub fn register(&self) {
        for name in MEMBERS {
            let object = json!({ "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
                "metadata": { "name": name }, "spec": { "mode": "Federate" } });
            if let Err(error) = self.host.cluster.put(object) {
                self.history.violated("begins", error);
            }
        }
    }

    /// A member by its name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Takes a place for a process: its process and its disk.
    fn occupy(&self, place: &str) -> (Arc<SimProcess>, FaultyDisk, u64) {
        let mut places = self.places();
        let dice = self.dice.fork(place);
        let held = places.entry(place.to_owned()).or_insert_with(|| Place {
            disk: FaultyDisk::new(place, dice.next_u64()),
            starts: 0,
            quirks: Quirks {
                drift_ppm: i64::try_from(dice.between(0, 1_000)).unwrap_or(0) - 500,
                wall_ms: i64::try_from(dice.between(0, 120_000)).unwrap_or(0) - 60_000,
                ..Quirks::default()
            },
            running: None,
        });
        held.starts += 1;
        let dice = self.dice.fork(&format!("{place} start {}", held.starts));
        let process = SimProcess::start(place, &self.history, dice, held.quirks);
        (process, held.disk.clone(), held.starts)
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run_at(&self, place: &str, process: Arc<SimProcess>, what: What) {
        if let Some(held) = self.places().get_mut(place) {
            held.running = Some(Running {
                process,
                _what: what,
            });
        }
    }

    /// The process at a place, where one runs.
    #[must_use]
    pub fn process(&self, place: &str) -> Option<Arc<SimProcess>> {
        let places = self.places();
        let running = places.get(place)?.running.as_ref()?;
        Some(Arc::clone(&running.process))
    }

    /// Starts a replica.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start_replica(self: &Arc<Self>, id: u64) -> Result<()> {
        let place = replica_place(id);
        if self.process(&place).is_some() {
            return Ok(());
        }
        let (process, disk, _) = self.occupy(&place);
        let listener = self.sessions.listen(&place, &format!("{place}:7443"));
        let probe = SimProbe {
            host: place.clone(),
            wires: self.wires.clone(),
            members: Arc::clone(&self.members),
        };
        let config = ReplicaConfig {
            id: ReplicaId(id),
            domain: format!("region-{id}").parse()?,
            root_namespace: "causeway-system".parse()?,
            probe: ProbeTimes::default(),
        };
        let host = self.host.cluster.client();
        let env = process.env();
        let starting = process.spawn(async move {
            Replica::start(
                env,
                Arc::new(disk),
                Some(host),
                Box::new(listener),
                Arc::new(probe),
                Metrics::new("controller"),
                config,
            )
            .await
        });
        let replica = starting.await.context("it was killed while it started")??;
        self.history.note(&place, "started");
        self.run_at(&place, process, What::Replica(Box::new(replica)));
        Ok(())
    }

    /// Starts an agent of a member.
    pub fn start_agent(self: &Arc<Self>, member: &str, number: u64) {
        let place = agent_place(member, number);
        let (Some(held), None) = (self.member(member), self.process(&place)) else {
            return;
        };
        let (process, disk, starts) = self.occupy(&place);
        let Ok(name) = member.parse() else { return };
        let config = AgentConfig {
            member: name,
            controllers: vec!["r1:7443".to_owned()],
            identity: format!("{place}-{starts}"),
        };
        let dialer = self.sessions.dialer(&format!("host-{member}"), member);
        let agent = Agent::start(
            &process.env(),
            held.cluster.client(),
            Arc::new(dialer),
            Arc::new(disk),
            config,
        );
        self.history.note(&place, "started");
        self.run_at(&place, process, What::Agent(Box::new(agent)));
    }

    /// Ends what runs at a place; with a loss of power so much of what was not synced survives.
    pub fn end(&self, place: &str, power: Option<Survival>) {
        let taken = {
            let mut places = self.places();
            let held = places.get_mut(place);
            held.and_then(|held| Some((held.running.take()?, held.disk.clone())))
        };
        let Some((running, disk)) = taken else { return };
        self.history
            .note(place, format_args!("ends, power: {power:?}"));
        disk.cut_power();
        running.process.kill();
        drop(running);
        let next = match power {
            None => disk.kill(),
            Some(survival) => disk.restart(survival),
        };
        if let Some(held) = self.places().get_mut(place) {
            held.disk = next;
        }
    }

    /// A member's region is gone: its gateway, its API server, and its agents' way to replicas.
    pub fn lose(&self, member: &str) {
        self.wires.darken(&gateway_host(member));
        self.wires.darken(&format!("host-{member}"));
        if let Some(member) = self.member(member) {
            member.cluster.go_dark();
        }
    }

    /// Ends [`Self::lose`].
    pub fn regain(&self, member: &str) {
        self.wires.lighten(&gateway_host(member));
        self.wires.lighten(&format!("host-{member}"));
        if let Some(member) = self.member(member) {
            member.cluster.come_back();
        }
    }

    /// Everything is whole again, and everything runs.
    ///
    /// # Errors
    /// Where a replica does not start.
    pub async fn heal(self: &Arc<Self>) -> Result<()> {
        self.wires.heal();
        for member in self.members.iter().chain([&self.host]) {
            member.cluster.come_back();
            member.cluster.delay(Duration::ZERO);
        }
        let processes: Vec<Arc<SimProcess>> = {
            let places = self.places();
            let running = places.values().filter_map(|place| place.running.as_ref());
            running
                .map(|running| Arc::clone(&running.process))
                .collect()
        };
        processes.iter().for_each(|process| process.thaw());
        self.start_replica(1).await?;
        for member in MEMBERS {
            self.start_agent(member, 1);
        }
        Ok(())
    }
}

fn describe_agent(message: &FromAgent) -> Option<String> {
    match message {
        FromAgent::Heartbeat => None,
        FromAgent::Hello(hello) => Some(format!(
            "hello of {}, epoch {}, highest {}",
            hello.member, hello.epoch, hello.highest
        )),
        FromAgent::Facts(delta) => {
            Some(format!("facts of {} up to {}", delta.owner, delta.version))
        }
        FromAgent::Applied(applied) => Some(format!(
            "applied up to {}, {} objects",
            applied.generation, applied.objects
        )),
        FromAgent::Votes(votes) => Some(format!("{} votes", votes.len())),
        FromAgent::Diff { id, .. } => Some(format!("difference {id}")),
    }
}

fn describe_replica(message: &FromReplica) -> Option<String> {
    match message {
        FromReplica::Heartbeat => None,
        FromReplica::Welcome(welcome) => Some(format!(
            "welcome by {}, highest {}",
            welcome.replica, welcome.highest
        )),
        FromReplica::Refused { reason, .. } => Some(format!("refused: {reason}")),
        FromReplica::View(delta) => Some(format!(
            "view: {} services, {} networks, {} owners{}",
            delta.services.len(),
            delta.networks.len(),
            delta.owners.len(),
            if delta.complete { ", complete" } else { "" }
        )),
        FromReplica::FactsHeld(version) => Some(format!("holds facts up to {version}")),
        other => {
            let text = format!("{other:?}");
            Some(text.chars().take(80).collect())
        }
    }
}
