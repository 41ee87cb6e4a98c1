//! The arithmetic against the tables of Envoy's documentation, and what holds for any assignment.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use proptest::prelude::*;

use super::*;

fn locality(place: &str, priority: u32, weight: u64, healthy: u32, total: u32) -> Locality {
    let endpoints = (0..total).map(|at| Endpoint {
        address: format!("{place}#{at}"),
        target: Target::Network(place.to_owned()),
        weight: 1,
        healthy: at < healthy,
    });
    Locality {
        place: Place::parse(place),
        priority,
        weight,
        endpoints: endpoints.collect(),
    }
}

fn percents(localities: &[Locality]) -> Vec<f64> {
    let shares = shares(localities);
    let share = |locality: &Locality| {
        let target = Target::Network(format!("{}/{}", locality.place.region, locality.place.zone));
        shares.get(&target).copied().unwrap_or(0.0) * 100.0
    };
    localities
        .iter()
        .map(|locality| share(locality).round())
        .collect()
}

/// The table under *Priority levels* in Envoy's documentation, and its rule for when all are unwell.
#[test]
fn priorities_spill_below_71_percent() {
    let two = |first, second| {
        percents(&[
            locality("p/0", 0, 1, first, 100),
            locality("p/1", 1, 1, second, 100),
        ])
    };
    for (first, load) in [
        (100, [100.0, 0.0]),
        (72, [100.0, 0.0]),
        (71, [99.0, 1.0]),
        (50, [70.0, 30.0]),
        (25, [35.0, 65.0]),
        (0, [0.0, 100.0]),
    ] {
        assert_eq!(two(first, 100), load, "{first} % healthy");
    }
    assert_eq!(two(25, 25), [50.0, 50.0], "scaled up to all");
    assert!(shares(&[locality("p/0", 0, 1, 0, 3)]).is_empty());
}

/// The example under *Locality weighted load balancing*: weights 1 and 2.
#[test]
fn localities_weigh_by_health_too() {
    let two = |second| {
        percents(&[
            locality("l/x", 0, 1, 100, 100),
            locality("l/y", 0, 2, second, 100),
        ])
    };
    assert_eq!(two(100), [33.0, 67.0]);
    assert_eq!(two(70), [34.0, 66.0]);
    assert_eq!(two(50), [42.0, 58.0]);
    assert_eq!(two(0), [100.0, 0.0]);
}

#[test]
fn an_address_counts_once() {
    let mut first = locality("net2/net2", 0, 1, 1, 1);
    let mut second = locality("r2/z1", 0, 9, 1, 1);
    first.endpoints[0].address = "203.0.113.7:15443".to_owned();
    second.endpoints[0].address = "203.0.113.7:15443".to_owned();
    assert_eq!(percents(&[first, second]), [100.0, 0.0]);
}

proptest! {
    /// Whatever is healthy takes everything, and nothing is sent to what is not.
    #[test]
    fn everything_is_sent_and_only_to_the_healthy(
        rows in prop::collection::vec((0_u32..4, 1_u64..1000, 0_u32..6, 1_u32..6), 1..8)
    ) {
        let localities: Vec<Locality> = rows
            .iter()
            .enumerate()
            .map(|(at, (priority, weight, healthy, total))| {
                locality(&format!("r/{at}"), *priority, *weight, (*healthy).min(*total), *total)
            })
            .collect();
        let shares = shares(&localities);
        let any = rows.iter().any(|(_, _, healthy, _)| *healthy > 0);
        let sum: f64 = shares.values().sum();
        prop_assert!((sum - if any { 1.0 } else { 0.0 }).abs() < 1e-9, "{sum}");
        for (at, (_, _, healthy, _)) in rows.iter().enumerate() {
            if *healthy == 0 {
                let target = Target::Network(format!("r/{at}"));
                prop_assert!(!shares.contains_key(&target));
            }
        }
    }

    /// A later priority takes nothing while an earlier one is well.
    #[test]
    fn a_healthy_first_priority_takes_all(weights in prop::collection::vec(1_u64..100, 1..5)) {
        let mut localities: Vec<Locality> =
            weights.iter().enumerate().map(|(at, weight)| locality(&format!("a/{at}"), 0, *weight, 3, 4)).collect();
        localities.push(locality("b/0", 1, 1_000_000, 9, 9));
        prop_assert!(!shares(&localities).contains_key(&Target::Network("b/0".to_owned())));
    }
}
