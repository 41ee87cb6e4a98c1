//! The edges of verdicts: when time must pass and when it need not, who may bring a subject back, what is forgotten.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use causeway_api::rules::{Absence, MemberClass};
use causeway_api::spec::Detection;
use causeway_api::verdict::{Ballot, ClusterTime, Subject, VerdictState};
use causeway_failover::verdict::fleet::tolerated_ms;
use causeway_failover::verdict::renew_after_ms;

#[path = "support/watch.rs"]
mod watch;

use watch::Watch;

use Ballot::{Abstain, Reachable, Unreachable};
use VerdictState::{Away, Degraded, Lost, Recovering, Serving, Unknown};

const GATEWAY: &str = "gateway/hz/eastwest";
const SECOND: &str = "gateway/hz/second";
const SESSION: &str = "session/hz";
const MEMBER: &str = "member/hz";

/// Four replicas in four domains reach the gateway; two of three must agree that it is lost.
fn four() -> Watch {
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        watch.vote(observer, domain, GATEWAY, Reachable);
    }
    watch
}

#[test]
fn only_negative_votes_that_count_and_have_not_expired_let_time_pass() {
    let mut watch = four();
    watch.after(5_000).vote(1, "a", GATEWAY, Unreachable);
    assert_eq!(
        watch.deadline(),
        Some(65_000),
        "not when a positive one was cast"
    );
    watch.after(5_000).vote(2, "b", GATEWAY, Unreachable);
    assert_eq!(watch.deadline(), Some(65_000), "the first of two");
    watch.after(55_000);
    assert_eq!(
        (watch.now, watch.deadline()),
        (ClusterTime(65_000), Some(70_000)),
        "what has expired does so no more"
    );
    watch.silence(2);
    assert_eq!(watch.deadline(), None, "nobody hears the other");
}

#[test]
fn what_is_lost_is_waited_for_only_where_somebody_who_is_heard_reaches_it() {
    let lost = || {
        let mut watch = four();
        watch
            .vote(2, "b", GATEWAY, Unreachable)
            .vote(3, "c", GATEWAY, Unreachable)
            .vote(4, "d", GATEWAY, Unreachable)
            .after(10_000);
        assert_eq!(watch.state(GATEWAY), Lost);
        watch
    };
    assert_eq!(
        lost().deadline(),
        Some(60_000),
        "the first still reaches it"
    );
    assert_ne!(
        lost().silence(1).deadline(),
        Some(60_000),
        "nobody who is heard does"
    );
    let mut back = lost();
    back.after(50_000);
    assert_eq!(
        back.state(GATEWAY),
        Recovering,
        "their votes expired, and it is reached"
    );
}

#[test]
fn the_deadline_of_what_recovers_is_its_own_hold_down_and_not_its_regions() {
    let mut watch = Watch::new();
    watch.lost().vote(1, "a", GATEWAY, Reachable);
    watch.after(1_000).vote(1, "a", GATEWAY, Unreachable);
    watch.vote(1, "a", GATEWAY, Reachable);
    assert_eq!(
        (watch.state(GATEWAY), watch.state("region/hangzhou")),
        (Recovering, Recovering)
    );
    let standing = watch.verdicts.standing(&GATEWAY.parse().unwrap()).unwrap();
    let held_ms = standing.hold_down_ms(watch.rules.hold_down_ms);
    assert!(
        held_ms > 110_000,
        "the second loss within seconds: {held_ms}"
    );
    assert_eq!(watch.deadline(), Some(standing.since.plus_ms(held_ms).0));
}

#[test]
fn a_session_that_is_away_alone_has_a_deadline_too() {
    let mut watch = four();
    watch.edge(600_000).vote(1, "a", SESSION, Reachable);
    watch.vote(1, "a", SESSION, Unreachable).after(10_000);
    assert_eq!(
        (
            watch.state(SESSION),
            watch.state(GATEWAY),
            watch.state(MEMBER)
        ),
        (Away, Serving, Degraded)
    );
    assert_eq!(watch.deadline(), Some(610_000));
}

#[test]
fn a_gateway_stays_away_when_its_agent_is_back_first() {
    let mut watch = Watch::new();
    watch.edge(600_000).lost();
    assert_eq!((watch.state(GATEWAY), watch.state(SESSION)), (Away, Away));
    watch.after(1_000).vote(1, "a", SESSION, Reachable);
    watch.after(1_000).vote(1, "a", GATEWAY, Unreachable);
    assert_eq!(
        (watch.state(SESSION), watch.state(GATEWAY)),
        (Serving, Away)
    );
    watch.vote(1, "a", GATEWAY, Reachable);
    assert_eq!(watch.state(GATEWAY), Recovering);
}

#[test]
fn a_gateway_that_nobody_ever_reached_keeps_no_member_alive() {
    let mut watch = Watch::new();
    watch.vote(1, "a", SECOND, Abstain).lost();
    assert_eq!((watch.state(SECOND), watch.state(MEMBER)), (Unknown, Lost));
}

