//! What falls with a domain.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::domain::Domain;
use causeway_api::ids::{FailureDomain, MemberName, Name, NetworkName, Region, Zone};
use causeway_api::plan::{PlanInputs, Rate, Withdrawal};

use crate::allot::limits;
use crate::safety::moved::is_left;

/// Where a member stands, as far as it can fall.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Its region, where known.
    pub region: Option<Region>,
    /// The zones of its nodes.
    pub zones: BTreeSet<Zone>,
    /// Its network, once it is placed.
    pub network: Option<NetworkName>,
    /// Its gateways.
    pub gateways: BTreeSet<Name>,
    /// The domains that it declares.
    pub domains: BTreeSet<FailureDomain>,
    /// What each of its gateways carries that may be used now; `None`: that one declares nothing.
    pub carries: BTreeMap<Name, Option<Rate>>,
}

/// What is gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fall {
    /// Members that are lost, or that nobody outside reaches any more.
    pub members: BTreeSet<MemberName>,
    /// Zones without endpoints, of members that have others.
    pub zones: BTreeSet<(MemberName, Zone)>,
    /// Networks that no gateway leads into any more: one write for each mesh cuts them off.
    pub networks: BTreeSet<NetworkName>,
}

impl Fall {
    /// What falls with a domain, of members where they stand.
    #[must_use]
    pub fn of(domain: &Domain, places: &BTreeMap<MemberName, Place>) -> Self {
        let mut fall = Self::default();
        for (member, place) in places {
            let whole = match domain {
                Domain::Region(region) => place.region.as_ref() == Some(region),
                Domain::Member(lost) => lost == member,
                Domain::Declared(lost) => place.domains.contains(lost),
                Domain::Zone { region, zone } => {
                    let stands =
                        place.region.as_ref() == Some(region) && place.zones.contains(zone);
                    if stands && place.zones.len() > 1 {
                        fall.zones.insert((member.clone(), zone.clone()));
                    }
                    stands && place.zones.len() == 1
                }
                Domain::Gateway { .. } => false,
            };
            if whole {
                fall.members.insert(member.clone());
            }
        }
        fall.networks = cut(domain, places, &fall.members);
        let behind = places.iter().filter(|(_, place)| {
            let network = place.network.as_ref();
            network.is_some_and(|network| fall.networks.contains(network))
        });
        let behind: Vec<MemberName> = behind.map(|(member, _)| member.clone()).collect();
        fall.members.extend(behind);
        fall
    }

    /// Whether nothing falls: nothing lives in the domain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.zones.is_empty()
    }

    /// What the gateways of each network carry that is left when `domain` falls; a network with one that declares nothing is
    /// left out.
    #[must_use]
    pub fn limits(
        &self,
        domain: &Domain,
        places: &BTreeMap<MemberName, Place>,
    ) -> BTreeMap<NetworkName, Rate> {
        let left = places
            .iter()
            .filter(|(member, _)| !self.members.contains(*member));
        let gateways = left.filter_map(|(member, place)| {
            let network = place.network.as_ref()?;
            let carries = place.carries.iter().filter(move |(gateway, _)| {
                !matches!(domain, Domain::Gateway { member: of, gateway: lost }
                    if of == member && lost == *gateway)
            });
            Some(carries.map(move |(_, carries)| (network.clone(), *carries)))
        });
        limits(gateways.flatten())
    }

    /// The inputs of a plan after the loss; `None` where it changes nothing of them. Callers in what fell stay: cut off is
    /// not dead, and their own mesh still asks.
    #[must_use]
    pub fn without(&self, inputs: &PlanInputs) -> Option<PlanInputs> {
        let mut left = inputs.clone();
        for destination in &mut left.destinations {
            if self.members.contains(&destination.member) {
                destination.vacated |= is_left(destination);
                destination.withdrawn = Some(Withdrawal::Lost);
            }
            let zone = destination.zone.as_ref();
            if zone.is_some_and(|zone| {
                // A set of pairs is asked for by a pair.
                self.zones
                    .contains(&(destination.member.clone(), zone.clone()))
            }) {
                destination.ready = 0;
                destination.capacity = destination.capacity.map(|_| Rate(0));
            }
        }
        (left != *inputs).then_some(left)
    }
}

