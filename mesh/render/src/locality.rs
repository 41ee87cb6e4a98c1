//! Localities as Istio writes them, and which of them names which destination.
//!
//! An entry carries `region/zone[/subzone]`; a rule names localities by patterns such as `region/zone/*`. Two patterns
//! of one rule may not overlap: istiod would take them in an order that differs from push to push.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::plan::{Destination, Source};
use causeway_api::view::ServiceView;
use causeway_api::{Locality, NetworkName};

use crate::input::MemberInputs;

/// Where the entry of a network stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What the entry carries.
    pub locality: String,
    /// Its region.
    pub region: String,
    /// The pattern that names it, and nothing else.
    pub pattern: String,
}

/// The member's own region, by the name that its mesh knows.
#[must_use]
pub fn own_region(member: &MemberInputs) -> Option<String> {
    let region = member.settings.region.clone()?;
    let whole = Locality {
        region: Some(region.clone()),
        zone: None,
    };
    let mapped = member.settings.native_localities.get(&whole).or_else(|| {
        let mut of_region = member
            .settings
            .native_localities
            .iter()
            .filter(|(ours, _)| ours.region.as_ref() == Some(&region));
        of_region.next().map(|(_, native)| native)
    });
    let native = mapped.and_then(|native| native.region.clone());
    Some(native.unwrap_or(region).to_string())
}

/// A locality by the name that the mesh knows.
fn native(member: &MemberInputs, locality: &Locality) -> Locality {
    let mut native = member.native(locality);
    if native.region == member.settings.region
        && let Some(region) = own_region(member)
    {
        native.region = causeway_api::ids::Region::new(&region).ok();
    }
    native
}

/// The pattern of the callers, or of the endpoints, in one zone of this member; `None` where its region is unknown.
#[must_use]
pub fn zone_pattern(
    member: &MemberInputs,
    zone: Option<&causeway_api::ids::Zone>,
) -> Option<String> {
    let locality = native(
        member,
        &Locality {
            region: member.settings.region.clone(),
            zone: zone.cloned(),
        },
    );
    let region = locality.region?;
    Some(match locality.zone {
        Some(zone) => format!("{region}/{zone}/*"),
        None => format!("{region}/*"),
    })
}

/// The patterns of all zones of this member that the plan of a service sends to. Where one of them has no name, a
/// single pattern for the region covers all.
#[must_use]
pub fn local_patterns(member: &MemberInputs, view: &ServiceView) -> BTreeMap<Destination, String> {
    let zones: BTreeSet<_> = view
        .sources
        .iter()
        .flat_map(|plan| {
            plan.shares
                .iter()
                .map(move |share| (&plan.source, &share.destination))
        })
        .filter(|(source, destination)| is_local(source, destination))
        .map(|(_, destination)| destination)
        .collect();
    let nameless = zones
        .iter()
        .any(|zone| matches!(zone, Destination::Zone { zone: None, .. }));
    zones
        .into_iter()
        .filter_map(|destination| match destination {
            Destination::Zone { zone, .. } => {
                let zone = zone.as_ref().filter(|_| !nameless);
                Some((destination.clone(), zone_pattern(member, zone)?))
            }
            Destination::Network(_) => None,
        })
        .collect()
}

/// Whether a destination is a zone of the source's own member.
#[must_use]
pub fn is_local(source: &Source, destination: &Destination) -> bool {
    matches!(destination, Destination::Zone { member, .. } if *member == source.member)
}

/// Where the entries of `networks` stand. With `exact`, each is named by a pattern of its own, apart from all of
/// `local`: a network that shares its zone with local endpoints, or with another network, is then named by itself.
#[must_use]
pub fn places(
    member: &MemberInputs,
    networks: &BTreeSet<NetworkName>,
    local: &BTreeSet<String>,
    exact: bool,
) -> BTreeMap<NetworkName, Place> {
    let own = own_region(member);
    let mut taken = local.clone();
    let mut places = BTreeMap::new();
    for network in networks {
        let view = member
            .networks
            .get(network)
            .and_then(|view| view.value.as_ref());
        let locality = view.map(|view| native(member, &view.locality));
        let place = match locality.and_then(|locality| locality.region.map(|r| (r, locality.zone)))
        {
            Some((region, zone)) => {
                let zone = zone.map_or_else(|| network.to_string(), |zone| zone.to_string());
                let pattern = format!("{region}/{zone}/*");
                let free = !taken.iter().any(|other| overlap(other, &pattern));
                if exact && !free {
                    by_itself(network)
                } else {
                    // In the callers' own region a subzone keeps the entry behind local endpoints of the same zone.
                    let subzone = own.as_deref() == Some(region.as_str());
                    Place {
                        locality: if subzone {
                            format!("{region}/{zone}/{network}")
                        } else {
                            format!("{region}/{zone}")
                        },
                        region: region.to_string(),
                        pattern,
                    }
                }
            }
            None => by_itself(network),
        };
        taken.insert(place.pattern.clone());
        places.insert(network.clone(), place);
    }
    places
}

/// A network whose own name stands for region and zone.
fn by_itself(network: &NetworkName) -> Place {
    Place {
        locality: format!("{network}/{network}"),
        region: network.to_string(),
        pattern: format!("{network}/{network}/*"),
    }
}

/// Whether two patterns have a locality in common.
#[must_use]
pub fn overlap(a: &str, b: &str) -> bool {
    for (a, b) in a.split('/').zip(b.split('/')) {
        if a == "*" || b == "*" {
            return true;
        }
        if a != b {
            return false;
        }
    }
    true
}

/// Whether a pattern covers a locality `region/zone` of endpoints.
#[must_use]
pub fn covers(pattern: &str, locality: &Locality) -> bool {
    let region = locality.region.as_ref().map_or("", |r| r.as_str());
    let zone = locality.zone.as_ref().map_or("", |z| z.as_str());
    let mut parts = pattern.split('/');
    let mut fits = |text: &str| match parts.next() {
        None | Some("*") => true,
        Some(part) => part == text,
    };
    fits(region) && fits(zone)
}
