//! What goes wrong with replicas, and when: drawn from the seed, several faults at a time, each with an end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_faults::Survival;

use super::replicas::{Death, Replicas};
use crate::clients::{Ground as _, host};
use crate::dice::Dice;
use crate::executor::{self, Job};

/// A fault of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It ends and starts again.
    Dies(Death),
    /// It stands still.
    Freezes,
    /// Nothing reaches it, and nothing leaves it.
    Isolated,
    /// What it sends does not arrive.
    Mute,
    /// What is sent to it does not arrive.
    Deaf,
    /// One other replica and it do not hear each other.
    Parted,
    /// It is isolated again and again, for a moment.
    Flaps,
    /// Its messages take long.
    Slow,
    /// Its disk takes long.
    Sluggish,
}

/// Draws faults, and knows whom they touch.
#[derive(Clone)]
pub struct Faults {
    replicas: Arc<Replicas>,
    dice: Arc<Dice>,
    touched: Arc<Mutex<BTreeMap<u64, u64>>>,
    /// Held while a replica starts: faults overlap, and each ends by starting what it ended.
    starting: Arc<tokio::sync::Mutex<()>>,
}

impl Faults {
    /// None yet.
    #[must_use]
    pub fn new(replicas: &Arc<Replicas>, dice: Dice) -> Self {
        Self {
            replicas: Arc::clone(replicas),
            dice: Arc::new(dice),
            touched: Arc::default(),
            starting: Arc::default(),
        }
    }

    /// Whether a fault touches a replica now.
    #[must_use]
    pub fn touches(&self, id: u64) -> bool {
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.get(&id).is_some_and(|count| *count > 0)
    }

    fn touch(&self, id: u64, begins: bool) {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let count = touched.entry(id).or_default();
        *count = match begins {
            true => *count + 1,
            false => count.saturating_sub(1),
        };
    }

