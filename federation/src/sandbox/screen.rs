//! What people see: the fleet, the timeline as it happens, and the report.

use std::path::Path;

use causeway_api::ids::{MemberName, Region};

use super::fleet::{Fleet, FleetService};
use super::lost::Lost;
use super::report::{Counts, Event, LeaderRow, Moment, Report, ShareRow};
use crate::cli::table::{Cell, Paint, Table, Tone};
use crate::cli::text::{count, grouped};

/// The fleet, before anything starts.
#[must_use]
pub fn fleet(fleet: &Fleet, paint: Paint) -> String {
    let counts = Counts::of(fleet);
    let mut text = format!(
        "{}\n{} in {}, {}, {} ready endpoints, {} requests/s\n\n",
        paint.tone(
            Tone::Bold,
            &format!("Causeway sandbox · seed {}", fleet.seed)
        ),
        count(number(counts.members), "cluster", "clusters"),
        count(number(counts.regions), "region", "regions"),
        count(number(counts.services), "service", "services"),
        grouped(counts.endpoints),
        grouped(counts.requests_per_second),
    );
    let mut table = Table::new(&["REGION", "CLUSTERS", "ASK/S"])
        .right(&["ASK/S"])
        .indent(2);
    for (region, members) in fleet.regions() {
        let asked: u64 = fleet
            .services
            .iter()
            .filter_map(|service| service.demand_rps.get(&region))
            .map(|rps| u64::from(*rps))
            .sum();
        table.row(vec![
            Cell::from(region.to_string()),
            Cell::from(shortened(&members)),
            Cell::from(grouped(asked)),
        ]);
    }
    text.push_str(&table.render(paint));
    text.push_str(&format!(
        "\n  {} every region serves itself · {} ask more of one region than it has: the rest spills · {} one region does not have\n",
        counts.local, counts.spills, counts.elsewhere
    ));
    text
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn shortened(members: &[MemberName]) -> String {
    const SHOWN: usize = 4;
    let names: Vec<&str> = members.iter().take(SHOWN).map(MemberName::as_str).collect();
    let more = members.len().saturating_sub(SHOWN);
    if more == 0 {
        names.join(", ")
    } else {
        format!("{} and {more} more", names.join(", "))
    }
}

/// One line of the timeline.
#[must_use]
pub fn moment(moment: &Moment, paint: Paint) -> String {
    let tone = match moment.event {
        Event::Dark | Event::GatewaysLost | Event::Lost | Event::TooLong => Tone::Bad,
        Event::Suspected | Event::Recovering | Event::Led => Tone::Warn,
        Event::LastMesh | Event::Connected | Event::Serving | Event::Restored => Tone::Good,
        Event::FirstMesh | Event::Back => Tone::Plain,
    };
    format!(
        "  {:>8}  {}",
        paint.tone(Tone::Dim, &since(moment.at_ms)),
        paint.tone(tone, &moment.text)
    )
}

fn since(ms: u64) -> String {
    format!("{:>7}", format!("+{}", seconds(ms)))
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02}s", ms / 1000, ms % 1000 / 10)
}

/// The closing report.
#[must_use]
pub fn report(report: &Report, paint: Paint) -> String {
    let bold = |text: &str| paint.tone(Tone::Bold, text);
    let mut text = format!(
        "\n{}   {}\n",
        bold("WHERE REQUESTS GO"),
        paint.tone(Tone::Dim, "modelled from the Istio objects in each cluster")
    );
    text.push_str(&share_table(&report.shares, paint));
    let requests = &report.requests;
    let survivors = &report.survivors;
    text.push_str(&format!("\n{}\n", bold("REPORT")));
    let mut lines = vec![
        ("lost", report.lost.to_string(), Tone::Plain),
        (
            "recovery",
            match report.recovery_ms {
                Some(ms) if report.lost == Lost::Leader => format!(
                    "{} from the loss until another led and every agent had a session (measured)",
                    seconds(ms)
                ),
                Some(ms) => format!(
                    "{} from the loss until the last mesh stopped sending into it (measured)",
                    seconds(ms)
                ),
                None if report.lost == Lost::Leader => {
                    "NOT RECOVERED: nobody leads, or some agent has no session".to_owned()
                }
                None => "NOT RECOVERED: some mesh still sends into the lost part".to_owned(),
            },
            if report.recovered {
                Tone::Good
            } else {
                Tone::Bad
            },
        ),
        (
            "restored",
            match (report.restored_ms, report.failback_ms) {
                (Some(at), Some(after)) => format!(
                    "at +{}, {} after it came back (measured; hold-down {} s)",
                    seconds(at),
                    seconds(after),
                    report.fleet.hold_down_seconds
                ),
                _ => "NOT RESTORED: traffic did not return".to_owned(),
            },
            if report.restored {
                Tone::Good
            } else {
                Tone::Bad
            },
        ),
        ("leader", leaders(&report.leaders), Tone::Plain),
        (
            "requests",
            format!(
                "{} answered, {} failed = {} % (modelled)",
                grouped(requests.succeeded),
                grouped(requests.failed),
                requests.failed_percent
            ),
            Tone::Plain,
        ),
        (
            "",
            format!(
                "{} would have failed until its return, had nothing moved (modelled)",
                grouped(requests.failed_if_nothing_moved)
            ),
            Tone::Dim,
        ),
    ];
    let place = match (&survivors.peak_service, &survivors.peak_member) {
        (Some(service), Some(member)) => format!(", {service} in {member}"),
        _ => String::new(),
    };
    let tone = if survivors.peak_percent > f64::from(survivors.limit_percent) + 1.0 {
        Tone::Warn
    } else {
        Tone::Plain
    };
    lines.push((
        "survivors",
        format!(
            "at most {} % in use of a limit of {} %{place} (modelled)",
            survivors.peak_percent, survivors.limit_percent
        ),
        tone,
    ));
    if survivors.over_limit_ms > 0 {
        lines.push(("", format!(
            "{} % for a moment: over the limit for {} between the coarse cut and the exact shares (modelled)",
            survivors.passing_peak_percent, seconds(survivors.over_limit_ms)
        ), Tone::Dim));
    }
    for (name, line, tone) in lines {
        text.push_str(&format!("  {name:<10} {}\n", paint.tone(tone, &line)));
    }
    text.push_str(&format!("\n{}\n", bold("WHAT IS MODELLED")));
    text.push_str(&format!("  {}\n", paint.tone(Tone::Dim, "No request is sent. Verdicts, plans and objects are real; shares and requests are computed from the objects:")));
    for assumption in &requests.assumptions {
        text.push_str(&format!("  - {}\n", paint.tone(Tone::Dim, assumption)));
    }
    text
}

