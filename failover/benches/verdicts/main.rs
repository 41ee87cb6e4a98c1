//! From votes to verdicts: seven replicas vote on the gateway and the session of each of 1,000 members in ten regions.
//!
//! Measured is this thread's time on a processor over many books, one after the other: all votes entered and everything
//! concluded from them; time that passes over a fleet in which nothing happens; one vote that turns; a region that nobody
//! reaches any more, and its loss once the hold is over.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs
)]

use std::collections::BTreeMap;
use std::hint::black_box;

use causeway_api::ReplicaId;
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Subject, Vote};
use causeway_failover::verdict::{Place, Rules, Topology, Verdicts, VoteBook};
use causeway_measure::{Measure, processor_ns};

const MEMBERS: usize = 1_000;
const REGIONS: usize = 10;
const REPLICAS: u64 = 7;
const ROUNDS: usize = 40;
const REPEATED: u32 = 100;

/// What holds before the next stage.
type Held = (VoteBook, Verdicts);

fn main() {
    let (fleet, rules) = (fleet(), Rules::default());
    let cast = |(book, verdicts): &mut Held, votes: &[Vote]| {
        let touched = book.cast_all(votes, ClusterTime(0));
        verdicts.reconsider(&touched, book, &fleet, &rules, ClusterTime(0))
    };
    let pass = |(book, verdicts): &mut Held, now| verdicts.pass_time(book, &fleet, &rules, now);
    let all = votes(&(0..MEMBERS), 1..=REPLICAS, Ballot::Reachable);
    let region = || (0..MEMBERS).filter(|member| member % REGIONS == 0);
    let dark = votes(&region(), 1..=REPLICAS, Ballot::Unreachable);
    let one = [Ballot::Unreachable, Ballot::Reachable].map(|ballot| votes(&(1..2), 1..=1, ballot));

    let mut stage = vec![Held::default(); ROUNDS];
    let entered = each_ns(&mut stage, |held| drop(black_box(cast(held, &all))));
    assert!(stage.iter().all(|(book, _)| book.len() == all.len()));
    let quiet = each_ns(&mut stage, |held| {
        for _ in 0..REPEATED {
            black_box(pass(held, ClusterTime(0)));
        }
    });
    let single = each_ns(&mut stage, |held| {
        for at in 0..REPEATED {
            let [turned, back] = &one;
            black_box(cast(held, if at % 2 == 0 { turned } else { back }));
        }
    });
    let turned = each_ns(&mut stage, |held| drop(black_box(cast(held, &dark))));
    let mut changes = Vec::new();
    let lost_at = ClusterTime(rules.detection.hold_for_ms);
    let lost = each_ns(&mut stage, |held| changes = pass(held, lost_at));
    // The gateway, the session and the member of each, their region and its zone.
    assert_eq!(changes.len(), MEMBERS / REGIONS * 3 + 2);

    let fleet = format!("{MEMBERS} members × {REPLICAS} replicas");
    let say = |measure: &str, ours: f64, unit: &str, aim: Option<&str>| {
        Measure::of("verdicts", format!("{fleet}: {measure}"), ours, unit)
            .aim(aim)
            .print();
    };
    let whole = format!("{} votes to verdicts", all.len());
    say(&whole, entered / 1e6, "ms", Some("≤ 10 ms"));
    let turns = format!("a region goes dark, {} votes", dark.len());
    say(&turns, turned / 1e6, "ms", None);
    say("it is lost once the hold is over", lost / 1e6, "ms", None);
    let repeated = f64::from(REPEATED);
    say("one vote turns", single / 1e3 / repeated, "µs", None);
    let passes = "time passes where nothing happens";
    say(passes, quiet / 1e3 / repeated, "µs", None);
}

/// The time that one of many such took. The books are there before, and are dropped after.
fn each_ns(stage: &mut [Held], mut work: impl FnMut(&mut Held)) -> f64 {
    let began = processor_ns();
    for held in stage.iter_mut() {
        work(held);
    }
    (processor_ns() - began) as f64 / stage.len() as f64
}

fn fleet() -> Topology {
    let place = |at: usize| Place {
        region: Some(format!("r{}", at % REGIONS).parse().unwrap()),
        zones: ["a".parse().unwrap()].into(),
        tolerate_ms: None,
    };
    let members = (0..MEMBERS).map(|at| (name(at).parse().unwrap(), place(at)));
    Topology {
        members: members.collect::<BTreeMap<_, _>>(),
    }
}

fn name(at: usize) -> String {
    format!("member-{at:04}")
}

/// In the order in which replicas send them: each its own, a subject after the other.
fn votes(
    members: &(impl Iterator<Item = usize> + Clone),
    replicas: std::ops::RangeInclusive<u64>,
    ballot: Ballot,
) -> Vec<Vote> {
    let mut votes = Vec::new();
    for replica in replicas {
        for member in members.clone() {
            let name = name(member);
            for subject in [
                format!("gateway/{name}/eastwest"),
                format!("session/{name}"),
            ] {
                let subject: Subject = subject.parse().unwrap();
                votes.push(Vote {
                    observer: ObserverId::Replica(ReplicaId(replica)),
                    domain: format!("dc-{replica}").parse().unwrap(),
                    subject,
                    ballot,
                    evidence: "10.0.0.1:15443 answered in 24 ms".to_owned(),
                });
            }
        }
    }
    votes
}