#[test]
fn where_all_abstain_nothing_is_known_any_more() {
    let mut watch = four();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        watch.vote(observer, domain, GATEWAY, Abstain);
    }
    assert_eq!(watch.state(GATEWAY), Unknown);
    watch.vote(1, "a", GATEWAY, Unreachable);
    assert_eq!(
        watch.state(GATEWAY),
        Unknown,
        "one that cannot tell whether it was there"
    );
    watch.after(1_000_000);
    assert_eq!(watch.state(GATEWAY), Unknown);
}

#[test]
fn an_agent_is_one_of_those_that_could_tell_while_it_is_heard() {
    let mut watch = Watch::new();
    watch
        .vote(1, "a", "session/hz2", Reachable)
        .vote(1, "a", GATEWAY, Reachable)
        .vote(2, "b", GATEWAY, Reachable)
        .agent("hz2", "d", GATEWAY, Reachable);
    watch
        .vote(2, "b", GATEWAY, Abstain)
        .agent("hz2", "d", GATEWAY, Abstain)
        .vote(1, "a", GATEWAY, Unreachable)
        .after(20_000);
    assert_eq!(watch.state(GATEWAY), Degraded, "one of three");
    watch.vote(1, "a", "session/hz2", Unreachable);
    watch.after(10_000);
    assert_eq!(watch.state(GATEWAY), Lost, "one of two that are left");
}

#[test]
fn a_subject_is_known_from_when_it_was_first_spoken_of_until_it_is_no_more() {
    let mut watch = Watch::new();
    watch.after(5_000).vote(1, "a", GATEWAY, Abstain);
    let gateway: Subject = GATEWAY.parse().unwrap();
    let (hz, session) = ("hz".parse().unwrap(), SESSION.parse::<Subject>().unwrap());
    let standing = watch.verdicts.standing(&gateway).unwrap();
    assert_eq!(
        (standing.state, standing.since),
        (Unknown, ClusterTime(5_000))
    );
    assert_eq!(watch.verdicts.gateways(&hz).count(), 0, "never reached");
    watch
        .vote(1, "a", GATEWAY, Reachable)
        .vote(1, "a", SESSION, Reachable);
    let gateways: Vec<_> = watch.verdicts.gateways(&hz).collect();
    assert_eq!(gateways, [(&gateway, Serving)]);
    let known: Vec<String> = watch
        .verdicts
        .iter()
        .map(|(subject, _)| subject.to_string())
        .collect();
    assert_eq!(
        known.len(),
        6,
        "two members, their zone and region: {known:?}"
    );

    watch.verdicts.retire(&gateway);
    assert!(watch.verdicts.standing(&gateway).is_none());
    watch.vote(1, "a", "session/hz2", Reachable);
    watch.verdicts.remove_member(&hz);
    assert!(watch.verdicts.standing(&session).is_none());
    assert_eq!(watch.state("session/hz2"), Serving, "its neighbour stays");
    assert_eq!(watch.state("region/hangzhou"), Serving);
}

#[test]
fn what_is_held_against_a_subject_decays_while_time_stands_still_unless_it_waits_for_it() {
    let mut watch = Watch::new();
    assert!(!watch.verdicts.holds_against_any(watch.now));
    watch.lost();
    assert!(watch.verdicts.holds_against_any(watch.now));
    watch.vote(1, "a", GATEWAY, Reachable);
    assert_eq!(
        (watch.state(GATEWAY), watch.state(MEMBER)),
        (Recovering, Recovering)
    );
    assert!(!watch.verdicts.holds_against_any(watch.now));
    assert!(
        !watch.verdicts.forgive(watch.now, 300_000),
        "a hold-down that has begun"
    );
    watch.after(60_000);
    assert_eq!(watch.state(GATEWAY), Serving);
    assert!(watch.verdicts.forgive(watch.now, 1));
    assert!(watch.verdicts.holds_against_any(watch.now));
    assert!(watch.verdicts.forgive(watch.now, 300_000));
    assert!(!watch.verdicts.holds_against_any(watch.now), "forgotten");
    assert!(!watch.verdicts.forgive(watch.now, 1));
}

#[test]
fn only_an_edge_cluster_may_be_absent_and_only_where_that_was_announced() {
    let absence = |tolerate_ms| Absence { tolerate_ms };
    let hour = absence(Some(3_600_000));
    assert_eq!(tolerated_ms(MemberClass::Edge, hour), Some(3_600_000));
    assert_eq!(tolerated_ms(MemberClass::Edge, absence(Some(1))), Some(1));
    assert_eq!(tolerated_ms(MemberClass::Edge, absence(Some(0))), None);
    assert_eq!(tolerated_ms(MemberClass::Edge, absence(None)), None);
    for class in [
        MemberClass::Standard,
        MemberClass::Serverless,
        MemberClass::External,
    ] {
        assert_eq!(tolerated_ms(class, hour), None, "{class:?}");
    }
}

#[test]
fn a_negative_vote_is_renewed_in_time_though_two_renewals_are_lost() {
    let hold = |hold_for_ms| Detection {
        hold_for_ms,
        ..Detection::default()
    };
    assert_eq!(renew_after_ms(&hold(10_000)), 20_000);
    assert_eq!(renew_after_ms(&hold(60_000)), 60_000);
}
