//! `causeway replica`: the data folder of a replica that is stopped.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use causeway_seam::real::Folder;
use causeway_storage::offline::{Begun, Inspection, inspect, recover};

use super::ask::print;
use super::replicas;
use super::text::{clean, count, grouped};
use crate::args::Output;
use crate::args::replica::{ReplicaArgs, ReplicaCommand, ReplicaInspectArgs, ReplicaRecoverArgs};

pub(super) async fn run(args: ReplicaArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        ReplicaCommand::List(args) => replicas::list(args).await,
        ReplicaCommand::Add(args) => replicas::add(args).await,
        ReplicaCommand::Remove(args) => replicas::remove(args).await,
        ReplicaCommand::Transfer(args) => replicas::transfer(args).await,
        ReplicaCommand::Inspect(args) => inspected(&args),
        ReplicaCommand::Recover(args) => recovered(&args),
    }
}

/// The folder, which must be there: one that is mistyped is not to be made.
fn folder(path: &Path) -> anyhow::Result<Folder> {
    if !path.is_dir() {
        bail!(
            "there is no folder {}: give the --data-dir of the replica",
            path.display()
        );
    }
    Ok(Folder::open(path)?)
}

fn inspected(args: &ReplicaInspectArgs) -> anyhow::Result<ExitCode> {
    let found = inspect(&folder(&args.data_dir)?)?;
    let text = match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&found)?),
        Output::Table | Output::Wide => screen(&found),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn recovered(args: &ReplicaRecoverArgs) -> anyhow::Result<ExitCode> {
    let folder = folder(&args.data_dir)?;
    if args.acknowledge_lost_decisions {
        let done = recover(&folder, args.incarnation_at_least)?;
        print(&begun(&done, &args.data_dir))?;
        return Ok(ExitCode::SUCCESS);
    }
    let found = inspect(&folder)?;
    let next = found.generation.incarnation.saturating_add(1);
    print(&format!(
        "{}\nNothing was changed. With --acknowledge-lost-decisions, {} becomes the only replica of this clusterset, in incarnation {}, and \
         what is not in its log is lost. Compare the last entries of all survivors first: the higher term is the longer log, and \
         with equal terms the higher index.\n",
        screen(&found),
        found.replica,
        next.max(args.incarnation_at_least),
    ))?;
    Ok(ExitCode::FAILURE)
}

/// What is in a folder, for people.
pub(super) fn screen(found: &Inspection) -> String {
    let replicas: Vec<String> = found
        .replicas
        .iter()
        .map(|member| {
            let node = &member.node;
            let votes = if member.voter { "votes" } else { "no vote" };
            format!(
                "\n  {}  {}  {}  {votes}",
                member.replica,
                or_dash(&node.address),
                or_dash(&node.domain)
            )
        })
        .collect();
    let fenced = found.fenced.map_or_else(String::new, |by| {
        format!("Shut out    by incarnation {by}, in which this replica has no part\n")
    });
    let committed = match found.committed {
        0 => "unknown".to_owned(),
        index => format!("entry {}", grouped(index)),
    };
    format!(
        "Folder      {}, of replica {}\n\
         Clusterset  {}, incarnation {}\n\
         Last entry  term {}, index {}\n\
         Decided     {committed} at least; the newest snapshot reaches entry {}, entries up to {} were removed\n\
         Last vote   in term {}\n\
         Members     {}\n\
         Database    {} bytes, {} of them free\n\
         {fenced}Replicas    {}{}\n",
        found.path,
        found.replica,
        found.clusterset,
        found.generation.incarnation,
        found.last.term,
        found.last.index,
        grouped(found.snapshot),
        grouped(found.purged),
        found.vote_term,
        count(found.members as u64, "member", "members"),
        grouped(found.database_bytes),
        grouped(found.free_bytes),
        found.replicas.len(),
        replicas.concat(),
    )
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        clean(text)
    }
}

/// What was done, and what comes next.
pub(super) fn begun(done: &Begun, path: &Path) -> String {
    let gone: Vec<String> = done.gone.iter().map(ToString::to_string).collect();
    let gone = if gone.is_empty() {
        String::new()
    } else {
        format!(
            "These replicas have no part in it: {}. If one comes back, it hears so and stops; empty its data folder and add it under a \
             new id.\n",
            gone.join(", ")
        )
    };
    let undecided = match done.undecided {
        0 => String::new(),
        number => format!(
            "{} of its log, of which it did not know whether they were decided, are in force now.\n",
            count(number, "entry", "entries")
        ),
    };
    format!(
        "Replica {} in {} is the only one of its clusterset now, in incarnation {}. It goes on from {} (term {}, index {}).\n{undecided}{gone}\n\
         Next:\n  \
         start its controller with --replica-id {} and this data folder\n  \
         causeway status\n  \
         add replicas, one by one, with empty data folders and new ids\n",
        done.replica,
        path.display(),
        done.generation.incarnation,
        done.from,
        done.last.term,
        done.last.index,
        done.replica.0,
    )
}
