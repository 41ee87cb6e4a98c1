//! What is prepared comes into force in the commit of the decisive vote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::contingency::{ContentHash, LossOutcome, Readiness};
use causeway_api::domain::Domain;
use causeway_api::plan::Rate;
use causeway_api::verdict::Ballot;
use causeway_state::{Command, Outcome, Refusal};
use support::{Machine, place};

fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

fn readiness(of: &str) -> Readiness {
    Readiness {
        domain: domain(of),
        outcome: LossOutcome::Survives,
        score: 100,
        services: 1,
        moved: Rate(0),
        orphans: 0,
        first_orphans: Vec::new(),
        overloads: 0,
        worst_overloads: Vec::new(),
        unproven: 0,
        peak: None,
        writes: 2,
        coarse_cut: true,
        untold: 0,
        first_untold: Vec::new(),
    }
}

fn prepare(domains: &[&str]) -> Command {
    let rows = domains.iter().zip(1..).map(|(of, number)| {
        let hash = ContentHash([number; 32]);
        (domain(of), Some((hash, readiness(of))))
    });
    Command::CommitContingencies(rows.collect())
}

fn active(machine: &Machine) -> Option<String> {
    let active = machine.state.brain.contingencies.active.as_ref();
    active.map(|active| active.domain.to_string())
}

#[test]
fn it_comes_into_force_in_the_commit_of_the_verdict_and_goes_with_it() {
    let mut machine = Machine::raised(&["hz", "sh", "sg"]);
    machine.accept(prepare(&["member/hz", "member/sh"]));
    assert_eq!(active(&machine), None);
    machine.lose("hz");
    let held = machine.state.brain.contingencies.active.clone().unwrap();
    assert_eq!(held.domain, domain("member/hz"));
    assert_eq!(held.hash, ContentHash([1; 32]));
    let moved = machine.state.history.iter().find(|moved| {
        moved.subject.to_string() == "gateway/hz/eastwest" && !moved.to.may_receive()
    });
    assert_eq!(held.generation, moved.unwrap().generation, "one commit");
    // Its return ends it.
    machine.vote("gateway/hz/eastwest", Ballot::Reachable);
    assert_eq!(active(&machine), None);
}

#[test]
fn the_widest_domain_that_is_exactly_what_fell_is_taken() {
    let mut machine = Machine::raised(&["hz", "sh", "sg"]);
    machine.accept(prepare(&["member/hz", "region/hz"]));
    machine.lose("hz");
    assert_eq!(active(&machine).unwrap(), "region/hz");
    // What is prepared anew meanwhile does not replace what is in force.
    let held = machine.state.brain.contingencies.active.clone();
    machine.accept(prepare(&["region/hz"]));
    machine.vote("gateway/sh/eastwest", Ballot::Reachable);
    assert_eq!(machine.state.brain.contingencies.active, held);
}

#[test]
fn where_two_fall_together_it_is_planned_afresh() {
    let mut machine = Machine::raised(&["hz", "sh", "sg"]);
    machine.accept(prepare(&["member/hz", "member/sh"]));
    machine.lose("hz");
    assert!(active(&machine).is_some());
    machine.lose("sh");
    assert_eq!(active(&machine), None);
}

#[test]
fn what_nothing_lives_in_is_not_prepared_for() {
    let mut machine = Machine::raised(&["hz", "sh"]);
    for wrong in [prepare(&["member/none"]), prepare(&["region/nowhere"])] {
        let refusal = machine.refused(wrong);
        assert!(matches!(refusal, Refusal::NotPrepared { .. }), "{refusal}");
    }
    let crossed = Command::CommitContingencies(vec![(
        domain("member/hz"),
        Some((ContentHash([0; 32]), readiness("member/sh"))),
    )]);
    let refusal = machine.refused(crossed).to_string();
    assert!(
        refusal.contains("member/hz") && refusal.contains("member/sh"),
        "{refusal}"
    );
}

#[test]
fn what_is_as_it_was_is_no_decision() {
    let mut machine = Machine::raised(&["hz", "sh"]);
    machine.accept(prepare(&["member/hz"]));
    let before = machine.state.brain.contingencies.clone();
    assert_eq!(machine.apply(prepare(&["member/hz"])), Outcome::Unchanged);
    assert_eq!(machine.state.brain.contingencies, before);
    machine.accept(Command::CommitContingencies(vec![(
        domain("member/hz"),
        None,
    )]));
    assert!(machine.state.brain.contingencies.rows.is_empty());
}

#[test]
fn the_loss_of_one_gateway_of_several_is_named_beside_all_others() {
    let mut machine = Machine::raised(&["hz", "sh"]);
    machine.accept(place("hz", &["eastwest", "other"]));
    for gateway in ["eastwest", "other"] {
        machine.vote(&format!("gateway/hz/{gateway}"), Ballot::Reachable);
    }
    machine.accept(prepare(&["member/hz", "gateway/hz/other", "member/sh"]));
    assert_eq!(machine.state.brain.contingencies.rows.len(), 3);
}

#[test]
fn a_gateway_that_was_never_reached_keeps_its_network_open_until_its_member_is_lost() {
    let mut machine = Machine::raised(&["hz", "sh"]);
    machine.accept(place("hz", &["eastwest", "other"]));
    machine.vote("gateway/sh/eastwest", Ballot::Reachable);
    for subject in ["gateway/hz/eastwest", "session/hz"] {
        machine.vote(subject, Ballot::Reachable);
    }
    let addresses = |machine: &Machine| {
        let row = &machine.state.networks[&"hz".parse::<causeway_api::NetworkName>().unwrap()];
        row.value.as_ref().unwrap().gateways.len()
    };
    let hz = "hz".parse().unwrap();
    machine.vote("gateway/hz/eastwest", Ballot::Unreachable);
    machine.tick_ms(10_000);
    assert_eq!(machine.state.withdrawal(&hz), None);
    assert_eq!(addresses(&machine), 1);
    // Whether or not somebody says that it does not reach it either.
    machine.vote("gateway/hz/other", Ballot::Unreachable);
    machine.tick_ms(10_000);
    assert_eq!(machine.state.withdrawal(&hz), None);

    machine.vote("session/hz", Ballot::Unreachable);
    machine.tick_ms(10_000);
    let lost = Some(causeway_api::plan::Withdrawal::Lost);
    assert_eq!(machine.state.withdrawal(&hz), lost);
    let network = machine.state.network_withdrawal(&"hz".parse().unwrap());
    assert_eq!(network, lost);
    assert_eq!(addresses(&machine), 0);
}
