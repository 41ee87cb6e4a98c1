//! `causeway explain`: why a service's traffic goes where it goes.

use std::process::ExitCode;

use causeway_api::plan::{Destination, PlanKind, Rate};
use causeway_failover::explain::{Row, SourceReport};

use super::ask::{self, Look};
use super::circumstances;
use super::table::{Cell, Table, Tone};
use super::text::{bar, count, duration, rate, share};
use crate::admin::api::{AppliedRow, Explanation};
use crate::args::{ExplainArgs, ExplainTarget};

pub(super) async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    match &args.target {
        ExplainTarget::Service(service) => {
            let fetch = || client.explain(service, args.from.as_ref(), args.at);
            ask::show(&env, &args.render, fetch, screen).await?;
        }
        ExplainTarget::Subject(subject) => {
            ask::show(
                &env,
                &args.render,
                || client.explain_subject(subject, args.at),
                super::verdict::screen,
            )
            .await?;
        }
        ExplainTarget::Domain(domain) => {
            let fetch = || client.explain_domain(domain, args.at);
            ask::show(&env, &args.render, fetch, super::verdict::of_domain).await?;
        }
        ExplainTarget::Shift(shift) => {
            let fetch = || client.explain_shift(shift, args.at);
            ask::show(&env, &args.render, fetch, super::shift::screen).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The screen.
pub(super) fn screen(explanation: &Explanation, look: &Look) -> String {
    let report = &explanation.report;
    let policies: Vec<String> = report.policies.iter().map(ToString::to_string).collect();
    let policy = match policies.as_slice() {
        [] => "no policy: defaults".to_owned(),
        names => format!("policy {}", names.join(" < ")),
    };
    let service = &explanation.service;
    let name = format!("{}.{}", service.name, service.namespace);
    let mut out = format!(
        "{} · {policy} · generation {}\n",
        look.paint.tone(Tone::Bold, &name),
        explanation.generation
    );
    if let Some(at) = &explanation.at {
        out.push_str(&circumstances::as_of(at, look));
    }
    for source in &report.sources {
        out.push_str(&format!("\n{}", of_source(source, look)));
    }
    if report.sources.is_empty() {
        out.push_str(
            "\nNobody calls it from there: no member that imports it has nodes in that place\n",
        );
    }
    out.push_str(&behind(explanation, look));
    out.push_str(&circumstances::screen(&explanation.around, look));
    out.push_str(&format!(
        "\n{}  causeway replay {}\n",
        look.paint.tone(Tone::Bold, "REPLAY"),
        explanation.generation
    ));
    out
}

fn of_source(report: &SourceReport, look: &Look) -> String {
    let place = match &report.source.zone {
        Some(zone) => format!("{}/{zone}", report.source.member),
        None => report.source.member.to_string(),
    };
    let region = report
        .region
        .as_ref()
        .map(|region| format!(", {region}"))
        .unwrap_or_default();
    let mut out = match report.demand {
        Some(demand) => format!("{} from {place}{region} (declared) go to\n", rate(demand)),
        None => format!("Requests from {place}{region} (how many is unknown) go to\n"),
    };
    let mut heading = vec![
        "DESTINATION",
        "TIER",
        "SHARE",
        "",
        "OURS",
        "READY",
        "CAPACITY",
        "IN USE",
    ];
    if look.wide {
        heading.extend(["LIMIT", "CAPACITY FROM"]);
    }
    heading.push("WHY NOT MORE");
    let numbers = ["SHARE", "OURS", "READY", "CAPACITY", "IN USE", "LIMIT"];
    let mut table = Table::new(&heading).right(&numbers).indent(2);
    for row in &report.rows {
        table.row(cells(row, look));
    }
    out.push_str(&table.render(look.paint));
    if report.unserved > Rate(0) {
        let text = format!(
            "{} find no capacity: every destination is at its limit",
            rate(report.unserved)
        );
        out.push_str(&format!("  {}\n", look.paint.tone(Tone::Bad, &text)));
    }
    if report.kind == PlanKind::Spill {
        out.push_str("  The nearest cannot carry all: the shares are exact\n");
    }
    out
}

fn cells(row: &Row, look: &Look) -> Vec<Cell> {
    // Without a tier nothing can be sent there now.
    let usable = row.tier.is_some();
    let tone = if usable { Tone::Plain } else { Tone::Dim };
    let mut cells = vec![
        Cell::toned(tone, destination(row)),
        Cell::toned(tone, &row.tier_name),
        Cell::toned(tone, share(row.parts)),
        Cell::toned(Tone::Good, bar(row.parts)),
        Cell::or_dash((row.rate > Rate(0)).then(|| rate(row.rate))),
        Cell::toned(tone, row.ready.to_string()),
        Cell::or_dash(row.capacity.map(rate)),
        Cell::or_dash(row.in_use_percent.map(|percent| format!("{percent} %"))),
    ];
    if look.wide {
        cells.push(Cell::or_dash(row.limit.map(rate)));
        cells.push(Cell::toned(tone, &row.capacity_from));
    }
    cells.push(Cell::toned(
        if usable { Tone::Plain } else { Tone::Warn },
        &row.why_not_more,
    ));
    cells
}

/// A zone by its member; a network by its members too, where its name does not say them.
fn destination(row: &Row) -> String {
    match &row.destination {
        Destination::Network(network)
            if row
                .members
                .iter()
                .any(|member| member.as_str() != network.as_str()) =>
        {
            let members: Vec<&str> = row.members.iter().map(|member| member.as_str()).collect();
            format!("{network} ({})", members.join(", "))
        }
        Destination::Network(network) => network.to_string(),
        zone @ Destination::Zone { .. } => zone.to_string(),
    }
}

fn behind(explanation: &Explanation, look: &Look) -> String {
    let mut table = Table::new(&[]).indent(2);
    for row in &explanation.report.withdrawn {
        table.row(vec![
            "out".into(),
            format!("network {}: {}", row.network, row.reason).into(),
        ]);
        // Where the verdict itself was sent along, it says more, below.
        if explanation.verdicts.is_empty() {
            for verdict in &row.verdicts {
                table.row(vec!["".into(), verdict.as_str().into()]);
            }
        }
    }
    for verdict in &explanation.verdicts {
        let text = format!(
            "{} is {} for {}",
            verdict.subject,
            verdict.verdict.state,
            duration(verdict.since_ago_ms)
        );
        table.row(vec![
            "verdict".into(),
            text.into(),
            format!("causeway explain {}", verdict.subject).into(),
        ]);
    }
    if !explanation.applied.is_empty() {
        table.row(vec!["applied".into(), applied(&explanation.applied).into()]);
    }
    for row in &explanation.applied {
        for condition in &row.conditions {
            table.row(vec![
                "mesh".into(),
                format!("{}: {}", row.member, condition.message).into(),
            ]);
        }
    }
    for note in &explanation.report.notes {
        table.row(vec!["note".into(), note.as_str().into()]);
    }
    if table.is_empty() {
        String::new()
    } else {
        format!(
            "\n{}\n{}",
            look.paint.tone(Tone::Bold, "BEHIND IT"),
            table.render(look.paint)
        )
    }
}

fn applied(rows: &[AppliedRow]) -> String {
    let done = rows.iter().filter(|row| row.applied == Some(true)).count();
    let named = |wanted: Option<bool>| -> Vec<&str> {
        rows.iter()
            .filter(|row| row.applied == wanted)
            .map(|row| row.member.as_str())
            .collect()
    };
    let mut text = format!(
        "by {done} of {}",
        count(rows.len() as u64, "member", "members")
    );
    for (names, what) in [
        (named(Some(false)), "behind"),
        (named(None), "not heard since"),
    ] {
        if !names.is_empty() {
            text.push_str(&format!("; {what}: {}", names.join(", ")));
        }
    }
    text
}
