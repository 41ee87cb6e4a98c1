//! `causeway services`: who exports, who imports, how many endpoints are ready.

use std::collections::BTreeMap;
use std::process::ExitCode;

use causeway_api::ids::MemberName;

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::rate;
use crate::admin::api::{ServiceQuery, ServiceRow};
use crate::args::ServicesArgs;

/// How many members a cell names; the rest is counted.
const NAMED: usize = 3;

pub(super) async fn run(args: ServicesArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let query = ServiceQuery {
        namespace: args.namespace,
        candidates: args.candidates,
    };
    let draw = |rows: &Vec<ServiceRow>, look: &Look| {
        if query.candidates {
            candidates(rows, look)
        } else {
            screen(rows, look)
        }
    };
    ask::show(&env, &args.render, || client.services(&query), draw).await?;
    Ok(ExitCode::SUCCESS)
}

/// The services that somebody exports.
pub(super) fn screen(rows: &[ServiceRow], look: &Look) -> String {
    if rows.is_empty() {
        return "No service is exported here. Create a ServiceExport of a service's name in its namespace; \
                causeway services --candidates shows which exist in several clusters\n"
            .to_owned();
    }
    let mut heading = vec![
        "NAMESPACE",
        "NAME",
        "READY",
        "EXPORTED-BY",
        "IMPORTED-BY",
        "PLAN",
    ];
    if look.wide {
        heading.extend(["ENDPOINTS", "GENERATION", "POLICY"]);
    }
    heading.push("NOTE");
    let mut table = Table::new(&heading).right(&["READY"]);
    for row in rows {
        let (ready, total) = row.ready_of_total();
        let tone = if ready == 0 { Tone::Bad } else { Tone::Plain };
        let mut cells = vec![
            row.service.namespace.as_str().into(),
            row.service.name.as_str().into(),
            Cell::toned(tone, format!("{ready}/{total}")),
            names(&row.exported_by, look).into(),
            names(&row.imported_by, look).into(),
            plan(row),
        ];
        if look.wide {
            cells.push(endpoints(row).into());
            cells.push(Cell::or_dash(row.generation));
            cells.push(Cell::or_dash(row.policies.last()));
        }
        cells.push(note(row).into());
        table.row(cells);
    }
    table.render(look.paint)
}

/// The services that exist in several members and that nobody exports.
fn candidates(rows: &[ServiceRow], look: &Look) -> String {
    if rows.is_empty() {
        return "No service exists in several clusters without being exported, as far as agents have reported\n".to_owned();
    }
    // Endpoints are reported of what is exported alone.
    let mut table = Table::new(&["NAMESPACE", "NAME", "IN"]);
    for row in rows {
        table.row(vec![
            row.service.namespace.as_str().into(),
            row.service.name.as_str().into(),
            names(&row.present_in, look).into(),
        ]);
    }
    let mut out = table.render(look.paint);
    out.push_str("\nA ServiceExport of the same name in each cluster joins them; until then nothing changes\n");
    out
}

fn plan(row: &ServiceRow) -> Cell {
    match (
        row.refused.is_some(),
        row.unserved.0 > 0,
        row.spilling,
        row.generation.is_some(),
    ) {
        (true, ..) => Cell::toned(Tone::Bad, "refused"),
        (_, true, ..) => Cell::toned(Tone::Bad, "overloaded"),
        (_, _, true, _) => Cell::toned(Tone::Warn, "spills"),
        (.., true) => Cell::toned(Tone::Good, "nearest"),
        _ => Cell::toned(Tone::Dim, "-"),
    }
}

fn note(row: &ServiceRow) -> String {
    let mut notes = Vec::new();
    if let Some(refused) = &row.refused {
        notes.push(refused.clone());
    }
    if row.unserved.0 > 0 {
        notes.push(format!("{} more than all capacity", rate(row.unserved)));
    }
    for (network, why) in &row.withdrawn {
        notes.push(format!("{network} is out: {why}"));
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for condition in &row.conditions {
        *reasons.entry(&condition.reason).or_default() += 1;
    }
    for (reason, members) in reasons {
        notes.push(if members == 1 {
            reason.to_owned()
        } else {
            format!("{reason} in {members} members")
        });
    }
    notes.join("; ")
}

fn endpoints(row: &ServiceRow) -> String {
    let places: Vec<String> = row
        .endpoints
        .iter()
        .map(|place| match &place.locality.zone {
            Some(zone) => format!("{}/{zone}={}", place.member, place.ready),
            None => format!("{}={}", place.member, place.ready),
        })
        .collect();
    if places.is_empty() {
        "none".to_owned()
    } else {
        places.join(" ")
    }
}

fn names(members: &[MemberName], look: &Look) -> String {
    let shown = if look.wide { members.len() } else { NAMED };
    let mut text: Vec<String> = members
        .iter()
        .take(shown)
        .map(ToString::to_string)
        .collect();
    if members.len() > shown {
        text.push(format!("+{}", members.len() - shown));
    }
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.join(",")
    }
}
