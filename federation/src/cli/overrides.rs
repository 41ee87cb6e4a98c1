//! How overrides look, and what became of one: shared by the verbs that people override automation with.

use std::process::ExitCode;

use anyhow::bail;
use causeway_api::plan::{Rate, WHOLE};
use causeway_api::shift::ShiftKey;
use causeway_core::whatif::Shifted;
use causeway_failover::explain::PlanReport;

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::{clean, count, duration, rate};
use crate::admin::api::overrides::{
    EndRequest, OverridesReport, ReturnRow, ShiftAnswer, ShiftReport, ShiftState,
};
use crate::admin::client::Client;
use crate::args::Output;

/// Services that an answer names; `-o wide` names all.
const NAMED: usize = 12;
/// Done in part.
const PARTLY: u8 = 3;

/// Whether steps rise and end with 100.
pub(super) fn rising(steps: &[u8]) -> anyhow::Result<()> {
    let rise = steps.windows(2).all(|pair| pair.first() < pair.last());
    if !steps.is_empty() && (!rise || steps.last() != Some(&100)) {
        bail!("--steps must rise and end with 100, such as 25,50,100");
    }
    Ok(())
}

/// Prints what became of an override.
pub(super) fn told(answer: &ShiftAnswer, output: Output) -> anyhow::Result<ExitCode> {
    let text = match output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(answer)?),
        Output::Table | Output::Wide => screen(answer, &Look::of(output)),
    };
    ask::print(&text)?;
    let stays = answer.services.iter().any(|row| row.stays.is_some());
    Ok(if stays {
        ExitCode::from(PARTLY)
    } else {
        ExitCode::SUCCESS
    })
}

/// What became of an override.
pub(super) fn screen(answer: &ShiftAnswer, look: &Look) -> String {
    let mut out = format!("{}\n", clean(&answer.message));
    let (stay, go): (Vec<&Shifted>, Vec<&Shifted>) =
        answer.services.iter().partition(|row| row.stays.is_some());
    if !go.is_empty() {
        let total = count(go.len() as u64, "service moves", "services move");
        out.push_str(&format!("\n{total}\n"));
        let mut table = Table::new(&["SERVICE", "MOVES", "FULLEST AFTERWARDS", "UNSERVED"])
            .right(&["MOVES", "UNSERVED"])
            .indent(2);
        let shown = if look.wide { usize::MAX } else { NAMED };
        for row in go.iter().take(shown) {
            table.row(vec![
                row.service.to_string().into(),
                moved(row).into(),
                fullest(&row.after).into(),
                unserved(&row.after),
            ]);
        }
        out.push_str(&table.render(look.paint));
        if go.len() > shown {
            out.push_str(&format!("  {} more: -o wide\n", go.len() - shown));
        }
    } else if stay.is_empty() && answer.dry_run {
        out.push_str("\nNo plan would change\n");
    }
    if !stay.is_empty() {
        let total = count(stay.len() as u64, "service stays", "services stay");
        out.push_str(&format!("\n{}\n", look.paint.tone(Tone::Warn, &total)));
        for row in stay {
            let why = row.stays.as_deref().unwrap_or_default();
            out.push_str(&format!("  {}\n", clean(why)));
        }
    }
    out
}

/// How much goes elsewhere than before, over all sources; of unknown demand the share.
fn moved(row: &Shifted) -> String {
    let Some(before) = &row.before else {
        return "all".to_owned();
    };
    let (mut moved, mut parts) = (Rate(0), 0);
    for source in &row.after.sources {
        let old = before
            .sources
            .iter()
            .find(|old| old.source == source.source);
        let of = |report: &causeway_failover::explain::Row| {
            let rows = old.into_iter().flat_map(|old| &old.rows);
            let mut same = rows.filter(|old| old.destination == report.destination);
            same.next().map_or(0, |old| old.parts)
        };
        let grown = source
            .rows
            .iter()
            .map(|row| row.parts.saturating_sub(of(row)));
        let grown: u32 = grown.sum();
        let demand = source.demand.unwrap_or_default().0;
        moved = moved.plus(Rate(demand / u64::from(WHOLE) * u64::from(grown)));
        parts = parts.max(grown);
    }
    if moved > Rate(0) {
        rate(moved)
    } else {
        format!("up to {}", super::text::share(parts))
    }
}

fn fullest(report: &PlanReport) -> String {
    let rows = report.sources.iter().flat_map(|source| &source.rows);
    let used = rows
        .filter(|row| row.parts > 0)
        .filter_map(|row| Some((row.in_use_percent?, row.destination.to_string())));
    match used.max() {
        Some((percent, destination)) => format!("{percent} % of {destination}"),
        None => "capacity unknown".to_owned(),
    }
}

fn unserved(report: &PlanReport) -> Cell {
    if report.unserved > Rate(0) {
        Cell::toned(Tone::Bad, rate(report.unserved))
    } else {
        Cell::toned(Tone::Dim, "-")
    }
}

