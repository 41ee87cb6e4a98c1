//! Generated values of what replicas say to each other.

mod exchange;

use causeway_api::ids::ReplicaId;
use causeway_api::peer::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::generate::generation;

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn range() -> impl Strategy<Value = Range> {
    (0_u32..5, 0_u32..5).prop_map(|(oldest, more)| Range {
        oldest,
        newest: oldest + more,
    })
}

fn addresses() -> impl Strategy<Value = PeerAddresses> {
    (text(), text(), text()).prop_map(|(peers, sessions, admin)| PeerAddresses {
        peers,
        sessions,
        admin,
    })
}

prop_compose! {
    fn hello()(
        replica in 1..u64::MAX,
        to in option::of(1..u64::MAX),
        lane in select(&Lane::ALL),
        newer in 0_u32..3,
        features in range(),
        version in text(),
        (boot, folder, clusterset) in any::<(u64, u64, u64)>(),
        highest in generation(),
        (domain, others) in (text(), vec(other(), 0..4)),
        addresses in addresses(),
    ) -> PeerHello {
        PeerHello {
            replica: ReplicaId(replica),
            to: to.map(ReplicaId),
            lane,
            // What has nothing in common with this build is refused.
            protocols: Range { oldest: PEER_PROTOCOL_OLDEST, newest: PEER_PROTOCOL + newer },
            features,
            version,
            boot,
            folder,
            clusterset,
            highest,
            domain,
            addresses,
            others,
        }
    }
}

fn other() -> impl Strategy<Value = PeerOther> {
    (1..u64::MAX, text()).prop_map(|(replica, address)| PeerOther {
        replica: ReplicaId(replica),
        address,
    })
}

fn fenced() -> impl Strategy<Value = Fenced> {
    let rows = (any::<(u64, u64)>(), proptest::option::of(generation()));
    rows.prop_map(|((incarnation, by), removed)| Fenced {
        incarnation,
        by: ReplicaId(by),
        removed,
    })
}

fn call() -> impl Strategy<Value = Call> {
    let kind = select(&[
        PeerCallKind::Append,
        PeerCallKind::Vote,
        PeerCallKind::PreVote,
        PeerCallKind::Snapshot,
        PeerCallKind::TransferLeader,
        PeerCallKind::Propose,
        PeerCallKind::Change,
        PeerCallKind::Read,
    ]);
    (any::<u64>(), kind, vec(any::<u8>(), 0..20)).prop_map(|(id, kind, body)| Call {
        id,
        kind,
        body,
    })
}

pub(crate) fn to_peer() -> impl Strategy<Value = ToPeer> {
    prop_oneof![
        hello().prop_map(ToPeer::Hello),
        (any::<u64>(), generation(), any::<(u32, u32)>()).prop_map(
            |(number, highest, (majority_us, disk_us))| {
                ToPeer::Ping(Ping {
                    number,
                    highest,
                    majority_us,
                    disk_us,
                })
            }
        ),
        call().prop_map(ToPeer::Call),
        fenced().prop_map(ToPeer::Fenced),
        exchange::from_giver().prop_map(ToPeer::Facts),
    ]
}

pub(crate) fn from_peer() -> impl Strategy<Value = FromPeer> {
    let body = vec(any::<u8>(), 0..20);
    let answer = prop_oneof![body.prop_map(Ok), text().prop_map(Err)];
    prop_oneof![
        hello().prop_map(FromPeer::Hello),
        (text(), any::<bool>()).prop_map(|(reason, retry)| FromPeer::Refused { reason, retry }),
        (any::<u64>(), generation(), any::<i64>()).prop_map(|(number, highest, wall_ms)| {
            FromPeer::Pong(Pong {
                number,
                highest,
                wall_ms,
            })
        }),
        (any::<u64>(), answer).prop_map(|(id, answer)| FromPeer::Answer { id, answer }),
        fenced().prop_map(FromPeer::Fenced),
        exchange::from_taker().prop_map(FromPeer::Facts),
    ]
}
