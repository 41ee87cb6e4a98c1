//! What is to be left at once: the step between a verdict and the plans that follow from it, where a network cannot be cut off
//! by the one write of its gateways, because some service that may not move by itself still goes there.

use std::collections::BTreeSet;

use causeway_api::plan::{Destination, Share, SourcePlan, WHOLE, Withdrawal};
use causeway_api::view::{CoarseCut, ServiceView, Versioned, View};
use causeway_api::{MemberName, NetworkName, ServiceKey};
use causeway_state::State;

use crate::cut;

/// What a member's mesh is to leave at once; without networks: nothing.
#[must_use]
pub fn coarse(state: &State, member: &MemberName) -> CoarseCut {
    let own = cut::network_of(state, member);
    let networks = state.lost_and_kept().into_iter();
    let networks: BTreeSet<NetworkName> = networks
        .filter(|network| Some(network) != own.as_ref())
        .collect();
    if networks.is_empty() {
        return CoarseCut::default();
    }
    let stay = state.standing_outside().into_iter().filter(|service| {
        let row = state.plan(service).and_then(|row| row.value.as_ref());
        let sources = row.into_iter().flat_map(|held| &held.plan.sources);
        let mut here = sources.filter(|source| source.source.member == *member);
        here.any(|source| leads_into(source, &networks))
    });
    let active = state.brain.contingencies.active.as_ref();
    CoarseCut {
        domain: active.map(|active| active.domain.clone()),
        contingency: active.map(|active| active.hash),
        stay: stay.cloned().collect(),
        networks,
    }
}

fn leads_into(source: &SourcePlan, networks: &BTreeSet<NetworkName>) -> bool {
    let shares = source.shares.iter();
    let shared = shares.filter_map(|share| match &share.destination {
        Destination::Network(network) => Some(network),
        Destination::Zone { .. } => None,
    });
    shared
        .chain(&source.standby)
        .any(|name| networks.contains(name))
}

/// A service's part as it is to be carried out now: without what is to be left at once. Its generation is that of the newer
/// decision of the two.
#[must_use]
pub fn in_force(view: &View, service: &ServiceKey) -> Option<Versioned<ServiceView>> {
    let part = view.services.get(service)?;
    let left = || {
        let coarse = view.coarse.value.as_ref()?;
        let stays = coarse.stay.contains(service);
        without(part.value.as_ref()?, &coarse.networks).filter(|_| !stays)
    };
    Some(Versioned {
        generation: part.generation.max(view.coarse.generation),
        value: left().or_else(|| part.value.clone()),
    })
}

/// Whether a part is carried out otherwise because of what is to be left at once.
#[must_use]
pub fn concerns(coarse: &CoarseCut, part: &ServiceView) -> bool {
    !part.offered.is_disjoint(&coarse.networks)
}

/// A part without some networks: what went there goes to the other destinations in the proportion that they have, or where
/// there are none, to the first that stands by. `None` where nothing of it leads there, or where nothing would be left: an
/// empty set helps nobody.
fn without(part: &ServiceView, networks: &BTreeSet<NetworkName>) -> Option<ServiceView> {
    let gone: BTreeSet<NetworkName> = part.offered.intersection(networks).cloned().collect();
    if gone.is_empty() {
        return None;
    }
    let mut left = part.clone();
    left.offered.retain(|network| !gone.contains(network));
    for source in &mut left.sources {
        source.standby.retain(|network| !gone.contains(network));
        source.shares.retain(|share| {
            !matches!(&share.destination, Destination::Network(name) if gone.contains(name))
        });
        if source.shares.is_empty() {
            let first = source.standby.first()?.clone();
            source.standby.retain(|network| *network != first);
            source.shares.push(Share {
                destination: Destination::Network(first),
                tier: 0,
                parts: WHOLE,
                rate: causeway_api::plan::Rate(0),
            });
        }
        whole(&mut source.shares);
    }
    let gone = gone.into_iter();
    left.withdrawn
        .extend(gone.map(|network| (network, Withdrawal::Lost)));
    Some(left)
}

