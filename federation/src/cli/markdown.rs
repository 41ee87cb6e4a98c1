//! `causeway help-markdown`: the reference of all commands, for the documentation, from the same source as `--help`.

use std::process::ExitCode;

use clap::{Command, CommandFactory};

use super::ask::print;
use crate::args::Cli;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    print(&reference())?;
    Ok(ExitCode::SUCCESS)
}

/// The whole reference, as Markdown. Does not depend on the width of a terminal.
#[must_use]
pub fn reference() -> String {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut out = String::from("# Commands\n\nGenerated from `causeway --help`.\n");
    section(&mut out, &mut root, "");
    out
}

fn section(out: &mut String, command: &mut Command, parent: &str) {
    let path = if parent.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{parent} {}", command.get_name())
    };
    let help = command
        .clone()
        .bin_name(&path)
        .term_width(100)
        .render_long_help()
        .to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    out.push_str(&format!(
        "\n## `{path}`\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    ));
    for child in command
        .get_subcommands_mut()
        .filter(|child| !child.is_hide_set())
    {
        section(out, child, &path);
    }
}
