//! Replicas on machines of their own, and the calls of their logs over simulated wires.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use causeway_api::ReplicaId;
use causeway_api::peer::Lane;
use causeway_faults::{Bug, FaultyDisk, Survival};
use causeway_seam::{Disk, Random};
use causeway_storage::peers::{PeerCall, PeerCallKind, PeerError};
use causeway_storage::{Consensus, Peers, ReplicaNode, Settings};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::clients::{Ground, host};
use crate::dice::Dice;
use crate::executor;
use crate::history::History;
use crate::plant::{self, Plant};
use crate::process::{Quirks, SimProcess};
use crate::wires::Wires;

/// How long a call waits on a cut way before the connection is taken for broken.
const CONNECTION: Duration = Duration::from_secs(10);

/// All replicas, as the network and the clients see them.
pub struct Replicas {
    pub(crate) history: History,
    pub(crate) wires: Wires,
    dice: Dice,
    settings: Settings,
    plant: Option<Plant>,
    machines: Mutex<BTreeMap<u64, Machine>>,
    links: Mutex<BTreeMap<(u64, u64, Lane), mpsc::UnboundedSender<Sent>>>,
    started: Mutex<Option<Started>>,
}

/// Told of each replica that starts, before it does anything else.
type Started = Arc<dyn Fn(u64, &Up, &History) + Send + Sync>;

/// One replica's machine.
struct Machine {
    disk: FaultyDisk,
    starts: u64,
    up: Option<Up>,
    quirks: Quirks,
}

/// A replica that runs.
#[derive(Clone)]
pub struct Up {
    /// Its process.
    pub process: Arc<SimProcess>,
    /// Its log.
    pub log: Consensus,
    /// Calls that wait to be answered, by who made them: begun in the order in which they came.
    inboxes: Arc<Mutex<Inboxes>>,
}

/// Calls that wait, by who made them and on which lane.
type Inboxes = BTreeMap<(u64, Lane), mpsc::UnboundedSender<Asked>>;

/// A call that has arrived.
struct Asked {
    call: PeerCall,
    answer: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// A call on its way.
struct Sent {
    due: Instant,
    until: Instant,
    call: PeerCall,
    answer: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// How a replica ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Its process is killed; the machine lives on.
    Killed,
    /// The power of its machine goes; so much of what was not synced survives.
    Power(Survival),
}

/// Where a replica stands: each in a domain of its own.
#[must_use]
pub fn node(id: u64) -> ReplicaNode {
    ReplicaNode {
        address: format!("r{id}:7443"),
        domain: format!("d{id}"),
    }
}

impl Replicas {
    /// The machines of `count` replicas, none of which runs.
    #[must_use]
    pub fn new(
        count: u64,
        history: &History,
        wires: &Wires,
        dice: Dice,
        settings: Settings,
        plant: Option<Plant>,
    ) -> Arc<Self> {
        let machine = |id: u64| {
            let name = host(id);
            let disk = FaultyDisk::new(&name, dice.fork(&format!("disk {name}")).next_u64());
            if plant == Some(Plant::FsyncSkipped) {
                disk.plant(Bug::SyncSkipped);
            }
            let quirks = Quirks {
                drift_ppm: i64::try_from(dice.between(0, 2_000)).unwrap_or(0) - 1_000,
                ..Quirks::default()
            };
            let machine = Machine {
                disk,
                starts: 0,
                up: None,
                quirks,
            };
            (id, machine)
        };
        let machines = (1..=count).map(machine).collect();
        Arc::new(Self {
            history: history.clone(),
            wires: wires.clone(),
            dice,
            settings,
            plant,
            machines: Mutex::new(machines),
            links: Mutex::default(),
            started: Mutex::default(),
        })
    }

    /// From now on this is told of each replica that starts.
    pub fn on_start(&self, told: impl Fn(u64, &Up, &History) + Send + Sync + 'static) {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(told));
    }

    /// A replica, where it runs.
    #[must_use]
    pub fn up(&self, id: u64) -> Option<Up> {
        self.machines().get(&id)?.up.clone()
    }

    /// All that run.
    #[must_use]
    pub fn all_up(&self) -> Vec<(u64, Up)> {
        let machines = self.machines();
        let up = machines
            .iter()
            .filter_map(|(id, machine)| Some((*id, machine.up.clone()?)));
        up.collect()
    }