/// Makes shares the whole again, in proportion; what does not divide goes to the first.
fn whole(shares: &mut [Share]) {
    let sum: u64 = shares.iter().map(|share| u64::from(share.parts)).sum();
    if sum == u64::from(WHOLE) {
        return;
    }
    let count = u64::try_from(shares.len()).unwrap_or(1).max(1);
    let mut given = 0;
    for share in shares.iter_mut() {
        let part = match sum {
            0 => u64::from(WHOLE) / count,
            sum => u64::from(share.parts) * u64::from(WHOLE) / sum,
        };
        share.parts = u32::try_from(part).unwrap_or(WHOLE);
        given += share.parts;
    }
    if let Some(first) = shares.first_mut() {
        first.parts += WHOLE.saturating_sub(given);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::collections::BTreeMap;

    use causeway_api::Generation;
    use causeway_api::plan::{PlanKind, Rate, Source};

    use super::*;

    fn share(network: &str, parts: u32) -> Share {
        Share {
            destination: Destination::Network(network.parse().unwrap()),
            tier: 1,
            parts,
            rate: Rate(0),
        }
    }

    fn part(shares: &[(&str, u32)], standby: &[&str]) -> ServiceView {
        let names = |list: &[&str]| list.iter().map(|name| name.parse().unwrap()).collect();
        let offered: Vec<&str> = shares
            .iter()
            .map(|(name, _)| *name)
            .chain(standby.iter().copied())
            .collect();
        ServiceView {
            sources: vec![SourcePlan {
                source: Source {
                    member: "a".parse().unwrap(),
                    zone: None,
                },
                kind: PlanKind::Spill,
                shares: shares
                    .iter()
                    .map(|(name, parts)| share(name, *parts))
                    .collect(),
                standby: names(standby),
                unserved: Rate(0),
                shed: Rate(0),
            }],
            hosts: BTreeSet::new(),
            failover: Vec::new(),
            offered: offered.iter().map(|name| name.parse().unwrap()).collect(),
            withdrawn: BTreeMap::new(),
        }
    }

    fn left(part: &ServiceView, networks: &[&str]) -> Option<Vec<(String, u32)>> {
        let networks = networks.iter().map(|name| name.parse().unwrap()).collect();
        let left = without(part, &networks)?;
        assert!(left.offered.is_disjoint(&networks));
        let shares = left.sources[0].shares.iter();
        Some(
            shares
                .map(|s| (s.destination.to_string(), s.parts))
                .collect(),
        )
    }

    #[test]
    fn what_is_left_is_whole_again_and_never_empty() {
        let spilling = part(&[("b", 5_000), ("c", 2_000), ("d", 3_000)], &[]);
        let rows = |rows: &[(&str, u32)]| {
            let rows = rows.iter();
            Some(
                rows.map(|(name, parts)| (format!("network {name}"), *parts))
                    .collect(),
            )
        };
        assert_eq!(left(&spilling, &["b"]), rows(&[("c", 4_000), ("d", 6_000)]));
        assert_eq!(left(&spilling, &["c"]), rows(&[("b", 6_250), ("d", 3_750)]));
        assert_eq!(left(&spilling, &["e"]), None, "nothing leads there");
        assert_eq!(
            left(&spilling, &["b", "c", "d"]),
            None,
            "nothing would be left"
        );
        let standing_by = part(&[("b", 10_000)], &["c", "d"]);
        assert_eq!(left(&standing_by, &["b"]), rows(&[("c", 10_000)]));
        assert_eq!(left(&standing_by, &["b", "c"]), rows(&[("d", 10_000)]));
        assert_eq!(left(&standing_by, &["c"]), rows(&[("b", 10_000)]));
        let thirds = part(&[("b", 9_997), ("c", 1), ("d", 1), ("e", 1)], &[]);
        let shares = left(&thirds, &["b"]).unwrap();
        assert_eq!(shares.iter().map(|(_, parts)| parts).sum::<u32>(), WHOLE);
    }

    #[test]
    fn who_stands_outside_stays_and_the_rest_leaves_until_the_step_is_over() {
        let generation = |index| Generation {
            incarnation: 1,
            term: 1,
            index,
        };
        let mut view = View::default();
        for service in ["shop/cart", "shop/db"] {
            let row = Versioned {
                generation: generation(5),
                value: Some(part(&[("b", 10_000)], &["c"])),
            };
            view.services.insert(service.parse().unwrap(), row);
        }
        let offers = |view: &View, service: &str| {
            let part = in_force(view, &service.parse().unwrap()).unwrap();
            let offered = part.value.unwrap().offered;
            let names: Vec<String> = offered.iter().map(ToString::to_string).collect();
            (part.generation.index, names.join(" "))
        };
        let at = |index, names: &str| (index, names.to_owned());
        assert_eq!(offers(&view, "shop/cart"), at(5, "b c"));
        view.coarse = Versioned {
            generation: generation(8),
            value: Some(CoarseCut {
                networks: ["b".parse().unwrap()].into(),
                stay: ["shop/db".parse().unwrap()].into(),
                ..CoarseCut::default()
            }),
        };
        assert_eq!(offers(&view, "shop/cart"), at(8, "c"));
        assert_eq!(offers(&view, "shop/db"), at(8, "b c"));
        // Over: as planned, and by a decision that is newer than what was written meanwhile.
        view.coarse = Versioned {
            generation: generation(9),
            value: None,
        };
        assert_eq!(offers(&view, "shop/cart"), at(9, "b c"));
    }
}
