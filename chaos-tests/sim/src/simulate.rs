//! Runs seeds: each in a Tokio runtime of its own, on virtual time, in one thread.

use std::time::Duration;

use tracing::Level;

use crate::dice::Dice;
use crate::executor::Executor;
use crate::history::{History, Violation};
use crate::plant::Plant;
use crate::voices::Voices;

/// Which world is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum World {
    /// The decision log alone.
    Log,
    /// A whole clusterset: replicas, agents and members.
    Fleet,
    /// A whole clusterset to which nothing happens: what it commits all the same is counted.
    Quiet,
    /// A whole clusterset to which nothing happens but that the disk of its leader stalls.
    Stall,
}

/// What a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Which world.
    pub world: World,
    /// Its seed.
    pub seed: u64,
    /// A bug that is planted.
    pub plant: Option<Plant>,
}

/// What a run gave.
#[derive(Debug)]
pub struct Report {
    /// Everything that happened.
    pub history: String,
    /// How much.
    pub events: u64,
    /// How long it took by the world's own clock.
    pub lasted: Duration,
    /// What did not hold.
    pub violations: Vec<Violation>,
}

impl Run {
    /// A run without planted bugs.
    #[must_use]
    pub fn of(world: World, seed: u64) -> Self {
        Self {
            world,
            seed,
            plant: None,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Where no runtime can be made.
    pub fn run(self) -> std::io::Result<Report> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let report = runtime.block_on(async {
            let history = History::begin();
            let voices = Voices::new(&history, Level::INFO);
            let _listening = tracing::subscriber::set_default(voices);
            let inside = history.clone();
            let world = async move {
                match self.world {
                    World::Log => crate::log::run(self.seed, self.plant, &inside).await,
                    World::Fleet => crate::fleet::run(self.seed, self.plant, &inside).await,
                    World::Quiet => crate::fleet::quiet(self.seed, self.plant, &inside).await,
                    World::Stall => crate::fleet::stall(self.seed, self.plant, &inside).await,
                }
            };
            let dice = Dice::new(self.seed).fork("executor");
            Executor::run(dice, &history, world).await;
            let lasted = history.now();
            let (text, events, violations) = history.take();
            Report {
                history: text,
                events,
                lasted,
                violations,
            }
        });
        Ok(report)
    }

    /// The command that runs it again and prints its history.
    #[must_use]
    pub fn command(self) -> String {
        let world = match self.world {
            World::Log => "log",
            World::Fleet => "fleet",
            World::Quiet => "quiet",
            World::Stall => "stall",
        };
        let plant = self
            .plant
            .map_or_else(String::new, |plant| format!(" --plant {}", plant.name()));
        format!(
            "cargo xtask simulate --world {world} --seed {}{plant}",
            self.seed
        )
    }
}
