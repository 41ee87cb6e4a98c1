//! Levels of behaviour, large changes in parts, and observers that fell silent.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::ReplicaId;
use causeway_api::verdict::{Ballot, ObserverId, Subject, VerdictState, Vote};
use causeway_state::command::{ChangeId, Chunk};
use causeway_state::staging::{ABANDONED_MS, CHUNK_BYTES, STAGINGS};
use causeway_state::{Command, Outcome, PlanProposal, Refusal, level};
use support::{Machine, client, vote};

#[test]
fn the_level_rises_once_and_never_falls() {
    let mut machine = Machine::with(&[]);
    assert_eq!(machine.state.feature_level, level::BASE_LEVEL);
    let silence = Command::Silence {
        replica: ReplicaId(1),
    };
    let why = machine.refused(silence.clone()).to_string();
    assert!(
        why.contains("feature level 2") && why.contains("level 1 is in force"),
        "{why}"
    );
    assert!(machine.accept(Command::RaiseLevel { level: 2 }).registry);
    for level in [0, 1, 2] {
        assert_eq!(
            machine.apply(Command::RaiseLevel { level }),
            Outcome::Unchanged
        );
    }
    assert_eq!(machine.state.feature_level, 2);
    assert_eq!(machine.apply(silence), Outcome::Unchanged, "nobody voted");
}

fn change(number: u64) -> ChangeId {
    ChangeId {
        client: client(),
        number,
    }
}

fn chunks(command: &Command, size: usize, number: u64) -> Vec<Chunk> {
    let bytes = postcard::to_stdvec(command).unwrap();
    let parts: Vec<&[u8]> = bytes.chunks(size).collect();
    let of = u32::try_from(parts.len()).unwrap();
    let parts = parts.into_iter().zip(0..);
    let chunk = |(bytes, at): (&[u8], u32)| Chunk {
        change: change(number),
        level: 1,
        number: at,
        of,
        bytes: bytes.to_vec(),
    };
    parts.map(chunk).collect()
}

#[test]
fn a_large_change_takes_effect_as_a_whole_with_its_last_part() {
    let mut whole = Machine::raised(&["hz", "sh"]);
    let mut parted = Machine::raised(&["hz", "sh"]);
    let plans = Command::CommitPlans(vec![whole.proposal(&["hz", "sh"])]);
    let mut parts = chunks(&plans, 50, 1);
    assert!(parts.len() > 3);
    // In any order, and one of them twice.
    parts.rotate_left(2);
    let last = parts.pop().unwrap();
    parts.push(parts[0].clone());
    for part in parts {
        machine_is_unplanned(&parted);
        parted.accept(Command::StageChunk(part));
    }
    machine_is_unplanned(&parted);
    assert!(parted.state.stagings.bytes() > 0);
    let effect = parted.accept(Command::StageChunk(last));
    assert_eq!(effect.planned.len(), 1);
    assert!(parted.state.stagings.is_empty());
    whole.accept(plans);
    let value = |machine: &Machine| {
        let row = machine.state.plan(&"shop/cart".parse().unwrap()).unwrap();
        row.value.clone()
    };
    assert_eq!(value(&whole), value(&parted));
}

fn machine_is_unplanned(machine: &Machine) {
    assert!(machine.state.plans.is_empty());
}

#[test]
fn what_is_abandoned_expires_in_cluster_time() {
    let mut machine = Machine::raised(&["hz"]);
    let plans = Command::CommitPlans(vec![machine.proposal(&["hz"])]);
    let parts = chunks(&plans, 50, 1);
    machine.accept(Command::StageChunk(parts[0].clone()));
    let deadline = machine.state.next_deadline().unwrap();
    assert_eq!(deadline.0, ABANDONED_MS, "cluster time must pass for it");
    machine.tick_ms(ABANDONED_MS - 1_000);
    assert_eq!(machine.state.stagings.len(), 1);
    machine.tick_ms(1_000);
    assert!(machine.state.stagings.is_empty());
    assert_eq!(machine.state.next_deadline(), None);
    // Those that come late wait for the first one, which does not come.
    for part in &parts[1..] {
        machine.accept(Command::StageChunk(part.clone()));
    }
    machine_is_unplanned(&machine);
}

