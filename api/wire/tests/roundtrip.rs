//! Whatever is written is read back, through the bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod generate;
mod peers;

use causeway_api::peer::{FromPeer, ToPeer};
use causeway_api::session::{FromAgent, FromReplica};
use causeway_wire::{Incoming, proto};
use proptest::prelude::*;
use prost::Message;

proptest! {
    #[test]
    fn what_an_agent_says_is_read_back(message in generate::from_agent()) {
        let bytes = proto::AgentMessage::from(&message).encode_to_vec();
        let wire = proto::AgentMessage::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(Incoming::<FromAgent>::try_from(wire).unwrap(), Incoming::Message(message));
    }

    #[test]
    fn what_a_replica_says_is_read_back(message in generate::from_replica()) {
        let bytes = proto::ReplicaMessage::from(&message).encode_to_vec();
        let wire = proto::ReplicaMessage::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(Incoming::<FromReplica>::try_from(wire).unwrap(), Incoming::Message(message));
    }

    #[test]
    fn what_a_dialling_replica_says_is_read_back(message in peers::to_peer()) {
        let bytes = proto::ToPeer::from(&message).encode_to_vec();
        let wire = proto::ToPeer::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(Incoming::<ToPeer>::try_from(wire).unwrap(), Incoming::Message(message));
    }

    #[test]
    fn what_a_dialled_replica_says_is_read_back(message in peers::from_peer()) {
        let bytes = proto::FromPeer::from(&message).encode_to_vec();
        let wire = proto::FromPeer::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(Incoming::<FromPeer>::try_from(wire).unwrap(), Incoming::Message(message));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(wire) = proto::AgentMessage::decode(bytes.as_slice()) {
            let _ = Incoming::<FromAgent>::try_from(wire);
        }
        if let Ok(wire) = proto::ReplicaMessage::decode(bytes.as_slice()) {
            let _ = Incoming::<FromReplica>::try_from(wire);
        }
        if let Ok(wire) = proto::ToPeer::decode(bytes.as_slice()) {
            let _ = Incoming::<ToPeer>::try_from(wire);
        }
        if let Ok(wire) = proto::FromPeer::decode(bytes.as_slice()) {
            let _ = Incoming::<FromPeer>::try_from(wire);
        }
    }
}
