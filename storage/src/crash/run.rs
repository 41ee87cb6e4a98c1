//! Does a workload once, on a disk that remembers, and notes what was acknowledged when.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::spec::MemberSpec;
use causeway_faults::{Bug, FaultyDisk, History};
use causeway_seam::Env;
use causeway_state::{ClientId, Command, Request};
use openraft::EntryPayload;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use openraft::type_config::alias::OneshotReceiverOf;
use openraft::vote::leader_id_std::{CommittedLeaderId, LeaderId};

use super::workload::Step;
use crate::form;
use crate::log::LogStore;
use crate::snapshot::Snapshots;
use crate::types::{Entry, LogId, Proposal, SnapshotMeta, Types, Vote};

/// What the log must be after some of the steps. Entries as they stand on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LogModel {
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    pub(super) entries: BTreeMap<u64, (LogId, Vec<u8>)>,
}

/// What the newest snapshot must be.
pub(super) type SnapshotModel = Option<(LogId, Vec<u8>)>;

/// A value after each change, and how many changes were acknowledged by which operation.
#[derive(Debug)]
pub(super) struct Story<T> {
    pub(super) values: Vec<T>,
    /// After so many operations so many changes are safe.
    acknowledged: Vec<(u64, usize)>,
    /// After so many operations so many changes were begun.
    begun: Vec<(u64, usize)>,
}

impl<T: Clone + Default> Story<T> {
    fn new() -> Self {
        Self {
            values: vec![T::default()],
            acknowledged: Vec::new(),
            begun: Vec::new(),
        }
    }

    fn now(&self) -> T {
        self.values.last().unwrap().clone()
    }

    fn begin(&mut self, operations: u64, value: T) {
        self.values.push(value);
        self.begun.push((operations, self.values.len() - 1));
    }

    fn acknowledge(&mut self, operations: u64, change: usize) {
        self.acknowledged.push((operations, change));
    }

    /// Which of the values may be found after a loss of power at an operation: the first and the last of them.
    pub(super) fn allowed(&self, operations: u64) -> (usize, usize) {
        let most = |notes: &[(u64, usize)], by: &dyn Fn(u64) -> bool| {
            let until = notes.iter().filter(|(at, _)| by(*at));
            until.map(|(_, change)| *change).max().unwrap_or(0)
        };
        (
            most(&self.acknowledged, &|at| at <= operations),
            most(&self.begun, &|at| at < operations),
        )
    }
}

/// A workload that was run.
pub(super) struct Run {
    pub(super) history: History,
    pub(super) log: Story<LogModel>,
    pub(super) snapshot: Story<SnapshotModel>,
    /// The name of the database, and its content at the end, are in here.
    pub(super) disk: FaultyDisk,
}

/// Tells whether something is on disk.
type Flushed = OneshotReceiverOf<Types, Result<(), io::Error>>;

struct Runner {
    env: Env,
    disk: FaultyDisk,
    store: LogStore,
    snapshots: Snapshots,
    log: Story<LogModel>,
    snapshot: Story<SnapshotModel>,
    waiting: Vec<(usize, Flushed)>,
    term: u64,
    /// The index of the last entry, whether it is still there or not.
    last: LogId,
    content: u8,
}

fn id(term: u64, index: u64) -> LogId {
    LogId {
        leader_id: CommittedLeaderId::new(term),
        index,
    }
}

/// A journal that is full after a few writes, and too small for some.
pub(super) const JOURNAL_BYTES: usize = 6 << 10;

/// Runs the steps on a disk with these bugs.
pub(super) async fn run(steps: &[Step], bugs: &[Bug]) -> Run {
    let disk = FaultyDisk::new("data", 1);
    bugs.iter().for_each(|bug| disk.plant(*bug));
    disk.record();
    let env = causeway_faults::env(1);
    let shared: Arc<dyn causeway_seam::Disk> = Arc::new(disk.clone());
    let opened = LogStore::open(&env, Arc::clone(&shared), ReplicaId(1), JOURNAL_BYTES);
    let (store, writer) = opened.await.unwrap();
    let mut runner = Runner {
        disk: disk.clone(),
        store,
        snapshots: Snapshots::new(env.clone(), shared),
        env,
        log: Story::new(),
        snapshot: Story::new(),
        waiting: Vec::new(),
        term: 1,
        last: id(0, 0),
        content: 0,
    };
    // openraft's log begins with the membership, as entry 0 of term 0.
    runner.append(1, 0, 0).await;
    for step in steps {
        runner.step(step).await;
    }
    runner.wait().await;
    let Runner {
        store,
        log,
        snapshot,
        ..
    } = runner;
    drop(store);
    let mut writer = writer;
    writer.ended().await;
    Run {
        history: disk.history(),
        log,
        snapshot,
        disk,
    }
}

