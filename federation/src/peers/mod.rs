//! Links among replicas: each dials every other one and asks; the dialled one answers.
//!
//! * [`links`]: all links of one replica; carries the calls of its decision log ([`causeway_storage::Peers`]);
//! * `link`: one that this replica dialled, on one lane: dialled again whenever it ends;
//! * `knock`: introducing oneself where one was told to join;
//! * `accept`: those that others dialled: calls answered in the order in which they came;
//! * [`admit`]: whether a replica that introduces itself may have a link, and what it hears if not;
//! * [`seen`]: what is known of each of the others, for people and for the decision log's timeouts;
//! * [`facts`]: the lane of facts, whose content is another module's.
//!
//! A link that is silent for [`SILENCE`] is given up. Nothing here decides anything: whom to trust with a vote is the
//! decision log's business.

mod accept;
pub mod admit;
pub mod facts;
mod knock;
#[cfg(test)]
mod knock_tests;
mod link;
pub mod links;
pub mod seen;
#[cfg(test)]
mod tests;

use std::time::Duration;

use causeway_api::Generation;
use causeway_api::peer::{FromPeer, ToPeer};
use causeway_seam::transport::{Accept, Dial};

pub use links::{Me, PeerLinks};
pub use seen::PeerSeen;

/// How links are dialled.
pub type Dialler = dyn Dial<ToPeer, FromPeer>;

/// How links are accepted.
pub type Acceptor = dyn Accept<FromPeer, ToPeer>;

/// How often the other side is asked whether it is there.
pub const PING: Duration = Duration::from_millis(500);

/// How long a link may be silent before it is given up.
pub const SILENCE: Duration = Duration::from_secs(4);

/// How long introducing oneself may take.
const HELLO: Duration = Duration::from_secs(5);

/// The first wait before a link is dialled again; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// The wait after a refusal that a person must see to.
const REFUSED: Duration = Duration::from_secs(5);

/// Calls that may be answered at once on one link.
const UNDER_WAY: usize = 256;

/// What the decisions say of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// The number of the data folder that it was added with; 0: unknown.
    pub folder: u64,
    /// The decision by which it was removed, if it was: its id is used up.
    pub removed: Option<Generation>,
}
