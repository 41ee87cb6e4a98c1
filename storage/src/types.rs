//! What openraft is told of our types.

use std::fmt;
use std::sync::Arc;

use causeway_state::{Outcome, Request};
use openraft::impls::leader_id_std;
use openraft::type_config::alias::{
    EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::peers::ReplicaNode;
use crate::snapshot::Image;

openraft::declare_raft_types!(
    /// One leader in a term, so that (term, index) names an entry.
    pub(crate) Types:
        D = Proposal,
        R = Reply,
        NodeId = u64,
        Node = ReplicaNode,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = crate::runtime::SeamRuntime,
);

/// What a client of the log hears: `None` for entries that are no requests.
pub(crate) type Reply = Option<Outcome>;

pub(crate) type LogId = LogIdOf<Types>;
pub(crate) type Vote = VoteOf<Types>;
pub(crate) type Entry = EntryOf<Types>;
pub(crate) type StoredMembership = StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = SnapshotMetaOf<Types>;
pub(crate) type Snapshot = SnapshotOf<Types, Arc<Image>>;
pub(crate) type Membership = openraft::Membership<u64, ReplicaNode>;

/// A request on its way through the log; cheap to clone. Between replicas it goes in a frame, so that one of an older
/// version can pass on what it does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal(pub(crate) Arc<Request>);

impl Serialize for Proposal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frame = self.0.to_frame().map_err(serde::ser::Error::custom)?;
        serializer.serialize_bytes(&frame)
    }
}

impl<'de> Deserialize<'de> for Proposal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Frame)
    }
}

struct Frame;

impl serde::de::Visitor<'_> for Frame {
    type Value = Proposal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request in a frame")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Proposal, E> {
        let request = Request::from_frame(bytes).map_err(E::custom)?;
        Ok(Proposal(Arc::new(request)))
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { client, serial, .. } = self.0.as_ref();
        write!(f, "{serial} of {}/{:016x}", client.replica, client.nonce)
    }
}
