//! `causeway sandbox`: a whole clusterset in one process, and a story on it: a region is lost, traffic moves, the region
//! comes back, traffic returns.
//!
//! The clusters are in memory; everything else is what runs anywhere. Pure parts: [`fleet`] (drawn from a seed),
//! [`objects`] (as Kubernetes objects), [`model`] (what proxies do with the Istio objects that are there), [`report`] and
//! [`screen`]. Around them: [`world`] starts and loses things, [`sampler`] reads the clusters, [`watch`] looks and counts,
//! [`story`] tells, [`mod@run`] is the verb.

mod alive;
pub mod fleet;
pub mod lost;
pub mod model;
pub mod objects;
mod patience;
pub mod report;
pub mod run;
pub mod sampler;
pub mod screen;
pub mod story;
pub mod watch;
pub mod world;

pub use run::run;
