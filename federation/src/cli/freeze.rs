//! `causeway freeze`: automation stops, for a time.

use std::process::ExitCode;

use causeway_api::shift::{Shift, ShiftAction, Urgency};

use super::ask;
use super::overrides::{ended, told};
use crate::args::FreezeArgs;

pub(super) async fn run(args: FreezeArgs) -> anyhow::Result<ExitCode> {
    let (namespace, targets) = args.scope.resolve().map_err(anyhow::Error::msg)?;
    let (client, _env) = ask::connect(&args.connect)?;
    if args.release {
        let report = client.overrides().await;
        let report = report.map_err(|error| ask::explained(&error))?;
        let freezes = report.shifts.iter().map(|row| &row.shift).filter(|shift| {
            shift.action == ShiftAction::Freeze
                && shift.key.namespace == namespace
                && (targets.is_empty() || shift.targets == targets)
        });
        let keys: Vec<_> = freezes.map(|shift| shift.key.clone()).collect();
        let nothing = format!("no freeze is in force in {namespace}");
        return ended(&client, &keys, &args.reason, args.output, &nothing).await;
    }
    let shift = args.scope.shift(
        ShiftAction::Freeze,
        args.name.as_ref(),
        args.life,
        &args.reason,
    );
    let request = Shift {
        urgency: Urgency::Emergency,
        ticket: args.ticket,
        ..shift.map_err(anyhow::Error::msg)?
    };
    let answer = client.shift(&request).await;
    told(
        &answer.map_err(|error| ask::explained(&error))?,
        args.output,
    )
}
