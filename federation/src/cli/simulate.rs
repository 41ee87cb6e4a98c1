//! `causeway simulate`: what would be decided in a clusterset that stands in a file.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::ask::print;
use super::files;
use crate::args::{Output, SimulateArgs};

pub(super) async fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    match (&args.lose, &args.file) {
        (Some(domain), _) => super::lose::run(args, domain).await,
        (None, Some(file)) => played(args, file),
        (None, None) => bail!("give a scenario with -f, or a domain with --lose"),
    }
}

fn played(args: &SimulateArgs, file: &Path) -> anyhow::Result<ExitCode> {
    let name = file.display();
    let text = files::read("scenario", file)?;
    let text = String::from_utf8(text).with_context(|| format!("{name} is no text"))?;
    let scenario = match causeway_scenario::read(&text) {
        Ok(scenario) => scenario,
        Err(problems) => {
            let lines = problems.0.iter();
            let lines =
                lines.map(|problem| format!("{name}:{}: {}", problem.line, problem.message));
            bail!(
                "the scenario is not in order\n{}",
                lines.collect::<Vec<_>>().join("\n")
            );
        }
    };
    let report = causeway_scenario::play(&scenario);
    print(&match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
        Output::Table | Output::Wide => causeway_scenario::text::text(&report),
    })?;
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;

    const SCENARIO: &str = "\
name: nothing happens
members: [{name: a, region: r, zones: [z]}]
services: [{name: shop/cart, ready: {a: {z: 2}}}]
observers: [{name: replica/r1, failureDomain: d}]
";

    fn simulate(text: &str) -> anyhow::Result<ExitCode> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scenario.yaml");
        std::fs::write(&file, text).unwrap();
        let args = SimulateArgs {
            file: Some(file.clone()),
            lose: None,
            output: Output::Json,
            connect: crate::args::Connect::default(),
        };
        played(&args, &file)
    }

    #[test]
    fn the_exit_code_says_whether_it_was_as_expected() {
        let expecting =
            |state: &str| format!("{SCENARIO}expect: [{{verdicts: {{member/a: {state}}}}}]\n");
        assert_eq!(simulate(&expecting("Serving")).unwrap(), ExitCode::SUCCESS);
        assert_eq!(simulate(&expecting("Lost")).unwrap(), ExitCode::FAILURE);
    }

    #[test]
    fn what_is_not_in_order_is_named_with_file_and_line() {
        let error = simulate(&SCENARIO.replace("{z: 2}", "{z: -2}")).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("scenario.yaml:3: ") && error.contains("-2"),
            "{error}"
        );
    }
}
