//! Members, votes and time, as commands.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::spec::MemberSpec;
use causeway_api::verdict::{Ballot, Subject, VerdictState};
use causeway_state::apply::votes::VOTES;
use causeway_state::{Command, LogPosition, Outcome, Refusal, Request, apply};
use support::{Machine, client, place, vote};

#[test]
fn nothing_is_decided_before_the_bootstrap_and_that_happens_once() {
    let mut machine = Machine::empty();
    let member = MemberSpec::minimal("hz".parse().unwrap());
    assert_eq!(
        machine.apply(Command::PutMember(member)),
        Outcome::Refused(Refusal::NotBootstrapped)
    );
    assert_eq!(
        machine.apply(Command::Bootstrap { incarnation: 0 }),
        Outcome::Refused(Refusal::NoIncarnation)
    );
    let outcome = machine.apply(Command::Bootstrap { incarnation: 1 });
    assert!(matches!(outcome, Outcome::Accepted { generation, .. } if generation.incarnation == 1));
    let again = machine.apply(Command::Bootstrap { incarnation: 2 });
    assert_eq!(
        again,
        Outcome::Refused(Refusal::AlreadyBootstrapped { incarnation: 1 })
    );
}

#[test]
fn a_request_that_is_sent_again_is_applied_once() {
    let mut machine = Machine::with(&[]);
    let request = Request {
        client: client(),
        serial: 1_000,
        command: Command::Tick { elapsed_ms: 500 },
    };
    let at = |index| LogPosition { term: 1, index };
    assert!(matches!(
        apply(&mut machine.state, at(100), &request),
        Outcome::Accepted { .. }
    ));
    assert_eq!(
        apply(&mut machine.state, at(101), &request),
        Outcome::Duplicate
    );
    assert_eq!(machine.state.cluster_time.0, 500);
    assert_eq!(machine.state.last_applied.index, 101);
}

#[test]
fn a_tick_is_cut_to_a_second() {
    let mut machine = Machine::with(&[]);
    machine.accept(Command::Tick {
        elapsed_ms: 3_600_000,
    });
    assert_eq!(machine.state.cluster_time.0, 1_000);
    assert_eq!(
        machine.apply(Command::Tick { elapsed_ms: 0 }),
        Outcome::Unchanged
    );
}

#[test]
fn what_is_so_already_changes_no_generation() {
    let mut machine = Machine::with(&["hz"]);
    let generation = machine
        .state
        .member(&"hz".parse().unwrap())
        .unwrap()
        .generation;
    let member = MemberSpec::minimal("hz".parse().unwrap());
    assert_eq!(
        machine.apply(Command::PutMember(member)),
        Outcome::Unchanged
    );
    assert_eq!(
        machine.apply(place("hz", &["eastwest"])),
        Outcome::Unchanged
    );
    assert_eq!(
        machine
            .state
            .member(&"hz".parse().unwrap())
            .unwrap()
            .generation,
        generation
    );
    assert_eq!(
        machine.apply(Command::PutPolicy(support::root_policy())),
        Outcome::Unchanged
    );
}

