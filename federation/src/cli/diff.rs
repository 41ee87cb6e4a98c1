//! `causeway diff`: what exactly would be written into a member.

use std::process::ExitCode;

use causeway_api::session::{DiffAction, DiffEntry};
use causeway_api::spec::Mode;

use super::ask::{self, Look};
use super::table::Tone;
use super::text::{clean, clean_lines, count};
use crate::admin::api::DiffReport;
use crate::args::DiffArgs;

mod lines;

pub(super) async fn run(args: DiffArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    ask::show(&env, &args.render, || client.diff(&args.member), screen).await?;
    Ok(ExitCode::SUCCESS)
}

/// The screen: a line for each object and below it the lines that differ; wide: the objects whole.
pub(super) fn screen(report: &DiffReport, look: &Look) -> String {
    let mut out = String::new();
    for entry in &report.entries {
        out.push_str(&object(entry, look));
    }
    if !report.entries.is_empty() {
        out.push('\n');
    }
    out.push_str(&summary(report));
    out
}

fn object(entry: &DiffEntry, look: &Look) -> String {
    let (sign, tone) = match entry.action {
        DiffAction::Create => ("+ create", Tone::Good),
        DiffAction::Update => ("~ update", Tone::Warn),
        DiffAction::Delete => ("- delete", Tone::Bad),
    };
    let held = entry
        .held_back
        .as_ref()
        .map(|why| format!("  held back: {}", clean(why)))
        .unwrap_or_default();
    let mut out = format!(
        "{} {}{held}\n",
        look.paint.tone(tone, sign),
        clean(&entry.object)
    );
    let (live, desired) = (clean_lines(&entry.live), clean_lines(&entry.desired));
    // An object that appears or disappears differs in every line: it is shown whole only where asked for.
    if look.wide || entry.action == DiffAction::Update {
        for line in lines::compare(&live, &desired) {
            let (sign, tone, text) = match line {
                lines::Line::Same(text) if look.wide => (' ', Tone::Plain, text),
                lines::Line::Same(_) => continue,
                lines::Line::Removed(text) => ('-', Tone::Bad, text),
                lines::Line::Added(text) => ('+', Tone::Good, text),
            };
            out.push_str(&format!(
                "    {}\n",
                look.paint.tone(tone, &format!("{sign} {text}"))
            ));
        }
    }
    out
}

fn summary(report: &DiffReport) -> String {
    let of = |action| {
        report
            .entries
            .iter()
            .filter(|entry| entry.action == action)
            .count() as u64
    };
    let (create, update, delete) = (
        of(DiffAction::Create),
        of(DiffAction::Update),
        of(DiffAction::Delete),
    );
    let member = &report.member;
    if report.entries.is_empty() {
        return format!(
            "{member}: its mesh is as the view {} wants it\n",
            report.view
        );
    }
    let objects = count(create + update + delete, "object differs", "objects differ");
    let numbers = format!(
        "{member}: {objects} from the view {}: {create} to create, {update} to update, {delete} to delete.",
        report.view
    );
    let then = match (report.mode, report.suspended) {
        (_, true) => "Nothing is written while spec.suspend is true.".to_owned(),
        (Mode::Observe, _) => format!(
            "Nothing is written in mode Observe. To write it: kubectl patch membercluster {member} --type merge \
             -p '{{\"spec\":{{\"mode\":\"Federate\"}}}}'"
        ),
        (Mode::Federate, _) if report.entries.iter().all(|entry| entry.held_back.is_some()) => {
            "All of it is held back, as said above.".to_owned()
        }
        (Mode::Federate, _) => "What is not held back is being written.".to_owned(),
    };
    format!("{numbers}\n{then}\n")
}
