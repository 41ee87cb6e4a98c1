//! Who is counted in a quorum, what flapping costs, what an announced absence means, and what one place alone does not
//! reach.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use causeway_api::verdict::{Ballot, Evidence, ObserverId, Subject, VerdictState};
use causeway_failover::verdict::local::unreachable_from;

#[path = "support/watch.rs"]
mod watch;

use watch::Watch;

use Ballot::{Abstain, Reachable, Unreachable};
use VerdictState::{Away, Degraded, Lost, Recovering, Serving, Unknown};

const GATEWAY: &str = "gateway/hz/eastwest";
const SESSION: &str = "session/hz";
const MEMBER: &str = "member/hz";
const REGION: &str = "region/hangzhou";

/// Three replicas in three domains reach the gateway and hear the session.
fn three() -> Watch {
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c")] {
        watch
            .vote(observer, domain, GATEWAY, Reachable)
            .vote(observer, domain, SESSION, Reachable);
    }
    watch
}

/// All three hold both unreachable.
fn gone(watch: &mut Watch) {
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c")] {
        watch.vote(observer, domain, GATEWAY, Unreachable).vote(
            observer,
            domain,
            SESSION,
            Unreachable,
        );
    }
}

/// All three reach both again.
fn back(watch: &mut Watch) {
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c")] {
        watch
            .vote(observer, domain, GATEWAY, Reachable)
            .vote(observer, domain, SESSION, Reachable);
    }
}

#[test]
fn a_replica_that_is_lost_makes_no_quorum_easier() {
    let mut watch = three();
    watch.silence(1).vote(2, "b", GATEWAY, Unreachable);
    assert_eq!(
        watch.after(20_000).state(GATEWAY),
        Degraded,
        "one of two that are left is one of three that could tell"
    );
    watch.vote(3, "c", GATEWAY, Unreachable);
    assert_eq!(
        watch.after(10_000).state(GATEWAY),
        Lost,
        "what the lost one last reached does not keep it alive"
    );
}

#[test]
fn observers_that_suspect_themselves_make_no_quorum_easier() {
    let mut watch = three();
    watch
        .vote(1, "a", GATEWAY, Abstain)
        .vote(2, "b", GATEWAY, Abstain)
        .vote(3, "c", GATEWAY, Unreachable);
    assert_eq!(watch.after(20_000).state(GATEWAY), Degraded);
    let mut early = three();
    early
        .vote(1, "a", GATEWAY, Unreachable)
        .vote(2, "b", GATEWAY, Unreachable)
        .after(9_000)
        .vote(2, "b", GATEWAY, Abstain)
        .after(20_000);
    assert_eq!(early.state(GATEWAY), Degraded);
}

#[test]
fn of_three_the_only_one_with_a_way_does_not_decide_alone() {
    let mut watch = Watch::new();
    watch
        .vote(1, "a", GATEWAY, Abstain)
        .vote(2, "b", GATEWAY, Abstain)
        .vote(3, "c", GATEWAY, Reachable)
        .vote(3, "c", GATEWAY, Unreachable);
    assert_eq!(watch.after(20_000).state(GATEWAY), Degraded);
    // An agent that has a way, too, makes two.
    watch
        .vote(1, "a", "session/hz2", Reachable)
        .agent("hz2", "d", GATEWAY, Reachable)
        .agent("hz2", "d", GATEWAY, Unreachable);
    assert_eq!(watch.after(10_000).state(GATEWAY), Lost);
}

#[test]
fn a_replica_that_left_for_good_is_not_counted_any_more() {
    let mut watch = three();
    watch.vote(4, "d", GATEWAY, Reachable);
    watch.vote(5, "e", GATEWAY, Reachable);
    // Four and five took the places of one and two.
    watch.silence(1).silence(2);
    watch
        .vote(4, "d", GATEWAY, Unreachable)
        .vote(5, "e", GATEWAY, Unreachable);
    assert_eq!(watch.after(20_000).state(GATEWAY), Degraded, "two of five");
    watch.forget(1).forget(2);
    assert_eq!(watch.after(10_000).state(GATEWAY), Lost, "two of three");
}

#[test]
fn what_as_many_places_reach_as_not_is_not_lost() {
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "d")] {
        watch.vote(observer, domain, GATEWAY, Reachable);
    }
    for (observer, domain) in [(4, "d"), (5, "d"), (3, "c")] {
        watch.vote(observer, domain, GATEWAY, Unreachable);
    }
    assert_eq!(watch.after(20_000).state(GATEWAY), Degraded);
    watch.vote(2, "b", GATEWAY, Abstain);
    assert_eq!(watch.after(10_000).state(GATEWAY), Lost);
}