    /// The replica that leads in the highest term, as far as any knows.
    #[must_use]
    pub fn leader(&self) -> Option<u64> {
        let leads = |(id, up): (u64, Up)| up.log.is_leader().then(|| (up.log.status().term, id));
        let leader = self.all_up().into_iter().filter_map(leads).max();
        leader.map(|(_, id)| id)
    }

    /// Starts a replica on its machine.
    ///
    /// # Errors
    /// Where its data folder cannot be opened.
    pub async fn start(self: &Arc<Self>, id: u64) -> Result<()> {
        let name = host(id);
        let (process, disk) = {
            let mut machines = self.machines();
            let machine = machines.get_mut(&id).context("no such machine")?;
            machine.starts += 1;
            let dice = self.dice.fork(&format!("{name} start {}", machine.starts));
            let process = SimProcess::start(&name, &self.history, dice, machine.quirks);
            (process, machine.disk.clone())
        };
        let calls = Arc::new(Calls {
            replicas: Arc::clone(self),
            from: id,
        });
        let opened = process.spawn(Consensus::open(
            process.env(),
            Arc::new(disk) as Arc<dyn Disk>,
            ReplicaId(id),
            self.settings.clone(),
            calls,
        ));
        let log = opened
            .await
            .with_context(|| format!("{name} was killed while it started"))?
            .with_context(|| format!("{name} cannot start"))?;
        self.history.note(&name, "started");
        let up = Up {
            process,
            log,
            inboxes: Arc::default(),
        };
        let told = self
            .started
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(told) = told {
            told(id, &up, &self.history);
        }
        if let Some(machine) = self.machines().get_mut(&id) {
            machine.up = Some(up);
        }
        Ok(())
    }

    /// Ends a replica. Does nothing where it does not run.
    pub async fn end(&self, id: u64, death: Death) {
        let taken = {
            let mut machines = self.machines();
            let machine = machines.get_mut(&id);
            machine.and_then(|machine| Some((machine.up.take()?, machine.disk.clone())))
        };
        let Some((up, disk)) = taken else { return };
        self.history
            .note(&host(id), format_args!("ends: {death:?}"));
        // Nothing that ends with the process reaches the disk any more, such as redb's closing words.
        disk.cut_power();
        up.process.kill();
        drop(up);
        let next = match death {
            Death::Killed => disk.kill(),
            Death::Power(survival) => disk.restart(survival),
        };
        if let Some(machine) = self.machines().get_mut(&id) {
            machine.disk = next;
        }
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<u64, Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link from one replica to another: calls arrive in the order in which they were made.
    fn link(self: &Arc<Self>, from: u64, to: u64, lane: Lane) -> mpsc::UnboundedSender<Sent> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let link = links.entry((from, to, lane)).or_insert_with(|| {
            let (sender, queue) = mpsc::unbounded_channel();
            let (answers, answered) = mpsc::unbounded_channel();
            executor::spawn(carry_back(Arc::clone(self), from, to, answered));
            executor::spawn(carry(Arc::clone(self), (from, to, lane), queue, answers));
            sender
        });
        link.clone()
    }
}

impl Ground for Replicas {
    fn history(&self) -> &History {
        &self.history
    }

    fn wires(&self) -> &Wires {
        &self.wires
    }

    fn ids(&self) -> Vec<u64> {
        self.machines().keys().copied().collect()
    }

