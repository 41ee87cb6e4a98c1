//! The report on screen and as JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use super::super::report::{Requests, Survivors};
use super::*;

fn sample() -> Report {
    let fleet = Fleet::draw(1, 5, 12).unwrap();
    let region = |text: &str| Region::new(text).unwrap();
    Report {
        seed: 1,
        fleet: Counts::of(&fleet),
        lost: "region/eu-west".parse().unwrap(),
        replicas: vec![],
        leaders: vec![
            LeaderRow {
                at_ms: 0,
                replica: "r2".to_owned(),
                region: region("eu-west"),
            },
            LeaderRow {
                at_ms: 1_530,
                replica: "r3".to_owned(),
                region: region("us-east"),
            },
        ],
        lost_members: vec![MemberName::new("eu-west-1").unwrap()],
        timeline: vec![],
        recovered: true,
        recovery_ms: Some(4_218),
        restored: false,
        restored_ms: None,
        failback_ms: None,
        shares: vec![ShareRow {
            from: region("us-east"),
            to: Some(region("eu-west")),
            before_percent: 12.5,
            during_percent: Some(0.0),
            after_percent: 12.5,
        }],
        requests: Requests::new(9_990.0, 10.4, 250.0),
        survivors: Survivors::new(),
    }
}

#[test]
fn a_report_says_what_is_measured_and_what_is_modelled_and_what_went_wrong() {
    let text = report(&sample(), Paint::default());
    for part in [
        "4.21s from the loss",
        "NOT RESTORED",
        "9,990 answered, 10 failed = 0.1 % (modelled)",
        "(measured)",
        "12.5 %",
        "r2 in eu-west, from +1.53s r3 in us-east (measured)",
        "No request is sent",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours where they are off");
}

#[test]
fn a_report_reads_back_from_json() {
    let json = serde_json::to_string(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), sample());
    assert!(
        json.contains("\"recoveryMs\":4218") && json.contains("\"modelled\":true"),
        "{json}"
    );
}
