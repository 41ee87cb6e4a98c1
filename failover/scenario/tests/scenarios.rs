//! Scenarios as files: each plays as written beside it, and together they reach every transition and every refusal.
//!
//! `UPDATE_GOLDEN=1 cargo test -p causeway-scenario --test scenarios` writes what is written beside them anew; read the
//! difference before you commit it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use causeway_api::verdict::Subject;
use causeway_scenario::{Report, play, read, text};

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

/// Each refusal of a plan, a vote, a report or a beginning. Those of the registry, of large changes and of levels are no
/// matter of scenarios.
const REFUSALS: [&str; 20] = [
    "AlreadyBootstrapped",
    "ForeignCluster",
    "NoIncarnation",
    "NotBootstrapped",
    "NotVotable",
    "OneClusterTwoNames",
    "PlanCheck/allowed",
    "PlanCheck/capacity",
    "PlanCheck/conserved",
    "PlanCheck/destinations",
    "PlanCheck/empty",
    "PlanCheck/exported",
    "PlanCheck/out",
    "PlanCheck/repetitions",
    "PlanCheck/service",
    "PlanCheck/sources",
    "PlanCheck/tiers",
    "PlanCheck/whole",
    "StalePolicy",
    "VerdictIgnored",
];

#[test]
fn every_refusal_is_reached() {
    let reached: BTreeSet<String> = all()
        .iter()
        .flat_map(|(_, report)| report.timeline.iter().filter_map(|row| row.refusal.clone()))
        .collect();
    let more = ["TooLarge", "UnknownGateway", "UnknownMember"];
    let missed: Vec<_> = REFUSALS
        .iter()
        .chain(&more)
        .filter(|kind| !reached.contains(**kind))
        .collect();
    assert!(
        missed.is_empty(),
        "not reached: {missed:?}\nreached: {reached:#?}"
    );
}
