//! `causeway replay GENERATION`: a decision computed again, and compared byte for byte.

use std::process::ExitCode;

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::{clean, count};
use crate::admin::api::whatif::{ReplayReport, ReplaySource};
use crate::args::ReplayArgs;

pub(super) async fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let fetch = || client.replay(args.generation);
    let report = ask::show(&env, &args.render, fetch, screen).await?;
    Ok(if report.is_identical() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The screen.
pub(super) fn screen(report: &ReplayReport, look: &Look) -> String {
    let number = u64::try_from(report.plans.len()).unwrap_or(u64::MAX);
    let found = match report.found_in {
        ReplaySource::Log => "from its entry in the log",
        ReplaySource::State => {
            "from the plans that are still in force: its entry is no longer in the log"
        }
    };
    let mut out = format!(
        "{} · {}, {found}\n\n",
        look.paint.tone(Tone::Bold, &report.generation.to_string()),
        count(number, "plan", "plans")
    );
    let mut table = Table::new(&["SERVICE", "AGAIN", "SHA256", "NOTE"]);
    for row in &report.plans {
        let (tone, word) = match (row.identical, &row.recorded) {
            (Some(true), _) => (Tone::Good, "identical"),
            (Some(false), _) => (Tone::Bad, "DIFFERENT"),
            (None, None) => (Tone::Dim, "no plan"),
            (None, Some(_)) => (Tone::Warn, "not possible"),
        };
        let sum = row.recorded.as_deref().unwrap_or_default();
        let sum: String = if look.wide {
            sum.to_owned()
        } else {
            sum.chars().take(16).collect()
        };
        let previous = row
            .previous
            .map(|previous| format!("went on from the plan of {previous}"));
        table.row(vec![
            row.service.to_string().into(),
            Cell::toned(tone, word),
            Cell::or_dash((!sum.is_empty()).then_some(sum)),
            clean(&row.note.clone().or(previous).unwrap_or_default()).into(),
        ]);
    }
    out.push_str(&table.render(look.paint));
    out
}
