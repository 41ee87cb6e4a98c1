//! `causeway explain region/…` and `domain/…`: who voted what, and what was concluded from it.

use causeway_api::ids::ServiceKey;
use causeway_api::verdict::{Ballot, ClusterTime, Verdict};

use super::ask::Look;
use super::circumstances;
use super::clusters::verdict_tone;
use super::table::{Cell, Table, Tone};
use super::text::{count, duration};
use crate::admin::api::{DomainExplanation, SubjectExplanation};

/// How many services are named; the rest is counted.
const SERVICES_SHOWN: usize = 5;

/// The screen.
pub(super) fn screen(explanation: &SubjectExplanation, look: &Look) -> String {
    let verdict = &explanation.verdict;
    let state = look
        .paint
        .tone(verdict_tone(verdict.state), &verdict.state.to_string());
    let mut out = format!(
        "{} is {state} for {}\n",
        explanation.subject,
        duration(explanation.since_ago_ms)
    );
    if let Some(left) = explanation.hold_down_left_ms {
        out.push_str(&format!(
            "  traffic returns in {} at the earliest: it waits out its hold-down\n",
            duration(left)
        ));
    }
    if explanation.penalty > 1_000 {
        out.push_str(&format!(
            "  lost again and again: its hold-down is {}.{} times as long as usual\n",
            explanation.penalty / 1_000,
            explanation.penalty % 1_000 / 100
        ));
    }
    if let Some(at) = &explanation.at {
        out.push_str(&circumstances::as_of(at, look));
    }
    // Cluster time of now, as far as the answer tells it.
    let now = verdict.since.plus_ms(explanation.since_ago_ms);
    if !verdict.evidence.is_empty() {
        out.push_str(&format!(
            "\n{}\n{}",
            look.paint.tone(Tone::Bold, "VOTES"),
            votes(verdict, now, look)
        ));
    }
    out.push_str(&grounds(verdict));
    if !explanation.rests_on.is_empty() {
        out.push_str(&format!(
            "\n{}\n",
            look.paint.tone(Tone::Bold, "CONCLUDED FROM")
        ));
        out.push_str(&parts(&explanation.rests_on, now, look));
    }
    out.push_str(&services(&explanation.services, look));
    out.push_str(&circumstances::screen(&explanation.around, look));
    out
}

/// How the votes were counted.
fn grounds(verdict: &Verdict) -> String {
    let grounds = &verdict.grounds;
    let observers = |of: u32| count(u64::from(of), "observer", "observers");
    let domains = |of: u32| count(u64::from(of), "failure domain", "failure domains");
    let mut out = String::new();
    if grounds.left_out > 0 {
        out.push_str(&format!(
            "  and {} that {} counted like these\n",
            count(u64::from(grounds.left_out), "vote", "votes"),
            if grounds.left_out == 1 { "was" } else { "were" }
        ));
    }
    if let Some(quorum) = grounds.quorum {
        out.push_str(&format!(
            "  {} of {} counted held it unreachable, in {}; it takes {} in {}, and more failure domains than reach it ({})\n",
            grounds.against,
            grounds.counted,
            domains(grounds.against_domains),
            observers(quorum.observers),
            domains(quorum.domains),
            quorum.reached_from,
        ));
    }
    match grounds.replica_heard {
        Some(true) => out.push_str(
            "  a replica whose failure domain is this region was heard: it is not dark\n",
        ),
        Some(false) => out.push_str("  no replica whose failure domain is this region was heard\n"),
        None => {}
    }
    out
}

/// Verdicts, one a line, with the first vote against each.
fn parts(parts: &[Verdict], now: ClusterTime, look: &Look) -> String {
    let mut table = Table::new(&["SUBJECT", "VERDICT", "FOR", "UNREACHABLE", "EVIDENCE"]).indent(2);
    for part in parts {
        let mut against = part
            .evidence
            .iter()
            .filter(|vote| counts_against(vote.ballot, vote.not_counted.as_ref()));
        let first = against.next().map(|vote| vote.evidence.as_str());
        table.row(vec![
            part.subject.to_string().into(),
            Cell::toned(verdict_tone(part.state), part.state.to_string()),
            duration(now.since_ms(part.since)).into(),
            format!("{} of {}", part.grounds.against, part.grounds.counted).into(),
            first.unwrap_or_default().into(),
        ]);
    }
    table.render(look.paint)
}

/// The screen of a domain that members declare.
pub(super) fn of_domain(explanation: &DomainExplanation, look: &Look) -> String {
    let members = count(
        explanation.members.len() as u64,
        "member declares it",
        "members declare it",
    );
    let mut out = format!(
        "{} · {members}; nobody votes on the domain itself\n",
        look.paint.tone(Tone::Bold, &explanation.domain.to_string())
    );
    if let Some(at) = &explanation.at {
        out.push_str(&circumstances::as_of(at, look));
    }
    let now = ClusterTime(explanation.cluster_time_ms);
    out.push_str(&format!(
        "\n{}\n{}",
        look.paint.tone(Tone::Bold, "ITS MEMBERS"),
        parts(&explanation.members, now, look)
    ));
    out.push_str(&services(&explanation.services, look));
    out.push_str(&circumstances::screen(&explanation.around, look));
    out
}

fn votes(verdict: &Verdict, now: ClusterTime, look: &Look) -> String {
    let mut table =
        Table::new(&["OBSERVER", "DOMAIN", "VOTE", "CAST", "COUNTED", "EVIDENCE"]).indent(2);
    for vote in &verdict.evidence {
        let (ballot, tone) = match vote.ballot {
            Ballot::Reachable => ("reachable", Tone::Good),
            Ballot::Unreachable => ("unreachable", Tone::Bad),
            Ballot::Abstain => ("abstains", Tone::Dim),
        };
        table.row(vec![
            vote.observer.to_string().into(),
            vote.domain.as_str().into(),
            Cell::toned(tone, ballot),
            format!("{} ago", duration(now.since_ms(vote.at))).into(),
            vote.not_counted
                .as_ref()
                .map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"))
                .into(),
            vote.evidence.as_str().into(),
        ]);
    }
    table.render(look.paint)
}

fn counts_against(ballot: Ballot, not_counted: Option<&String>) -> bool {
    ballot == Ballot::Unreachable && not_counted.is_none()
}

fn services(services: &[ServiceKey], look: &Look) -> String {
    if services.is_empty() {
        return String::new();
    }
    let named: Vec<String> = services
        .iter()
        .take(SERVICES_SHOWN)
        .map(ToString::to_string)
        .collect();
    let more = match services.len().saturating_sub(SERVICES_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let number = count(services.len() as u64, "service leaves", "services leave");
    let first = services
        .first()
        .map(|service| format!("{}.{}", service.name, service.namespace))
        .unwrap_or_default();
    format!(
        "\n{}  {number} it out of the plan: {}{more}\n  causeway explain {first}\n",
        look.paint.tone(Tone::Bold, "WHAT IT LED TO"),
        named.join(", ")
    )
}
