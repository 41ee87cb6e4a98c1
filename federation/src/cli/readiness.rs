//! `causeway readiness`: how well the rest would carry the loss of each domain.

use std::process::ExitCode;

use causeway_api::contingency::{LossOutcome, Readiness};

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::{count, grouped, rate};
use crate::admin::api::whatif::ReadinessReport;
use crate::args::ReadinessArgs;

/// Some loss overloads or orphans a service.
const NOT_READY: u8 = 3;

pub(super) async fn run(args: ReadinessArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let report = ask::show(&env, &args.render, || client.readiness(), screen).await?;
    let grave = |row: &Readiness| row.outcome >= LossOutcome::Overloads;
    Ok(if report.domains.iter().any(grave) {
        ExitCode::from(NOT_READY)
    } else {
        ExitCode::SUCCESS
    })
}

/// The screen, the worst first.
pub(super) fn screen(report: &ReadinessReport, look: &Look) -> String {
    if report.domains.is_empty() {
        return "Nothing can be lost: no member is registered. Create a MemberCluster with spec {}\n"
            .to_owned();
    }
    let mut heading = vec!["IF LOST", "OUTCOME", "SCORE", "MOVES", "FULLEST NETWORK"];
    if look.wide {
        heading.extend(["SERVICES", "WRITES", "CUT"]);
    }
    heading.push("WORST");
    let mut table = Table::new(&heading).right(&["SCORE", "MOVES", "SERVICES", "WRITES"]);
    for row in report.worst_first() {
        let mut cells: Vec<Cell> = vec![
            row.domain.to_string().into(),
            Cell::toned(tone(row.outcome), row.outcome.to_string()),
            row.score.to_string().into(),
            rate(row.moved).into(),
            Cell::or_dash(
                row.peak
                    .as_ref()
                    .map(|(network, percent)| format!("{percent} % of {network}")),
            ),
        ];
        if look.wide {
            cells.push(grouped(row.services).into());
            cells.push(grouped(row.writes).into());
            cells.push(if row.coarse_cut { "one write" } else { "each" }.into());
        }
        cells.push(worst(row).into());
        table.row(cells);
    }
    format!(
        "{}\nIn full: causeway simulate --lose DOMAIN\n",
        table.render(look.paint)
    )
}

/// The colour of an outcome.
pub(super) fn tone(outcome: LossOutcome) -> Tone {
    match outcome {
        LossOutcome::Survives => Tone::Good,
        LossOutcome::Saturates | LossOutcome::Unproven => Tone::Warn,
        LossOutcome::Overloads | LossOutcome::Orphans => Tone::Bad,
    }
}

/// What is worst about a loss, in words.
pub(super) fn worst(row: &Readiness) -> String {
    let mut parts = Vec::new();
    if let Some(first) = row.first_orphans.first() {
        let more = row.orphans.saturating_sub(1);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        parts.push(format!("orphans {first}{more}"));
    }
    if let Some((first, percent)) = row.worst_overloads.first() {
        let more = row.overloads.saturating_sub(1);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        parts.push(format!("overloads {first} by {percent} %{more}"));
    }
    if row.unproven > 0 {
        parts.push(format!(
            "of {} demand or capacity is unknown",
            count(row.unproven, "service", "services")
        ));
    }
    if let Some(first) = row.first_untold.first() {
        let more = row.untold.saturating_sub(1);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        parts.push(format!("nobody can tell of {first}{more}"));
    }
    if row.services == 0 {
        parts.push("no plan would change".to_owned());
    }
    parts.join("; ")
}
