//! The agent's eyes: what a member holds, and whom it reaches.
//!
//! * [`observer`]: watches a member's API server, keeps the index (crate `causeway-index`) up to date, and gives deltas
//!   of facts. Reading the stages: [`config`], `watch` (list, watch, resume, relist), `objects` (the narrow types; `protobuf`: their other form),
//!   `discover` (which APIs are served), `health` (whether the API server answers), `pods` (service accounts);
//! * [`once`]: the same objects listed once, for whoever only looks;
//! * [`probe`]: connects to gateways, suspects, and casts votes;
//! * [`proxies`]: asks callers' proxies what they leave out by themselves.
//!
//! Nothing here decides. A member's API server that is gone leaves the last facts in force; a gateway that is not reached
//! is one observer's vote.

pub mod config;
pub mod observer;
pub mod once;
pub mod probe;
pub mod proxies;

mod backoff;
mod discover;
mod health;
mod objects;
mod pods;
mod protobuf;
mod shared;
mod trouble;
mod version;
mod watch;

pub use config::ObserverConfig;
pub use observer::Observer;
pub use once::{Once, read_once};