/// Networks that had gateways and keep none.
fn cut(
    domain: &Domain,
    places: &BTreeMap<MemberName, Place>,
    fallen: &BTreeSet<MemberName>,
) -> BTreeSet<NetworkName> {
    let mut left: BTreeMap<&NetworkName, (usize, usize)> = BTreeMap::new();
    for (member, place) in places {
        let Some(network) = &place.network else {
            continue;
        };
        let (had, keeps) = left.entry(network).or_default();
        for gateway in &place.gateways {
            let gone = fallen.contains(member)
                || matches!(domain, Domain::Gateway { member: of, gateway: lost }
                    if of == member && lost == gateway);
            *had += 1;
            *keeps += usize::from(!gone);
        }
    }
    let cut = left
        .into_iter()
        .filter(|(_, (had, keeps))| *had > 0 && *keeps == 0);
    cut.map(|(network, _)| network.clone()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn place(region: &str, zones: &[&str], network: &str, gateways: &[&str]) -> Place {
        Place {
            region: Some(region.parse().unwrap()),
            zones: zones.iter().map(|zone| zone.parse().unwrap()).collect(),
            network: Some(network.parse().unwrap()),
            gateways: gateways.iter().map(|name| name.parse().unwrap()).collect(),
            ..Place::default()
        }
    }

    fn fall(domain: &str, places: &[(&str, Place)]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let places = places
            .iter()
            .map(|(name, place)| (name.parse().unwrap(), place.clone()))
            .collect();
        let fall = Fall::of(&domain.parse().unwrap(), &places);
        (
            fall.members.iter().map(ToString::to_string).collect(),
            fall.zones
                .iter()
                .map(|(member, zone)| format!("{member}/{zone}"))
                .collect(),
            fall.networks.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn a_domain_takes_what_lives_in_it_and_what_is_reached_through_it() {
        let mut places = vec![
            ("a", place("r1", &["z1"], "n1", &["eastwest"])),
            // Reached through the gateway of a.
            ("b", place("r2", &["z1"], "n1", &[])),
            ("c", place("r1", &["z1", "z2"], "n2", &["one", "two"])),
        ];
        places[2].1.domains = ["power".parse().unwrap()].into();
        let texts = |list: &[&str]| {
            list.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            fall("region/r1", &places),
            (texts(&["a", "b", "c"]), vec![], texts(&["n1", "n2"]))
        );
        assert_eq!(
            fall("zone/r1/z1", &places),
            (texts(&["a", "b"]), texts(&["c/z1"]), texts(&["n1"]))
        );
        assert_eq!(fall("member/b", &places), (texts(&["b"]), vec![], vec![]));
        assert_eq!(
            fall("gateway/c/one", &places),
            (vec![], vec![], vec![]),
            "another gateway leads there"
        );
        assert_eq!(
            fall("gateway/a/eastwest", &places),
            (texts(&["a", "b"]), vec![], texts(&["n1"]))
        );
        assert_eq!(
            fall("domain/power", &places),
            (texts(&["c"]), vec![], texts(&["n2"]))
        );
        assert_eq!(fall("region/nowhere", &places), (vec![], vec![], vec![]));
    }

    #[test]
    fn what_is_left_carries_what_its_gateways_declare() {
        let mut places = vec![
            ("a", place("r1", &["z1"], "n1", &["eastwest"])),
            ("b", place("r2", &["z1"], "n2", &["one", "two"])),
            ("c", place("r3", &["z1"], "n3", &["eastwest"])),
        ];
        let carries = |rows: &[(&str, Option<u64>)]| {
            let rows = rows
                .iter()
                .map(|(name, rate)| (name.parse().unwrap(), rate.map(Rate)));
            rows.collect()
        };
        places[0].1.carries = carries(&[("eastwest", Some(10))]);
        places[1].1.carries = carries(&[("one", Some(3)), ("two", Some(4))]);
        places[2].1.carries = carries(&[("eastwest", None)]);
        let places: BTreeMap<MemberName, Place> = places
            .into_iter()
            .map(|(name, place)| (name.parse().unwrap(), place))
            .collect();
        let left = |domain: &str| {
            let domain: Domain = domain.parse().unwrap();
            let limits = Fall::of(&domain, &places).limits(&domain, &places);
            let rows = limits
                .into_iter()
                .map(|(network, rate)| (network.to_string(), rate.0));
            rows.collect::<Vec<_>>()
        };
        let row = |network: &str, rate| (network.to_owned(), rate);
        assert_eq!(left("member/a"), [row("n2", 7)]);
        assert_eq!(left("gateway/b/one"), [row("n1", 10), row("n2", 4)]);
        assert_eq!(left("region/r2"), [row("n1", 10)]);
        assert_eq!(left("member/c"), [row("n1", 10), row("n2", 7)]);
    }
}
