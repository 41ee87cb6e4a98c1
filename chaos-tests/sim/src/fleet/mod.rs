//! A whole clusterset: replicas, agents and members with their API servers, gateways and workloads.
//!
//! * [`members`]: clusters in memory, and what runs in them;
//! * [`world`]: who runs where, and how it is started and ended;
//! * [`probe`]: how replicas reach gateways;
//! * [`faults`]: what goes wrong, and when; [`work`]: what people and autoscalers do meanwhile;
//! * [`witness`]: sees every write into every member, and feeds the invariants;
//! * [`run()`]: one run of one seed.

pub mod faults;
pub mod members;
pub mod probe;
pub mod run;
pub mod witness;
pub mod work;
pub mod world;

pub use run::run;
