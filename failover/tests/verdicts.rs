//! Votes over cluster time → verdicts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use causeway_api::verdict::{Ballot, VerdictState};
use causeway_failover::verdict::negative_ttl_ms;

#[path = "support/watch.rs"]
mod watch;

use watch::Watch;

use Ballot::{Abstain, Reachable, Unreachable};
use VerdictState::{Degraded, Lost, Recovering, Serving, Unknown};

const GATEWAY: &str = "gateway/hz/eastwest";
const SESSION: &str = "session/hz";
const MEMBER: &str = "member/hz";

#[test]
fn one_observer_alone_decides_alone_after_the_hold() {
    let mut watch = Watch::new();
    assert_eq!(watch.vote(1, "a", GATEWAY, Abstain).state(GATEWAY), Unknown);
    assert_eq!(
        watch.vote(1, "a", GATEWAY, Reachable).state(GATEWAY),
        Serving
    );
    assert_eq!(watch.deadline(), None, "a quiet fleet needs no ticks");
    assert_eq!(
        watch.vote(1, "a", GATEWAY, Unreachable).state(GATEWAY),
        Degraded
    );
    assert_eq!(watch.deadline(), Some(10_000));
    assert_eq!(watch.after(9_999).state(GATEWAY), Degraded);
    assert_eq!(watch.after(1).state(GATEWAY), Lost);
    assert_eq!(
        watch.deadline(),
        None,
        "what is lost stays so until it is reached"
    );
    assert_eq!(
        watch.after(10_000_000).state(GATEWAY),
        Lost,
        "an expired vote does not bring it back"
    );
}

#[test]
fn what_nobody_ever_reached_is_never_lost() {
    let mut watch = Watch::new();
    assert_eq!(
        watch
            .vote(1, "a", GATEWAY, Unreachable)
            .after(100_000)
            .state(GATEWAY),
        Unknown
    );
}

#[test]
fn a_quorum_needs_observers_in_distinct_domains() {
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "a"), (3, "b"), (4, "c")] {
        watch.vote(observer, domain, GATEWAY, Reachable);
    }
    watch
        .vote(1, "a", GATEWAY, Unreachable)
        .vote(2, "a", GATEWAY, Unreachable)
        .after(20_000);
    assert_eq!(
        watch.state(GATEWAY),
        Degraded,
        "two in one domain are one place"
    );
    watch.vote(3, "b", GATEWAY, Unreachable).after(9_000);
    assert_eq!(
        watch.state(GATEWAY),
        Degraded,
        "the hold counts from the quorum on, not from the first vote"
    );
    assert_eq!(watch.after(1_000).state(GATEWAY), Lost);
}

#[test]
fn a_break_starts_the_hold_anew() {
    let mut watch = Watch::new();
    watch
        .vote(1, "a", GATEWAY, Reachable)
        .vote(1, "a", GATEWAY, Unreachable)
        .after(9_000);
    watch.vote(1, "a", GATEWAY, Reachable);
    assert_eq!(watch.state(GATEWAY), Serving);
    watch.vote(1, "a", GATEWAY, Unreachable);
    assert_eq!(watch.after(9_000).state(GATEWAY), Degraded);
    assert_eq!(watch.after(1_000).state(GATEWAY), Lost);
}

#[test]
fn a_negative_vote_expires_unless_renewed_and_its_observer_still_counts() {
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        watch.vote(observer, domain, GATEWAY, Reachable);
    }
    watch
        .vote(1, "a", GATEWAY, Unreachable)
        .vote(2, "b", GATEWAY, Unreachable);
    let ttl_ms = negative_ttl_ms(&watch.rules.detection);
    assert_eq!(watch.deadline(), Some(ttl_ms));
    watch
        .after(ttl_ms - 1)
        .vote(1, "a", GATEWAY, Unreachable)
        .after(1);
    assert_eq!(watch.state(GATEWAY), Degraded, "one of them was renewed");
    let tally_of_two = watch
        .vote(3, "c", GATEWAY, Unreachable)
        .after(20_000)
        .state(GATEWAY);
    assert_eq!(
        tally_of_two, Degraded,
        "a silent observer does not make the quorum smaller: three of four are needed"
    );
    assert_eq!(
        watch
            .vote(2, "b", GATEWAY, Unreachable)
            .after(10_000)
            .state(GATEWAY),
        Lost
    );
}

#[test]
fn back_means_recovering_then_serving_after_the_hold_down() {
    let mut watch = Watch::new();
    assert_eq!(watch.lost().state(GATEWAY), Lost);
    assert_eq!(
        watch.vote(1, "a", GATEWAY, Reachable).state(GATEWAY),
        Recovering
    );
    assert_eq!(watch.deadline(), Some(70_000));
    watch.after(30_000).vote(1, "a", GATEWAY, Unreachable);
    assert_eq!(
        watch.state(GATEWAY),
        Lost,
        "no traffic has returned, so there is nothing to hold for"
    );
    // Two losses, of which the first was half a minute earlier: nearly twice the hold-down, from the beginning.
    watch.vote(1, "a", GATEWAY, Reachable).after(116_999);
    assert_eq!(
        watch.state(GATEWAY),
        Recovering,
        "the hold-down begins anew, and is longer"
    );
    assert_eq!(watch.after(1).state(GATEWAY), Serving);
    watch.after(600_000);
    assert_eq!(watch.deadline(), None);
}

