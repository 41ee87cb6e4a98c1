//! The lead leaves a replica whose disk stalls, also where nothing is decided.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_sim::simulate::{Run, World};

#[test]
fn another_leads_soon_where_the_disk_of_an_idle_leader_stalls() {
    for seed in 1..=3 {
        let report = Run::of(World::Stall, seed).run().unwrap();
        assert_eq!(report.violations, [], "{}", report.history);
        assert!(report.history.contains("leads after"), "{seed}");
    }
}
