//! Three replicas at a distance from each other, in one process, each with files of its own: how long a commit takes beside
//! what nobody can save (one round trip to a majority and one write to the disk), how long nothing is decided when the
//! leader dies, and whether a partition that heals disturbs anybody. The distance is put in by a wrapper around the calls; gRPC and TLS are not part of this.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use causeway_api::ReplicaId;
use causeway_measure::Measure;
use causeway_seam::Env;
use causeway_seam::real::{Folder, env};
use causeway_state::Command;
use causeway_storage::{Consensus, PeerCall, PeerError, Peers, ReplicaNode, Settings, Timing};
use tempfile::TempDir;

const COMMITS: usize = 100;
const DEATHS: usize = 8;
const HEALS: usize = 3;

#[derive(Default)]
struct Ground {
    replicas: Mutex<BTreeMap<u64, Consensus>>,
    dead: Mutex<BTreeSet<u64>>,
}

/// Calls that take half of the round trip each way.
struct Far {
    env: Env,
    from: u64,
    half: Duration,
    ground: Arc<Ground>,
}

#[async_trait]
impl Peers for Far {
    async fn call(
        &self,
        replica: ReplicaId,
        _node: &ReplicaNode,
        call: PeerCall,
    ) -> Result<Vec<u8>, PeerError> {
        let gone = || PeerError {
            replica,
            reason: "dead".into(),
        };
        let dead = |id| self.ground.dead.lock().unwrap().contains(&id);
        if dead(self.from) || dead(replica.0) {
            return Err(gone());
        }
        if !self.half.is_zero() {
            self.env.sleep(self.half).await;
        }
        let there = self
            .ground
            .replicas
            .lock()
            .unwrap()
            .get(&replica.0)
            .cloned();
        let answer = there.ok_or_else(gone)?.answer(call).await;
        if !self.half.is_zero() {
            self.env.sleep(self.half).await;
        }
        if dead(self.from) || dead(replica.0) {
            return Err(gone());
        }
        answer.map_err(|reason| PeerError { replica, reason })
    }
}

struct World {
    env: Env,
    ground: Arc<Ground>,
    _folders: Vec<TempDir>,
}

impl World {
    async fn new(trip: Duration) -> Self {
        let env = env();
        let ground = Arc::new(Ground::default());
        let mut folders = Vec::new();
        let settings = Settings::default().with(Timing::for_round_trip(trip));
        let mut members = BTreeMap::new();
        for id in 1..=3 {
            let folder = tempfile::tempdir().unwrap();
            let disk = Arc::new(Folder::open(folder.path()).unwrap());
            let far = Arc::new(Far {
                env: env.clone(),
                from: id,
                half: trip / 2,
                ground: Arc::clone(&ground),
            });
            let log = Consensus::open(env.clone(), disk, ReplicaId(id), settings.clone(), far);
            let log = log.await.unwrap();
            ground.replicas.lock().unwrap().insert(id, log);
            members.insert(ReplicaId(id), ReplicaNode::default());
            folders.push(folder);
        }
        let world = Self {
            env,
            ground,
            _folders: folders,
        };
        world.log(1).bootstrap_together(members).await.unwrap();
        world
    }

    fn log(&self, id: u64) -> Consensus {
        self.ground
            .replicas
            .lock()
            .unwrap()
            .get(&id)
            .unwrap()
            .clone()
    }

    async fn leader(&self) -> u64 {
        loop {
            let dead = self.ground.dead.lock().unwrap().clone();
            let leads = (1..=3).find(|id| !dead.contains(id) && self.log(*id).is_leader());
            if let Some(id) = leads {
                return id;
            }
            self.env.sleep(Duration::from_millis(2)).await;
        }
    }
}