/// Ends overrides, and prints what became of it; `nothing` where there is none.
pub(super) async fn ended(
    client: &Client,
    keys: &[ShiftKey],
    reason: &str,
    output: Output,
    nothing: &str,
) -> anyhow::Result<ExitCode> {
    if keys.is_empty() {
        bail!("{nothing}\n  overrides in force: causeway restore");
    }
    let mut all = Vec::new();
    for key in keys {
        let asked = EndRequest {
            shift: key.clone(),
            reason: reason.to_owned(),
        };
        let done = client.end_shift(&asked).await;
        let done = done.map_err(|error| ask::explained(&error))?;
        if output != Output::Json {
            ask::print(&format!("{}\n", clean(&done.message)))?;
        }
        all.push(done);
    }
    if output == Output::Json {
        ask::print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The overrides that are in force, and traffic that returns.
pub(super) fn in_force(report: &OverridesReport, look: &Look) -> String {
    let mut out = String::new();
    if report.shifts.is_empty() {
        out.push_str("Nothing is overridden\n");
    } else {
        out.push_str(&shifts(&report.shifts, look));
    }
    if !report.returns.is_empty() {
        out.push_str(&format!("\n{}", returning(&report.returns, look)));
    }
    out
}

/// Traffic that returns in steps.
pub(super) fn returning(rows: &[ReturnRow], look: &Look) -> String {
    let heading = [
        "RETURNS",
        "TO",
        "STAGE",
        "STEP",
        "ADMITTED",
        "WENT BACK",
        "NEXT",
    ];
    let mut table = Table::new(&heading).right(&["ADMITTED", "WENT BACK"]);
    for row in rows {
        table.row(vec![
            row.service.to_string().into(),
            row.domain.to_string().into(),
            row.stage.clone().into(),
            Cell::or_dash(row.step.map(|(step, of)| format!("{step}/{of}"))),
            format!("{} %", row.admitted_percent).into(),
            row.backoffs.to_string().into(),
            clean(&row.next).into(),
        ]);
    }
    table.render(look.paint)
}

/// Overrides, and for what a safety rule refused them.
pub(super) fn shifts(rows: &[ShiftReport], look: &Look) -> String {
    let mut out = String::new();
    let mut table = Table::new(&[
        "OVERRIDE", "DOES", "SERVICES", "STATE", "STEP", "EXPIRES", "BY", "REASON",
    ]);
    for row in rows {
        let shift = &row.shift;
        let tone = match row.state {
            ShiftState::Active | ShiftState::Scheduled => Tone::Plain,
            ShiftState::DryRun => Tone::Dim,
            ShiftState::Waiting | ShiftState::Partly | ShiftState::Expired => Tone::Warn,
        };
        table.row(vec![
            format!("shift/{}", shift.key).into(),
            shift.action.to_string().into(),
            services(shift).into(),
            Cell::toned(tone, row.state.to_string()),
            Cell::or_dash(row.step.map(|(step, of)| format!("{step}/{of}"))),
            Cell::or_dash(when(row, look)),
            clean(&shift.requested_by).into(),
            clean(&shift.reason).into(),
        ]);
    }
    out.push_str(&table.render(look.paint));
    for row in rows {
        for (service, why) in &row.refused {
            out.push_str(&format!(
                "  {} {service}: {}\n",
                look.paint.tone(Tone::Warn, "refused"),
                clean(why)
            ));
        }
    }
    out
}

/// When it ends; of what has not begun, when it begins.
fn when(row: &ShiftReport, look: &Look) -> Option<String> {
    let at = |ms: u64| {
        let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
        let zoned = time.to_zoned(look.zone.clone());
        Some(zoned.strftime("%Y-%m-%d %H:%M %Z").to_string())
    };
    let shift = &row.shift;
    let begins = shift.starts_at_ms.filter(|_| row.expires_in_ms.is_none());
    if let Some(begins) = begins.and_then(at) {
        return Some(format!("begins {begins}"));
    }
    let expires = row.expires_in_ms.map(|ms| format!("in {}", duration(ms)));
    match (expires, shift.ends_at_ms.and_then(at)) {
        (Some(expires), Some(end)) => Some(format!("{expires}, at {end} at the latest")),
        (expires, end) => expires.or(end),
    }
}

fn services(shift: &causeway_api::shift::Shift) -> String {
    match (shift.targets.len(), shift.targets.first()) {
        (0, _) if shift.root => "all".to_owned(),
        (0, _) => format!("of {}", shift.key.namespace),
        (1, Some(only)) => only.name.to_string(),
        (number, _) => number.to_string(),
    }
}

/// What waits for a person.
pub(super) fn waits(report: &OverridesReport, look: &Look) -> String {
    let mut out = String::new();
    if let Some(brake) = &report.brake {
        out.push_str(&format!(
            "{}: {} {} lost, and {} is {}; nothing moves by itself\n  causeway approve brake@{} --reason TEXT\n\n",
            look.paint.tone(Tone::Bad, "The brake is on"),
            brake.found,
            brake.what,
            brake.field,
            brake.limit,
            brake.generation
        ));
    }
    if report.waiting.is_empty() {
        out.push_str("Nothing waits for approval\n");
        return out;
    }
    let mut table = Table::new(&["WAITS", "FOR", "WOULD MOVE", "WHY"]).right(&["WOULD MOVE"]);
    for row in &report.waiting {
        table.row(vec![
            row.name.clone().into(),
            duration(row.since_ago_ms).into(),
            Cell::or_dash((row.moved > Rate(0)).then(|| rate(row.moved))),
            row.why.clone().into(),
        ]);
    }
    out.push_str(&table.render(look.paint));
    out.push_str("\nTo approve one: causeway approve WAITS --reason TEXT\n");
    out
}
