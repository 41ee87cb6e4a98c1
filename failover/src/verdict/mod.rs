//! From votes to verdicts.
//!
//! Observers vote on what they can probe: a member's gateways and its session ([`votes`]). A gateway or a session is
//! Lost once a quorum of observers in distinct failure domains ([`quorum`]) could not reach it for the hold time
//! ([`leaf`]). A member is concluded from its gateways and its session ([`member`]), a zone or a region from its
//! members ([`area`]). [`evaluate`] runs these stages in this order and lists what changed.
//!
//! Time is *cluster time*, an argument. Nothing here ever concludes from the absence of a vote that a subject is lost.
//!
//! Left open on purpose: a penalty for flapping would lengthen [`Rules::hold_down_ms`] for each subject; [`Standing`]
//! is where its decaying score would be kept.

pub mod area;
pub mod evaluate;
pub mod leaf;
pub mod member;
pub mod quorum;
pub mod standing;
pub mod votes;

pub use evaluate::{Topology, VerdictChange};
pub use quorum::{Rules, negative_ttl_ms, renew_after_ms};
pub use standing::{Standing, Verdicts};
pub use votes::{CastVote, VoteBook};
