//! `causeway status`: is everything well, and what needs a person.

mod replicas;

use std::process::ExitCode;

use causeway_api::verdict::VerdictState;

use super::ask::{self, Look};

use super::clusters::{note, verdict_tone};
use super::overrides;
use super::table::{Cell, Table, Tone};
use super::text::{clean, count, duration, grouped};
use crate::admin::api::{ClusterRow, Incident, Quorum, Severity, StatusReport};
use crate::args::StatusArgs;

/// How many members the screen names; the rest is counted.
const MEMBERS_SHOWN: usize = 8;

pub(super) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let report = ask::show(&env, &args.render, || client.status(), screen).await?;
    Ok(ExitCode::from(report.severity.exit_code()))
}

/// The screen; only lines that something is known for.
pub(super) fn screen(report: &StatusReport, look: &Look) -> String {
    let mut out = format!("{}\n\n{}", first_line(report, look), headline(report, look));
    let needs = needs_you(report, look);
    if !needs.is_empty() {
        out.push_str(&format!(
            "\n{}\n{needs}",
            look.paint.tone(Tone::Bold, "NEEDS YOU")
        ));
    }
    out.push_str(&overridden(report, look));
    out.push_str(&waiting(report, look));
    out.push_str(&replicas::table(report, look));
    out.push_str(&format!("\n{}", members(report, look)));
    out.push_str(&format!("\n{}", services(report, look)));
    if let Some(incident) = report.incidents.first() {
        out.push_str(&format!(
            "\n{}  causeway explain {}\n",
            look.paint.tone(Tone::Bold, "WHY"),
            incident.subject
        ));
    }
    out
}

fn first_line(report: &StatusReport, look: &Look) -> String {
    let at = jiff::Timestamp::from_millisecond(report.asked_at_ms)
        .map(|at| {
            at.to_zoned(look.zone.clone())
                .strftime("%H:%M:%S %Z")
                .to_string()
        })
        .unwrap_or_default();
    let age = report
        .data_age_ms
        .map(|ms| format!(" · data {} old", duration(ms)))
        .unwrap_or_default();
    let (version, asked) = (clean(&report.version), clean(&report.asked));
    format!(
        "Causeway {version} · asked {asked} at {at} · {}{age}",
        quorum(&report.quorum)
    )
}

fn quorum(quorum: &Quorum) -> String {
    let of = format!("{} of {}", quorum.answering, quorum.voters);
    match (quorum.reachable, &quorum.leader) {
        (false, _) => format!("NO QUORUM ({of})"),
        (true, Some(leader)) if quorum.voters > 1 => {
            let since = quorum
                .leader_for_ms
                .map(|ms| format!(" for {}", duration(ms)));
            format!(
                "quorum {of}, led by {}{}",
                clean(leader),
                since.unwrap_or_default()
            )
        }
        (true, _) => format!("quorum {of}"),
    }
}

/// What is being waited for; nothing where that is nothing.
fn waiting(report: &StatusReport, look: &Look) -> String {
    if report.waiting.is_empty() {
        return String::new();
    }
    let heading = look.paint.tone(Tone::Bold, "WAITING");
    let lines = report
        .waiting
        .iter()
        .map(|what| format!("  {}\n", clean(what)));
    format!("\n{heading}\n{}", lines.collect::<String>())
}

/// What people override: whoever is woken should not take it for a fault, nor wait for what is frozen.
fn overridden(report: &StatusReport, look: &Look) -> String {
    if report.overrides.is_empty() {
        return String::new();
    }
    let heading = look.paint.tone(Tone::Bold, "OVERRIDES");
    let table = overrides::shifts(&report.overrides, look);
    let lines: String = table.lines().map(|line| format!("  {line}\n")).collect();
    format!("\n{heading}\n{lines}")
}

fn headline(report: &StatusReport, look: &Look) -> String {
    let dot = |tone, text: &str| format!("{} {text}\n", look.paint.tone(tone, "●"));
    let mut out = String::new();
    if !report.quorum.reachable {
        out.push_str(&dot(
            Tone::Bad,
            "No decision can be made: a majority of voters is out of reach. Every mesh keeps what it has.",
        ));
    }
    for incident in &report.incidents {
        let tone = if incident.state == VerdictState::Lost {
            Tone::Bad
        } else {
            Tone::Warn
        };
        out.push_str(&dot(tone, &sentence(incident)));
        for why in &incident.not_counted {
            out.push_str(&format!("    not counted: {}\n", clean(why)));
        }
    }
    if out.is_empty() {
        let (tone, text) = match report.severity {
            Severity::Fine => (Tone::Good, "All is well.".to_owned()),
            _ => {
                let needs = count(report.needs_you.len() as u64, "thing needs", "things need");
                (Tone::Warn, format!("Nothing is lost; {needs} you."))
            }
        };
        out.push_str(&dot(tone, &text));
    }
    out
}

