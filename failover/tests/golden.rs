//! Scenarios as files: above the line the fleet, below it the plan as `causeway explain` tells it.
//!
//! `UPDATE_GOLDEN=1 cargo test -p causeway-failover --test golden` writes the lower halves anew; read the difference
//! before you commit it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::fs;
use std::path::PathBuf;

use causeway_failover::checker::check;
use causeway_failover::explain::{report, text};
use causeway_failover::plan::plan;
use support::scenario::parse;

const LINE: &str = "----\n";

#[test]
fn every_scenario_is_planned_as_written() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 12, "the scenarios are gone: {files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let content = fs::read_to_string(&file).unwrap();
        let (scenario, expected) = content.split_once(LINE).unwrap_or((&content, ""));
        let inputs = parse(scenario);
        let plan = plan(&inputs);
        assert_eq!(check(&inputs, &plan), [], "{}", file.display());
        let report = report(&inputs, &plan, &|_| None);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(
            serde_json::from_str::<causeway_failover::explain::PlanReport>(&json).unwrap(),
            report
        );
        let found = text(&report);
        if found != expected {
            wrong.push(format!("{}\n{found}", file.display()));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&file, format!("{scenario}{LINE}{found}")).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
