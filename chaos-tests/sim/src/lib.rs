//! The simulator: replicas, agents and members of a whole clusterset in one thread, on virtual time, with faults of
//! network, disk, process and clock from a seed. The same seed gives the same bytes of history.
//!
//! What it stands on:
//!
//! * [`dice`]: random numbers in streams; [`history`]: what happened;
//! * [`executor`]: runs all tasks, in an order of the seed;
//! * [`process`]: tasks that share a clock, a seed and a death; disks are those of `causeway-faults`, members those of
//!   `causeway-memory`;
//! * [`wires`]: the ways between hosts and what is wrong with them; [`line`](mod@line): connections over them;
//! * [`clients`]: who proposes and reads, and what they were answered; [`watch`]: feeds the invariants of the decision log.
//!
//! The worlds: [`log`] (the decision log alone) and [`fleet`] (replicas, agents and members). What must hold: [`invariant`], one a file. [`plant`]: bugs that are
//! planted to show that it would be noticed. [`simulate`] runs seeds.

pub mod clients;
pub mod dice;
pub mod executor;
pub mod fleet;
pub mod history;
pub mod invariant;
pub mod line;
pub mod log;
pub mod plant;
pub mod process;
pub mod simulate;
pub mod voices;
pub mod watch;
pub mod wires;
