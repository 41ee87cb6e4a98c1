//! The product itself: the real `causeway` binary, as the processes that a user runs, on real clusters.
//!
//! A test usually starts with a [`Clusterset`]: three clusters in three regions, an istiod in each, a controller, an
//! agent for each cluster. Everything is done from outside: objects are written to API servers, questions are asked by
//! the command line, and what counts is what istiod tells proxies ([`told`]).

pub mod agent;
pub mod api_door;
pub mod binary;
pub mod certificates;
pub mod cli;
pub mod clusterset;
pub mod controller;
pub mod declared;
pub mod furnish;
pub mod gateway;
pub mod mesh;
pub mod page;
pub mod replica;
pub mod site;
pub mod told;
pub mod workload;

pub use clusterset::{Callers, Clusterset, Options, counts};
pub use mesh::Objects;
pub use site::Site;
pub use workload::Workload;

use std::time::Duration;

/// How long anything that a person would call immediate may take on a machine that is busy with other tests.
pub const DEADLINE: Duration = Duration::from_secs(60);