#[test]
fn an_agent_counts_while_its_session_is_heard() {
    let mut watch = three();
    watch
        .vote(1, "a", "session/hz2", Reachable)
        .agent("hz2", "d", GATEWAY, Reachable);
    assert_eq!(watch.state(GATEWAY), Serving);
    watch.agent("hz2", "d", GATEWAY, Unreachable);
    assert_eq!(watch.state(GATEWAY), Degraded);
    watch.vote(1, "a", "session/hz2", Unreachable);
    assert_eq!(
        watch.state(GATEWAY),
        Serving,
        "nobody hears it: it says nothing"
    );
    watch.vote(2, "b", "session/hz2", Reachable);
    assert_eq!(watch.state(GATEWAY), Degraded);
}

#[test]
fn one_place_that_does_not_reach_it_is_rerouted_alone() {
    let mut watch = three();
    let from = |watch: &Watch| {
        let gateways = [GATEWAY.parse::<Subject>().unwrap()].into_iter();
        let hz2 = "hz2".parse().unwrap();
        unreachable_from(&watch.votes, &watch.rules, watch.now, &hz2, gateways).len()
    };
    watch
        .vote(1, "a", "session/hz2", Reachable)
        .agent("hz2", "d", GATEWAY, Reachable)
        .agent("hz2", "d", GATEWAY, Unreachable);
    assert_eq!(from(&watch), 0, "not for the hold time yet");
    watch.after(10_000);
    assert_eq!((from(&watch), watch.state(GATEWAY)), (1, Degraded));
    watch.after(60_000);
    assert_eq!(from(&watch), 0, "such a vote expires");
    watch.agent("hz2", "d", GATEWAY, Unreachable);
    assert_eq!(from(&watch), 1);
    watch.vote(1, "a", "session/hz2", Unreachable);
    assert_eq!(from(&watch), 0, "its agent is not heard");
}

#[test]
fn flapping_lengthens_the_hold_down_and_is_forgotten() {
    let mut watch = three();
    let waited = |watch: &mut Watch| {
        gone(watch);
        watch.after(10_000);
        assert_eq!(watch.state(GATEWAY), Lost);
        back(watch);
        let mut waited = 0;
        while watch.state(GATEWAY) == Recovering {
            watch.after(1_000);
            waited += 1;
        }
        assert_eq!(watch.state(GATEWAY), Serving);
        waited
    };
    let rounds: Vec<u32> = (0..6).map(|_| waited(&mut watch)).collect();
    assert_eq!(rounds[0], 60);
    assert!(rounds.is_sorted(), "{rounds:?}");
    assert!(rounds[3] > 100 && rounds[5] <= 480, "{rounds:?}");
    watch.after(1_500_000);
    assert_eq!(waited(&mut watch), 60, "forgotten");
}

#[test]
fn an_edge_member_that_is_absent_as_announced_has_not_failed() {
    let mut watch = three();
    watch.edge(3_600_000);
    gone(&mut watch);
    watch.after(10_000);
    for subject in [GATEWAY, SESSION, MEMBER, REGION] {
        assert_eq!(watch.state(subject), Away, "{subject}");
    }
    assert!(!watch.state(MEMBER).may_receive(), "nothing is sent there");
    watch.after(3_000_000);
    assert_eq!(watch.state(MEMBER), Away);
    back(&mut watch);
    assert_eq!(
        (
            watch.state(SESSION),
            watch.state(GATEWAY),
            watch.state(MEMBER)
        ),
        (Serving, Recovering, Recovering)
    );
    watch.after(60_000);
    assert_eq!(
        (
            watch.state(GATEWAY),
            watch.state(MEMBER),
            watch.state(REGION)
        ),
        (Serving, Serving, Serving)
    );
}

#[test]
fn who_stays_away_for_longer_than_announced_is_lost() {
    let mut watch = three();
    watch.edge(600_000);
    gone(&mut watch);
    watch.after(10_000);
    assert_eq!(watch.deadline(), Some(610_000));
    watch.after(599_999);
    assert_eq!(watch.state(MEMBER), Away);
    watch.after(1);
    for subject in [GATEWAY, SESSION, MEMBER, REGION] {
        assert_eq!(watch.state(subject), Lost, "{subject}");
    }
}

#[test]
fn an_edge_members_gateway_that_is_gone_while_its_agent_speaks_has_failed() {
    let mut watch = three();
    watch.edge(600_000);
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c")] {
        watch.vote(observer, domain, GATEWAY, Unreachable);
    }
    watch.after(10_000);
    assert_eq!(
        (watch.state(GATEWAY), watch.state(MEMBER)),
        (Lost, Degraded)
    );
}

