//! From votes to verdicts.
//!
//! Observers vote on what they can probe: a member's gateways and its session ([`votes`]). A gateway or a session is
//! Lost once a quorum of observers in distinct failure domains ([`quorum`]) could not reach it for the hold time
//! ([`leaf`]). A member is concluded from its gateways and its session ([`member`]), a zone or a region from its
//! members ([`area`]), by where they are ([`fleet`]). [`evaluate`] runs these stages in this order and lists what changed:
//! all of it, or only what some votes or the passing of time can have changed. What was lost often waits longer before it
//! serves again ([`penalty`]). Each conclusion keeps what it rested on ([`evidence`]).
//!
//! Time is *cluster time*, an argument; [`deadline`] says whether it has to pass at all. Nothing here ever concludes from
//! the absence of a vote that a subject is lost.

pub mod area;
pub mod deadline;
pub mod evaluate;
pub mod evidence;
pub mod fleet;
pub mod leaf;
pub mod local;
pub mod member;
pub mod penalty;
pub mod quorum;
pub mod standing;
pub mod votes;

pub use evaluate::VerdictChange;
pub use fleet::{Fleet, Place, PlaceRef, Topology};
pub use penalty::Penalty;
pub use quorum::{Rules, negative_ttl_ms, renew_after_ms};
pub use standing::{Standing, Verdicts};
pub use votes::{CastVote, Touched, VoteBook, Weight};
