//! The screens, whole: what an operator sees.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::spec::Mode;
use causeway_api::verdict::VerdictState;

use super::ask::Look;
use super::table::Paint;
use super::{
    clusters, diff, explain, lose, overrides, readiness, replay, services, shift, status, verdict,
};
use crate::admin::api::overrides::ShiftState;
use crate::admin::api::{Circumstances, Severity};
use crate::admin::fixture::{self, name};

fn look(wide: bool) -> Look {
    Look {
        paint: Paint { on: false },
        wide,
        zone: jiff::tz::TimeZone::UTC,
    }
}

#[test]
fn an_incident() {
    insta::assert_snapshot!(status::screen(&fixture::status(), &look(false)));
}

#[test]
fn all_is_well() {
    let mut report = fixture::status();
    report.incidents.clear();
    report.needs_you.clear();
    report.overrides.clear();
    report.members = vec![fixture::cluster(
        "ack-sh",
        "cn-shanghai",
        VerdictState::Serving,
    )];
    let report = report.judged();
    assert_eq!(report.severity, Severity::Fine);
    insta::assert_snapshot!(status::screen(&report, &look(false)));
}

#[test]
fn the_severity_is_that_of_the_worst() {
    let mut report = fixture::status();
    assert_eq!(report.judge().exit_code(), 4);
    report.incidents.clear();
    assert_eq!(report.judge().exit_code(), 3);
    report.needs_you.clear();
    assert_eq!(report.judge().exit_code(), 0);
    report.quorum.reachable = false;
    assert_eq!(report.judge().exit_code(), 5);
    let screen = status::screen(&report.judged(), &look(false));
    assert!(
        screen.contains("NO QUORUM") && screen.contains("keeps what it has"),
        "{screen}"
    );
}

#[test]
fn without_a_quorum_the_screen_says_what_is_reached_and_what_is_waited_for() {
    let sight = |id: u64, reachable| crate::admin::api::ReplicaSight {
        replica: format!("r{id}"),
        domain: format!("region-{id}"),
        address: String::new(),
        voter: true,
        leader: false,
        reachable,
        round_trip_us: reachable.then_some(1_240),
        disk_us: reachable.then_some(310),
        heard_ago_ms: Some(12_000),
        highest: None,
        clock_offset_ms: reachable.then_some(-3),
        facts: reachable,
        version: None,
        trouble: (!reachable).then(|| "203.0.113.9:7445: connection refused".to_owned()),
    };
    let mut report = fixture::status();
    report.quorum.reachable = false;
    (report.quorum.voters, report.quorum.leader) = (3, None);
    report.replicas = vec![sight(1, true), sight(2, false), sight(3, false)];
    report.waiting = vec!["decisions wait for 2 of 3 voters".to_owned()];
    let report = report.judged();
    assert_eq!(report.severity.exit_code(), 5);
    let screen = status::screen(&report, &look(false));
    for part in [
        "NO QUORUM (1 of 3)",
        "decisions wait for 2 of 3 voters",
        "as seen from r1",
        "1.2 ms  0.3 ms",
        "itself",
        "no, for 12s",
        "connection refused",
    ] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
}

#[test]
fn members() {
    insta::assert_snapshot!(
        "clusters",
        clusters::screen(&fixture::status().members, &look(false))
    );
    insta::assert_snapshot!(
        "clusters_wide",
        clusters::screen(&fixture::status().members, &look(true))
    );
}

#[test]
fn federated_services() {
    insta::assert_snapshot!(
        "services",
        services::screen(&fixture::services(), &look(false))
    );
    insta::assert_snapshot!(
        "services_wide",
        services::screen(&fixture::services(), &look(true))
    );
}

#[test]
fn why_traffic_goes_where_it_goes() {
    insta::assert_snapshot!(explain::screen(&fixture::explanation(None), &look(true)));
}

#[test]
fn why_a_member_counts_as_lost() {
    insta::assert_snapshot!(verdict::screen(&fixture::subject(), &look(false)));
    let mut gateway = fixture::subject();
    gateway.verdict = gateway.rests_on.remove(0);
    gateway.subject = gateway.verdict.subject.clone();
    gateway.rests_on.clear();
    insta::assert_snapshot!(
        "why_a_gateway_counts_as_lost",
        verdict::screen(&gateway, &look(false))
    );
}

#[test]
fn how_it_stands_with_a_domain_that_members_declare() {
    let known = fixture::subject();
    let explanation = crate::admin::api::DomainExplanation {
        domain: name("domain/power-b"),
        cluster_time_ms: known.verdict.since.0 + 5_000,
        members: vec![known.verdict],
        services: known.services,
        around: Default::default(),
        at: None,
    };
    insta::assert_snapshot!(verdict::of_domain(&explanation, &look(false)));
}

#[test]
fn why_it_was_so_then_and_what_else_held() {
    let mut service = fixture::explanation(None);
    (service.around, service.at) = (fixture::around(), fixture::moment(name("2h")).ok());
    insta::assert_snapshot!(explain::screen(&service, &look(false)));
    let mut subject = fixture::subject();
    subject.around = Circumstances {
        shifts: fixture::shift().report.into_iter().collect(),
        ..fixture::around()
    };
    subject.verdict.state = VerdictState::Recovering;
    (subject.hold_down_left_ms, subject.penalty) = (Some(64_000), 2_450);
    subject.at = fixture::moment(name("2h")).ok();
    insta::assert_snapshot!(
        "why_a_member_was_lost",
        verdict::screen(&subject, &look(false))
    );
}

#[test]
fn what_an_override_does() {
    let mut explained = fixture::shift();
    explained.around.audit = fixture::around().audit;
    insta::assert_snapshot!(shift::screen(&explained, &look(false)));
    (explained.report, explained.approvals) = (None, Vec::new());
    insta::assert_snapshot!(
        "an_override_that_is_over",
        shift::screen(&explained, &look(false))
    );
    let mut ahead = fixture::overrides();
    for row in &mut ahead.shifts {
        row.state = ShiftState::Scheduled;
        (row.step, row.expires_in_ms) = (None, None);
        row.shift.starts_at_ms = Some(1_795_485_600_000);
    }
    insta::assert_snapshot!(
        "overrides_in_force",
        overrides::in_force(&ahead, &look(false))
    );
    insta::assert_snapshot!("what_waits", overrides::waits(&ahead, &look(false)));
    insta::assert_snapshot!(
        "a_dry_run",
        overrides::screen(&fixture::answer(), &look(false))
    );
}

#[test]
fn what_losses_would_do_and_what_was_decided() {
    insta::assert_snapshot!(
        "readiness",
        readiness::screen(&fixture::readiness(), &look(false))
    );
    insta::assert_snapshot!("a_loss", lose::screen(&fixture::simulation(), &look(false)));
    insta::assert_snapshot!("a_replay", replay::screen(&fixture::replay(), &look(false)));
}

#[test]
fn what_would_be_written() {
    insta::assert_snapshot!(
        "diff_observe",
        diff::screen(&fixture::diff(Mode::Observe), &look(false))
    );
    insta::assert_snapshot!(
        "diff_federate_wide",
        diff::screen(&fixture::diff(Mode::Federate), &look(true))
    );
    let mut nothing = fixture::diff(Mode::Federate);
    nothing.entries.clear();
    assert_eq!(
        diff::screen(&nothing, &look(false)),
        "ack-sh: its mesh is as the view 1/12/48211 wants it\n"
    );
}
