//! `causeway backup`: the decisions in a file.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use causeway_api::ReplicaId;
use causeway_seam::real::Folder;
use causeway_storage::ReplicaNode;
use causeway_storage::backup::{Backup, Contents};
use causeway_storage::offline::{Restore, restore};

use super::ask::{self, print};
use super::files::{private_folder, read, write_private};
use super::replica::begun;
use super::text::{clean, count, grouped};
use crate::args::Output;
use crate::args::backup::{
    BackupArgs, BackupCommand, BackupCreateArgs, BackupRestoreArgs, BackupShowArgs,
};

pub(super) async fn run(args: BackupArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        BackupCommand::Create(args) => create(args).await,
        BackupCommand::Show(args) => show(&args),
        BackupCommand::Restore(args) => restored(&args),
    }
}

async fn create(args: BackupCreateArgs) -> anyhow::Result<ExitCode> {
    let (client, _env) = ask::connect(&args.connect)?;
    let bytes = client.backup().await;
    let bytes = bytes.map_err(|error| ask::explained(&error))?;
    // Before it is kept: what came over the wire is checked like what is read from a disk.
    let backup = Backup::read(&bytes).context("what the controller sent is no backup")?;
    write_private(&args.out, &bytes, args.force)?;
    let written = format!("wrote {}  ({} bytes)\n", args.out.display(), bytes.len());
    said(&backup.contents, args.output, &written)
}

fn show(args: &BackupShowArgs) -> anyhow::Result<ExitCode> {
    let (backup, bytes) = open(&args.file)?;
    let whole = format!("{} is whole  ({bytes} bytes)\n", args.file.display());
    said(&backup.contents, args.output, &whole)
}

fn restored(args: &BackupRestoreArgs) -> anyhow::Result<ExitCode> {
    let (backup, _) = open(&args.file)?;
    let contents = &backup.contents;
    if !args.acknowledge_lost_decisions {
        let next = contents.generation.incarnation.saturating_add(1);
        print(&format!(
            "{}\nNothing was changed. With --acknowledge-lost-decisions, replica r{} in {} becomes the only one of this clusterset, in \
             incarnation {}, and what was decided after {} is lost.\n",
            screen(contents),
            args.replica_id,
            args.data_dir.display(),
            next.max(args.incarnation_at_least),
            contents.generation,
        ))?;
        return Ok(ExitCode::FAILURE);
    }
    private_folder(&args.data_dir)?;
    let folder = Folder::open(&args.data_dir)?;
    let node = ReplicaNode {
        address: args.peer_address.clone(),
        domain: args.failure_domain.to_string(),
    };
    let wanted = Restore {
        replica: ReplicaId(args.replica_id),
        node: Some(node),
        incarnation_at_least: args.incarnation_at_least,
    };
    let done = restore(&folder, &backup, &wanted)?;
    print(&begun(&done, &args.data_dir))?;
    Ok(ExitCode::SUCCESS)
}

fn open(file: &Path) -> anyhow::Result<(Backup, usize)> {
    let bytes = read("backup", file)?;
    let backup = Backup::read(&bytes).with_context(|| file.display().to_string())?;
    Ok((backup, bytes.len()))
}

fn said(contents: &Contents, output: Output, first: &str) -> anyhow::Result<ExitCode> {
    match output {
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(contents)?))?,
        Output::Table | Output::Wide => print(&format!("{first}{}", screen(contents)))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is inside, for people.
pub(super) fn screen(contents: &Contents) -> String {
    let when = jiff::Timestamp::from_millisecond(contents.taken_at_ms);
    let when = when.map_or_else(
        |_| "at an unknown time".to_owned(),
        |time| format!("{time:.0}"),
    );
    let confirmed = if contents.confirmed {
        "nothing newer was decided then"
    } else {
        "that replica may have been behind: no majority confirmed it"
    };
    let members: Vec<&str> = contents.members.iter().map(|name| name.as_str()).collect();
    let replicas: Vec<String> = contents
        .replicas
        .iter()
        .map(|row| format!("{} ({})", row.replica, clean(&row.domain)))
        .collect();
    format!(
        "Taken       {when}, by replica {} of causeway {}; {confirmed}\n\
         Clusterset  {}, incarnation {}\n\
         Decisions   up to {}, feature level {}\n\
         Members     {}: {}\n\
         Policies    {}\n\
         Plans       {}\n\
         Replicas    {}\n",
        contents.replica,
        clean(&contents.version),
        clean(&contents.clusterset),
        contents.generation.incarnation,
        contents.generation,
        contents.feature_level,
        count(contents.members.len() as u64, "member", "members"),
        if members.is_empty() {
            "-".to_owned()
        } else {
            members.join(", ")
        },
        grouped(contents.policies),
        count(contents.services, "service", "services"),
        if replicas.is_empty() {
            "-".to_owned()
        } else {
            replicas.join(", ")
        },
    )
}
