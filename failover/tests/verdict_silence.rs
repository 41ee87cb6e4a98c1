//! Those who fell silent: until when they vouch, and from when on the hold counts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use causeway_api::verdict::{Ballot, VerdictState};

#[path = "support/watch.rs"]
mod watch;

use watch::Watch;

use Ballot::{Abstain, Reachable, Unreachable};
use VerdictState::{Degraded, Lost, Serving};

const GATEWAY: &str = "gateway/hz/eastwest";

/// Three replicas in one region reach a gateway in another one, and so does an agent beside it, which is heard.
fn two_regions() -> Watch {
    let mut watch = Watch::new();
    for observer in 1..=3 {
        watch
            .vote(observer, "a", GATEWAY, Reachable)
            .vote(observer, "a", "session/hz2", Reachable);
    }
    watch.agent("hz2", "hangzhou", GATEWAY, Reachable);
    watch
}

#[test]
fn the_silence_of_a_witness_inside_counts_from_when_it_began() {
    let lost_after = |silent_ms: u64| {
        let mut watch = two_regions();
        watch.after(100_000);
        for observer in 1..=3 {
            watch.vote(observer, "a", GATEWAY, Unreachable);
        }
        assert_eq!(watch.after(silent_ms).state(GATEWAY), Degraded);
        for observer in 1..=3 {
            watch.vote(observer, "a", "session/hz2", Unreachable);
        }
        (0..200)
            .map(|at| at * 100)
            .find(|at| *at > 0 && watch.after(100).state(GATEWAY) == Lost)
            .map(|at| silent_ms + at)
    };
    // Its silence is said four seconds after it began: the votes against the gateway are the younger ones, or it is.
    assert_eq!(lost_after(1_000), Some(10_000));
    assert_eq!(lost_after(4_000), Some(10_000));
    assert_eq!(lost_after(6_000), Some(12_000));
    // However long others have held it: of the hold, only what it was silent for is waived.
    assert_eq!(lost_after(40_000), Some(46_000));
}

#[test]
fn the_silence_of_a_replica_inside_counts_from_when_it_began() {
    let mut watch = two_regions();
    watch.vote(4, "hangzhou", GATEWAY, Reachable);
    for observer in 1..=3 {
        watch.vote(observer, "a", GATEWAY, Unreachable).vote(
            observer,
            "a",
            "session/hz2",
            Unreachable,
        );
    }
    assert_eq!(watch.after(20_000).state(GATEWAY), Degraded);
    assert_eq!(watch.silence(4).after(3_900).state(GATEWAY), Degraded);
    assert_eq!(watch.after(100).state(GATEWAY), Lost);
}

#[test]
fn what_changed_a_moment_ago_is_held_from_then_on_whoever_is_silent() {
    let quiet = || {
        let mut watch = two_regions();
        for observer in 1..=3 {
            watch.vote(observer, "a", "session/hz2", Unreachable);
        }
        watch.vote(1, "a", GATEWAY, Unreachable).after(30_000);
        watch
    };
    let others = |watch: &mut Watch| {
        watch
            .vote(2, "a", GATEWAY, Unreachable)
            .vote(3, "a", GATEWAY, Unreachable);
    };
    let mut watch = quiet();
    others(&mut watch);
    assert_eq!(watch.after(9_900).state(GATEWAY), Degraded);
    assert_eq!(watch.after(100).state(GATEWAY), Lost);
    // An observer that ceases to vouch for it does so from then on.
    let mut watch = quiet();
    watch.vote(4, "b", GATEWAY, Reachable);
    others(&mut watch);
    watch.after(20_000);
    assert_eq!(watch.state(GATEWAY), Degraded, "one place and one place");
    watch.vote(4, "b", GATEWAY, Abstain);
    assert_eq!(watch.after(9_900).state(GATEWAY), Degraded);
}

#[test]
fn an_agent_is_not_heard_where_more_places_do_not_hear_it_than_do() {
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "hangzhou")] {
        watch.vote(observer, domain, GATEWAY, Reachable).vote(
            observer,
            domain,
            "session/hz2",
            Reachable,
        );
    }
    watch.agent("hz2", "hangzhou", GATEWAY, Unreachable);
    assert_eq!(watch.state(GATEWAY), Degraded);
    watch.vote(1, "a", "session/hz2", Unreachable);
    assert_eq!(watch.state(GATEWAY), Degraded, "one place and two");
    watch.vote(2, "b", "session/hz2", Unreachable);
    assert_eq!(watch.state(GATEWAY), Serving, "two places and one");
    watch.vote(1, "a", "session/hz2", Reachable);
    assert_eq!(watch.state(GATEWAY), Degraded);
    watch.silence(1).silence(3);
    assert_eq!(watch.state(GATEWAY), Serving, "nobody who is heard does");
    // As many of one place are one.
    let mut watch = two_regions();
    watch.agent("hz2", "hangzhou", GATEWAY, Unreachable);
    watch
        .vote(1, "a", "session/hz2", Unreachable)
        .vote(2, "a", "session/hz2", Unreachable);
    assert_eq!(watch.state(GATEWAY), Degraded);
}
