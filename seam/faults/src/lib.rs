//! A disk in memory that fails as real ones do, deterministically from a seed: for tests and the simulator.
//!
//! It loses what was not synced when the power goes, tears writes between sectors, flips bits, runs full, and refuses
//! reads, writes or syncs. The product never depends on it.
//!
//! * [`FaultyDisk`]: a process's folder, as [`causeway_seam::Disk`]; power is cut by [`FaultyDisk::cut_power`] or at a
//!   chosen operation, and comes back by [`FaultyDisk::restart`];
//! * [`Survival`]: what of the unsynced writes reached the platter;
//! * [`Trouble`]: errors short of a loss of power; [`Bug`]: planted faults of *ours*, to show that tests see them;
//! * [`History`]: every state that the platter was in during one run, so that a test can cut the power at each
//!   operation without running its workload again;
//! * [`env()`]: a process environment on Tokio's clock that does disk work in place, with randomness from a seed;
//! * [`part_of`]: of many seeds those that one run is asked for.
//!
//! ```
//! use causeway_faults::{FaultyDisk, Survival};
//! use causeway_seam::Disk;
//!
//! let disk = FaultyDisk::new("replica-1", 7);
//! disk.replace("view", b"one").unwrap();
//! disk.cut_power();
//! assert!(disk.replace("view", b"two").is_err());
//! let disk = disk.restart(Survival::Nothing);
//! assert_eq!(disk.read("view").unwrap().unwrap(), b"one");
//! ```

mod disk;
mod env;
mod file;
mod history;
mod operation;
mod part;
mod platter;
mod random;
mod trouble;

pub use disk::FaultyDisk;
pub use env::env;
pub use history::{History, Moment};
pub use operation::SECTOR_BYTES;
pub use part::part_of;
pub use platter::Survival;
pub use random::Seeded;
pub use trouble::{Bug, Trouble};

#[cfg(test)]
mod tests;
