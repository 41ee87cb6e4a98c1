//! The decision log: openraft on redb, behind one type.
//!
//! [`Consensus`] is all that the rest of Causeway sees: commands are proposed, the state is read, decisions are
//! followed. openraft's types end here, so that its line can be changed without a change elsewhere.
//!
//! * [`settings`], [`error`], [`status`]: what is configured, refused and shown;
//! * `form`: how rows of the log, votes and memberships stand on disk, with a version and a checksum each;
//! * `runtime`: openraft's tasks and randomness, through the seam;
//! * `log`: the log in redb, written by one task that commits whatever has gathered in one transaction;
//! * `snapshot`: states as files of their own;
//! * `machine`: hands committed entries to `causeway_state::apply` and tells who waits; `compare`: whether the states agree;
//! * [`decisions`]: the decisions as they are applied;
//! * [`backup`]: the decisions in one file; [`offline`]: what is done to the folder of a replica that is stopped;
//! * [`peers`], `network`: how replicas reach each other; [`domains`]: whether the loss of one place loses the quorum;
//! * [`consensus`]: puts these together.
//!
//! Acknowledged means fsynced: openraft hears of an append only after redb's commit, and commits are durable.

pub mod backup;
mod compare;
pub mod consensus;
pub mod decisions;
pub mod domains;
pub mod error;
mod form;
mod log;
mod machine;
mod network;
pub mod offline;
pub mod peers;
mod runtime;
pub mod settings;
mod snapshot;
pub mod status;
mod types;

pub use compare::Divergence;
pub use consensus::members::{Change, ChangeError, Progress};
pub use consensus::past::{Past, PastError, Until};
pub use consensus::reads::Consistency;
pub use consensus::{Consensus, DiskPulse, WeakConsensus};
pub use decisions::{Decision, Decisions, Next, Position};
pub use error::{BootstrapError, ProposeError, ReadError, StorageError};
pub use network::snapshots::Transfer;
pub use peers::{NoPeers, PeerCall, PeerCallKind, PeerError, Peers, ReplicaNode};
pub use settings::{Settings, Timing};
pub use status::{Role, Status};

#[cfg(test)]
mod crash;
#[cfg(test)]
mod suite;
