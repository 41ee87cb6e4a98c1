//! Clients that ask and move concurrently, through all replicas, until they are told to stop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use causeway_chaos_tests::eventually;
use causeway_storage::Consistency;
use futures::future::try_join_all;

use super::history::{History, Host, Op};
use super::trio::{DEADLINE, Trio};

/// Clients of each object.
const CLIENTS: usize = 3;

/// Objects of one history.
const OBJECTS: usize = 3;

/// How long a client rests after an answer: the checker's work grows with the history.
const REST: Duration = Duration::from_millis(25);

/// How long it rests where there was none.
const TROUBLE: Duration = Duration::from_millis(150);

/// How a load goes.
pub(crate) struct Load {
    pub(crate) history: History,
    objects: Vec<usize>,
    stop: AtomicBool,
    /// Rises with each question whether it goes on.
    epoch: AtomicUsize,
    /// Moves that were asked for in this epoch and acknowledged, by replica.
    moved: BTreeMap<u64, AtomicUsize>,
    /// Questions that were not answered with certainty, by replica.
    unsure: BTreeMap<u64, AtomicUsize>,
}

impl Load {
    /// A load on objects of its own, through these replicas.
    pub(crate) fn new(trio: &Trio, replicas: &[u64]) -> anyhow::Result<Self> {
        let none = || replicas.iter().map(|id| (*id, AtomicUsize::new(0)));
        Ok(Self {
            history: History::new(1),
            objects: trio.fresh(OBJECTS)?,
            stop: AtomicBool::new(false),
            epoch: AtomicUsize::new(0),
            moved: none().collect(),
            unsure: none().collect(),
        })
    }

    /// Runs `scenario` under this load, which ends with it; then every replica tells of every object what was decided, and
    /// the whole is judged.
    pub(crate) async fn during<T>(
        &self,
        trio: &Trio,
        scenario: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let clients = (0..CLIENTS * self.objects.len()).map(|client| self.run(trio, client));
        let scenario = async {
            let outcome = scenario.await;
            self.stop.store(true, Ordering::SeqCst);
            outcome
        };
        let (outcome, _) = tokio::try_join!(scenario, try_join_all(clients))?;
        self.conclude(trio).await?;
        Ok(outcome)
    }

    /// Reads every object at every replica, and judges the history.
    pub(crate) async fn conclude(&self, trio: &Trio) -> anyhow::Result<()> {
        for replica in self.moved.keys() {
            for number in &self.objects {
                eventually(DEADLINE, "a read of all that was decided", || async {
                    let who = (1_000, *replica);
                    let last = Consistency::Linearizable;
                    let known = trio.ask(&self.history, who, *number, Op::Read, last);
                    ensure!(known.await?, "r{replica} does not know");
                    Ok(())
                })
                .await?;
            }
        }
        self.history.judge()
    }

    async fn run(&self, trio: &Trio, client: usize) -> anyhow::Result<()> {
        let object = self.objects[client % self.objects.len()];
        let replicas: Vec<u64> = self.moved.keys().copied().collect();
        // Knuth's linear congruential generator: who asks what of whom is the same in each run.
        let mut dice = client as u64 * 7_919 + 17;
        let mut roll = |sides: usize| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(dice >> 33).unwrap_or(0) % sides
        };
        while !self.stop.load(Ordering::SeqCst) {
            let replica = replicas[roll(replicas.len())];
            let host = Host::try_from(roll(3) + 1)?;
            let (op, consistency) = match roll(4) {
                0 | 1 => (Op::Move(host), Consistency::Local),
                2 => (Op::Read, Consistency::Linearizable),
                _ => (Op::Read, Consistency::Lease),
            };
            let who = (client, replica);
            let epoch = self.epoch.load(Ordering::SeqCst);
            let known = trio
                .ask(&self.history, who, object, op, consistency)
                .await?;
            let now = epoch == self.epoch.load(Ordering::SeqCst);
            let counted = match (known, op) {
                (true, Op::Move(_)) if now => self.moved.get(&replica),
                (true, _) => None,
                (false, _) => self.unsure.get(&replica),
            };
            if let Some(count) = counted {
                count.fetch_add(1, Ordering::SeqCst);
            }
            tokio::time::sleep(if known { REST } else { TROUBLE }).await;
        }
        Ok(())
    }

    /// Waits until moves that are asked of each of these from now on were acknowledged.
    pub(crate) async fn goes_on(&self, replicas: &[u64]) -> anyhow::Result<()> {
        for count in self.moved.values() {
            count.store(0, Ordering::SeqCst);
        }
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let what = format!("moves through {replicas:?} are acknowledged");
        eventually(DEADLINE, &what, || async {
            let count = |id: &u64| self.moved[id].load(Ordering::SeqCst);
            ensure!(replicas.iter().all(|id| count(id) >= 2), "{:?}", self.moved);
            Ok(())
        })
        .await
    }

    /// How many questions to these were not answered with certainty so far.
    pub(crate) fn unsure(&self, replicas: &[u64]) -> usize {
        let count = |id: &u64| self.unsure[id].load(Ordering::SeqCst);
        replicas.iter().map(count).sum()
    }
}
