//! Where members are, and what their silence means, read from their own rows: nothing is copied for a vote.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::MemberName;
use causeway_api::ids::Zone;
use causeway_failover::verdict::fleet::tolerated_ms;
use causeway_failover::verdict::{Fleet, PlaceRef};

use crate::state::RegisteredMember;

static NOWHERE: BTreeSet<Zone> = BTreeSet::new();

/// The registered members, as far as verdicts go.
#[derive(Debug, Clone, Copy)]
pub struct Registered<'a>(pub &'a BTreeMap<MemberName, RegisteredMember>);

fn place(member: &RegisteredMember) -> PlaceRef<'_> {
    let placement = member.placement.as_ref();
    PlaceRef {
        region: member.region(),
        zones: placement.map_or(&NOWHERE, |placed| &placed.zones),
        tolerate_ms: tolerated_ms(member.spec.class, member.spec.absence),
    }
}

impl Fleet for Registered<'_> {
    fn place(&self, member: &MemberName) -> Option<PlaceRef<'_>> {
        self.0.get(member).map(place)
    }

    fn places(&self) -> impl Iterator<Item = (&MemberName, PlaceRef<'_>)> {
        self.0.iter().map(|(name, member)| (name, place(member)))
    }
}
