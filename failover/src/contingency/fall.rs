//! What falls with a domain.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::domain::Domain;
use causeway_api::ids::{FailureDomain, MemberName, Name, NetworkName, Region, Zone};
use causeway_api::plan::{DestinationInput, PlanInputs, Rate, Withdrawal};
use causeway_api::verdict::Subject;

use crate::allot::limits;
use crate::draining;
use crate::safety::moved::left_percent;

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
    pub gateways: BTreeMap<Name, Gateway>,
    /// The domains that it declares.
    pub domains: BTreeSet<FailureDomain>,
    /// Whether its session was ever heard: of one that never was nobody says that it is silent.
    pub heard: bool,
}

/// A gateway, as far as it can fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gateway {
    /// What it declares to carry; `None`: nothing.
    pub carries: Option<Rate>,
    /// Whether it was ever reached: of one that never was nobody says that it is lost, and it counts as a way in for as long
    /// as its member is not out.
    pub observed: bool,
    /// Whether it may be used now.
    pub usable: bool,
}

/// What is gone, by what verdicts would say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fall {
    /// Members that are lost, or that nobody outside reaches any more.
    pub members: BTreeSet<MemberName>,
    /// Zones without endpoints, of members that have others.
    pub zones: BTreeSet<(MemberName, Zone)>,
    /// Networks that no gateway leads into any more: one write for each mesh cuts them off.
    pub networks: BTreeSet<NetworkName>,
    /// Gateways that are lost.
    pub gateways: BTreeSet<(MemberName, Name)>,
    /// What would be gone, and no verdict says so, since nobody can tell: members without a gateway that was ever reached, or
    /// whose session was never heard, and gateways that were never reached. Plans count on them until facts or a person say
    /// otherwise.
    pub untold: BTreeSet<Subject>,
}

