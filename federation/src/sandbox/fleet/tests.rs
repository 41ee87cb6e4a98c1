//! The fleet: its shape, its kinds of services, and room for every loss.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use super::*;

#[test]
fn five_members_stand_in_three_regions() {
    let fleet = Fleet::draw(1, 5, 12).unwrap();
    let sizes: Vec<usize> = fleet.regions().values().map(Vec::len).collect();
    assert_eq!(sizes, [1, 2, 2], "ap-south, eu-west, us-east");
    assert_eq!(fleet.largest_region().unwrap().as_str(), "eu-west");
    assert_eq!(fleet.services.len(), 12);
    let addresses: BTreeSet<IpAddr> = fleet
        .members
        .values()
        .map(|member| member.gateway)
        .collect();
    assert_eq!(addresses.len(), 5);
}

#[test]
fn a_dozen_services_show_every_kind() {
    for seed in 0..50 {
        let fleet = Fleet::draw(seed, 5, 12).unwrap();
        let kinds: BTreeSet<Spread> = fleet
            .services
            .iter()
            .map(|service| service.spread)
            .collect();
        assert_eq!(kinds.len(), 3, "seed {seed}");
    }
}

#[test]
fn one_seed_is_one_fleet() {
    assert_eq!(
        Fleet::draw(7, 9, 60).unwrap(),
        Fleet::draw(7, 9, 60).unwrap()
    );
    assert_ne!(
        Fleet::draw(7, 9, 60).unwrap(),
        Fleet::draw(8, 9, 60).unwrap()
    );
}

#[test]
fn whatever_region_is_lost_the_others_have_room() {
    for (seed, members) in [(1, 4), (2, 3), (3, 5), (4, 12), (5, 64)] {
        let fleet = Fleet::draw(seed, members, 30).unwrap();
        for lost in fleet.regions().keys() {
            for service in &fleet.services {
                let rest = fleet
                    .members
                    .values()
                    .filter(|member| member.region != *lost);
                let room: u32 = rest
                    .map(|member| service.capacity_rps(&member.name) * 8 / 10)
                    .sum();
                let asked: u32 = service.demand_rps.values().sum();
                assert!(
                    room >= asked,
                    "{} without {lost}: {room} for {asked}",
                    service.key
                );
            }
        }
    }
}

#[test]
fn hot_regions_ask_more_than_they_have_and_absent_services_are_absent() {
    let fleet = Fleet::draw(1, 5, 48).unwrap();
    let regions = fleet.regions();
    for service in &fleet.services {
        let spilling = regions.iter().any(|(region, members)| {
            let capacity: u32 = members
                .iter()
                .map(|member| service.capacity_rps(member))
                .sum();
            capacity > 0 && service.demand_rps[region] > capacity * MAX_UTILIZATION_PERCENT / 100
        });
        let absent = regions.values().any(|members| {
            members
                .iter()
                .all(|member| !service.ready.contains_key(member))
        });
        assert_eq!(
            spilling,
            service.spread == Spread::Spills,
            "{}",
            service.key
        );
        assert_eq!(
            absent,
            service.spread == Spread::Elsewhere,
            "{}",
            service.key
        );
    }
}
