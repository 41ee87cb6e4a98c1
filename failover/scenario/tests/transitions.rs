//! No votes, in whatever order and at whatever times, make a transition that `transitions.txt` does not have: so that
//! the scenarios, which reach all that it has, reach all that there are.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ReplicaId;
use causeway_api::spec::Detection;
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Subject, Vote};
use causeway_failover::verdict::{Place, Rules, Topology, Verdicts, VoteBook};
use proptest::prelude::*;

const TRANSITIONS: &str = include_str!("transitions.txt");

/// Who votes what on what, and how long after the vote before it.
type Step = (u64, usize, u8, u64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![3 => Just(0_u64), 2 => 0_u64..12_000, 1 => 0_u64..90_000];
    proptest::collection::vec((1_u64..4, 0_usize..6, 0_u8..3, pause), 1..60)
}

fn topology() -> Topology {
    let place = |region: &str, zone: &str| Place {
        region: Some(region.parse().unwrap()),
        zones: [zone.parse().unwrap()].into(),
        tolerate_ms: None,
    };
    let members = BTreeMap::from([
        ("a".parse().unwrap(), place("r1", "z1")),
        ("b".parse().unwrap(), place("r1", "z2")),
    ]);
    Topology { members }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(1_500),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_votes_make_another_transition(steps in steps(), hold in prop_oneof![Just(0_u64), Just(10_000)], down in prop_oneof![Just(0_u64), Just(30_000)]) {
        let known: BTreeSet<&str> = TRANSITIONS.lines().collect();
        let subjects = ["gateway/a/x", "gateway/a/y", "session/a", "gateway/b/x", "session/b", "session/b"];
        let rules = Rules {
            detection: Detection { hold_for_ms: hold, min_observers: 2, min_failure_domains: 2 },
            hold_down_ms: down,
        };
        let (mut votes, mut verdicts, mut now) = (VoteBook::default(), Verdicts::default(), ClusterTime(0));
        for (observer, subject, ballot, pause_ms) in steps {
            now = now.plus_ms(pause_ms);
            let mut changes = verdicts.evaluate(&votes, &topology(), &rules, now);
            let vote = Vote {
                observer: ObserverId::Replica(ReplicaId(observer)),
                domain: format!("d{observer}").parse().unwrap(),
                subject: subjects.get(subject).unwrap().parse().unwrap(),
                ballot: match ballot { 0 => Ballot::Reachable, 1 => Ballot::Unreachable, _ => Ballot::Abstain },
                evidence: String::new(),
            };
            votes.cast(&vote, now);
            changes.extend(verdicts.evaluate(&votes, &topology(), &rules, now));
            for change in changes {
                let class = match change.subject {
                    Subject::Gateway { .. } => "gateway",
                    Subject::Session { .. } => "session",
                    Subject::Member { .. } => "member",
                    Subject::Zone { .. } => "zone",
                    Subject::Region { .. } => "region",
                };
                let made = format!("{class}: {} → {}", change.from, change.to);
                prop_assert!(known.contains(made.as_str()), "{made} at {now:?}");
            }
        }
    }
}