impl Fall {
    /// What falls with a domain, of members where they stand.
    #[must_use]
    pub fn of(domain: &Domain, places: &BTreeMap<MemberName, Place>) -> Self {
        let mut fall = Self::default();
        let mut hit = BTreeSet::new();
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
                fall.hit(member, place);
                hit.insert(member);
            }
        }
        if let Domain::Gateway { member, gateway } = domain
            && let Some(held) = places.get(member).and_then(|at| at.gateways.get(gateway))
        {
            if held.observed {
                fall.gateways.insert((member.clone(), gateway.clone()));
            } else {
                fall.untold.insert(Subject::Gateway {
                    member: member.clone(),
                    gateway: gateway.clone(),
                });
            }
        }
        fall.networks = fall.cut(places);
        let behind = places.iter().filter(|(_, place)| {
            let network = place.network.as_ref();
            network.is_some_and(|network| fall.networks.contains(network))
        });
        let behind: Vec<MemberName> = behind.map(|(member, _)| member.clone()).collect();
        fall.members.extend(behind);
        let untold = hit
            .into_iter()
            .filter(|member| !fall.members.contains(*member));
        let untold: Vec<Subject> = untold
            .map(|member| Subject::Member {
                member: member.clone(),
            })
            .collect();
        fall.untold.extend(untold);
        fall
    }

    /// A member is gone: its gateways are, as far as anybody can tell, and it is lost where its session was heard, too.
    fn hit(&mut self, member: &MemberName, place: &Place) {
        let lost = place.heard && place.gateways.values().any(|gateway| gateway.observed);
        let gateways = place.gateways.iter();
        let gone = gateways.filter(|(_, gateway)| lost || gateway.observed);
        self.gateways
            .extend(gone.map(|(name, _)| (member.clone(), name.clone())));
        if lost {
            self.members.insert(member.clone());
        }
    }

    /// Networks that lose a gateway and keep none that may be used.
    fn cut(&self, places: &BTreeMap<MemberName, Place>) -> BTreeSet<NetworkName> {
        let mut left: BTreeMap<&NetworkName, (bool, bool)> = BTreeMap::new();
        for (member, place) in places {
            let Some(network) = &place.network else {
                continue;
            };
            let (loses, keeps) = left.entry(network).or_default();
            for (name, gateway) in &place.gateways {
                if self.is_gone(member, name) {
                    *loses |= gateway.observed;
                } else {
                    *keeps |= gateway.usable;
                }
            }
        }
        let cut = left
            .into_iter()
            .filter(|(_, (loses, keeps))| *loses && !keeps);
        cut.map(|(network, _)| network.clone()).collect()
    }

    fn is_gone(&self, member: &MemberName, gateway: &Name) -> bool {
        // A set of pairs is asked for by a pair.
        self.gateways.contains(&(member.clone(), gateway.clone()))
    }

    /// Whether nothing falls that anybody would say is lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.zones.is_empty() && self.gateways.is_empty()
    }

    /// What the gateways of each network carry that are left; a network with one that declares nothing is left out.
    #[must_use]
    pub fn limits(&self, places: &BTreeMap<MemberName, Place>) -> BTreeMap<NetworkName, Rate> {
        let gateways = places.iter().filter_map(|(member, place)| {
            let network = place.network.as_ref()?;
            let left = place
                .gateways
                .iter()
                .filter(move |(name, gateway)| gateway.usable && !self.is_gone(member, name));
            Some(left.map(move |(_, gateway)| (network.clone(), gateway.carries)))
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
                lose(destination);
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
        // What is leaving serves on where nobody else is left.
        draining::settle(&mut left.destinations);
        (left != *inputs).then_some(left)
    }
}

/// A verdict says that it is lost: what people were leaving is left whole, and what was returning no longer is.
fn lose(destination: &mut DestinationInput) {
    destination.vacated |= left_percent(destination) > 0;
    destination.withdrawn = Some(Withdrawal::Lost);
    destination.admitted_percent = if destination.vacated { 0 } else { 100 };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const SEEN: Gateway = Gateway {
        carries: None,
        observed: true,
        usable: true,
    };

    fn place(region: &str, zones: &[&str], network: &str, gateways: &[&str]) -> Place {
        Place {
            region: Some(region.parse().unwrap()),
            zones: zones.iter().map(|zone| zone.parse().unwrap()).collect(),
            network: Some(network.parse().unwrap()),
            gateways: gateways
                .iter()
                .map(|name| (name.parse().unwrap(), SEEN))
                .collect(),
            heard: true,
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
        assert_eq!(
            fall("member/b", &places),
            (vec![], vec![], vec![]),
            "it has no gateway that anybody could find gone"
        );
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
    fn what_was_never_reached_keeps_a_network_open_and_nobody_tells_that_it_is_lost() {
        let mut places = vec![
            ("a", place("r1", &["z1"], "n1", &["one", "two"])),
            // Reached through the gateways of a, and by nobody in itself.
            ("b", place("r2", &["z1"], "n1", &[])),
            ("c", place("r3", &["z1"], "n3", &["eastwest"])),
            ("d", place("r4", &["z1"], "n4", &["eastwest"])),
        ];
        let never = Gateway {
            observed: false,
            ..SEEN
        };
        places[0].1.gateways.insert("two".parse().unwrap(), never);
        places[2].1.gateways = [("eastwest".parse().unwrap(), never)].into();
        places[3].1.heard = false;
        let untold = |domain: &str| {
            let places = places
                .iter()
                .map(|(name, place)| (name.parse().unwrap(), place.clone()))
                .collect();
            let fall = Fall::of(&domain.parse().unwrap(), &places);
            let untold: Vec<String> = fall.untold.iter().map(ToString::to_string).collect();
            untold
        };
        let of = |members: &[&str], networks: &[&str]| {
            let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
            (texts(members), Vec::new(), texts(networks))
        };
        assert_eq!(fall("gateway/a/one", &places), of(&[], &[]));
        assert_eq!(untold("gateway/a/one"), [] as [&str; 0]);
        assert_eq!(untold("gateway/a/two"), ["gateway/a/two"]);
        // With its member it is gone: its session is silent, too.
        assert_eq!(fall("member/a", &places), of(&["a", "b"], &["n1"]));
        assert_eq!(fall("member/b", &places), of(&[], &[]));
        assert_eq!(untold("member/b"), ["member/b"]);
        assert_eq!(fall("member/c", &places), of(&[], &[]));
        assert_eq!(untold("region/r3"), ["member/c"]);
        // By its network alone.
        assert_eq!(fall("member/d", &places), of(&["d"], &["n4"]));
        assert_eq!(untold("member/d"), [] as [&str; 0]);
    }

    #[test]
    fn a_network_is_cut_off_with_its_last_way_in() {
        let mut places = vec![("a", place("r1", &["z1"], "n1", &["one", "two"]))];
        let out = Gateway {
            usable: false,
            ..SEEN
        };
        places[0].1.gateways.insert("one".parse().unwrap(), out);
        let cut = (vec!["a".to_owned()], vec![], vec!["n1".to_owned()]);
        assert_eq!(fall("gateway/a/two", &places), cut);
    }

    #[test]
    fn what_is_left_carries_what_its_gateways_declare() {
        let mut places = vec![
            ("a", place("r1", &["z1"], "n1", &["eastwest"])),
            ("b", place("r2", &["z1"], "n2", &["one", "two"])),
            ("c", place("r3", &["z1"], "n3", &["eastwest"])),
        ];
        let carries = |rows: &[(&str, Option<u64>)]| {
            let rows = rows.iter().map(|(name, rate)| {
                let carries = rate.map(Rate);
                (name.parse().unwrap(), Gateway { carries, ..SEEN })
            });
            rows.collect()
        };
        places[0].1.gateways = carries(&[("eastwest", Some(10))]);
        places[1].1.gateways = carries(&[("one", Some(3)), ("two", Some(4))]);
        places[2].1.gateways = carries(&[("eastwest", None)]);
        let places: BTreeMap<MemberName, Place> = places
            .into_iter()
            .map(|(name, place)| (name.parse().unwrap(), place))
            .collect();
        let left = |domain: &str| {
            let domain: Domain = domain.parse().unwrap();
            let limits = Fall::of(&domain, &places).limits(&places);
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
