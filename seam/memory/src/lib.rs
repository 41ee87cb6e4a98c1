//! A member cluster in memory: what an agent sees of a Kubernetes API server, as a `kube::Client` over a service in
//! this process. The sandbox and the simulator run the real code of Causeway against it.
//!
//! It offers what Causeway uses and nothing else, and exactly that is proven: one suite of cases
//! (`seam/memory/conformance`) runs against it and against a real API server, with the same assertions. A request for
//! anything else is answered by 501 with a message that says so, never by a guess. There are no controllers in it,
//! no validation of schemas, and no built-in defaults but the few in `defaults.rs`.
//!
//! * [`Config`], [`MemoryMember`]: make one, get clients, put objects, inject faults ([`faults`]);
//! * `kinds`: what it serves; `store`: objects, revisions, history;
//! * `service`: one request from URL to answer, with `target`, `query`, `selector`, `status` and `discovery`;
//! * `read`, `watch`, `write`, `patch`: the verbs;
//! * `journal`: every change in order, for who judges each write;
//! * `fields`: who owns which field, for server-side apply.

mod config;
mod defaults;
mod discovery;
pub mod faults;
mod fields;
mod journal;
mod kinds;
mod member;
mod object;
mod patch;
mod query;
mod read;
mod selector;
mod service;
mod status;
mod store;
mod target;
mod watch;
mod write;

pub use config::Config;
pub use faults::Deny;
pub use journal::Change;
pub use member::{Changes, MemberError, MemoryMember};
