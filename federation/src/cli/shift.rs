//! `causeway explain shift/…`: what an override does, who agreed, and what became of it.

use super::ask::Look;
use super::circumstances;
use super::overrides::shifts;
use super::table::{Table, Tone};
use super::text::{clean, count, duration};
use crate::admin::api::ShiftExplanation;

/// The screen.
pub(super) fn screen(explanation: &ShiftExplanation, look: &Look) -> String {
    let name = format!("TrafficShift {}", explanation.shift);
    let name = look.paint.tone(Tone::Bold, &name);
    let mut out = match &explanation.report {
        Some(report) => format!(
            "{name} is {} · {} · generation {}\n",
            report.state,
            count(explanation.services, "planned service", "planned services"),
            report.generation
        ),
        None => format!("{name} is over: it holds nothing any more\n"),
    };
    if let Some(at) = &explanation.at {
        out.push_str(&circumstances::as_of(at, look));
    }
    if let Some(report) = &explanation.report {
        out.push_str(&format!("\n{}", shifts(std::slice::from_ref(report), look)));
        let shift = &report.shift;
        let mut facts = Table::new(&[]).indent(2);
        if !shift.step_percents.is_empty() {
            let steps: Vec<String> = shift
                .step_percents
                .iter()
                .map(ToString::to_string)
                .collect();
            let text = format!(
                "{} %, each for {}",
                steps.join(", "),
                duration(shift.interval_ms)
            );
            facts.row(vec!["steps".into(), text.into()]);
        }
        if !shift.override_rules.is_empty() {
            let rules: Vec<&str> = shift.override_rules.iter().map(String::as_str).collect();
            facts.row(vec![
                "overrides the rules".into(),
                clean(&rules.join(", ")).into(),
            ]);
        }
        if let Some(ticket) = &shift.ticket {
            facts.row(vec!["ticket".into(), clean(ticket).into()]);
        }
        if !facts.is_empty() {
            out.push_str(&facts.render(look.paint));
        }
    }
    if !explanation.approvals.is_empty() {
        let mut table = Table::new(&["APPROVED BY", "AGO", "WHY"]);
        for row in &explanation.approvals {
            table.row(vec![
                clean(&row.by).into(),
                duration(row.ago_ms).into(),
                clean(&row.reason).into(),
            ]);
        }
        out.push_str(&format!("\n{}", table.render(look.paint)));
    }
    out.push_str(&circumstances::screen(&explanation.around, look));
    out
}
