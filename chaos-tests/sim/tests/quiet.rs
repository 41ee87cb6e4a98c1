//! A quiet clusterset commits nothing but what is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_sim::simulate::{Run, World};

#[test]
fn a_quiet_clusterset_commits_ticks_and_digests_alone() {
    let report = Run::of(World::Quiet, 1).run().unwrap();
    assert_eq!(report.violations, [], "{}", report.history);
    assert!(report.history.contains("entries in 600 s"));
}
