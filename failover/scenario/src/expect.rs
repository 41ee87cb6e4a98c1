//! Whether what was expected is so.

use std::collections::BTreeMap;

use causeway_api::plan::{Source, WHOLE};
use causeway_api::verdict::VerdictState;
use causeway_failover::explain::PlanReport;

use causeway_api::ids::ServiceKey;
use causeway_failover::safety::{Rule, Waits};
use causeway_state::brain::ShiftRow;

use crate::file::ShiftStage;
use crate::report::{Checked, Happened};
use crate::scenario::{Expectation, Wish};
use crate::world::World;

/// Shares may differ from what is expected by so many percent points, since plans count in hundredths of them.
const NEAR: u32 = 1;

/// Checks an expectation against what is so now.
#[must_use]
pub fn check(
    expectation: &Expectation,
    world: &World,
    happened: &[Happened],
    now_ms: u64,
) -> Vec<Checked> {
    let reports = world.reports();
    let one = |wish: &Wish| {
        let (expected, found, met) = judge(wish, world, &reports, happened);
        Checked {
            at_ms: now_ms,
            line: expectation.line,
            expected,
            found,
            met,
        }
    };
    expectation.wishes.iter().map(one).collect()
}

fn judge(
    wish: &Wish,
    world: &World,
    reports: &[PlanReport],
    happened: &[Happened],
) -> (String, String, bool) {
    match wish {
        Wish::Verdict(subject, expected) => {
            let found = world.state.verdicts.state(subject);
            let text = |state: &VerdictState| format!("{subject} {state}");
            (text(expected), text(&found), found == *expected)
        }
        Wish::Shares(service, source, expected) => {
            let report = reports.iter().find(|report| report.service == *service);
            let found = report
                .map(|report| percents(report, source))
                .unwrap_or_default();
            let met = near(expected, &found);
            let text = |shares: &BTreeMap<String, u32>| {
                let zone = source.zone.as_ref().map_or("-", |zone| zone.as_str());
                format!("{service} from {}/{zone}: {}", source.member, words(shares))
            };
            (text(expected), text(&found), met)
        }
        Wish::UnservedAtMost(most) => {
            let unserved: u64 = reports.iter().map(|report| report.unserved.0).sum();
            let found = unserved.div_ceil(1_000);
            (
                format!("at most {most}/s unserved"),
                format!("{found}/s unserved"),
                found <= *most,
            )
        }
        Wish::PeakAtMost(most) => {
            let sources = reports.iter().flat_map(|report| &report.sources);
            let rows = sources.flat_map(|source| &source.rows);
            let peak = rows.filter_map(|row| row.in_use_percent).max().unwrap_or(0);
            (
                format!("at most {most} % of any capacity"),
                format!("{peak} %"),
                peak <= *most,
            )
        }
        Wish::Refused(kind) => {
            let refused = happened.iter().filter_map(|row| row.refusal.as_ref());
            let refused: Vec<&str> = refused.map(String::as_str).collect();
            let met = refused.contains(&kind.as_str());
            let found = if refused.is_empty() {
                "nothing was refused".to_owned()
            } else {
                format!("refused: {}", refused.join(", "))
            };
            (format!("{kind} refused"), found, met)
        }
        Wish::Waits(expected) => {
            let rows = world.state.brain.pending.iter();
            let found: BTreeMap<_, _> = rows
                .map(|(service, row)| (service.clone(), row.waits))
                .collect();
            (waiting(expected), waiting(&found), found == *expected)
        }
        Wish::HeldBack(expected) => {
            let rows = world.state.brain.refused.iter();
            let found: BTreeMap<_, _> = rows
                .map(|(service, row)| (service.clone(), row.refusal.rule()))
                .collect();
            let text = |rows: &BTreeMap<_, Rule>| format!("held back: {}", pairs(rows));
            (text(expected), text(&found), found == *expected)
        }
        Wish::Brake(expected) => {
            let found = world.state.brain.brake.is_some();
            let text = |on: bool| format!("the brake is {}", if on { "on" } else { "off" });
            (text(*expected), text(found), found == *expected)
        }
        Wish::Shifts(expected) => {
            let rows = world.state.brain.shifts.iter();
            let found: BTreeMap<_, _> = rows.map(|(key, row)| (key.clone(), stage(row))).collect();
            let text = |rows: &BTreeMap<_, ShiftStage>| {
                let rows: BTreeMap<_, _> = rows
                    .iter()
                    .map(|(key, stage)| (key, format!("{stage:?}")))
                    .collect();
                format!("overrides: {}", pairs(&rows))
            };
            (text(expected), text(&found), found == *expected)
        }
        Wish::LostAtMost(most) => {
            let lost = happened.iter().filter(|row| {
                matches!(
                    row.verdict,
                    Some((
                        causeway_api::verdict::Subject::Member { .. },
                        _,
                        VerdictState::Lost
                    ))
                )
            });
            let found = u64::try_from(lost.count()).unwrap_or(u64::MAX);
            (
                format!("at most {most} members Lost"),
                format!("{found}"),
                found <= *most,
            )
        }
    }
}

fn waiting(rows: &BTreeMap<ServiceKey, Waits>) -> String {
    let rows: BTreeMap<_, _> = rows
        .iter()
        .map(|(service, waits)| (service, format!("{waits:?}")))
        .collect();
    format!("waits: {}", pairs(&rows))
}

fn pairs<K: std::fmt::Display, V: std::fmt::Display>(rows: &BTreeMap<K, V>) -> String {
    if rows.is_empty() {
        return "nothing".to_owned();
    }
    let rows = rows.iter().map(|(key, value)| format!("{key} {value}"));
    rows.collect::<Vec<_>>().join(", ")
}

/// How far an override is.
fn stage(row: &ShiftRow) -> ShiftStage {
    match row.effective_at {
        _ if row.shift.dry_run => ShiftStage::DryRun,
        _ if row.expired => ShiftStage::Expired,
        None => ShiftStage::Waiting,
        Some(_) if !row.refused.is_empty() => ShiftStage::Partly,
        Some(_) => ShiftStage::Active,
    }
}

/// Shares of one source in percent, by destination.
fn percents(report: &PlanReport, source: &Source) -> BTreeMap<String, u32> {
    let of = report.sources.iter().find(|row| row.source == *source);
    let rows = of
        .into_iter()
        .flat_map(|row| &row.rows)
        .filter(|row| row.parts > 0);
    let percent = |parts: u32| (parts * 100 + WHOLE / 2) / WHOLE;
    rows.map(|row| (row.destination.to_string(), percent(row.parts)))
        .collect()
}

fn near(expected: &BTreeMap<String, u32>, found: &BTreeMap<String, u32>) -> bool {
    let of = |shares: &BTreeMap<String, u32>, name: &String| shares.get(name).copied().unwrap_or(0);
    let mut names = expected.keys().chain(found.keys());
    names.all(|name| of(expected, name).abs_diff(of(found, name)) <= NEAR)
}

fn words(shares: &BTreeMap<String, u32>) -> String {
    if shares.is_empty() {
        return "nothing".to_owned();
    }
    let words = shares
        .iter()
        .map(|(name, percent)| format!("{name} {percent} %"));
    words.collect::<Vec<_>>().join(", ")
}
