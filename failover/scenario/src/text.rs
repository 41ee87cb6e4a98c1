//! A report for people: what happened, before and after, the plans, what was expected.

use std::collections::BTreeMap;

use causeway_api::plan::{Rate, Source};
use causeway_failover::explain::{self, PlanReport, SourceReport};

use crate::report::{Happened, Kind, Report};

/// Renders a report. Lines have no trailing spaces; the width follows the content.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut lines = vec![report.name.clone(), String::new()];
    lines.extend(timeline(&report.timeline));
    let standing = report.verdicts.iter();
    let standing: Vec<String> = standing
        .map(|(subject, state)| format!("{subject} {state}"))
        .collect();
    lines.push(String::new());
    lines.push(if standing.is_empty() {
        "AT THE END  everything serves".to_owned()
    } else {
        format!("AT THE END  {}", standing.join(", "))
    });
    lines.push(String::new());
    lines.extend(before_and_after(&report.before, &report.after));
    for plan in &report.after {
        lines.push(String::new());
        lines.extend(explain::text(plan).lines().map(str::to_owned));
    }
    lines.push(String::new());
    if report.findings.is_empty() {
        lines.push("CHECKER   nothing found".to_owned());
    }
    lines.extend(
        report
            .findings
            .iter()
            .map(|found| format!("CHECKER   {found}")),
    );
    for checked in &report.expectations {
        let verdict = if checked.met { "met" } else { "NOT MET" };
        lines.push(format!(
            "EXPECTED  {} (line {}, {}): {verdict}",
            checked.expected,
            checked.line,
            time(checked.at_ms)
        ));
        if !checked.met {
            lines.push(format!("          found {}", checked.found));
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    format!("{}\n", lines.join("\n"))
}

/// `1m30s`, `250ms`.
fn time(ms: u64) -> String {
    let (seconds, rest) = (ms / 1_000, ms % 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (number, unit) in [(hours, "h"), (minutes, "m"), (seconds, "s"), (rest, "ms")] {
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

fn timeline(rows: &[Happened]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut last = None;
    let mut planned: Vec<&str> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        // Plans of one moment stand in one line.
        if row.kind == Kind::Plan {
            planned.push(row.what.split(' ').next().unwrap_or_default());
            let next = rows.get(at + 1);
            if next.is_some_and(|next| next.kind == Kind::Plan && next.at_ms == row.at_ms) {
                continue;
            }
        }
        let (kind, what) = match row.kind {
            Kind::Event => ("event", row.what.clone()),
            Kind::Verdict => ("verdict", row.what.clone()),
            Kind::Plan => ("plan", shortened(&std::mem::take(&mut planned))),
            Kind::Refused => ("REFUSED", row.what.clone()),
            Kind::Waits => ("WAITS", row.what.clone()),
        };
        let when = if last == Some(row.at_ms) {
            String::new()
        } else {
            time(row.at_ms)
        };
        last = Some(row.at_ms);
        lines.push(format!("{when:>8}  {kind:<8} {what}"));
    }
    lines
}

/// Names, at most eight of them.
fn shortened(names: &[&str]) -> String {
    let (shown, more) = names.split_at(names.len().min(8));
    match more.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn before_and_after(before: &[PlanReport], after: &[PlanReport]) -> Vec<String> {
    let mut rows = vec![["SERVICE", "FROM", "TO", "BEFORE", "AFTER"].map(str::to_owned)];
    let mut services: Vec<_> = before
        .iter()
        .chain(after)
        .map(|report| &report.service)
        .collect();
    services.sort();
    services.dedup();
    for service in services {
        let of = |reports: &[PlanReport]| {
            let report = reports.iter().find(|report| report.service == *service);
            report.map(|report| {
                report
                    .sources
                    .iter()
                    .map(|row| (row.source.clone(), shares(row)))
                    .collect()
            })
        };
        let before: BTreeMap<Source, BTreeMap<String, String>> = of(before).unwrap_or_default();
        let after: BTreeMap<Source, BTreeMap<String, String>> = of(after).unwrap_or_default();
        let none = BTreeMap::new();
        let mut sources: Vec<&Source> = before.keys().chain(after.keys()).collect();
        sources.sort();
        sources.dedup();
        for source in sources {
            let (before, after) = (
                before.get(source).unwrap_or(&none),
                after.get(source).unwrap_or(&none),
            );
            if before == after {
                continue;
            }
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let cell = |shares: &BTreeMap<String, String>| {
                    shares.get(name).cloned().unwrap_or("-".to_owned())
                };
                let zone = source.zone.as_ref().map_or("-", |zone| zone.as_str());
                let from = format!("{}/{zone}", source.member);
                rows.push([
                    service.to_string(),
                    from,
                    name.clone(),
                    cell(before),
                    cell(after),
                ]);
            }
        }
    }
    if rows.len() == 1 {
        return vec!["BEFORE AND AFTER  nothing moved".to_owned()];
    }
    table(&rows)
}

/// What each destination gets: percent and rate.
fn shares(source: &SourceReport) -> BTreeMap<String, String> {
    let rows = source.rows.iter().filter(|row| row.parts > 0);
    let cell = |parts: u32, rate: Rate| {
        let percent = (parts + 50) / 100;
        match rate.0 {
            0 => format!("{percent} %"),
            _ => format!("{percent} % {rate}"),
        }
    };
    let mut shares: BTreeMap<String, String> = rows
        .map(|row| (row.destination.to_string(), cell(row.parts, row.rate)))
        .collect();
    if source.unserved.0 > 0 {
        shares.insert("~ unserved".to_owned(), source.unserved.to_string());
    }
    shares
}

fn table(rows: &[[String; 5]]) -> Vec<String> {
    let mut widths = [0; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}
