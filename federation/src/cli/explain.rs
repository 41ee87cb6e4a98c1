//! `causeway explain`: why a service's traffic goes where it goes.

mod rows;

use std::process::ExitCode;

use causeway_api::plan::{PlanKind, SourceInput, SourcePlan};

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::{bar, clean, duration, rate, share};
use crate::admin::api::{AppliedRow, Explanation};
use crate::args::{ExplainArgs, ExplainTarget};
use rows::{DestinationRow, destinations};

pub(super) async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    match &args.target {
        ExplainTarget::Service(service) => {
            let fetch = || client.explain(service, args.from.as_ref());
            ask::show(&env, &args.render, fetch, screen).await?;
        }
        ExplainTarget::Subject(subject) => {
            ask::show(
                &env,
                &args.render,
                || client.explain_subject(subject),
                super::verdict::screen,
            )
            .await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The screen.
pub(super) fn screen(explanation: &Explanation, look: &Look) -> String {
    let policies: Vec<String> = explanation
        .inputs
        .policy
        .from
        .iter()
        .map(ToString::to_string)
        .collect();
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
    for plan in &explanation.plan.sources {
        let source = explanation
            .inputs
            .sources
            .iter()
            .find(|input| input.source == plan.source);
        out.push_str(&format!("\n{}", of_source(explanation, plan, source, look)));
    }
    if explanation.plan.sources.is_empty() {
        out.push_str(
            "\nNobody calls it from there: no member that imports it has nodes in that place\n",
        );
    }
    out.push_str(&why(explanation, look));
    out
}

fn of_source(
    explanation: &Explanation,
    plan: &SourcePlan,
    source: Option<&SourceInput>,
    look: &Look,
) -> String {
    let place = match &plan.source.zone {
        Some(zone) => format!("{}/{zone}", plan.source.member),
        None => plan.source.member.to_string(),
    };
    let region = source
        .and_then(|source| source.region.as_ref())
        .map(|region| format!(", {region}"))
        .unwrap_or_default();
    let mut out = match source.and_then(|source| source.demand) {
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
        "LIMIT",
    ];
    if look.wide {
        heading.push("CAPACITY FROM");
    }
    heading.push("WHY");
    let numbers = ["SHARE", "OURS", "READY", "CAPACITY", "IN USE", "LIMIT"];
    let mut table = Table::new(&heading).right(&numbers).indent(2);
    for row in destinations(&explanation.inputs, &explanation.plan, plan) {
        table.row(cells(&row, look));
    }
    out.push_str(&table.render(look.paint));
    if plan.unserved.0 > 0 {
        let text = format!(
            "{} find no capacity: every destination is at its limit",
            rate(plan.unserved)
        );
        out.push_str(&format!("  {}\n", look.paint.tone(Tone::Bad, &text)));
    }
    if plan.kind == PlanKind::Spill {
        out.push_str("  The nearest tier cannot carry all: the shares are exact\n");
    }
    out
}

fn cells(row: &DestinationRow, look: &Look) -> Vec<Cell> {
    let tone = if row.out { Tone::Dim } else { Tone::Plain };
    let mut cells = vec![
        Cell::toned(tone, &row.name),
        Cell::or_dash(row.tier.map(tier)),
        Cell::toned(tone, share(row.parts)),
        Cell::toned(Tone::Good, bar(row.parts)),
        Cell::or_dash((row.rate.0 > 0).then(|| rate(row.rate))),
        Cell::or_dash(row.ready),
        Cell::or_dash(row.capacity.map(rate)),
        Cell::or_dash(row.in_use_percent.map(|percent| format!("{percent} %"))),
        Cell::or_dash(
            row.capacity
                .is_some()
                .then(|| format!("{} %", row.limit_percent)),
        ),
    ];
    if look.wide {
        cells.push(row.capacity_from.as_str().into());
    }
    cells.push(Cell::toned(
        if row.out { Tone::Warn } else { Tone::Plain },
        &row.why,
    ));
    cells
}

/// The tier in words.
fn tier(tier: u8) -> String {
    match tier {
        0 => "zone".to_owned(),
        1 => "region".to_owned(),
        2 => "region, other network".to_owned(),
        other => format!("abroad {}", u32::from(other) - 2),
    }
}

fn why(explanation: &Explanation, look: &Look) -> String {
    let mut table = Table::new(&[]).indent(2);
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
    for note in &explanation.notes {
        table.row(vec!["note".into(), clean(note).into()]);
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
    let mut text = format!("by {done} of {} members", rows.len());
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
