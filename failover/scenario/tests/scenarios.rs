//! Scenarios as files: each plays as written beside it, and together they reach every transition and every refusal.
//!
//! `UPDATE_GOLDEN=1 cargo test -p causeway-scenario --test scenarios` writes what is written beside them anew; read the
//! difference before you commit it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use causeway_api::verdict::Subject;
use causeway_failover::safety::{Rule, Waits};
use causeway_scenario::{Report, play, read, report::Kind, text};
use causeway_state::Refusal;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn all() -> Vec<(PathBuf, Report)> {
    let entries = fs::read_dir(folder()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let played = files.into_iter().map(|file| {
        let scenario = read(&fs::read_to_string(&file).unwrap());
        let scenario =
            scenario.unwrap_or_else(|problems| panic!("{}:\n{problems}", file.display()));
        (file, play(&scenario))
    });
    played.collect()
}

#[test]
fn every_scenario_plays_as_written() {
    let mut wrong = Vec::new();
    for (file, report) in all() {
        let found = text::text(&report);
        if !report.ok {
            wrong.push(format!("{}: not as expected\n{found}", file.display()));
        }
        let beside = file.with_extension("txt");
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&beside, &found).unwrap();
            }
            wrong.push(format!("{}: plays otherwise\n{found}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_guides_scenario_is_as_it_says() {
    let guide = folder().join("../../../docs/guides/what-if.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, scenario) = guide.split_once("```yaml\n").unwrap();
    let (scenario, _) = scenario.split_once("```").unwrap();
    let report = play(&read(scenario).unwrap());
    assert!(report.ok, "{}", text::text(&report));
}

#[test]
fn a_scenario_played_twice_is_one() {
    let twice = |_| {
        all()
            .into_iter()
            .map(|(_, report)| serde_json::to_string(&report).unwrap())
    };
    assert!(twice(1).eq(twice(2)));
}

/// What a subject is, for transitions.
fn class(subject: &Subject) -> &'static str {
    match subject {
        Subject::Gateway { .. } => "gateway",
        Subject::Session { .. } => "session",
        Subject::Member { .. } => "member",
        Subject::Zone { .. } => "zone",
        Subject::Region { .. } => "region",
    }
}

/// Each transition that `causeway_failover::verdict` can make, by what it is about.
const TRANSITIONS: &str = include_str!("transitions.txt");

#[test]
fn every_transition_is_reached() {
    let reached: BTreeSet<String> = all()
        .iter()
        .flat_map(|(_, report)| report.timeline.iter().filter_map(|row| row.verdict.clone()))
        .map(|(subject, from, to)| format!("{}: {from} → {to}", class(&subject)))
        .collect();
    let known: BTreeSet<String> = TRANSITIONS.lines().map(str::to_owned).collect();
    let missed: Vec<_> = known.difference(&reached).collect();
    let new: Vec<_> = reached.difference(&known).collect();
    assert!(
        missed.is_empty() && new.is_empty(),
        "not reached: {missed:#?}\nnot in transitions.txt: {new:#?}"
    );
}

/// Refusals that no scenario can bring about, each with the test that does: those of the registry, of replicas and their
/// levels, of what services share, of approvals by who has not seen what they approve, and of plans and preparations that only a faulty leader makes up.
const ELSEWHERE: &[(&str, &str)] = &[
    ("CameBack", "storage/state/tests/hosts.rs"),
    ("ChangedSince", "storage/state/tests/safety/approvals.rs"),
    ("Chunk", "storage/state/tests/levels.rs"),
    ("GatewayOverfull", "storage/state/tests/ties.rs"),
    ("LevelTooLow", "storage/state/tests/forms.rs"),
    ("NotOwner", "storage/state/tests/hosts.rs"),
    ("NotPrepared", "storage/state/tests/contingencies.rs"),
    ("NotTogether", "storage/state/tests/ties.rs"),
    ("NotSeen", "storage/state/tests/safety/approvals.rs"),
    ("OlderDeclaration", "storage/state/tests/hosts.rs"),
    ("ReplicaIdTaken", "storage/state/src/replicas.rs"),
    ("ReplicaRemoved", "storage/state/src/replicas.rs"),
    ("StalePlan", "federation/core/tests/ties/main.rs"),
    ("UnknownHost", "storage/state/tests/hosts.rs"),
    ("UnknownObject", "storage/state/tests/hosts.rs"),
];

/// What a lying leader is refused for in scenarios; other fields, and that each alone is enough, are tried in
/// `federation/core/tests/contradicted.rs`.
const CONTRADICTED: &[&str] = &[
    "region",
    "network",
    "capacity",
    "maxUtilizationPercent",
    "demand",
    "unreachable",
    "gateways",
];

/// Safety rules that refuse no plan: theirs waits for a person. No policy can ask for a drill yet, so `Armed` never speaks.
const WAITING: &[Rule] = &[Rule::Stateful, Rule::Armed];

/// The names of all variants of an enum, as its reader lists them.
fn variants<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_str::<T>("\"no such variant\"")
        .err()
        .unwrap();
    let error = error.to_string();
    let (_, names) = error.split_once("expected one of ").unwrap();
    let names = names.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// Every kind of refusal that there is: of plans also each check, and each safety rule.
fn kinds() -> Vec<String> {
    let checks = causeway_failover::checker::CHECKS.iter();
    let checks = checks.map(|check| format!("PlanCheck/{check}"));
    let rules = Rule::ALL.iter().filter(|rule| !WAITING.contains(rule));
    let rules = rules.map(|rule| format!("Safety/{rule}"));
    let plain = variants::<Refusal>().into_iter();
    let parted = ["PlanCheck", "Safety", "InputContradicted"];
    let plain = plain.filter(|name| !parted.contains(&name.as_str()));
    let fields = CONTRADICTED.iter();
    let fields = fields.map(|field| format!("InputContradicted/{field}"));
    plain.chain(checks).chain(rules).chain(fields).collect()
}

#[test]
fn every_refusal_is_reached() {
    let reached: BTreeSet<String> = all()
        .iter()
        .flat_map(|(_, report)| report.timeline.iter().filter_map(|row| row.refusal.clone()))
        .collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(kind, _)| *kind).collect();
    let missed: Vec<String> = kinds()
        .into_iter()
        .filter(|kind| !reached.contains(kind) && !elsewhere.contains(kind.as_str()))
        .collect();
    assert!(
        missed.is_empty(),
        "not reached: {missed:?}\nreached: {reached:#?}"
    );
    let twice: Vec<_> = reached
        .iter()
        .filter(|kind| elsewhere.contains(kind.as_str()))
        .collect();
    assert!(
        twice.is_empty(),
        "reached by a scenario after all: {twice:?}"
    );
}

#[test]
fn what_no_scenario_reaches_another_test_does() {
    let root = folder().join("../../..");
    let known = variants::<Refusal>();
    for (kind, file) in ELSEWHERE
        .iter()
        .filter(|(kind, _)| known.iter().any(|name| name == kind))
    {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(text.contains(kind), "{file} does not reach {kind}");
    }
}

#[test]
fn every_reason_to_wait_is_reached() {
    let waited: String = all()
        .iter()
        .flat_map(|(_, report)| report.timeline.iter())
        .filter(|row| row.kind == Kind::Waits)
        .map(|row| format!("{}\n", row.what))
        .collect();
    // A return waits as its ramp, and not as a plan; no policy can ask for a drill yet.
    for waits in [Waits::Observe, Waits::Approve, Waits::Stateful] {
        assert!(waited.contains(&waits.to_string()), "{waits}: {waited}");
    }
}
