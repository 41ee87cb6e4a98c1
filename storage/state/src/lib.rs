//! The replicated state machine: `apply(&mut State, LogPosition, &Request) -> Outcome`, and nothing else.
//!
//! It judges by command and state alone: no clock, no facts, no randomness. Cluster time advances only by what commands
//! carry. Every replica that applies the same log holds the same state, byte for byte ([`State::digest`]).
//!
//! * [`command`]: what can be decided; [`outcome`]: what became of it, one typed outcome for each;
//! * [`state`]: what is held; [`mod@apply`]: one file for each family of commands;
//! * [`level`]: which behaviours are in force, so that two builds never differ; [`frame`]: requests between builds;
//! * [`incarnation`]: how a state goes on after decisions were lost;
//! * [`brain`]: overrides, what waits for people, what moved, returns, the brake; [`effects`]: what they make of a plan's
//!   inputs;
//! * `known`: what of a plan's inputs follows without facts; [`contingency`]: what is prepared for losses;
//! * [`registry`], [`staging`]: who owns which declaration, and large changes on their way;
//! * [`replicas`]: which replicas there are and were;
//! * `derived`: what follows from plans and policies, kept at hand; [`outside`]: who moves by a person's word alone;
//! * [`digest`]: what replicas compare;
//! * [`query`]: what can be asked, apart from commands; [`fleet`]: members, as verdicts see them;
//! * [`snapshot`]: the state as bytes, with the version of their form in front; `form1`: the previous form.

pub mod apply;
pub mod brain;
pub mod clients;
pub mod command;
pub mod contingency;
mod derived;
pub mod digest;
pub mod effects;
pub mod fleet;
mod form1;
pub mod frame;
pub mod incarnation;
mod known;
pub mod level;
pub mod outcome;
pub mod outside;
pub mod query;
pub mod registry;
pub mod replicas;
pub mod snapshot;
pub mod staging;
pub mod state;
pub mod ties;

pub use apply::{LogPosition, apply, apply_next};
pub use command::{ClientId, Command, PlanProposal, Request};
pub use outcome::{Effect, Outcome, Refusal};
pub use state::{CommittedPlan, Move, PlanRow, RegisteredMember, State};
