//! `causeway approve`: yes to what waits for a person.

use std::process::ExitCode;

use anyhow::bail;
use causeway_state::brain::Approvable;

use super::ask::{self, Look};
use super::overrides;
use super::text::clean;
use crate::admin::api::overrides::{ApproveRequest, ReleaseRequest};
use crate::args::people::ApproveTarget;
use crate::args::{ApproveArgs, Output};

pub(super) async fn run(args: ApproveArgs) -> anyhow::Result<ExitCode> {
    let (client, _env) = ask::connect(&args.connect)?;
    let Some(target) = args.target else {
        let report = client.overrides().await;
        let report = report.map_err(|error| ask::explained(&error))?;
        ask::print(&match args.output {
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
            Output::Table | Output::Wide => overrides::waits(&report, &Look::of(args.output)),
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(reason) = args.reason else {
        bail!("say why with --reason: whoever looks at the record will ask");
    };
    let done = match target {
        ApproveTarget::Brake(seen) => client.release_brake(&ReleaseRequest { seen, reason }).await,
        ApproveTarget::Waiting(what, seen) => {
            let what = match (what, args.service) {
                (Approvable::Failback { domain, .. }, service) => Approvable::Failback {
                    domain,
                    service: service.map(|name| name.0),
                },
                (_, Some(_)) => {
                    bail!("--service belongs to a domain: name the service alone instead")
                }
                (what, None) => what,
            };
            client.approve(&ApproveRequest { what, seen, reason }).await
        }
    };
    let done = done.map_err(|error| ask::explained(&error))?;
    ask::print(&match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&done)?),
        Output::Table | Output::Wide => format!("{}\n", clean(&done.message)),
    })?;
    Ok(ExitCode::SUCCESS)
}
