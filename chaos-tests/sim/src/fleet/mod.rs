//! A whole clusterset: three to five replicas that agree, agents, and members with their API servers, gateways and
//! workloads.
//!
//! * [`members`]: clusters in memory, and what runs in them;
//! * [`world`]: who runs where, and how it is started and ended; [`places`]: machines; [`describe`]: messages as text;
//! * [`probe`]: how replicas reach gateways;
//! * [`faults`]: what goes wrong, and when; [`cuts`]: on the ways; [`disaster`]: the quorum is lost for good;
//! * [`size`]: how large a seed's clusterset is;
//! * [`work`]: what people and autoscalers do meanwhile; [`policies`]: what people declare; [`operators`]: who adds and removes
//!   replicas;
//! * [`witness`]: sees every write into every member, [`brain`]: every decision, and both feed the invariants;
//! * [`unguarded`], [`rewritten`], [`own_lease`]: planted bugs of agents' writes; [`cut_lists`]: one of what replicas read;
//!   [`hasty_time`], [`restless`]: of what they decide;
//! * [`mind`]: whether all is well again; [`run()`]: one run of one seed; [`quiet()`]: a clusterset to which nothing happens; [`stall()`]: to
//!   which nothing happens but that the disk of its leader stalls.

pub mod brain;
pub mod cut_lists;
pub mod cuts;
pub mod describe;
pub mod disaster;
pub mod faults;
pub mod hasty_time;
pub mod members;
pub mod mind;
pub mod operators;
pub mod own_lease;
pub mod places;
pub mod policies;
pub mod probe;
pub mod quiet;
pub mod restless;
pub mod rewritten;
pub mod run;
pub mod size;
pub mod stall;
pub mod unguarded;
pub mod witness;
pub mod work;
pub mod world;

pub use quiet::quiet;
pub use run::run;
pub use stall::stall;
