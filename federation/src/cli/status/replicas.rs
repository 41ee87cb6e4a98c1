//! The replicas as the one that answers sees them: shown where there are several, or where one is not reached.

use super::super::ask::Look;
use super::super::table::{Cell, Table, Tone};
use super::super::text::{clean, duration, grouped};
use crate::admin::api::{ReplicaSight, StatusReport};

/// The table; empty for a replica that is alone.
pub(super) fn table(report: &StatusReport, look: &Look) -> String {
    if report.replicas.len() < 2 {
        return String::new();
    }
    let mut table = Table::new(&[
        "REPLICA", "DOMAIN", "ROLE", "REACHED", "RTT", "DISK", "DECIDED", "CLOCK", "NOTE",
    ])
    .indent(2);
    for row in &report.replicas {
        table.row(cells(row, report));
    }
    let heading = look.paint.tone(Tone::Bold, "REPLICAS");
    let log = &report.log;
    format!(
        "\n{heading}  as seen from {} · its log: term {}, {} entries, {} decided, {} in force, snapshot at {}\n{}",
        clean(&report.asked),
        log.term,
        grouped(log.last),
        grouped(log.committed),
        grouped(log.applied),
        grouped(log.snapshot),
        table.render(look.paint)
    )
}

fn cells(row: &ReplicaSight, report: &StatusReport) -> Vec<Cell> {
    let own = row.replica == report.asked;
    let role = match (row.leader, row.voter) {
        (true, _) => "leader",
        (false, true) => "voter",
        (false, false) => "learner",
    };
    let reached = match (own, row.reachable) {
        (true, _) => "itself".into(),
        (false, true) => "yes".into(),
        (false, false) => {
            let ago = row
                .heard_ago_ms
                .map(|ms| format!("no, for {}", duration(ms)));
            Cell::toned(Tone::Warn, ago.unwrap_or_else(|| "no".to_owned()))
        }
    };
    let highest = match own {
        true => Some(report.generation),
        false => row.highest,
    };
    let note = match (own || row.reachable, &row.trouble) {
        (false, Some(trouble)) => clean(trouble),
        (true, _) if !row.facts => "no facts come from it".to_owned(),
        _ => String::new(),
    };
    vec![
        row.replica.as_str().into(),
        Cell::or_dash((!row.domain.is_empty()).then_some(&row.domain)),
        role.into(),
        reached,
        Cell::or_dash(row.round_trip_us.map(millis)),
        Cell::or_dash(row.disk_us.map(millis)),
        Cell::or_dash(highest.map(|generation| generation.to_string())),
        Cell::or_dash(row.clock_offset_ms.map(|ms| format!("{ms:+} ms"))),
        note.as_str().into(),
    ]
}

/// Microseconds as `0.4 ms` or `82 ms`.
fn millis(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{} ms", us / 1_000),
    }
}
