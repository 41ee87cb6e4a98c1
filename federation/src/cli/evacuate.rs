//! `causeway evacuate`: traffic leaves a domain, for a time.

use std::process::ExitCode;

use causeway_api::shift::{OnExpiry, Shift, ShiftAction, Urgency};

use super::ask;
use super::overrides::{self, told};
use crate::args::EvacuateArgs;
use crate::args::people::Expiry;

pub(super) async fn run(args: EvacuateArgs) -> anyhow::Result<ExitCode> {
    let request = request(&args)?;
    let (client, _env) = ask::connect(&args.connect)?;
    let answer = client.shift(&request).await;
    let answer = answer.map_err(|error| ask::explained(&error))?;
    told(&answer, args.output)
}

fn request(args: &EvacuateArgs) -> anyhow::Result<Shift> {
    overrides::rising(&args.steps)?;
    let action = ShiftAction::Evacuate(args.domain.clone());
    let shift = args
        .scope
        .shift(action, args.name.as_ref(), args.life, &args.reason);
    Ok(Shift {
        urgency: if args.now {
            Urgency::Emergency
        } else {
            Urgency::Planned
        },
        interval_ms: if args.steps.is_empty() {
            0
        } else {
            args.every.0
        },
        step_percents: args.steps.clone(),
        on_expiry: match args.on_expiry {
            Expiry::Restore => OnExpiry::Restore,
            Expiry::Hold => OnExpiry::Hold,
        },
        override_rules: args.rules.iter().map(ToString::to_string).collect(),
        approvals_required: args.approvals,
        dry_run: args.dry_run,
        ticket: args.ticket.clone(),
        starts_at_ms: args.start.map(|at| at.0),
        ends_at_ms: args.end.map(|at| at.0),
        ..shift.map_err(anyhow::Error::msg)?
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn typed(words: &str) -> Result<Shift, String> {
        let words = ["causeway", "evacuate", "member/ack"]
            .into_iter()
            .chain(words.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        let Command::Evacuate(args) = cli.command else {
            panic!("another command");
        };
        request(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_typed_arrives() {
        let asked = typed(
            "--for 4h --reason update --service cart.shop --service shop/checkout --steps 25,50,100 --every 5m --approvals 1 \
             --override Headroom --on-expiry hold",
        )
        .unwrap();
        assert_eq!(
            asked.key.to_string(),
            "shop/evacuate-member-ack-cart-and-1-more"
        );
        assert_eq!(asked.targets.len(), 2);
        assert_eq!(
            (asked.step_percents, asked.interval_ms),
            (vec![25, 50, 100], 300_000)
        );
        assert_eq!(asked.expires_after_ms, 14_400_000);
        assert_eq!(asked.on_expiry, OnExpiry::Hold);
        assert!(asked.override_rules.contains("Headroom"));
        let all = typed("--for 30m --reason x --now").unwrap();
        assert_eq!(all.key.to_string(), "causeway-system/evacuate-member-ack");
        assert!(all.root && !asked.root);
        let night = typed(
            "--for 4h --reason x --start 2026-11-24T02:00:00Z --end 2026-11-24T06:30:00+02:00",
        );
        let night = night.unwrap();
        assert_eq!(night.starts_at_ms, Some(1_795_485_600_000));
        assert_eq!(night.ends_at_ms, Some(1_795_494_600_000));
        assert_eq!((all.urgency, all.interval_ms), (Urgency::Emergency, 0));
    }

    #[test]
    fn nonsense_is_named() {
        for (words, part) in [
            ("--reason x", "--for <DURATION>"),
            ("--for 4h", "--reason <TEXT>"),
            (
                "--for 4h --reason x --start tomorrow",
                "such as 2026-11-24T02:00:00Z",
            ),
            ("--for 4 --reason x", "give a duration such as 30m"),
            ("--for 9000h --reason x", "give 10s to 720h"),
            ("--for 1h --reason x --override Luck", "is no safety rule"),
            (
                "--for 1h --reason x --steps 50,25,100",
                "must rise and end with 100",
            ),
            (
                "--for 1h --reason x --service a.b --service c.d",
                "several namespaces",
            ),
            (
                "--for 1h --reason x --now --steps 50,100",
                "cannot be used with",
            ),
        ] {
            let said = typed(words).unwrap_err();
            assert!(said.contains(part), "{words}: {said}");
        }
    }
}
