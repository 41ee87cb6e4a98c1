//! Generated values of what replicas say to each other of facts.

use causeway_api::exchange::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::generate::{applied, diff_entry, facts, generation, id, text, version};

fn presence() -> impl Strategy<Value = Presence> {
    (
        (id(), any::<(u64, u64, bool, u64, u32)>(), text()),
        generation(),
        option::of(applied()),
        option::of(any::<u64>()),
    )
        .prop_map(
            |(
                (member, (epoch, sequence, open, for_ms, protocol), version),
                sent,
                applied,
                behind_ms,
            )| Presence {
                member,
                epoch,
                sequence,
                open,
                for_ms,
                version,
                protocol,
                sent,
                applied,
                behind_ms,
            },
        )
}

pub(crate) fn from_giver() -> impl Strategy<Value = FromGiver> {
    let held = (id(), version(), version()).prop_map(|(owner, version, stated)| OwnerHeld {
        owner,
        version,
        stated,
    });
    let given = (facts(), version()).prop_map(|(delta, stated)| GivenFacts { delta, stated });
    let packed = (facts(), version(), vec(any::<u8>(), 0..40)).prop_map(|(delta, stated, rows)| {
        PackedFacts {
            delta,
            stated,
            rows,
        }
    });
    let answer = prop_oneof![vec(diff_entry(), 0..3).prop_map(Ok), text().prop_map(Err)];
    prop_oneof![
        any::<u64>().prop_map(|digest| FromGiver::Offer { digest }),
        vec(held, 0..4).prop_map(FromGiver::Table),
        given.prop_map(|given| FromGiver::Facts(Box::new(given))),
        packed.prop_map(|packed| FromGiver::Packed(Box::new(packed))),
        vec(presence(), 0..3).prop_map(FromGiver::Presence),
        Just(FromGiver::Alive),
        (any::<u64>(), answer).prop_map(|(id, answer)| FromGiver::Diff { id, answer }),
    ]
}

pub(crate) fn from_taker() -> impl Strategy<Value = FromTaker> {
    let wanted =
        (id(), option::of(version())).prop_map(|(owner, held)| OwnerWanted { owner, held });
    prop_oneof![
        Just(FromTaker::Compare),
        vec(wanted, 0..4).prop_map(FromTaker::Want),
        (any::<u64>(), id()).prop_map(|(id, member)| FromTaker::AskDiff { id, member }),
    ]
}
