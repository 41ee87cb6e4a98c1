//! Generated coarse cuts.

use causeway_api::MemberName;
use causeway_api::contingency::ContentHash;
use causeway_api::domain::Domain;
use causeway_api::view::CoarseCut;
use proptest::collection::btree_set;
use proptest::option;
use proptest::prelude::*;

use super::{id, service};

pub(super) fn coarse() -> impl Strategy<Value = CoarseCut> {
    let domain = option::of(id::<MemberName>().prop_map(Domain::Member));
    let hash = option::of(any::<[u8; 32]>().prop_map(ContentHash));
    let networks = btree_set(id(), 0..3);
    (domain, hash, networks, btree_set(service(), 0..3)).prop_map(
        |(domain, contingency, networks, stay)| CoarseCut {
            domain,
            contingency,
            networks,
            stay,
        },
    )
}
