//! What is drawn anew for a few votes, or for time that passed, is what would be drawn from scratch.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use causeway_api::ReplicaId;
use causeway_api::spec::Detection;
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Vote};
use causeway_failover::verdict::{Place, Rules, Topology, Verdicts, VoteBook};
use proptest::prelude::*;

#[path = "support/cases.rs"]
mod cases;

use cases::cases;

#[derive(Debug, Clone)]
enum Step {
    /// Who, on what, what.
    Votes(Vec<(usize, usize, u8)>),
    Pass(u64),
    Silence(u64),
    Forget(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let votes = proptest::collection::vec((0_usize..6, 0_usize..8, 0_u8..3), 1..5);
    let step = prop_oneof![
        6 => votes.prop_map(Step::Votes),
        3 => prop_oneof![1_u64..1_000, 1_000_u64..12_000, 20_000_u64..90_000].prop_map(Step::Pass),
        1 => (1_u64..5).prop_map(Step::Silence),
        1 => (1_u64..5).prop_map(Step::Forget),
    ];
    proptest::collection::vec(step, 1..60)
}

fn topology() -> Topology {
    let place = |region: &str, zone: &str, tolerate_ms| Place {
        region: Some(region.parse().unwrap()),
        zones: [zone.parse().unwrap()].into(),
        tolerate_ms,
    };
    Topology {
        members: BTreeMap::from([
            ("a".parse().unwrap(), place("r1", "z1", None)),
            ("b".parse().unwrap(), place("r1", "z2", None)),
            ("c".parse().unwrap(), place("d1", "z1", Some(40_000))),
        ]),
    }
}

const SUBJECTS: [&str; 8] = [
    "gateway/a/x",
    "gateway/a/y",
    "session/a",
    "gateway/b/x",
    "session/b",
    "gateway/c/x",
    "session/c",
    "session/c",
];
/// Three replicas, one of which shares a domain, and the agents of two members.
const OBSERVERS: [(&str, &str); 6] = [
    ("replica/r1", "d1"),
    ("replica/r2", "d2"),
    ("replica/r3", "d3"),
    ("replica/r4", "d3"),
    ("agent/a", "r1"),
    ("agent/c", "d1"),
];

proptest! {
    #![proptest_config(cases(600))]
    #[test]
    fn what_was_touched_is_enough(
        steps in steps(),
        hold_for_ms in prop_oneof![Just(0_u64), Just(10_000)],
        hold_down_ms in prop_oneof![Just(0_u64), Just(30_000)],
    ) {
        let detection = Detection { hold_for_ms, min_observers: 2, min_failure_domains: 2 };
        let rules = Rules { detection, hold_down_ms };
        let (topology, mut votes, mut now) = (topology(), VoteBook::default(), ClusterTime(0));
        let (mut some, mut all) = (Verdicts::default(), Verdicts::default());
        some.evaluate(&votes, &topology, &rules, now);
        all.evaluate(&votes, &topology, &rules, now);
        for step in steps {
            match &step {
                Step::Votes(cast) => {
                    let cast: Vec<Vote> = cast.iter().map(|(who, what, ballot)| {
                        let (observer, domain) = OBSERVERS.get(*who).unwrap();
                        let observer: ObserverId = observer.parse().unwrap();
                        let agent = matches!(observer, ObserverId::Agent(_));
                        // Agents hear no sessions.
                        let what = if agent { [0, 1, 3, 5].get(*what % 4).unwrap() } else { what };
                        Vote {
                            observer,
                            domain: domain.parse().unwrap(),
                            subject: SUBJECTS.get(*what).unwrap().parse().unwrap(),
                            ballot: match ballot { 0 => Ballot::Reachable, 1 => Ballot::Unreachable, _ => Ballot::Abstain },
                            evidence: String::new(),
                        }
                    }).collect();
                    let touched = votes.cast_all(&cast, now);
                    some.reconsider(&touched, &votes, &topology, &rules, now);
                }
                Step::Pass(ms) => {
                    now = now.plus_ms(*ms);
                    some.pass_time(&votes, &topology, &rules, now);
                }
                Step::Silence(replica) => {
                    votes.silence(ReplicaId(*replica));
                    some.evaluate(&votes, &topology, &rules, now);
                }
                Step::Forget(replica) => {
                    votes.forget(&ObserverId::Replica(ReplicaId(*replica)));
                    some.evaluate(&votes, &topology, &rules, now);
                }
            }
            all.evaluate(&votes, &topology, &rules, now);
            for ((subject, mine), (_, whole)) in some.iter().zip(all.iter()) {
                prop_assert_eq!(
                    (mine.state, mine.since, mine.against_since, mine.penalty),
                    (whole.state, whole.since, whole.against_since, whole.penalty),
                    "{} after {:?}", subject, step
                );
            }
            prop_assert_eq!(&some, &all);
            prop_assert!(all.evaluate(&votes, &topology, &rules, now).is_empty(), "settled at once");
        }
    }
}
