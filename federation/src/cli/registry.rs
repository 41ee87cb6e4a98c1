//! `causeway registry`: which host cluster owns which declaration.

use std::process::ExitCode;

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::clean;
use crate::admin::api::registry::{ConfirmRequest, Done, MoveRequest, RegistryReport};
use crate::args::Output;
use crate::args::registry::{
    RegistryArgs, RegistryCommand, RegistryConfirmArgs, RegistryListArgs, RegistryMoveArgs,
};

pub(super) async fn run(args: RegistryArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        RegistryCommand::List(args) => list(args).await,
        RegistryCommand::Move(args) => moved(args).await,
        RegistryCommand::Confirm(args) => confirmed(args).await,
    }
}

async fn list(args: RegistryListArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let draw = |report: &RegistryReport, look: &Look| screen(report, look);
    ask::show(&env, &args.render, || client.registry(), draw).await?;
    Ok(ExitCode::SUCCESS)
}

async fn moved(args: RegistryMoveArgs) -> anyhow::Result<ExitCode> {
    let asked = MoveRequest {
        object: args.object.key()?,
        to: args.to,
    };
    let (client, _env) = ask::connect(&args.connect)?;
    let done = client.move_object(&asked).await;
    told(&done.map_err(|error| ask::explained(&error))?, args.output)
}

async fn confirmed(args: RegistryConfirmArgs) -> anyhow::Result<ExitCode> {
    let asked = ConfirmRequest {
        object: args.object.key()?,
    };
    let (client, _env) = ask::connect(&args.connect)?;
    let done = client.confirm_removal(&asked).await;
    told(&done.map_err(|error| ask::explained(&error))?, args.output)
}

fn told(done: &Done, output: Output) -> anyhow::Result<ExitCode> {
    let text = match output {
        Output::Json => serde_json::to_string_pretty(done)?,
        Output::Table | Output::Wide => clean(&done.message),
    };
    ask::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The screen.
pub(super) fn screen(report: &RegistryReport, look: &Look) -> String {
    if report.objects.is_empty() {
        return "Nothing is declared. Create a MemberCluster with spec {} in a host cluster of the controller\n".to_owned();
    }
    let mut heading = vec!["KIND", "NAME", "OWNER", "STATE", "HERE"];
    if look.wide {
        heading.push("OWNER-UID");
    }
    heading.push("NOTE");
    let mut table = Table::new(&heading);
    for row in &report.objects {
        let tone = |text: &str, good: &[&str]| {
            if good.contains(&text) {
                Tone::Plain
            } else {
                Tone::Warn
            }
        };
        let mut cells: Vec<Cell> = vec![
            row.object.kind().into(),
            row.object.name().into(),
            Cell::or_dash(row.owner.as_ref().map(|owner| owner.name.clone())),
            Cell::toned(tone(&row.state, &["InForce"]), row.state.clone()),
            Cell::toned(tone(&row.here, &["Owner", "Mirror", "-"]), row.here.clone()),
        ];
        if look.wide {
            cells.push(Cell::or_dash(row.owner.as_ref().map(|owner| &owner.uid)));
        }
        cells.push(clean(row.note.as_deref().unwrap_or_default()).into());
        table.row(cells);
    }
    let mut hosts = Table::new(&["HOST", "REPLICAS", "UID", ""]);
    for row in &report.hosts {
        hosts.row(vec![
            row.host.name.clone().into(),
            if row.replicas.is_empty() {
                Cell::toned(Tone::Warn, "none")
            } else {
                row.replicas.join(" ").into()
            },
            row.host.uid.to_string().into(),
            if row.here { "answers" } else { "" }.into(),
        ]);
    }
    format!("{}\n{}", table.render(look.paint), hosts.render(look.paint))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::registry::{Host, HostUid, ObjectKey};

    use super::*;
    use crate::admin::api::registry::{HostRow, RegistryRow};

    #[test]
    fn the_screen_names_owners_and_what_is_not_applied() {
        let host = |name: &str| Host {
            uid: HostUid(format!("uid-{name}")),
            name: name.to_owned(),
        };
        let row = |name: &str, state: &str, here: &str, note: Option<&str>| RegistryRow {
            object: ObjectKey::of("mcl", name).unwrap(),
            owner: Some(host("eu-1")),
            state: state.to_owned(),
            here: here.to_owned(),
            note: note.map(ToOwned::to_owned),
        };
        let report = RegistryReport {
            hosts: vec![HostRow {
                host: host("eu-1"),
                replicas: vec!["r1".to_owned()],
                here: false,
            }],
            objects: vec![
                row("ack", "InForce", "Mirror", None),
                row("edge", "InForce", "NotOwner", Some("owned by host eu-1")),
            ],
        };
        let look = Look::of(Output::Wide);
        let text = screen(&report, &look);
        for part in ["ack", "NotOwner", "owned by host eu-1", "uid-eu-1", "r1"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(screen(&RegistryReport::default(), &look).contains("MemberCluster"));
    }
}