fn sentence(incident: &Incident) -> String {
    let since = duration(incident.since_ago_ms);
    let observers = format!(
        "{} of {} in {}",
        incident.agreed,
        count(
            u64::from(incident.counted),
            "counted observer",
            "counted observers"
        ),
        count(
            u64::from(incident.domains),
            "failure domain",
            "failure domains"
        ),
    );
    match (incident.state, incident.hold_down_left_ms) {
        (VerdictState::Lost, _) => format!("{} is LOST for {since}: {observers}", incident.subject),
        (state, Some(left)) => {
            format!(
                "{} is {state} for {since}; traffic returns in {} at the earliest",
                incident.subject,
                duration(left)
            )
        }
        (state, None) => format!("{} is {state} for {since}", incident.subject),
    }
}

fn needs_you(report: &StatusReport, look: &Look) -> String {
    let mut out = String::new();
    for (at, need) in report.needs_you.iter().enumerate() {
        let object = look.paint.tone(Tone::Bold, &clean(&need.object));
        let since = need
            .since_ago_ms
            .map(|ms| format!(" (for {})", duration(ms)));
        let since = since.unwrap_or_default();
        out.push_str(&format!("  {}  {object}{since}\n", at + 1));
        out.push_str(&format!("     {}\n", clean(&need.message)));
        if let Some(command) = &need.command {
            out.push_str(&format!(
                "     {}\n",
                look.paint.tone(Tone::Dim, &clean(command))
            ));
        }
    }
    out
}

fn members(report: &StatusReport, look: &Look) -> String {
    if report.members.is_empty() {
        return "MEMBERS  none: register one with a MemberCluster, spec {}\n".to_owned();
    }
    const ORDER: [VerdictState; 6] = [
        VerdictState::Lost,
        VerdictState::Recovering,
        VerdictState::Degraded,
        VerdictState::Unknown,
        VerdictState::Away,
        VerdictState::Serving,
    ];
    let rank = |row: &ClusterRow| ORDER.iter().position(|state| *state == row.verdict);
    let by_state: Vec<String> = ORDER
        .iter()
        .rev()
        .map(|state| {
            (
                report
                    .members
                    .iter()
                    .filter(|row| row.verdict == *state)
                    .count(),
                state,
            )
        })
        .filter(|(number, _)| *number > 0)
        .map(|(number, state)| format!("{number} {state}"))
        .collect();
    let heading = look.paint.tone(Tone::Bold, "MEMBERS");
    let mut out = format!(
        "{heading}  {} = {}\n",
        report.members.len(),
        by_state.join(", ")
    );
    // Those that are not well come first, else by name.
    let mut rows: Vec<&ClusterRow> = report.members.iter().collect();
    rows.sort_by_key(|row| (rank(row), note(row).is_empty(), row.name.clone()));
    let mut table =
        Table::new(&["NAME", "REGION", "VERDICT", "AGENT", "MODE", "LAG", "NOTE"]).indent(2);
    for row in rows.iter().take(MEMBERS_SHOWN) {
        table.row(vec![
            row.name.as_str().into(),
            Cell::or_dash(row.region.as_ref()),
            Cell::toned(verdict_tone(row.verdict), row.verdict.to_string()),
            if row.agent.connected {
                "connected".into()
            } else {
                Cell::toned(Tone::Warn, "silent")
            },
            format!("{:?}", row.mode).into(),
            Cell::or_dash(row.lag_ms.map(duration)),
            note(row).into(),
        ]);
    }
    out.push_str(&table.render(look.paint));
    if let Some(more) = rows
        .len()
        .checked_sub(MEMBERS_SHOWN)
        .filter(|more| *more > 0)
    {
        out.push_str(&format!("  {more} more  causeway clusters\n"));
    }
    out
}

fn services(report: &StatusReport, look: &Look) -> String {
    let totals = &report.services;
    let mut parts = vec![
        format!("{} exported", grouped(totals.exported)),
        format!("{} planned", grouped(totals.planned)),
    ];
    for (number, what) in [
        (totals.spilling, "spill beyond their nearest tier"),
        (totals.unserved, "ask for more than all capacity"),
        (totals.refused, "have a refused plan"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", grouped(number)));
        }
    }
    format!(
        "{}  {} · at {}\n",
        look.paint.tone(Tone::Bold, "SERVICES"),
        parts.join(" · "),
        report.generation
    )
}
