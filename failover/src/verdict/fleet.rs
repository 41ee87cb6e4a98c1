//! Where members are, and what their silence means: what conclusions rest on besides votes.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::MemberName;
use causeway_api::ids::{Region, Zone};
use causeway_api::rules::{Absence, MemberClass};
use causeway_api::verdict::Subject;

/// Where members are, by whoever knows it: the state machine's own rows, or a [`Topology`].
pub trait Fleet {
    /// Where a member is; `None`: it is not registered, and nothing is concluded of it.
    fn place(&self, member: &MemberName) -> Option<PlaceRef<'_>>;

    /// All registered members, in order.
    fn places(&self) -> impl Iterator<Item = (&MemberName, PlaceRef<'_>)>;
}

/// Members and where they are, as values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Region and zones of each registered member. A zone is concluded only from members that stand in it alone.
    pub members: BTreeMap<MemberName, Place>,
}

impl Fleet for Topology {
    fn place(&self, member: &MemberName) -> Option<PlaceRef<'_>> {
        self.members.get(member).map(Place::as_ref)
    }

    fn places(&self) -> impl Iterator<Item = (&MemberName, PlaceRef<'_>)> {
        self.members
            .iter()
            .map(|(name, place)| (name, place.as_ref()))
    }
}

/// Where one member is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Its region, where known.
    pub region: Option<Region>,
    /// Its zones, where known.
    pub zones: BTreeSet<Zone>,
    /// For how long it may be absent without having failed, in milliseconds of cluster time; `None`: not at all.
    pub tolerate_ms: Option<u64>,
}

impl Place {
    /// Borrowed.
    #[must_use]
    pub fn as_ref(&self) -> PlaceRef<'_> {
        PlaceRef {
            region: self.region.as_ref(),
            zones: &self.zones,
            tolerate_ms: self.tolerate_ms,
        }
    }
}

/// Where one member is, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct PlaceRef<'a> {
    /// Its region, where known.
    pub region: Option<&'a Region>,
    /// Its zones, where known.
    pub zones: &'a BTreeSet<Zone>,
    /// See [`tolerated_ms`].
    pub tolerate_ms: Option<u64>,
}

impl PlaceRef<'_> {
    /// The region and, where it stands in one alone, the zone that are concluded from it among others.
    pub(super) fn areas(&self) -> Vec<Subject> {
        let Some(region) = self.region else {
            return Vec::new();
        };
        let mut areas = vec![Subject::Region {
            region: region.clone(),
        }];
        let mut zones = self.zones.iter();
        if let (Some(zone), None) = (zones.next(), zones.next()) {
            areas.push(Subject::Zone {
                region: region.clone(),
                zone: zone.clone(),
            });
        }
        areas
    }
}

/// For how long a member may be absent without having failed. Only a cluster of class Edge may, and only where that was
/// announced. A Serverless cluster differs in what its capacity means, an External one in who runs it: the silence of
/// either is that of any other cluster.
#[must_use]
pub fn tolerated_ms(class: MemberClass, absence: Absence) -> Option<u64> {
    match class {
        MemberClass::Edge => absence.tolerate_ms.filter(|ms| *ms > 0),
        MemberClass::Standard | MemberClass::Serverless | MemberClass::External => None,
    }
}