fn tick() -> Command {
    Command::Tick { elapsed_ms: 1 }
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// What the disk takes for 256 bytes, durably.
fn floor(file: &mut std::fs::File) -> Duration {
    let start = Instant::now();
    file.write_all(&[7; 256]).unwrap();
    file.sync_data().unwrap();
    start.elapsed()
}

fn line(measure: &str, ours: f64, floor: Option<f64>, aim: &str) {
    Measure::of("distance", measure, ours, "ms")
        .beside(floor)
        .aim((!aim.is_empty()).then_some(aim))
        .print();
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

async fn commits(trip: Duration) {
    let world = World::new(trip).await;
    let leader = world.log(world.leader().await);
    leader.propose(tick()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("floor")).unwrap();
    let (mut ours, mut least, mut trips) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..COMMITS {
        // What the same timer makes of a round trip.
        let start = Instant::now();
        world.env.sleep(trip / 2).await;
        world.env.sleep(trip / 2).await;
        trips.push(start.elapsed());
        least.push(start.elapsed() + floor(&mut file));
        let start = Instant::now();
        leader.propose(tick()).await.unwrap();
        ours.push(start.elapsed());
    }
    let (floor, trip_took) = (median(least), median(trips));
    let measure = format!("commit, {} ms between replicas, median", trip.as_millis());
    line(&measure, ms(median(ours)), Some(ms(floor)), "≤ 1.10");
    // Proposed where another one leads: one round trip more.
    let other = (1..=3).find(|id| !world.log(*id).leads()).unwrap();
    let other = world.log(other);
    let mut ours = Vec::new();
    for _ in 0..COMMITS / 4 {
        let start = Instant::now();
        other.propose(tick()).await.unwrap();
        ours.push(start.elapsed());
    }
    let measure = format!("the same, proposed at a follower, {} ms", trip.as_millis());
    line(&measure, ms(median(ours)), Some(ms(floor + trip_took)), "");
}

async fn deaths() {
    let world = World::new(Duration::ZERO).await;
    let mut ours = Vec::new();
    for _ in 0..DEATHS {
        let leader = world.leader().await;
        world.log(leader).propose(tick()).await.unwrap();
        let start = Instant::now();
        world.ground.dead.lock().unwrap().insert(leader);
        let next = world.leader().await;
        world.log(next).propose(tick()).await.unwrap();
        ours.push(start.elapsed());
        world.ground.dead.lock().unwrap().clear();
        // All are there again before the next one dies.
        let end = world.log(next).status().applied;
        while (1..=3).any(|id| world.log(id).status().applied < end) {
            world.env.sleep(Duration::from_millis(10)).await;
        }
    }
    ours.sort_unstable();
    let longest = ours.last().copied().unwrap_or_default();
    line(
        "leader killed → next commit, median",
        ms(median(ours)),
        None,
        "< 1 s",
    );
    line("the same, longest", ms(longest), None, "");
}

/// Writes as often as it can for so long; how long each took.
async fn writes(log: &Consensus, length: Duration) -> Vec<Duration> {
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < length {
        let start = Instant::now();
        log.propose(tick()).await.unwrap();
        took.push(start.elapsed());
    }
    took
}

/// A follower is cut off for longer than an election takes, and comes back.
async fn heals() {
    let world = World::new(Duration::ZERO).await;
    let (mut terms, mut usual, mut healing) = (0, Vec::new(), Vec::new());
    for _ in 0..HEALS {
        let leader = world.leader().await;
        let log = world.log(leader);
        let before = log.status().term;
        let other = (1..=3).find(|id| *id != leader).unwrap();
        usual.extend(writes(&log, Duration::from_secs(1)).await);
        world.ground.dead.lock().unwrap().insert(other);
        writes(&log, Duration::from_secs(2)).await;
        world.ground.dead.lock().unwrap().clear();
        healing.extend(writes(&log, Duration::from_secs(2)).await);
        while world.log(other).status().applied < log.status().applied {
            world.env.sleep(Duration::from_millis(10)).await;
        }
        terms += log.status().term - before;
    }
    let longest = |all: &[Duration]| ms(all.iter().max().copied().unwrap_or_default());
    println!(
        "{{\"bench\":\"distance\",\"measure\":\"terms changed by {HEALS} healed partitions\",\"ours\":{terms},\"peer_or_floor\":null,\"unit\":\"\",\"ratio\":null,\"aim\":\"0\"}}"
    );
    let (ours, floor) = (longest(&healing), longest(&usual));
    line(
        "longest commit while they heal, beside the longest before",
        ours,
        Some(floor),
        "no stall",
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for ms in [20, 40, 80] {
            commits(Duration::from_millis(ms)).await;
        }
        deaths().await;
        heals().await;
    });
}
