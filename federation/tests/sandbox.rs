//! The sandbox as a user runs it: once to its report, and once until Ctrl-C with the operator's verbs tried on it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use causeway::sandbox::report::{Event, Report};
use serde_json::Value;

fn causeway(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    // Whatever it leaves behind is then seen here.
    command
        .env("TMPDIR", temporary)
        .env_remove("CAUSEWAY_LOG")
        .env_remove("CAUSEWAY_CONTEXT");
    command
}

fn once(arguments: &[&str]) -> (Output, tempfile::TempDir) {
    let temporary = tempfile::tempdir().unwrap();
    let output = causeway(temporary.path())
        .args(["sandbox", "--once"])
        .args(arguments)
        .output()
        .unwrap();
    (output, temporary)
}

fn left_in(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn a_region_is_lost_and_comes_back() {
    let (output, temporary) = once(&["--members", "5", "--services", "6", "-o", "json"]);
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.recovered && report.restored, "{report:#?}");
    assert_eq!(report.lost.to_string(), "region/eu-west");
    assert_eq!(report.lost_members.len(), 2);
    // One replica in each region; that of the lost one goes dark with it, and somebody leads all the same.
    let regions: Vec<&str> = report
        .replicas
        .iter()
        .map(|row| row.region.as_str())
        .collect();
    assert_eq!(regions, ["ap-south", "eu-west", "us-east"]);
    let dark = &report.timeline[0];
    assert!(
        dark.event == Event::Dark && dark.text.contains("replica r2"),
        "{dark:?}"
    );
    assert!(!report.leaders.is_empty(), "{report:#?}");

    // The order in which things happened.
    let at = |event| {
        report
            .timeline
            .iter()
            .find(|moment| moment.event == event)
            .unwrap_or_else(|| panic!("{event:?}: {report:#?}"))
            .at_ms
    };
    let order = [
        Event::Dark,
        Event::Suspected,
        Event::LastMesh,
        Event::Back,
        Event::Recovering,
        Event::Serving,
        Event::Restored,
    ];
    let order = order.map(at);
    assert!(order.is_sorted(), "{order:?}");
    // The verdict is learnt by asking the controller now and then, so it may be seen a moment after what it brought about.
    let lost = at(Event::GatewaysLost);
    assert!(
        at(Event::Suspected) <= lost && lost <= at(Event::Back),
        "{lost} in {order:?}"
    );
    // Observers of both other regions agree on it.
    let said = report.timeline.iter();
    let said = said
        .filter(|moment| moment.event == Event::GatewaysLost)
        .map(|moment| moment.text.as_str());
    let said: String = said.collect();
    assert!(
        said.contains(" in 2 regions cannot reach gateway/eu-west-"),
        "{said}"
    );
    // Two seconds of hold before the verdict, three before traffic returns: holds are never shorter than they are set.
    assert!(report.recovery_ms.unwrap() >= 2_000, "{report:#?}");
    assert!(report.failback_ms.unwrap() >= 3_000, "{report:#?}");

    // Traffic went into the region, left it, and returned.
    let lost = &report
        .shares
        .iter()
        .filter(|row| row.to.as_ref().is_some_and(|to| to.as_str() == "eu-west"))
        .collect::<Vec<_>>();
    let others = || lost.iter().filter(|row| row.from.as_str() != "eu-west");
    assert!(others().any(|row| row.before_percent > 0.0), "{lost:#?}");
    for row in others() {
        assert_eq!(row.during_percent, Some(0.0), "{row:?}");
        // Among places that are as near the plan rests on the ones before it, and what returns is planned from scratch: so not
        // always the very share.
        assert!(
            row.before_percent == 0.0 || row.after_percent > 0.0,
            "{row:?}"
        );
    }
    assert!(
        report.shares.iter().all(|row| row.to.is_some()),
        "nothing went nowhere: {:#?}",
        report.shares
    );
    for from in ["ap-south", "us-east"] {
        let sum: f64 = report
            .shares
            .iter()
            .filter(|row| row.from.as_str() == from)
            .filter_map(|row| row.during_percent)
            .sum();
        assert!((sum - 100.0).abs() < 0.5, "{from}: {sum}");
    }

    let requests = &report.requests;
    assert!(
        requests.modelled
            && requests.failed > 0
            && requests.failed < requests.failed_if_nothing_moved,
        "{requests:#?}"
    );
    assert!(
        report.survivors.peak_percent <= f64::from(report.survivors.limit_percent) + 1.0,
        "{:#?}",
        report.survivors
    );
    assert_eq!(left_in(temporary.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_cluster_alone_can_be_lost_too() {
    let (output, _temporary) = once(&[
        "--members",
        "3",
        "--services",
        "4",
        "--seed",
        "9",
        "--lose",
        "member/us-east-1",
        "-o",
        "json",
    ]);
    let report: Report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert!(
        output.status.success() && report.recovered && report.restored,
        "{report:#?}"
    );
    assert_eq!(report.lost_members.len(), 1);
}

#[test]
fn the_leader_is_killed_and_another_leads() {
    let (output, temporary) = once(&[
        "--members",
        "3",
        "--services",
        "3",
        "--lose",
        "leader",
        "-o",
        "json",
    ]);
    let progress = String::from_utf8_lossy(&output.stderr);
    let report: Report =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{progress}"));
    assert!(
        output.status.success() && report.recovered && report.restored,
        "{report:#?}"
    );
    assert_eq!(report.lost.to_string(), "leader");
    assert!(report.lost_members.is_empty());
    let [first, next, ..] = &report.leaders[..] else {
        panic!("the lead has not moved: {report:#?}");
    };
    assert_ne!(first.replica, next.replica);
    // The lead moves while the other is gone, and no mesh has anything to do with it.
    let events: Vec<Event> = report.timeline.iter().map(|moment| moment.event).collect();
    let at = |event| events.iter().position(|found| *found == event);
    assert_eq!(at(Event::Dark), Some(0));
    assert!(
        at(Event::Led) < at(Event::Back) && at(Event::Back) < at(Event::Restored),
        "{events:?}"
    );
    assert_eq!(report.requests.failed, 0, "{:#?}", report.requests);
    assert_eq!(left_in(temporary.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_is_not_there_cannot_be_lost() {
    let (output, temporary) = once(&["--lose", "atlantis"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for word in [
        "region/atlantis is not in the fleet",
        "region/eu-west",
        "member/ap-south-1",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert!(output.stdout.is_empty(), "nothing was started");
    assert_eq!(left_in(temporary.path()), Vec::<PathBuf>::new());
}

/// A child that is ended with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_goes_on_for_the_operator_until_it_is_stopped() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = causeway(temporary.path());
    command
        .args(["sandbox", "--members", "3", "--services", "3"])
        .stdout(Stdio::piped());
    let mut sandbox = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(sandbox.0.stdout.take().unwrap()).lines();
    let mut text = String::new();
    let context = loop {
        let Some(line) = lines.next() else {
            panic!("it ended:\n{text}")
        };
        let line = line.unwrap();
        if let Some(context) = line.trim().strip_prefix("export CAUSEWAY_CONTEXT=") {
            break context.trim_matches('\'').to_owned();
        }
        text.push_str(&line);
        text.push('\n');
    };
    let ask = |arguments: &[&str]| {
        let output = causeway(temporary.path())
            .args(arguments)
            .env("CAUSEWAY_CONTEXT", &context)
            .output()
            .unwrap();
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {answer}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        answer
    };
    // A machine that stood still may have shaken a verdict.
    let begun = Instant::now();
    loop {
        let status = ask(&["status"]);
        if status.contains("3 Serving") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{status}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(ask(&["clusters"]).contains("eu-west-1"));
    assert!(ask(&["services"]).contains("shop"));
    assert!(ask(&["explain", "region/us-east"]).contains("Serving"));
    assert!(ask(&["diff", "ap-south-1"]).contains("ap-south-1"));
    // Each for programs too, once and as it changes.
    let verbs: [&[&str]; 5] = [
        &["status"],
        &["clusters"],
        &["services"],
        &["explain", "region/us-east"],
        &["diff", "ap-south-1"],
    ];
    for verb in verbs {
        let once: Value = serde_json::from_str(&ask(&[verb, &["-o", "json"]].concat())).unwrap();
        let mut command = causeway(temporary.path());
        command
            .args(verb)
            .args(["--watch", "-o", "json"])
            .env("CAUSEWAY_CONTEXT", &context)
            .stdout(Stdio::piped());
        let mut watch = Running(command.spawn().unwrap());
        let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        // Of a list, those of its first row.
        let keys = |answer: &Value| {
            let fields = answer.get(0).unwrap_or(answer).as_object().unwrap();
            fields.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(&first), keys(&once), "{verb:?}");
    }

    let stopped = Command::new("kill")
        .args(["-INT", &sandbox.0.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    // Whoever reads on hears that it ends.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(sandbox.0.wait().unwrap().success(), "{rest:?}");
    assert_eq!(left_in(temporary.path()), Vec::<PathBuf>::new());
}
