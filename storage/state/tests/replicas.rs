//! Replicas that apply the same log hold the same bytes, whether they replay it or start from a snapshot.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::spec::MemberSpec;
use causeway_api::verdict::Ballot;
use causeway_state::snapshot::{SnapshotError, decode, encode};
use causeway_state::{Command, LogPosition, PlanProposal, Request, State, apply};
use proptest::prelude::*;
use support::{Machine, client, place, root_policy, vote};

const MEMBERS: [&str; 3] = ["hz", "sh", "sg"];

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let member = || prop::sample::select(&MEMBERS[..]);
    let ballot = prop::sample::select(vec![
        Ballot::Reachable,
        Ballot::Unreachable,
        Ballot::Abstain,
    ]);
    let one = prop_oneof![
        4 => (1_u32..2_000).prop_map(|elapsed_ms| Command::Tick { elapsed_ms }),
        1 => member().prop_map(|m| Command::PutMember(MemberSpec::minimal(m.parse().unwrap()))),
        1 => member().prop_map(|m| Command::RemoveMember(m.parse().unwrap())),
        2 => member().prop_map(|m| place(m, &["eastwest"])),
        1 => Just(Command::PutPolicy(root_policy())),
        1 => Just(Command::RemovePolicy(root_policy().key)),
        6 => (member(), any::<bool>(), ballot).prop_map(|(m, gateway, ballot)| {
            let subject = if gateway { format!("gateway/{m}/eastwest") } else { format!("session/{m}") };
            Command::CastVotes(vec![vote(&subject, ballot)])
        }),
        2 => prop::sample::subsequence(&MEMBERS[..], 1..=3).prop_map(|members| {
            Command::CommitPlans(vec![Machine::with(&MEMBERS).proposal(&members)])
        }),
        1 => Just(Command::CommitPlans(vec![PlanProposal { service: "shop/cart".parse().unwrap(), plan: None, previous: None }])),
    ];
    proptest::collection::vec(one, 1..80)
}

fn run(state: &mut State, commands: &[Command], from: usize) {
    for (at, command) in commands.iter().enumerate() {
        let index = (from + at + 100) as u64;
        let request = Request {
            client: client(),
            serial: index,
            command: command.clone(),
        };
        apply(state, LogPosition { term: 1, index }, &request);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_log_gives_the_same_bytes(commands in commands(), cut in any::<prop::sample::Index>()) {
        let mut whole = Machine::with(&["hz", "sh"]).state;
        let cut = cut.index(commands.len());
        let mut restarted = whole.clone();
        run(&mut whole, &commands, 0);
        run(&mut restarted, &commands[..cut], 0);
        let mut restarted = decode(&encode(&restarted).unwrap()).unwrap();
        run(&mut restarted, &commands[cut..], cut);
        prop_assert_eq!(&restarted, &whole);
        prop_assert_eq!(restarted.digest(), whole.digest());
    }

    #[test]
    fn every_committed_plan_passes_the_checker(commands in commands()) {
        let mut state = Machine::with(&["hz", "sh"]).state;
        run(&mut state, &commands, 0);
        for held in state.plans.values().filter_map(|row| row.value.as_ref()) {
            prop_assert_eq!(causeway_failover::checker::check(&held.inputs, &held.plan), []);
        }
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }
}

#[test]
fn a_snapshot_names_its_form() {
    let state = Machine::with(&["hz"]).state;
    let bytes = encode(&state).unwrap();
    assert_eq!(decode(&bytes).unwrap(), state);
    assert_ne!(state.digest(), State::default().digest());
    assert_eq!(state.digest_hex().len(), 64);

    let mut newer = bytes.clone();
    newer[4] = 9;
    let error = decode(&newer).unwrap_err();
    assert_eq!(error, SnapshotError::Newer { found: 9 });
    assert!(error.to_string().contains("form 9"), "{error}");
    assert!(matches!(
        decode(&bytes[..bytes.len() - 1]),
        Err(SnapshotError::Damaged { .. })
    ));
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(
        decode(&longer),
        Err(SnapshotError::Damaged { .. })
    ));
    assert!(matches!(
        decode(b"CW"),
        Err(SnapshotError::NoSnapshot { len: 2 })
    ));
}

#[test]
fn a_state_reads_back_from_json_too() {
    let mut machine = Machine::with(&["hz", "sh"]);
    machine.lose("hz");
    let proposal = machine.proposal(&["hz", "sh"]);
    machine.accept(Command::CommitPlans(vec![proposal]));
    let text = serde_json::to_string(&machine.state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), machine.state);
}
