//! The replicated state machine: `apply(&mut State, LogPosition, Command) -> Outcome`, and nothing else.
//!
//! It judges by command and state alone: no clock, no facts, no randomness. Cluster time advances only by what commands
//! carry. Every replica that applies the same log holds the same state, byte for byte ([`State::digest`]).
//!
//! * [`command`]: what can be decided; [`outcome`]: what became of it, one typed outcome for each;
//! * [`state`]: what is held; [`apply`]: one file for each family of commands;
//! * [`query`]: what can be asked, apart from commands.

pub mod command;
pub mod outcome;
