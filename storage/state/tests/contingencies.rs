//! What is prepared comes into force in the commit of the decisive vote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::contingency::{ContentHash, LossOutcome, Readiness};
use causeway_api::domain::Domain;
use causeway_api::plan::Rate;
use causeway_state::{Command, Outcome, Refusal};
use support::Machine;

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
    machine.vote(
        "gateway/hz/eastwest",
        causeway_api::verdict::Ballot::Reachable,
    );
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
    machine.vote(
        "gateway/sh/eastwest",
        causeway_api::verdict::Ballot::Reachable,
    );
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