#[test]
fn a_region_whose_replica_is_heard_is_not_dark() {
    let mut watch = three();
    // The fourth stands in the region itself, in a failure domain of its name.
    watch.vote(4, "hangzhou", GATEWAY, Reachable);
    gone(&mut watch);
    watch.vote(4, "hangzhou", GATEWAY, Abstain);
    watch.after(10_000);
    assert_eq!((watch.state(MEMBER), watch.state(REGION)), (Lost, Degraded));
    watch.silence(4);
    assert_eq!(watch.state(REGION), Lost);
    watch.vote(4, "hangzhou", GATEWAY, Reachable);
    assert_eq!(watch.state(REGION), Recovering);
}

#[test]
fn of_what_nobody_ever_reached_nothing_is_concluded_and_nothing_moves() {
    let mut watch = Watch::new();
    for (observer, domain) in [(1, "a"), (2, "b"), (3, "c")] {
        watch
            .vote(observer, domain, GATEWAY, Abstain)
            .vote(observer, domain, SESSION, Reachable);
    }
    watch.after(1_000_000);
    assert_eq!(
        (watch.state(GATEWAY), watch.state(MEMBER)),
        (Unknown, Serving)
    );
    assert!(watch.state(GATEWAY).may_receive());
    let standing = watch.verdicts.standing(&GATEWAY.parse().unwrap()).unwrap();
    assert!(standing.evidence.is_empty(), "nothing was concluded");
}

#[test]
fn evidence_says_who_was_not_counted_and_why() {
    let mut watch = three();
    watch
        .vote(4, "d", GATEWAY, Abstain)
        .vote(5, "e", GATEWAY, Reachable)
        .vote(5, "e", GATEWAY, Abstain)
        .agent("hz2", "f", GATEWAY, Reachable)
        .silence(3);
    watch
        .vote(1, "a", GATEWAY, Unreachable)
        .vote(2, "b", GATEWAY, Unreachable);
    let verdict = watch.verdicts.verdict(&GATEWAY.parse().unwrap()).unwrap();
    assert_eq!(verdict.state, Degraded);
    watch.after(15_000);
    watch.forget(4);
    let verdict = watch.verdicts.verdict(&GATEWAY.parse().unwrap()).unwrap();
    let why = |observer: &str| {
        let mut rows = verdict.evidence.iter();
        let row = rows.find(|row| row.observer.to_string() == observer);
        row.unwrap().not_counted.clone().unwrap_or_default()
    };
    assert_eq!(why("replica/r1"), "");
    assert!(why("replica/r3").contains("has not heard of it"));
    assert!(why("replica/r4").contains("never reached"));
    assert!(why("replica/r5").contains("among those who could tell"));
    assert!(why("agent/hz2").contains("no replica hears"));
}

#[test]
fn of_many_votes_some_on_each_subject_are_kept_and_the_others_are_counted() {
    let mut watch = Watch::new();
    let place = watch.topology.members["hz"].clone();
    for member in ["hz3", "hz4"] {
        watch
            .topology
            .members
            .insert(member.parse().unwrap(), place.clone());
    }
    let members = ["hz", "hz2", "hz3", "hz4"];
    let leaves: Vec<String> = members
        .iter()
        .flat_map(|name| {
            [
                format!("gateway/{name}/eastwest"),
                format!("session/{name}"),
            ]
        })
        .collect();
    let domains = ["a", "b", "c", "d", "e", "hangzhou", "g"];
    for ballot in [Reachable, Unreachable] {
        for leaf in &leaves {
            for (observer, domain) in (1..).zip(domains) {
                watch.vote(observer, domain, leaf, ballot);
            }
        }
    }
    watch.silence(6).after(10_000);
    let region = "region/hangzhou".parse().unwrap();
    let verdict = watch.verdicts.verdict(&region).unwrap();
    assert_eq!(verdict.state, Lost);
    assert_eq!((verdict.evidence.len(), verdict.grounds.left_out), (32, 24));
    for leaf in &leaves {
        let begins = format!("{leaf}: ");
        let kept = |row: &&Evidence| row.evidence.starts_with(&begins);
        assert_eq!(verdict.evidence.iter().filter(kept).count(), 4, "{leaf}");
    }
    let named: BTreeSet<&ObserverId> = verdict.evidence.iter().map(|row| &row.observer).collect();
    assert_eq!(named.len(), 7, "each observer is named somewhere");
    let grounds = &verdict.grounds;
    assert_eq!(
        (grounds.counted, grounds.against, grounds.against_domains),
        (6, 6, 6),
        "over all votes, and the one in the region is not heard"
    );
    assert_eq!(grounds.replica_heard, Some(false));
    assert_eq!(grounds.quorum, None);

    let gateway = watch.verdicts.verdict(&GATEWAY.parse().unwrap()).unwrap();
    let needed = gateway.grounds.quorum.unwrap();
    assert_eq!(
        (needed.observers, needed.domains, needed.reached_from),
        (3, 2, 0)
    );
    assert_eq!(gateway.grounds.left_out, 0);
}