#[test]
fn one_cluster_under_two_names_is_refused() {
    let mut machine = Machine::with(&["hz", "sh"]);
    let uid = |machine: &Machine, name: &str| {
        let member = machine.state.member(&name.parse().unwrap()).unwrap();
        member.placement.clone().unwrap()
    };
    let mut placement = uid(&machine, "sh");
    machine.apply(Command::RemoveMember("sh".parse().unwrap()));
    let again = causeway_api::spec::MemberSpec::minimal("sh".parse().unwrap());
    machine.apply(Command::PutMember(again));
    placement.cluster_uid = uid(&machine, "hz").cluster_uid;
    let outcome = machine.apply(Command::PlaceMember {
        member: "sh".parse().unwrap(),
        placement,
    });
    let Outcome::Refused(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    let text = refusal.to_string();
    assert!(
        text.contains("member hz already") && text.contains("as sh"),
        "{text}"
    );
}

#[test]
fn another_cluster_under_the_same_name_is_refused() {
    let mut machine = Machine::with(&["hz"]);
    let Command::PlaceMember {
        member,
        mut placement,
    } = place("hz", &[])
    else {
        unreachable!()
    };
    placement.cluster_uid = "another".to_owned();
    let outcome = machine.apply(Command::PlaceMember { member, placement });
    let Outcome::Refused(refusal @ Refusal::ForeignCluster { .. }) = outcome else {
        unreachable!("{outcome:?}")
    };
    let text = refusal.to_string();
    assert!(
        text.contains("hz") && text.contains("uid-hz") && text.contains("another"),
        "{text}"
    );
    let unknown = machine.apply(place("nobody", &[]));
    assert_eq!(
        unknown,
        Outcome::Refused(Refusal::UnknownMember("nobody".parse().unwrap()))
    );
}

#[test]
fn votes_lead_to_verdicts_over_cluster_time() {
    let mut machine = Machine::with(&["hz", "sh"]);
    assert_eq!(machine.state.next_deadline(), None);
    machine.lose("hz");
    assert_eq!(
        machine.state.member_state(&"hz".parse().unwrap()),
        VerdictState::Lost
    );
    assert_eq!(
        machine.state.member_state(&"sh".parse().unwrap()),
        VerdictState::Unknown
    );
    let moves: Vec<_> = machine
        .state
        .history
        .iter()
        .map(|m| (m.subject.to_string(), m.to))
        .collect();
    assert!(
        moves.contains(&("member/hz".to_owned(), VerdictState::Lost)),
        "{moves:?}"
    );
    assert!(
        moves.contains(&("region/hz".to_owned(), VerdictState::Lost)),
        "{moves:?}"
    );
    let decisive = machine
        .state
        .history
        .iter()
        .find(|m| m.subject.to_string() == "member/hz" && m.to == VerdictState::Lost);
    assert_eq!(decisive.unwrap().evidence.len(), 2);
    let deadline = machine.state.next_deadline();
    assert!(
        deadline.is_none_or(|at| at.since_ms(machine.state.cluster_time) > 60_000),
        "what is lost needs no ticks but to be forgiven: {deadline:?}"
    );

    machine.vote("gateway/hz/eastwest", Ballot::Reachable);
    assert_eq!(
        machine.state.member_state(&"hz".parse().unwrap()),
        VerdictState::Recovering
    );
    assert!(machine.state.next_deadline().is_some());
    machine.vote("session/hz", Ballot::Reachable);
    machine.tick_ms(10_000);
    assert_eq!(
        machine.state.member_state(&"hz".parse().unwrap()),
        VerdictState::Serving
    );
}

#[test]
fn votes_that_cannot_count_are_left_out_and_named() {
    let mut machine = Machine::with(&["hz"]);
    let votes = [
        "gateway/hz/eastwest",
        "gateway/hz/ghost",
        "session/nobody",
        "member/hz",
    ];
    let votes = votes
        .map(|subject| vote(subject, Ballot::Reachable))
        .to_vec();
    let effect = machine.accept(Command::CastVotes(votes));
    let ignored: Vec<String> = effect
        .ignored
        .iter()
        .map(|(subject, _)| subject.to_string())
        .collect();
    assert_eq!(ignored, ["gateway/hz/ghost", "session/nobody", "member/hz"]);
    assert_eq!(
        machine.state.member_state(&"hz".parse().unwrap()),
        VerdictState::Serving
    );
    let many = vec![vote("session/hz", Ballot::Reachable); VOTES + 1];
    assert!(matches!(
        machine.apply(Command::CastVotes(many)),
        Outcome::Refused(Refusal::TooLarge { .. })
    ));
}

#[test]
fn a_gateway_that_is_gone_is_neither_held_for_nor_against_its_member() {
    let mut machine = Machine::with(&["hz"]);
    machine.accept(place("hz", &["eastwest", "second"]));
    machine.vote("gateway/hz/second", Ballot::Reachable);
    machine.lose("hz");
    assert_eq!(
        machine.state.member_state(&"hz".parse().unwrap()),
        VerdictState::Degraded
    );
    machine.accept(place("hz", &["eastwest"]));
    assert_eq!(
        machine.state.member_state(&"hz".parse().unwrap()),
        VerdictState::Lost
    );
    let second: Subject = "gateway/hz/second".parse().unwrap();
    assert_eq!(
        (
            machine.state.votes.on(&second).count(),
            machine.state.verdict(&second)
        ),
        (0, None)
    );
}

#[test]
fn a_removed_member_leaves_no_votes_and_no_verdicts() {
    let mut machine = Machine::with(&["hz", "sh"]);
    machine.lose("hz");
    machine.accept(Command::RemoveMember("hz".parse().unwrap()));
    assert!(machine.state.votes.is_empty());
    let left: Vec<String> = machine
        .state
        .verdicts
        .iter()
        .map(|(subject, _)| subject.to_string())
        .collect();
    assert!(
        left.iter().all(|subject| !subject.contains("hz")),
        "{left:?}"
    );
    assert_eq!(
        machine.apply(Command::RemoveMember("hz".parse().unwrap())),
        Outcome::Unchanged
    );
}

fn addresses(machine: &Machine, network: &str) -> usize {
    let name: causeway_api::NetworkName = network.parse().unwrap();
    let row = &machine.state.networks[&name];
    row.value.as_ref().unwrap().gateways.len()
}

#[test]
fn observers_that_reach_nobody_cut_nobody_and_their_return_cuts_nobody_either() {
    let mut machine = Machine::with(&["hz", "sg", "us"]);
    let before = machine.state.networks.clone();
    for ballot in [Ballot::Reachable, Ballot::Unreachable] {
        for member in ["hz", "sg", "us"] {
            machine.vote(&format!("gateway/{member}/eastwest"), ballot);
        }
    }
    machine.tick_ms(10_000);
    assert_eq!(
        machine
            .state
            .verdicts
            .state(&"gateway/sg/eastwest".parse().unwrap()),
        VerdictState::Lost
    );
    let values = |machine: &Machine| -> Vec<_> {
        machine
            .state
            .networks
            .values()
            .map(|row| row.value.clone())
            .collect()
    };
    let all: Vec<_> = before.values().map(|row| row.value.clone()).collect();
    assert_eq!(values(&machine), all, "there is nowhere to go instead");
    // Reached again one after the other: none was cut, so none waits.
    for member in ["hz", "sg"] {
        machine.vote(&format!("gateway/{member}/eastwest"), Ballot::Reachable);
        assert_eq!(values(&machine), all);
        machine.tick_ms(4_000);
        assert_eq!(values(&machine), all);
    }
    machine.tick_ms(10_000);
    // The one that is not reached, while others are, is out.
    let rows = ["hz", "sg", "us"].map(|network| addresses(&machine, network));
    assert_eq!(rows, [1, 1, 0]);
    // And comes back only after its hold-down.
    machine.vote("gateway/us/eastwest", Ballot::Reachable);
    assert_eq!(addresses(&machine, "us"), 0);
    machine.tick_ms(10_000);
    assert_eq!(addresses(&machine, "us"), 1);
}
