//! The words that Causeway's crates share: identifiers, facts, votes, verdicts, plans and views.
//!
//! Everything here is a plain value: no IO, no clock, ordered maps only. The order of reading:
//!
//! * [`ids`] and [`generation`]: what things are called, and how they are ordered;
//! * [`facts`]: what a member says of itself, as versioned deltas;
//! * [`verdict`]: what observers hold of a subject (votes) and what a quorum of them concludes (verdicts);
//! * [`spec`] and [`rules`]: what people declare (members, policies), behind validation; [`registry`]: in which host cluster;
//! * [`shift`]: what people override, for a time, away from a [`domain`] for instance;
//! * [`plan`]: for each service and source, the shares of each destination, and why;
//! * [`contingency`]: what is prepared for the loss of a domain;
//! * [`view`]: all that one mesh needs, cut out of plans and facts;
//! * [`session`]: what agents and replicas say to each other;
//! * [`exchange`]: what replicas say to each other of facts.

pub mod contingency;
pub mod domain;
pub mod exchange;
pub mod facts;
pub mod generation;
pub mod ids;
pub mod peer;
pub mod plan;
pub mod probe;
pub mod registry;
pub mod rules;
pub mod session;
pub mod shift;
pub mod spec;
pub mod text;
pub mod verdict;
pub mod view;

pub use generation::{FactVersion, Generation, WriterStamp};
pub use ids::{Locality, MemberName, Name, NetworkName, ReplicaId, ServiceKey};
