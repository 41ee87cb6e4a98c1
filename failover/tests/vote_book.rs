//! The book of votes: what is news in it, whose agent complains, and what is forgotten with whom.
#![allow(clippy::unwrap_used)]

use causeway_api::verdict::{Ballot, ClusterTime, Subject, Vote};
use causeway_api::{MemberName, ReplicaId};
use causeway_failover::verdict::{Touched, VoteBook};

use Ballot::{Abstain, Reachable, Unreachable};

const HZ: &str = "gateway/hz/eastwest";
const SH: &str = "gateway/sh/eastwest";

fn vote(observer: &str, domain: &str, subject: &str, ballot: Ballot) -> Vote {
    Vote {
        observer: observer.parse().unwrap(),
        domain: domain.parse().unwrap(),
        subject: subject.parse().unwrap(),
        ballot,
        evidence: String::new(),
    }
}

fn cast(book: &mut VoteBook, observer: &str, subject: &str, ballot: Ballot, at: u64) -> bool {
    book.cast(&vote(observer, "d", subject, ballot), ClusterTime(at))
}

fn since(book: &VoteBook, observer: &str, subject: &str) -> u64 {
    let (observer, subject) = (observer.parse().unwrap(), subject.parse().unwrap());
    book.of(&observer, &subject).unwrap().since.0
}

fn complaining(book: &VoteBook) -> Vec<String> {
    book.complaining().map(ToString::to_string).collect()
}

#[test]
fn a_vote_is_news_unless_it_says_the_same_from_the_same_place() {
    let mut book = VoteBook::default();
    assert!(cast(&mut book, "replica/r1", HZ, Reachable, 1));
    assert!(!cast(&mut book, "replica/r1", HZ, Reachable, 2));
    assert_eq!(since(&book, "replica/r1", HZ), 1, "a renewal");
    assert!(cast(&mut book, "replica/r1", HZ, Unreachable, 3));
    assert_eq!(since(&book, "replica/r1", HZ), 3);
    let moved = vote("replica/r1", "elsewhere", HZ, Unreachable);
    assert!(book.cast(&moved, ClusterTime(4)));
    assert_eq!(since(&book, "replica/r1", HZ), 4);

    assert!(book.silence(ReplicaId(1)) && !book.silence(ReplicaId(1)));
    assert_eq!(book.silent(), &[ReplicaId(1)].into());
    assert!(book.cast(&moved, ClusterTime(5)), "it is heard again");
    assert!(!book.cast(&moved, ClusterTime(6)));
    assert!(
        !book.silence(ReplicaId(9)),
        "only what has voted can fall silent"
    );
}

#[test]
fn the_first_vote_of_a_replica_and_the_first_after_its_silence_touch_everything() {
    let mut book = VoteBook::default();
    let touched = |book: &mut VoteBook, observer: &str, subject: &str| {
        book.cast_all([&vote(observer, "d", subject, Reachable)], ClusterTime(0))
    };
    let only = |subject: &str| Touched::Some([subject.parse::<Subject>().unwrap()].into());
    assert_eq!(touched(&mut book, "replica/r1", HZ), Touched::All);
    assert_eq!(touched(&mut book, "replica/r1", SH), only(SH));
    assert_eq!(touched(&mut book, "replica/r2", HZ), Touched::All);
    assert_eq!(
        touched(&mut book, "agent/sh", HZ),
        only(HZ),
        "an agent is no replica"
    );
    book.silence(ReplicaId(1));
    assert_eq!(touched(&mut book, "replica/r1", HZ), Touched::All);
    assert_eq!(touched(&mut book, "replica/r1", HZ), only(HZ));
}

#[test]
fn an_agent_complains_while_it_holds_anything_unreachable() {
    let sg: MemberName = "sg".parse().unwrap();
    let mut book = VoteBook::default();
    cast(&mut book, "agent/sg", HZ, Reachable, 0);
    cast(&mut book, "agent/sg", SH, Abstain, 0);
    cast(&mut book, "replica/r1", HZ, Unreachable, 0);
    assert!(!book.complains(&sg) && complaining(&book).is_empty());
    cast(&mut book, "agent/sg", HZ, Unreachable, 1);
    cast(&mut book, "agent/sg", HZ, Unreachable, 2);
    cast(&mut book, "agent/sg", SH, Unreachable, 2);
    assert!(book.complains(&sg));
    assert_eq!(complaining(&book), ["sg"]);

    let counted = |book: &VoteBook| {
        let mut book = book.clone();
        cast(&mut book, "agent/sg", HZ, Reachable, 3);
        let one_left = book.complains(&sg);
        cast(&mut book, "agent/sg", SH, Reachable, 3);
        (one_left, book.complains(&sg))
    };
    assert_eq!(counted(&book), (true, false));
    let again = VoteBook::of_rows(book.rows().clone());
    assert_eq!(counted(&again), (true, false), "counted anew");
    assert_eq!(again, book);
}

#[test]
fn what_is_forgotten_is_complained_of_no_more() {
    let sg: MemberName = "sg".parse().unwrap();
    let complaint = || {
        let mut book = VoteBook::default();
        cast(&mut book, "agent/sg", HZ, Unreachable, 0);
        cast(&mut book, "replica/r1", HZ, Reachable, 0);
        cast(&mut book, "replica/r1", SH, Reachable, 0);
        book
    };
    let mut book = complaint();
    assert!(!book.retire(&"gateway/hz/other".parse().unwrap()) && book.complains(&sg));
    assert!(book.retire(&HZ.parse().unwrap()) && !book.complains(&sg));
    assert_eq!(book.len(), 1);

    assert!(!book.is_empty());
    let mut book = complaint();
    assert!(book.forget(&"agent/sg".parse().unwrap()) && !book.complains(&sg));
    assert!(!book.forget(&"agent/sg".parse().unwrap()));
    assert!(
        book.forget(&"replica/r1".parse().unwrap()),
        "it was heard, and is known"
    );
    assert!(book.is_empty() && book.subjects().next().is_none());

    let mut book = complaint();
    book.remove_member(&"hz".parse().unwrap());
    assert!(!book.complains(&sg));
    assert_eq!(
        book.subjects().map(ToString::to_string).collect::<Vec<_>>(),
        [SH]
    );

    let mut book = complaint();
    book.remove_member(&sg);
    assert!(!book.complains(&sg));
    assert_eq!(book.len(), 2, "what others said of others stays");
}