    fn log(&self, id: u64) -> Option<(Arc<SimProcess>, Consensus)> {
        let up = self.up(id)?;
        Some((up.process, up.log))
    }
}

impl Up {
    /// Takes a call; calls of one replica on one lane are begun in the order in which they came.
    fn take(&self, from: u64, lane: Lane, asked: Asked, plant: Option<Plant>) {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let inbox = inboxes.entry((from, lane)).or_insert_with(|| {
            let (sender, queue) = mpsc::unbounded_channel();
            let answering = answer(Arc::clone(&self.process), self.log.clone(), queue, plant);
            self.process.spawn(answering);
            sender
        });
        let _ = inbox.send(asked);
    }
}

/// Answers the calls of one replica on one lane, in the process of the one that is asked.
async fn answer(
    process: Arc<SimProcess>,
    log: Consensus,
    mut queue: mpsc::UnboundedReceiver<Asked>,
    plant: Option<Plant>,
) {
    while let Some(asked) = queue.recv().await {
        if plant == Some(Plant::PreVoteGranted) && asked.call.kind == PeerCallKind::PreVote {
            let _ = asked.answer.send(plant::grant(&asked.call.body));
            continue;
        }
        let log = log.clone();
        let mut answering = Box::pin(async move { log.answer(asked.call).await });
        // Begun here, in order; what takes longer goes on by itself.
        let begun = std::future::poll_fn(|context| Poll::Ready(answering.as_mut().poll(context)));
        match begun.await {
            Poll::Ready(answer) => {
                let _ = asked.answer.send(answer);
            }
            Poll::Pending => {
                process.spawn(async move {
                    let _ = asked.answer.send(answering.await);
                });
            }
        }
    }
}

/// An answer on its way.
struct Answered {
    until: Instant,
    heard: oneshot::Receiver<Result<Vec<u8>, String>>,
    answer: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// Carries calls from one replica to another, for as long as the world stands.
async fn carry(
    replicas: Arc<Replicas>,
    (from, to, lane): (u64, u64, Lane),
    mut queue: mpsc::UnboundedReceiver<Sent>,
    answers: mpsc::UnboundedSender<Answered>,
) {
    let (here, there) = (host(from), host(to));
    let mut last = Instant::now();
    while let Some(sent) = queue.recv().await {
        last = last.max(sent.due);
        let arrival = replicas.wires.arrive(&here, &there, last);
        if tokio::time::timeout_at(sent.until, arrival).await.is_err() {
            let _ = sent.answer.send(Err("the connection broke".to_owned()));
            continue;
        }
        replicas.history.count();
        let (tell, heard) = oneshot::channel();
        // What takes long, as a proposal does, must hold up no heartbeat.
        let ordered = sent.call.kind == PeerCallKind::Append;
        let asked = Asked {
            call: sent.call,
            answer: tell,
        };
        match replicas.up(to) {
            Some(up) => up.take(from, lane, asked, replicas.plant),
            None => {
                let refused = Err("the connection was refused".to_owned());
                let _ = asked.answer.send(refused);
            }
        }
        let answered = Answered {
            until: sent.until,
            heard,
            answer: sent.answer,
        };
        if ordered {
            let _ = answers.send(answered);
        } else {
            let replicas = Arc::clone(&replicas);
            executor::spawn(async move { carry_one_back(&replicas, from, to, answered).await });
        }
    }
}

/// Carries answers back in the order of the calls.
async fn carry_back(
    replicas: Arc<Replicas>,
    from: u64,
    to: u64,
    mut queue: mpsc::UnboundedReceiver<Answered>,
) {
    while let Some(answered) = queue.recv().await {
        carry_one_back(&replicas, from, to, answered).await;
    }
}

async fn carry_one_back(replicas: &Replicas, from: u64, to: u64, answered: Answered) {
    let back = async {
        let answer = answered.heard.await;
        replicas.wires.travel(&host(to), &host(from)).await;
        answer.unwrap_or_else(|_| Err("the replica died".to_owned()))
    };
    let answer = match tokio::time::timeout_at(answered.until, back).await {
        Ok(answer) => answer,
        Err(_) => Err("the connection broke".to_owned()),
    };
    let _ = answered.answer.send(answer);
}

/// The calls of one replica.
struct Calls {
    replicas: Arc<Replicas>,
    from: u64,
}

#[async_trait]
impl Peers for Calls {
    async fn call(
        &self,
        replica: ReplicaId,
        _node: &ReplicaNode,
        call: PeerCall,
    ) -> Result<Vec<u8>, PeerError> {
        let (here, there) = (host(self.from), host(replica.0));
        let (answer, heard) = oneshot::channel();
        let now = Instant::now();
        let lane = call.kind.lane();
        let sent = Sent {
            due: now + self.replicas.wires.latency(&here, &there),
            until: now + CONNECTION,
            call,
            answer,
        };
        let unreachable = |reason: String| PeerError { replica, reason };
        let link = self.replicas.link(self.from, replica.0, lane);
        link.send(sent)
            .map_err(|_| unreachable("the network is gone".into()))?;
        heard
            .await
            .unwrap_or_else(|_| Err("the network is gone".into()))
            .map_err(unreachable)
    }
}
