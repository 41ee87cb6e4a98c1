//! The report as a table of plain text.

use causeway_api::plan::{PlanKind, Rate, Source};

use super::{PlanReport, Row, SourceReport};

/// Renders a report for people. Lines have no trailing spaces; the width follows the content.
#[must_use]
pub fn text(report: &PlanReport) -> String {
    let policies: Vec<String> = report.policies.iter().map(ToString::to_string).collect();
    let policies = if policies.is_empty() {
        "defaults".to_owned()
    } else {
        policies.join(" < ")
    };
    let mut lines = vec![format!("{} · policy {policies}", report.service)];
    for source in &report.sources {
        lines.push(String::new());
        lines.extend(of_source(source));
    }
    if !report.withdrawn.is_empty() || report.unserved > Rate(0) || !report.notes.is_empty() {
        lines.push(String::new());
    }
    for row in &report.withdrawn {
        lines.push(format!("OUT       network {}: {}", row.network, row.reason));
        lines.extend(
            row.verdicts
                .iter()
                .map(|verdict| format!("          {verdict}")),
        );
    }
    if report.unserved > Rate(0) {
        lines.push(format!(
            "UNSERVED  {} find no capacity anywhere",
            report.unserved
        ));
    }
    lines.extend(report.notes.iter().map(|note| format!("NOTE      {note}")));
    let mut text = lines
        .iter()
        .map(|line| line.trim_end())
        .collect::<Vec<_>>()
        .join("\n");
    text.push('\n');
    text
}

fn of_source(report: &SourceReport) -> Vec<String> {
    let Source { member, zone } = &report.source;
    let zone = zone.as_ref().map_or("-", |zone| zone.as_str());
    let demand = report
        .demand
        .map_or("unknown demand".to_owned(), |demand| demand.to_string());
    let kind = match report.kind {
        PlanKind::Nearest => "by priorities",
        PlanKind::Spill => "by exact shares",
    };
    let unserved = if report.unserved > Rate(0) {
        format!(", {} unserved", report.unserved)
    } else {
        String::new()
    };
    let mut lines = vec![format!("from {member}/{zone}: {demand} {kind}{unserved}")];
    let head = [
        "DESTINATION",
        "TIER",
        "SHARE",
        "OURS",
        "CAPACITY",
        "IN USE",
        "CAPACITY FROM",
        "WHY NOT MORE",
    ];
    let mut table = vec![head.map(str::to_owned)];
    table.extend(report.rows.iter().map(cells));
    let width = |column: usize| {
        table
            .iter()
            .filter_map(|row| row.get(column))
            .map(|c| c.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..head.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for row in &table {
        let columns = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| {
                if (2..=5).contains(&at) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            });
        lines.push(format!("  {}", columns.collect::<Vec<_>>().join("  ")));
    }
    lines
}

fn cells(row: &Row) -> [String; 8] {
    let dash = || "-".to_owned();
    [
        row.destination.to_string(),
        row.tier_name.clone(),
        percent(row.parts),
        row.rate.to_string(),
        row.capacity
            .map_or_else(dash, |capacity| capacity.to_string()),
        row.in_use_percent
            .map_or_else(dash, |percent| format!("{percent} %")),
        row.capacity_from.clone(),
        row.why_not_more.clone(),
    ]
}

/// Hundredths of a percent: `61 %`, or `0.02 %` where it is less than one.
fn percent(parts: u32) -> String {
    match parts {
        0 => "0 %".to_owned(),
        1..100 => format!("0.{parts:02} %"),
        _ => format!("{} %", (parts + 50) / 100),
    }
}
