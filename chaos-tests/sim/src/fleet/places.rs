//! Where processes run, again and again: each place has a disk, a clock, and at most one process at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway::agent::Agent;
use causeway::replica::Replica;
use causeway_faults::{Bug, FaultyDisk, Survival};
use causeway_seam::Random;

use crate::dice::Dice;
use crate::history::History;
use crate::plant::Plant;
use crate::process::{Quirks, SimProcess};

/// All places.
pub struct Places {
    history: History,
    dice: Dice,
    plant: Option<Plant>,
    rows: Mutex<BTreeMap<String, Place>>,
}

/// One place.
struct Place {
    disk: FaultyDisk,
    starts: u64,
    quirks: Quirks,
    running: Option<Running>,
}

/// What runs at a place.
struct Running {
    process: Arc<SimProcess>,
    what: What,
}

/// What a process is.
#[derive(Clone)]
pub enum What {
    /// It has not begun yet.
    Starting,
    /// A replica.
    Replica(Arc<Replica>),
    /// An agent.
    Agent(Arc<Agent>),
}

/// A place that was taken for a process.
pub struct Taken {
    /// The process.
    pub process: Arc<SimProcess>,
    /// The disk.
    pub disk: FaultyDisk,
    /// How many processes have been there, this one included.
    pub starts: u64,
}

impl Places {
    /// Nobody runs anywhere.
    #[must_use]
    pub fn new(history: &History, dice: Dice, plant: Option<Plant>) -> Self {
        Self {
            history: history.clone(),
            dice,
            plant,
            rows: Mutex::default(),
        }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blank(&self, place: &str) -> Place {
        let dice = self.dice.fork(place);
        let disk = FaultyDisk::new(place, dice.next_u64());
        if self.plant == Some(Plant::FsyncSkipped) {
            disk.plant(Bug::SyncSkipped);
        }
        Place {
            disk,
            starts: 0,
            quirks: Quirks {
                drift_ppm: i64::try_from(dice.between(0, 1_000)).unwrap_or(0) - 500,
                wall_ms: i64::try_from(dice.between(0, 120_000)).unwrap_or(0) - 60_000,
                ..Quirks::default()
            },
            running: None,
        }
    }

    /// Takes a place for a new process; `None` where one runs there already.
    pub fn take(&self, place: &str) -> Option<Taken> {
        let mut rows = self.rows();
        let held = rows
            .entry(place.to_owned())
            .or_insert_with(|| self.blank(place));
        if held.running.is_some() {
            return None;
        }
        held.starts += 1;
        let dice = self.dice.fork(&format!("{place} start {}", held.starts));
        let process = SimProcess::start(place, &self.history, dice, held.quirks);
        held.running = Some(Running {
            process: Arc::clone(&process),
            what: What::Starting,
        });
        Some(Taken {
            process,
            disk: held.disk.clone(),
            starts: held.starts,
        })
    }

    /// What was started is there. Of a process that has ended meanwhile nothing is kept.
    pub fn settle(&self, place: &str, process: &Arc<SimProcess>, what: What) {
        if let Some(held) = self.rows().get_mut(place)
            && let Some(running) = &mut held.running
            && Arc::ptr_eq(&running.process, process)
        {
            running.what = what;
        }
    }

    fn running<T>(&self, place: &str, of: impl FnOnce(&Running) -> Option<T>) -> Option<T> {
        let rows = self.rows();
        of(rows.get(place)?.running.as_ref()?)
    }

    /// The process at a place, where one runs.
    #[must_use]
    pub fn process(&self, place: &str) -> Option<Arc<SimProcess>> {
        self.running(place, |running| Some(Arc::clone(&running.process)))
    }

    /// The replica at a place, where one runs and has started.
    #[must_use]
    pub fn replica(&self, place: &str) -> Option<(Arc<SimProcess>, Arc<Replica>)> {
        self.running(place, |running| match &running.what {
            What::Replica(replica) => Some((Arc::clone(&running.process), Arc::clone(replica))),
            _ => None,
        })
    }

    /// The agent at a place, where one runs.
    #[must_use]
    pub fn agent(&self, place: &str) -> Option<Arc<Agent>> {
        self.running(place, |running| match &running.what {
            What::Agent(agent) => Some(Arc::clone(agent)),
            _ => None,
        })
    }

    /// All processes that run.
    #[must_use]
    pub fn processes(&self) -> Vec<Arc<SimProcess>> {
        let rows = self.rows();
        let running = rows.values().filter_map(|place| place.running.as_ref());
        running
            .map(|running| Arc::clone(&running.process))
            .collect()
    }

    /// The disk of a place that nobody runs at.
    #[must_use]
    pub fn disk(&self, place: &str) -> Option<FaultyDisk> {
        let rows = self.rows();
        let held = rows.get(place).filter(|held| held.running.is_none());
        held.map(|held| held.disk.clone())
    }

    /// Ends what runs at a place; with a loss of power so much of what was not synced survives.
    pub fn end(&self, place: &str, power: Option<Survival>) {
        let taken = {
            let mut rows = self.rows();
            let held = rows.get_mut(place);
            held.and_then(|held| Some((held.running.take()?, held.disk.clone())))
        };
        let Some((running, disk)) = taken else { return };
        self.history
            .note(place, format_args!("ends, power: {power:?}"));
        // Nothing that ends with the process reaches the disk any more, such as a database's closing words.
        disk.cut_power();
        running.process.kill();
        drop(running);
        let next = match power {
            None => disk.kill(),
            Some(survival) => disk.restart(survival),
        };
        if let Some(held) = self.rows().get_mut(place) {
            held.disk = next;
        }
    }
}
