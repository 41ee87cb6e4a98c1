//! `causeway restore`: traffic returns, or an override ends.

use std::process::ExitCode;

use anyhow::bail;
use causeway_api::domain::Domain;
use causeway_api::shift::{Shift, ShiftAction, ShiftKey, Urgency};

use super::ask::{self, Look};
use super::overrides::{self, ended, told};
use crate::admin::api::overrides::OverridesReport;
use crate::admin::client::Client;
use crate::args::people::RestoreTarget;
use crate::args::{Output, RestoreArgs};

pub(super) async fn run(args: RestoreArgs) -> anyhow::Result<ExitCode> {
    let (client, _env) = ask::connect(&args.connect)?;
    let report = client.overrides().await;
    let report = report.map_err(|error| ask::explained(&error))?;
    let Some(target) = &args.target else {
        ask::print(&match args.output {
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
            Output::Table | Output::Wide => overrides::in_force(&report, &Look::of(args.output)),
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(reason) = &args.reason else {
        bail!("say why with --reason: whoever looks at the record will ask");
    };
    match target {
        RestoreTarget::Shift(key) if args.dry_run => {
            let known = report.shifts.iter().any(|row| row.shift.key == *key);
            let text = if known {
                format!("nothing was changed: TrafficShift {key} would end\n")
            } else {
                format!("there is no TrafficShift {key}\n")
            };
            ask::print(&text)?;
            Ok(if known {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        RestoreTarget::Shift(key) => {
            ended(&client, std::slice::from_ref(key), reason, args.output, "").await
        }
        RestoreTarget::Domain(domain) => to(&client, &args, &report, domain, reason).await,
    }
}

async fn to(
    client: &Client,
    args: &RestoreArgs,
    report: &OverridesReport,
    domain: &Domain,
    reason: &str,
) -> anyhow::Result<ExitCode> {
    let (namespace, targets) = args.scope.resolve().map_err(anyhow::Error::msg)?;
    let evacuations: Vec<ShiftKey> = report
        .shifts
        .iter()
        .map(|row| &row.shift)
        .filter(|shift| shift.action == ShiftAction::Evacuate(domain.clone()))
        .filter(|shift| shift.key.namespace == namespace)
        .filter(|shift| targets.is_empty() || shift.targets == targets)
        .map(|shift| shift.key.clone())
        .collect();
    if !evacuations.is_empty() {
        if args.dry_run {
            let names: Vec<String> = evacuations.iter().map(ToString::to_string).collect();
            ask::print(&format!(
                "nothing was changed: these would end, and traffic return by the steps of failback: {}\n",
                names.join(", ")
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        return ended(client, &evacuations, reason, args.output, "").await;
    }
    let action = ShiftAction::Restore(domain.clone());
    let request = Shift {
        urgency: Urgency::Emergency,
        dry_run: args.dry_run,
        ..args
            .scope
            .shift(action, None, args.life, reason)
            .map_err(anyhow::Error::msg)?
    };
    let answer = client.shift(&request).await;
    told(
        &answer.map_err(|error| ask::explained(&error))?,
        args.output,
    )
}