impl Runner {
    fn begin(&mut self, change: impl FnOnce(&mut LogModel)) -> usize {
        let mut model = self.log.now();
        change(&mut model);
        self.log.begin(self.disk.operations(), model);
        self.log.values.len() - 1
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Append { entries, bytes } => self.append(*entries, *bytes, self.term).await,
            Step::Truncate { entries } => self.truncate(*entries).await,
            Step::Vote => {
                self.term += 1;
                let vote = Vote {
                    leader_id: LeaderId {
                        term: self.term,
                        voted_for: 1 + self.term % 3,
                    },
                    committed: self.term.is_multiple_of(2),
                };
                let change = self.begin(|model| model.vote = Some(vote));
                self.store.save_vote(&vote).await.unwrap();
                self.log.acknowledge(self.disk.operations(), change);
            }
            Step::Commit => {
                let last = self.last;
                self.begin(|model| model.committed = model.committed.max(Some(last)));
                let committed = self.log.now().committed;
                self.store.save_committed(committed).await.unwrap();
            }
            Step::Build { bytes } => {
                // The state machine knows what is committed, which is on disk.
                self.step_commit().await;
                self.write_snapshot(self.last, *bytes).await;
            }
            Step::Install { beyond, bytes } => {
                let last = id(self.term, self.last.index + beyond);
                self.write_snapshot(last, *bytes).await;
                self.last = last;
                self.purge(last).await;
            }
            Step::Purge { keep } => {
                if let Some((upto, _)) = self.snapshot.now() {
                    let index = upto.index.saturating_sub(*keep);
                    let model = self.log.now();
                    let known = model.entries.get(&index).map(|(id, _)| *id);
                    if let Some(upto) = known.filter(|upto| Some(*upto) > model.purged) {
                        self.purge(upto).await;
                    }
                }
            }
            Step::Wait => self.wait().await,
            Step::Rest => {
                self.wait().await;
                self.env.sleep(Duration::from_secs(5)).await;
            }
        }
    }

    async fn step_commit(&mut self) {
        let last = self.last;
        self.begin(|model| model.committed = model.committed.max(Some(last)));
        let committed = self.log.now().committed;
        self.store.save_committed(committed).await.unwrap();
        self.wait().await;
    }

    async fn append(&mut self, entries: u64, bytes: usize, term: u64) {
        let first = if self.log.values.len() == 1 {
            0
        } else {
            self.last.index + 1
        };
        let mut rows = Vec::new();
        for index in first..first + entries {
            self.content = self.content.wrapping_add(1);
            let payload = match bytes {
                0 => EntryPayload::Blank,
                _ => EntryPayload::Normal(Proposal(Arc::new(self.request(bytes)))),
            };
            rows.push(Entry {
                log_id: id(term, index),
                payload,
            });
        }
        self.last = rows.last().unwrap().log_id;
        let stored: Vec<(LogId, Vec<u8>)> = rows
            .iter()
            .map(|entry| (entry.log_id, form::write_entry(entry).unwrap()))
            .collect();
        let change = self.begin(|model| {
            for (id, row) in stored {
                model.entries.insert(id.index, (id, row));
            }
        });
        let (tell, heard) = Types::oneshot();
        let callback = IOFlushed::<Types>::signal(tell);
        self.store.append(rows, callback).await.unwrap();
        self.waiting.push((change, heard));
    }

    fn request(&self, bytes: usize) -> Request {
        let name = format!("m{:03}", self.content);
        let mut spec = MemberSpec::minimal(name.parse().unwrap());
        // Any content will do, as long as it has the size.
        let zone = |n: usize| format!("z{n}").parse().unwrap();
        spec.failure_domains = (0..bytes / 6).map(zone).collect();
        Request {
            client: ClientId {
                replica: ReplicaId(1),
                nonce: 1,
            },
            serial: u64::from(self.content),
            command: Command::PutMember(spec),
        }
    }

    async fn truncate(&mut self, entries: u64) {
        let model = self.log.now();
        // What is committed is never truncated.
        let floor = model.committed.max(model.purged).map_or(0, |id| id.index);
        let keep = self.last.index.saturating_sub(entries).max(floor);
        let Some((last, _)) = model.entries.get(&keep).cloned() else {
            return;
        };
        if last == self.last {
            return;
        }
        self.begin(|model| drop(model.entries.split_off(&(last.index + 1))));
        self.store.truncate_after(Some(last)).await.unwrap();
        self.last = last;
        self.term += 1;
    }

    async fn purge(&mut self, upto: LogId) {
        self.begin(|model| {
            model.entries = model.entries.split_off(&(upto.index + 1));
            model.purged = model.purged.max(Some(upto));
        });
        self.store.purge(upto).await.unwrap();
    }

    async fn write_snapshot(&mut self, last: LogId, bytes: usize) {
        self.content = self.content.wrapping_add(1);
        let state = vec![self.content; bytes];
        let meta = SnapshotMeta {
            last_log_id: Some(last),
            ..SnapshotMeta::default()
        };
        let value = Some((last, state.clone()));
        self.snapshot.begin(self.disk.operations(), value);
        let write = move |bytes| Ok([bytes, state].concat());
        self.snapshots.write(meta, write).await.unwrap();
        let change = self.snapshot.values.len() - 1;
        self.snapshot.acknowledge(self.disk.operations(), change);
    }

    async fn wait(&mut self) {
        for (change, heard) in std::mem::take(&mut self.waiting) {
            heard.await.unwrap().unwrap();
            self.log.acknowledge(self.disk.operations(), change);
        }
    }
}
