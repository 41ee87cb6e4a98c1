//! `causeway clusters`: the members, one line each.

use std::process::ExitCode;

use causeway_api::facts::{ApiFact, MeshFact};
use causeway_api::spec::Mode;
use causeway_api::verdict::VerdictState;

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::{duration, grouped};
use crate::admin::api::{ClusterRow, ConditionStatus};
use crate::args::ClustersArgs;

pub(super) async fn run(args: ClustersArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    ask::show(
        &env,
        &args.render,
        || client.clusters(),
        |rows, look| screen(rows, look),
    )
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// The screen.
pub(super) fn screen(rows: &[ClusterRow], look: &Look) -> String {
    if rows.is_empty() {
        return "No member is registered. Register one in the controller's host cluster: a MemberCluster with spec {}\n".to_owned();
    }
    let mut heading = vec![
        "NAME",
        "REGION",
        "MODE",
        "READY",
        "VERDICT",
        "FOR",
        "AGENT",
        "EXPORTS",
        "IMPORTS",
        "LAG",
        "WOULD-CHANGE",
    ];
    if look.wide {
        heading.extend([
            "NETWORK", "GATEWAYS", "HEARD", "FACTS", "OBJECTS", "APPLIED", "K8S", "MESH", "VERSION",
        ]);
    }
    heading.push("NOTE");
    let mut table =
        Table::new(&heading).right(&["EXPORTS", "IMPORTS", "LAG", "WOULD-CHANGE", "OBJECTS"]);
    for row in rows {
        let mut cells = narrow(row);
        if look.wide {
            cells.extend(wide(row));
        }
        cells.push(note(row).into());
        table.row(cells);
    }
    table.render(look.paint)
}

fn narrow(row: &ClusterRow) -> Vec<Cell> {
    let ready = row.condition("Ready");
    let ready_tone = match ready.map(|condition| condition.status) {
        Some(ConditionStatus::False) => Tone::Warn,
        Some(ConditionStatus::True) => Tone::Good,
        _ => Tone::Dim,
    };
    vec![
        row.name.as_str().into(),
        Cell::or_dash(row.region.as_ref()),
        mode(row).into(),
        ready.map_or_else(
            || Cell::toned(Tone::Dim, "-"),
            |condition| Cell::toned(ready_tone, condition.status.to_string()),
        ),
        Cell::toned(verdict_tone(row.verdict), row.verdict.to_string()),
        Cell::or_dash(row.verdict_ago_ms.map(duration)),
        if row.agent.connected {
            Cell::toned(Tone::Good, "connected")
        } else {
            Cell::toned(Tone::Warn, "silent")
        },
        grouped(row.exported).into(),
        grouped(row.imported).into(),
        Cell::or_dash(row.lag_ms.map(duration)),
        Cell::or_dash(row.would_change.map(grouped)),
    ]
}

fn wide(row: &ClusterRow) -> Vec<Cell> {
    let gateways: Vec<String> = row
        .gateways
        .iter()
        .map(|gateway| match gateway.verdict {
            VerdictState::Serving | VerdictState::Unknown => {
                format!("{}={}", gateway.name, gateway.address)
            }
            other => format!("{}={} ({other})", gateway.name, gateway.address),
        })
        .collect();
    let mesh = row.mesh.map(|mesh| match mesh {
        MeshFact::None => "none",
        MeshFact::Istio => "Istio",
    });
    vec![
        Cell::or_dash(row.network.as_ref()),
        Cell::or_dash((!gateways.is_empty()).then(|| gateways.join(" "))),
        Cell::or_dash(
            row.agent
                .heard_ago_ms
                .map(|ms| format!("{} ago", duration(ms))),
        ),
        Cell::or_dash(
            row.agent
                .facts_age_ms
                .map(|ms| format!("{} old", duration(ms))),
        ),
        Cell::or_dash(row.objects.map(grouped)),
        Cell::or_dash(row.applied),
        Cell::or_dash(row.kubernetes_version.as_ref()),
        Cell::or_dash(mesh),
        Cell::or_dash(row.agent.version.as_ref()),
    ]
}

fn mode(row: &ClusterRow) -> &'static str {
    match (row.mode, row.suspended) {
        (Mode::Observe, false) => "Observe",
        (Mode::Federate, false) => "Federate",
        (Mode::Observe, true) => "Observe, suspended",
        (Mode::Federate, true) => "Federate, suspended",
    }
}

/// What is most worth knowing of a member that is not well; empty where it is.
pub(super) fn note(row: &ClusterRow) -> String {
    let failing = row
        .condition("Ready")
        .filter(|ready| ready.status != ConditionStatus::True);
    if let Some(ready) = failing {
        return if ready.message.is_empty() {
            ready.reason.clone()
        } else {
            ready.message.clone()
        };
    }
    if row.api == Some(ApiFact::Unreachable) {
        return "its API server does not answer its agent; the last facts stay".to_owned();
    }
    match (row.agent.connected, row.agent.heard_ago_ms) {
        (true, _) => String::new(),
        (false, Some(ms)) => format!(
            "last heard {} ago; its mesh keeps what it has",
            duration(ms)
        ),
        (false, None) => "no agent has connected yet".to_owned(),
    }
}

pub(super) fn verdict_tone(verdict: VerdictState) -> Tone {
    match verdict {
        VerdictState::Serving => Tone::Good,
        VerdictState::Degraded | VerdictState::Recovering => Tone::Warn,
        VerdictState::Lost => Tone::Bad,
        VerdictState::Unknown | VerdictState::Away => Tone::Dim,
    }
}