#[test]
fn a_member_is_lost_when_all_its_gateways_are_and_its_session_is_silent() {
    let mut watch = Watch::new();
    watch.vote(1, "a", "gateway/hz/second", Reachable);
    assert_eq!(watch.lost().state(MEMBER), Degraded, "one gateway is left");
    watch
        .vote(1, "a", "gateway/hz/second", Unreachable)
        .after(10_000);
    assert_eq!(watch.state(MEMBER), Lost);
    assert_eq!(
        watch.state("region/hangzhou"),
        Lost,
        "its neighbour was never heard of"
    );
    let verdict = watch.verdicts.verdict(&MEMBER.parse().unwrap()).unwrap();
    assert_eq!(
        verdict.evidence.len(),
        3,
        "two gateways and a session: {:#?}",
        verdict.evidence
    );
    assert!(
        verdict.evidence[0]
            .evidence
            .starts_with("gateway/hz/eastwest: ")
    );

    watch.vote(1, "a", SESSION, Reachable);
    assert_eq!(
        (watch.state(SESSION), watch.state(MEMBER)),
        (Serving, Recovering)
    );
    watch.vote(1, "a", GATEWAY, Reachable).after(60_000);
    assert_eq!(
        (watch.state(GATEWAY), watch.state(MEMBER)),
        (Serving, Degraded),
        "the second gateway is still lost"
    );
    watch
        .vote(1, "a", "gateway/hz/second", Reachable)
        .after(60_000);
    assert_eq!(
        (watch.state(MEMBER), watch.state("region/hangzhou")),
        (Serving, Serving)
    );
}

#[test]
fn gateways_that_answer_outweigh_a_silent_session_and_the_other_way_round() {
    let mut watch = Watch::new();
    watch
        .vote(1, "a", GATEWAY, Reachable)
        .vote(1, "a", SESSION, Reachable);
    watch.vote(1, "a", SESSION, Unreachable).after(20_000);
    assert_eq!(
        (watch.state(SESSION), watch.state(MEMBER)),
        (Lost, Degraded)
    );
    watch
        .vote(1, "a", SESSION, Reachable)
        .vote(1, "a", GATEWAY, Unreachable)
        .after(20_000);
    assert_eq!(
        (watch.state(GATEWAY), watch.state(MEMBER)),
        (Lost, Degraded)
    );
}

#[test]
fn a_member_without_gateways_is_never_lost_by_silence() {
    let mut watch = Watch::new();
    watch
        .vote(1, "a", SESSION, Reachable)
        .vote(1, "a", SESSION, Unreachable)
        .after(10_000);
    assert_eq!(
        (watch.state(SESSION), watch.state(MEMBER)),
        (Lost, Degraded)
    );
}

#[test]
fn a_session_alone_that_returns_ends_the_recovery_after_the_hold_down() {
    let mut watch = Watch::new();
    watch.lost().vote(1, "a", SESSION, Reachable);
    assert_eq!(watch.after(59_999).state(MEMBER), Recovering);
    assert_eq!(watch.after(1).state(MEMBER), Degraded);
}

#[test]
fn a_region_is_lost_with_the_last_of_its_members() {
    let mut watch = Watch::new();
    watch
        .vote(1, "a", "gateway/hz2/eastwest", Reachable)
        .vote(1, "a", "session/hz2", Reachable);
    assert_eq!(watch.lost().state("region/hangzhou"), Degraded);
    watch
        .vote(1, "a", "gateway/hz2/eastwest", Unreachable)
        .vote(1, "a", "session/hz2", Unreachable)
        .after(10_000);
    assert_eq!(watch.state("region/hangzhou"), Lost);
    assert_eq!(
        watch.state("zone/hangzhou/g"),
        Lost,
        "both members stand in that zone alone"
    );
    watch.vote(1, "a", GATEWAY, Reachable);
    assert_eq!(watch.state("region/hangzhou"), Recovering);
    watch.after(60_000);
    assert_eq!(watch.state("region/hangzhou"), Degraded);
}

#[test]
fn deadlines_are_met_by_ticking_to_them() {
    // Whoever ticks until no deadline is left has missed no change that time alone brings.
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c")] {
        watch.vote(observer, domain, GATEWAY, Reachable);
    }
    watch
        .vote(1, "a", GATEWAY, Unreachable)
        .vote(2, "b", GATEWAY, Unreachable);
    let mut steps = 0;
    while let Some(at) = watch.deadline() {
        let wait = at - watch.now.0;
        watch.after(wait.max(1));
        steps += 1;
        assert!(steps < 20, "a deadline that never passes");
    }
    let settled = watch.verdicts.clone();
    watch.after(1_000_000_000);
    assert_eq!(watch.verdicts, settled);
}