fn leaders(rows: &[LeaderRow]) -> String {
    let row = |(at, row): (usize, &LeaderRow)| match at {
        0 => format!("{} in {}", row.replica, row.region),
        _ => format!(
            "from +{} {} in {}",
            seconds(row.at_ms),
            row.replica,
            row.region
        ),
    };
    let all: Vec<String> = rows.iter().enumerate().map(row).collect();
    match all.len() {
        0 => "nobody that was seen".to_owned(),
        1 => format!("{} all the time", all.join("")),
        _ => format!("{} (measured)", all.join(", ")),
    }
}

fn share_table(rows: &[ShareRow], paint: Paint) -> String {
    let right = ["BEFORE", "DURING", "AFTER"];
    let mut table = Table::new(&["CALLERS IN", "SERVED IN", "BEFORE", "DURING", "AFTER"])
        .right(&right)
        .indent(2);
    let percent = |percent: f64| format!("{percent:.1} %");
    let mut above: Option<&Region> = None;
    for row in rows {
        let from = if above == Some(&row.from) {
            String::new()
        } else {
            row.from.to_string()
        };
        above = Some(&row.from);
        let to = row.to.as_ref().map_or_else(
            || Cell::toned(Tone::Bad, "nowhere"),
            |to| Cell::from(to.to_string()),
        );
        let during = row.during_percent.map_or_else(
            || Cell::toned(Tone::Dim, "dark"),
            |during| {
                let tone = if (during - row.before_percent).abs() >= 0.1 {
                    Tone::Warn
                } else {
                    Tone::Plain
                };
                Cell::toned(tone, percent(during))
            },
        );
        table.row(vec![
            Cell::from(from),
            to,
            Cell::from(percent(row.before_percent)),
            during,
            Cell::from(percent(row.after_percent)),
        ]);
    }
    table.render(paint)
}

/// What can be tried while it goes on.
#[must_use]
pub fn invitation(fleet: &Fleet, lost: &str, context: &Path, paint: Paint) -> String {
    let spilling = fleet
        .services
        .iter()
        .find(|service| service.spread == super::fleet::Spread::Spills);
    let service = spilling
        .or(fleet.services.first())
        .map(|service: &FleetService| service.key.clone());
    let service = service.map_or_else(|| "shop/checkout".to_owned(), |key| key.to_string());
    let member = fleet
        .members
        .keys()
        .next()
        .map_or_else(String::new, ToString::to_string);
    let mut text = format!(
        "\n{}\n",
        paint.tone(Tone::Bold, "IT GOES ON. From another terminal:")
    );
    text.push_str(&format!(
        "  export CAUSEWAY_CONTEXT='{}'\n",
        context.display()
    ));
    for command in [
        "status".to_owned(),
        "clusters".to_owned(),
        "services".to_owned(),
        format!("explain {service}"),
        format!("explain {lost}"),
        format!("diff {member}"),
    ] {
        text.push_str(&format!("  {} {command}\n", program()));
    }
    text.push_str("Ctrl-C ends it and removes everything.\n");
    text
}

/// How this program was called.
fn program() -> String {
    std::env::args()
        .next()
        .unwrap_or_else(|| "causeway".to_owned())
}

#[cfg(test)]
mod tests;
