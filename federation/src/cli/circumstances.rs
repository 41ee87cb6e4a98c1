//! What every explanation says besides: verdicts that changed, what people override, what returns, is refused, waits or is
//! prepared, and who did what.

use causeway_api::verdict::ClusterTime;
use causeway_state::brain::AuditRow;

use super::ask::Look;
use super::clusters::verdict_tone;
use super::overrides::{returning, shifts};
use super::readiness::{tone, worst};
use super::table::{Cell, Table, Tone};
use super::text::{clean, count, duration, grouped};
use crate::admin::api::{Circumstances, Moment};

/// Of which moment the answer tells, and what it cannot tell.
pub(super) fn as_of(at: &Moment, look: &Look) -> String {
    let back = match at.oldest_entry {
        0 => "its beginning".to_owned(),
        entry => format!("entry {}", grouped(entry)),
    };
    let text = format!(
        "as it was after {}, {} of cluster time ago; what agents had applied then is not in the log, which reaches back to \
         {back}",
        at.generation,
        duration(at.ago_ms)
    );
    format!("{}\n", look.paint.tone(Tone::Warn, &text))
}

/// All that there is, each under its heading; nothing where nothing is.
pub(super) fn screen(around: &Circumstances, look: &Look) -> String {
    let mut out = String::new();
    let mut part = |heading: &str, text: String| {
        if !text.is_empty() {
            let heading = look.paint.tone(Tone::Bold, heading);
            let text: String = text
                .lines()
                .map(|line| format!("  {}\n", line.trim_end()))
                .collect();
            out.push_str(&format!("\n{heading}\n{text}"));
        }
    };
    part(
        "WHAT CHANGED, by cluster time, which stands still while nothing is pending",
        changes(around, look),
    );
    part(
        "WHAT PEOPLE OVERRIDE",
        listed(&around.shifts, |rows| shifts(rows, look)),
    );
    part(
        "WHAT RETURNS",
        listed(&around.returns, |rows| returning(rows, look)) + &more(around.more_returns),
    );
    part(
        "WHAT SAFETY RULES REFUSE",
        refused(around, look) + &more(around.more_refused),
    );
    part("WHAT WAITS FOR A PERSON", waits(around, look));
    part("WHAT IS PREPARED", prepared(around, look));
    part("WHO DID WHAT", audit(around, look));
    out
}

fn listed<T>(rows: &[T], draw: impl Fn(&[T]) -> String) -> String {
    match rows.is_empty() {
        true => String::new(),
        false => draw(rows),
    }
}

fn more(number: u64) -> String {
    match number {
        0 => String::new(),
        number => format!(
            "and {} more: -o json of causeway restore\n",
            grouped(number)
        ),
    }
}

fn changes(around: &Circumstances, look: &Look) -> String {
    listed(&around.changes, |rows| {
        let heading = [
            "AGO",
            "SUBJECT",
            "FROM",
            "TO",
            "UNREACHABLE",
            "GENERATION",
            "NOT COUNTED",
        ];
        let mut table = Table::new(&heading).right(&["AGO"]);
        for row in rows {
            let votes = (row.against > 0).then(|| {
                let domains = count(row.domains.into(), "domain", "domains");
                format!("{} of {} in {domains}", row.against, row.counted)
            });
            table.row(vec![
                duration(row.ago_ms).into(),
                row.subject.to_string().into(),
                row.from.to_string().into(),
                Cell::toned(verdict_tone(row.to), row.to.to_string()),
                Cell::or_dash(votes),
                row.generation.to_string().into(),
                clean(&row.not_counted.join("; ")).into(),
            ]);
        }
        table.render(look.paint)
    })
}

fn refused(around: &Circumstances, look: &Look) -> String {
    listed(&around.refused, |rows| {
        let mut table = Table::new(&["SERVICE", "RULE", "FOR", "WHY"]);
        for row in rows {
            table.row(vec![
                row.service.to_string().into(),
                Cell::toned(Tone::Warn, &row.rule),
                duration(row.since_ago_ms).into(),
                clean(&row.message).into(),
            ]);
        }
        table.render(look.paint)
    })
}

fn waits(around: &Circumstances, look: &Look) -> String {
    let mut out = String::new();
    if let Some(brake) = &around.brake {
        out.push_str(&format!(
            "{}: {} {} lost, and {} is {}: causeway approve brake@{} --reason TEXT\n",
            look.paint.tone(Tone::Bad, "the brake is on"),
            brake.found,
            brake.what,
            brake.field,
            brake.limit,
            brake.generation
        ));
    }
    for row in &around.waiting {
        out.push_str(&format!(
            "{}: {} (for {}): causeway approve {} --reason TEXT\n",
            row.name,
            clean(&row.why),
            duration(row.since_ago_ms),
            row.name
        ));
    }
    out
}

fn prepared(around: &Circumstances, look: &Look) -> String {
    let mut out = String::new();
    for row in &around.prepared {
        let ready = &row.readiness;
        let outcome = look
            .paint
            .tone(tone(ready.outcome), &ready.outcome.to_string());
        let state = match row.active {
            Some(generation) => format!("in force since {generation}"),
            None => format!("named in {}", row.generation),
        };
        out.push_str(&format!(
            "the loss of {}: {outcome}, score {}, contingency {} {state}\n",
            ready.domain, ready.score, row.content
        ));
        let worst = worst(ready);
        if !worst.is_empty() {
            out.push_str(&format!("worst: {worst}\n"));
        }
    }
    out
}

/// Why, and which safety rules were overridden with it.
fn why(row: &AuditRow) -> String {
    let rules: Vec<&str> = row.overrides.iter().map(|rule| rule.name()).collect();
    match rules.is_empty() {
        true => clean(&row.reason),
        false => format!("{} (overrides {})", clean(&row.reason), rules.join(", ")),
    }
}

fn audit(around: &Circumstances, look: &Look) -> String {
    let newest = around.audit.last().map_or(ClusterTime(0), |row| row.at);
    listed(&around.audit, |rows| {
        let mut table = Table::new(&["GENERATION", "BEFORE THE LAST", "WHO", "DID", "TO", "WHY"]);
        for row in rows {
            let who = match row.by.as_str() {
                "" => "Causeway",
                by => by,
            };
            table.row(vec![
                row.generation.to_string().into(),
                duration(newest.since_ms(row.at)).into(),
                clean(who).into(),
                format!("{:?}", row.act).into(),
                clean(&row.object).into(),
                why(row).into(),
            ]);
        }
        table.render(look.paint)
    })
}