    /// Makes trouble for `duration`, one fault at a time and never of the leader, and returns once it is over: nothing of it
    /// is a reason to elect anybody.
    pub async fn tease(&self, duration: Duration) {
        let until = tokio::time::Instant::now() + duration;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(self.dice.millis(1_000, 4_000)).await;
            let Some(leader) = self.replicas.leader() else {
                continue;
            };
            let mut others = self.replicas.ids();
            others.retain(|id| *id != leader);
            if let Some(victim) = self.dice.pick(&others) {
                self.episode(*victim, self.fault()).await;
            }
        }
    }

    /// Makes trouble for `duration`, and returns once all of it is over.
    pub async fn rage(&self, duration: Duration) {
        let mut under_way: Vec<Job<()>> = Vec::new();
        let until = tokio::time::Instant::now() + duration;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(self.dice.millis(100, 3_000)).await;
            under_way.retain(|episode| !episode.is_finished());
            let ids = self.replicas.ids();
            if self.dice.percent(6) {
                // A power cut of everything at once.
                let survival = self.survival();
                for id in ids {
                    let faults = self.clone();
                    let fault = Fault::Dies(Death::Power(survival));
                    under_way.push(executor::spawn(
                        async move { faults.episode(id, fault).await },
                    ));
                }
                continue;
            }
            let leader = self.replicas.leader().filter(|_| self.dice.percent(40));
            let Some(victim) = leader.or_else(|| self.dice.pick(&ids).copied()) else {
                return;
            };
            let fault = self.fault();
            let faults = self.clone();
            under_way.push(executor::spawn(async move {
                faults.episode(victim, fault).await;
            }));
        }
        for episode in under_way {
            let _ = episode.await;
        }
    }

    fn survival(&self) -> Survival {
        self.dice
            .pick(&Survival::ALL)
            .copied()
            .unwrap_or(Survival::Nothing)
    }

    fn fault(&self) -> Fault {
        match self.dice.between(0, 99) {
            0..15 => Fault::Dies(Death::Killed),
            15..30 => Fault::Dies(Death::Power(self.survival())),
            30..42 => Fault::Freezes,
            42..56 => Fault::Isolated,
            56..64 => Fault::Mute,
            64..72 => Fault::Deaf,
            72..80 => Fault::Parted,
            80..88 => Fault::Flaps,
            88..94 => Fault::Slow,
            _ => Fault::Sluggish,
        }
    }

    /// One fault from its beginning to its end.
    async fn episode(&self, id: u64, fault: Fault) {
        let lasts = self.dice.millis(100, 5_000);
        let other = {
            let others: Vec<u64> = self.replicas.ids();
            let others: Vec<u64> = others.into_iter().filter(|other| *other != id).collect();
            self.dice.pick(&others).copied().unwrap_or(id)
        };
        let name = host(id);
        let note = |what: &str| {
            self.replicas
                .history
                .note(&name, format_args!("* {fault:?} {what}"));
        };
        self.touch(id, true);
        note("begins");
        let wires = &self.replicas.wires;
        let others = || self.replicas.ids().into_iter().filter(|other| *other != id);
        match fault {
            Fault::Dies(death) => {
                if matches!(death, Death::Power(_)) {
                    // Nobody hears that it is gone.
                    wires.darken(&name);
                }
                self.replicas.end(id, death).await;
                tokio::time::sleep(lasts).await;
                wires.lighten(&name);
                self.start(id).await;
            }
            Fault::Freezes => {
                let up = self.replicas.up(id);
                if let Some(up) = &up {
                    up.process.freeze();
                }
                tokio::time::sleep(lasts).await;
                if let Some(up) = &up {
                    up.process.thaw();
                }
            }
            Fault::Isolated => {
                wires.darken(&name);
                tokio::time::sleep(lasts).await;
                wires.lighten(&name);
            }
            Fault::Mute | Fault::Deaf => {
                let ways: Vec<(String, String)> = others()
                    .map(|other| match fault {
                        Fault::Mute => (name.clone(), host(other)),
                        _ => (host(other), name.clone()),
                    })
                    .collect();
                ways.iter().for_each(|(from, to)| wires.cut(from, to));
                tokio::time::sleep(lasts).await;
                ways.iter().for_each(|(from, to)| wires.mend(from, to));
            }
            Fault::Parted => {
                let other = host(other);
                wires.cut(&name, &other);
                wires.cut(&other, &name);
                tokio::time::sleep(lasts).await;
                wires.mend(&name, &other);
                wires.mend(&other, &name);
            }
            Fault::Flaps => {
                for _ in 0..self.dice.between(3, 8) {
                    wires.darken(&name);
                    tokio::time::sleep(self.dice.millis(50, 700)).await;
                    wires.lighten(&name);
                    tokio::time::sleep(self.dice.millis(50, 700)).await;
                }
            }
            Fault::Slow => {
                let by = self.dice.millis(20, 300);
                for other in others().map(host) {
                    wires.slow(&name, &other, by);
                    wires.slow(&other, &name, by);
                }
                tokio::time::sleep(lasts).await;
                for other in others().map(host) {
                    wires.slow(&name, &other, Duration::ZERO);
                    wires.slow(&other, &name, Duration::ZERO);
                }
            }
            Fault::Sluggish => {
                let up = self.replicas.up(id);
                if let Some(up) = &up {
                    up.process.set_disk(self.dice.millis(20, 800));
                }
                tokio::time::sleep(lasts).await;
                if let Some(up) = &up {
                    up.process.set_disk(Duration::from_millis(2));
                }
            }
        }
        note("ends");
        self.touch(id, false);
    }

    /// Starts a replica that is down.
    pub async fn start(&self, id: u64) {
        let _alone = self.starting.lock().await;
        if self.replicas.up(id).is_some() {
            return;
        }
        if let Err(error) = self.replicas.start(id).await {
            let killed = format!("{error:#}").contains("was killed");
            if !killed {
                self.replicas
                    .history
                    .violated("restarts", format_args!("{error:#}"));
            }
        }
    }
}