#[test]
fn parts_that_do_not_fit_are_refused_and_the_room_is_bounded() {
    let mut machine = Machine::raised(&["hz"]);
    let good = Chunk {
        change: change(1),
        level: 1,
        number: 0,
        of: 2,
        bytes: vec![7],
    };
    let bad = [
        Chunk {
            number: 2,
            ..good.clone()
        },
        Chunk {
            bytes: vec![],
            ..good.clone()
        },
        Chunk {
            bytes: vec![0; CHUNK_BYTES + 1],
            ..good.clone()
        },
    ];
    for chunk in bad {
        let refusal = machine.refused(Command::StageChunk(chunk));
        assert!(matches!(refusal, Refusal::Chunk(_)), "{refusal}");
    }
    // Another number of parts: the whole is forgotten.
    machine.accept(Command::StageChunk(good.clone()));
    machine.refused(Command::StageChunk(Chunk {
        of: 3,
        number: 1,
        ..good.clone()
    }));
    assert!(machine.state.stagings.is_empty());
    // What is no change that may come in parts.
    let tick = Command::Tick { elapsed_ms: 1 };
    let why = machine.refused(Command::StageChunk(chunks(&tick, 100, 3)[0].clone()));
    assert!(why.to_string().contains("may come in parts"), "{why}");
    for number in 0..u64::try_from(STAGINGS).unwrap() {
        machine.accept(Command::StageChunk(Chunk {
            change: change(number),
            ..good.clone()
        }));
    }
    let why = machine.refused(Command::StageChunk(Chunk {
        change: change(99),
        ..good.clone()
    }));
    assert!(why.to_string().contains("on their way already"), "{why}");
}

#[test]
fn more_plans_than_fit_one_entry_come_into_force_together() {
    let mut machine = Machine::raised(&["hz", "sh"]);
    let one = machine.proposal(&["hz", "sh"]);
    let many = (0..300).map(|number| {
        let mut proposal = one.clone();
        proposal.service = format!("shop/s{number}").parse().unwrap();
        if let Some((inputs, plan)) = &mut proposal.plan {
            inputs.service = proposal.service.clone();
            plan.service = proposal.service.clone();
        }
        proposal
    });
    let plans = Command::CommitPlans(many.collect::<Vec<PlanProposal>>());
    assert!(matches!(
        machine.refused(plans.clone()),
        Refusal::TooLarge { .. }
    ));
    let mut generations = std::collections::BTreeSet::new();
    for part in chunks(&plans, 40_000, 5) {
        machine.accept(Command::StageChunk(part));
    }
    for row in machine.state.plans.values() {
        generations.insert(row.generation);
    }
    assert_eq!((machine.state.plans.len(), generations.len()), (300, 1));
}

fn cast(machine: &mut Machine, replica: u64, subject: &str, ballot: Ballot) {
    let vote = Vote {
        observer: ObserverId::Replica(ReplicaId(replica)),
        domain: format!("d{replica}").parse().unwrap(),
        ..vote(subject, ballot)
    };
    machine.accept(Command::CastVotes(vec![vote]));
}

#[test]
fn what_a_dead_replica_once_reached_keeps_no_dead_member_alive() {
    let mut machine = Machine::raised(&["hz"]);
    let subject = "gateway/hz/eastwest";
    for replica in [1, 2, 3] {
        cast(&mut machine, replica, subject, Ballot::Reachable);
    }
    // The region of replica 3 goes dark, and the member with it: it said last that it reaches the gateway.
    for replica in [1, 2] {
        cast(&mut machine, replica, subject, Ballot::Unreachable);
    }
    machine.accept(Command::Silence {
        replica: ReplicaId(3),
    });
    assert_eq!(
        machine.apply(Command::Silence {
            replica: ReplicaId(3)
        }),
        Outcome::Unchanged
    );
    machine.tick_ms(10_000);
    let gateway: Subject = subject.parse().unwrap();
    let verdict = machine.state.verdict(&gateway).unwrap();
    assert_eq!(verdict.state, VerdictState::Lost);
    let third = &verdict.evidence[2];
    assert!(
        third
            .not_counted
            .as_ref()
            .is_some_and(|why| why.contains("not heard of it")),
        "{third:?}"
    );

    // Still Lost: nobody who counts reaches it. Once the third votes again, all its votes count.
    let deadline = machine.state.next_deadline();
    assert!(deadline.is_none_or(|at| at.since_ms(machine.state.cluster_time) > 60_000));
    cast(&mut machine, 3, "session/hz", Ballot::Reachable);
    assert!(machine.state.votes.silent().is_empty());
    assert_eq!(
        machine.state.verdicts.state(&gateway),
        VerdictState::Lost,
        "the quorum still holds"
    );
    cast(&mut machine, 1, subject, Ballot::Reachable);
    assert_eq!(
        machine.state.verdicts.state(&gateway),
        VerdictState::Recovering
    );
}

#[test]
fn who_never_voted_is_not_silent() {
    let mut machine = Machine::raised(&["hz"]);
    let silence = Command::Silence {
        replica: ReplicaId(8),
    };
    assert_eq!(machine.apply(silence), Outcome::Unchanged);
}
