//! `causeway simulate --lose DOMAIN`: what a loss would do to the clusterset as it is now.

use std::process::ExitCode;

use causeway_api::contingency::LossOutcome;
use causeway_api::domain::Domain;
use causeway_api::plan::Rate;
use causeway_core::whatif::ServiceLoss;
use causeway_failover::explain::{PlanReport, SourceReport};

use super::ask::{self, Look};
use super::readiness::{tone, worst};
use super::table::{Cell, Table, Tone};
use super::text::{clean, count, grouped, rate, share};
use crate::admin::api::whatif::SimulationReport;
use crate::args::{Output, SimulateArgs};

/// Some service would be overloaded or orphaned.
const NOT_READY: u8 = 3;
/// Services whose shares are shown; `-o wide` shows all.
const NAMED: usize = 10;

pub(super) async fn run(args: &SimulateArgs, domain: &Domain) -> anyhow::Result<ExitCode> {
    let (client, _env) = ask::connect(&args.connect)?;
    let report = client.simulate(domain).await;
    let report = report.map_err(|error| ask::explained(&error))?;
    ask::print(&match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
        Output::Table | Output::Wide => screen(&report, &Look::of(args.output)),
    })?;
    Ok(if report.loss.readiness.outcome >= LossOutcome::Overloads {
        ExitCode::from(NOT_READY)
    } else {
        ExitCode::SUCCESS
    })
}

/// The screen.
pub(super) fn screen(report: &SimulationReport, look: &Look) -> String {
    let loss = &report.loss;
    let ready = &loss.readiness;
    let outcome = look
        .paint
        .tone(tone(ready.outcome), &ready.outcome.to_string());
    let mut out = format!(
        "If {} were lost now (generation {}): {outcome}, score {}\n",
        report.domain, report.generation, ready.score
    );
    let members: Vec<&str> = loss.members.iter().map(|name| name.as_str()).collect();
    let gone: Vec<String> = members
        .iter()
        .map(|name| format!("member {name}"))
        .chain(loss.zones.iter().map(|zone| format!("zone {zone}")))
        .collect();
    let mut facts = Table::new(&[]).indent(2);
    let mut fact = |name: &'static str, text: String| {
        facts.row(vec![Cell::toned(Tone::Dim, name), text.into()]);
    };
    fact(
        "gone",
        if gone.is_empty() {
            "-".to_owned()
        } else {
            gone.join(", ")
        },
    );
    fact(
        "moves",
        format!(
            "{} of {}",
            rate(ready.moved),
            count(ready.services, "service", "services")
        ),
    );
    if let Some((network, percent)) = &ready.peak {
        fact(
            "fullest",
            format!("network {network} afterwards: {percent} % in use"),
        );
    }
    let cut = if ready.coarse_cut {
        "after one write for each mesh that cuts it off"
    } else {
        "and no single write cuts it off"
    };
    fact(
        "writes",
        format!("{} into meshes, {cut}", grouped(ready.writes)),
    );
    let worst = worst(ready);
    if !worst.is_empty() {
        fact("worst", worst);
    }
    out.push_str(&facts.render(look.paint));
    let shown = if look.wide { usize::MAX } else { NAMED };
    for row in loss.services.iter().take(shown) {
        out.push_str(&format!("\n{}", of_service(row, look)));
    }
    if loss.services.len() > shown {
        let more = loss.services.len() - shown;
        out.push_str(&format!("\n{more} more services: -o wide\n"));
    }
    out
}

fn of_service(row: &ServiceLoss, look: &Look) -> String {
    let mut heading = format!(
        "{} · {}",
        look.paint.tone(Tone::Bold, &row.service.to_string()),
        look.paint.tone(tone(row.outcome), &row.outcome.to_string())
    );
    if row.over_percent > 0 {
        heading.push_str(&format!(" by {} %", row.over_percent));
    }
    let mut table = Table::new(&["CALLERS IN", "GO TO", "BEFORE", "AFTER", "IN USE AFTER"])
        .right(&["BEFORE", "AFTER", "IN USE AFTER"])
        .indent(2);
    let mut same = 0;
    for after in &row.after.sources {
        let before = of_source(&row.before, after);
        if before.is_some_and(|before| shares(before) == shares(after)) && after.unserved == Rate(0)
        {
            same += 1;
            continue;
        }
        for line in lines(before, after) {
            table.row(line);
        }
        if after.unserved > Rate(0) {
            table.row(vec![
                place(after).into(),
                Cell::toned(Tone::Bad, "nowhere"),
                "".into(),
                Cell::toned(Tone::Bad, rate(after.unserved)),
            ]);
        }
    }
    let mut out = format!("{heading}\n");
    if same < row.after.sources.len() {
        out.push_str(&table.render(look.paint));
    }
    if same > 0 {
        let text = format!(
            "callers in {} go where they go now",
            count(u64::try_from(same).unwrap_or(u64::MAX), "place", "places")
        );
        out.push_str(&format!("  {}\n", look.paint.tone(Tone::Dim, &text)));
    }
    for finding in &row.findings {
        let text = format!("the checker refuses this plan: {}", clean(finding));
        out.push_str(&format!("  {}\n", look.paint.tone(Tone::Bad, &text)));
    }
    out
}

fn of_source<'a>(report: &'a PlanReport, wanted: &SourceReport) -> Option<&'a SourceReport> {
    let mut sources = report.sources.iter();
    sources.find(|source| source.source == wanted.source)
}

fn place(report: &SourceReport) -> String {
    match &report.source.zone {
        Some(zone) => format!("{}/{zone}", report.source.member),
        None => report.source.member.to_string(),
    }
}

/// Where callers go, and with which shares.
fn shares(report: &SourceReport) -> Vec<(&causeway_api::plan::Destination, u32)> {
    let rows = report.rows.iter().filter(|row| row.parts > 0);
    rows.map(|row| (&row.destination, row.parts)).collect()
}

/// A line for each destination that has or had a share.
fn lines(before: Option<&SourceReport>, after: &SourceReport) -> Vec<Vec<Cell>> {
    let old = |name: &str| {
        let rows = before.into_iter().flat_map(|before| &before.rows);
        let mut same = rows.filter(|row| row.destination.to_string() == name);
        same.next().map_or(0, |row| row.parts)
    };
    let mut names: Vec<String> = Vec::new();
    for row in before.into_iter().flat_map(|b| &b.rows).chain(&after.rows) {
        let name = row.destination.to_string();
        if row.parts > 0 && !names.contains(&name) {
            names.push(name);
        }
    }
    let line = |name: &String| {
        let now = after
            .rows
            .iter()
            .find(|row| row.destination.to_string() == *name);
        let (was, parts) = (old(name), now.map_or(0, |row| row.parts));
        let tone = match was.cmp(&parts) {
            std::cmp::Ordering::Less => Tone::Warn,
            std::cmp::Ordering::Equal => Tone::Plain,
            std::cmp::Ordering::Greater => Tone::Dim,
        };
        vec![
            place(after).into(),
            name.clone().into(),
            share(was).into(),
            Cell::toned(tone, share(parts)),
            Cell::or_dash(
                now.filter(|row| row.parts > 0)
                    .and_then(|row| row.in_use_percent)
                    .map(|percent| format!("{percent} %")),
            ),
        ]
    };
    names.iter().map(line).collect()
}
