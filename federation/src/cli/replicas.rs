//! `causeway replica list|add|remove|transfer`: the replicas that run.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use causeway_seam::Env;

use super::ask::{self, Look};
use super::table::{Cell, Table, Tone};
use super::text::{clean, duration, grouped};
use crate::admin::api::replicas::{ReplicaChange, ReplicaRow, ReplicasReport};
use crate::admin::client::{Client, ClientError};
use crate::args::replica::{
    ReplicaAddArgs, ReplicaListArgs, ReplicaRemoveArgs, ReplicaTransferArgs,
};

/// How often it is asked whether a replica has caught up.
const AGAIN: Duration = Duration::from_millis(500);
/// How long nothing is said while an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn list(args: ReplicaListArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let draw = |report: &ReplicasReport, look: &Look| screen(report, look);
    ask::show(&env, &args.render, || client.replicas(), draw).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn add(args: ReplicaAddArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let change = ReplicaChange::Add {
        id: args.id,
        address: args.address,
        domain: args.domain.map(|domain| domain.to_string()),
        replace: args.replace,
        accept_domain_risk: args.accept_domain_risk,
    };
    said(&env, &client, &change).await?;
    let promote = ReplicaChange::Promote {
        id: args.id,
        replace: args.replace,
        accept_domain_risk: args.accept_domain_risk,
    };
    let start = env.now();
    let mut told = String::new();
    loop {
        let refused = match client.change_replicas(&promote).await {
            Ok(done) => {
                ask::print(&format!("{}\n", clean(&done.message)))?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(ClientError::Answered { status: 400, body })
                if !body.error.contains("not yet: ") =>
            {
                return Err(ask::explained(&ClientError::Answered { status: 400, body }));
            }
            // Catching up, or the lead is passing.
            Err(error) => error,
        };
        if env.now().since(start) > Duration::from_secs(args.wait) {
            bail!(
                "replica r{} follows, and has no vote after {} s: {}\n  It is promoted by itself once it has caught up: causeway replica list --watch",
                args.id,
                args.wait,
                clean(&refused.to_string())
            );
        }
        let progress = progress(&client, args.id, &refused).await;
        if progress != told {
            ask::print(&format!("{progress}\n"))?;
            told = progress;
        }
        env.sleep(AGAIN).await;
    }
}

async fn progress(client: &Client, id: u64, refused: &ClientError) -> String {
    let report = client.replicas().await.unwrap_or_default();
    let row = report.replicas.into_iter().find(|row| row.id == id);
    match row.and_then(|row| row.snapshot) {
        Some((done, total)) => format!(
            "replica r{id} gets a snapshot: {} of {} bytes",
            grouped(done),
            grouped(total)
        ),
        None => clean(&refused.to_string()),
    }
}

pub(super) async fn remove(args: ReplicaRemoveArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    let change = ReplicaChange::Remove {
        id: args.id,
        accept_domain_risk: args.accept_domain_risk,
    };
    said(&env, &client, &change).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn transfer(args: ReplicaTransferArgs) -> anyhow::Result<ExitCode> {
    let (client, env) = ask::connect(&args.connect)?;
    said(&env, &client, &ReplicaChange::Transfer { to: args.to }).await?;
    Ok(ExitCode::SUCCESS)
}

async fn said(env: &Env, client: &Client, change: &ReplicaChange) -> anyhow::Result<()> {
    let mut asked = pin!(client.change_replicas(change));
    let done = match env.timeout(PATIENCE, &mut asked).await {
        Ok(done) => done,
        Err(_) => {
            eprintln!(
                "no answer yet: it takes a leader, and a majority that answers; see causeway status"
            );
            asked.await
        }
    };
    let done = done.map_err(|error| ask::explained(&error))?;
    ask::print(&format!("{}\n", clean(&done.message)))
}

/// The screen.
pub(super) fn screen(report: &ReplicasReport, look: &Look) -> String {
    let mut heading = vec![
        "ID",
        "ROLE",
        "DOMAIN",
        "ADDRESS",
        "REACHED",
        "ROUND-TRIP",
        "LAG",
    ];
    if look.wide {
        heading.extend([
            "MAJORITY", "DISK", "SEEN", "CLOCK", "SESSIONS", "ADMIN", "VERSION",
        ]);
    }
    heading.push("NOTE");
    let mut table = Table::new(&heading).right(&["ROUND-TRIP", "LAG", "MAJORITY", "DISK", "CLOCK"]);
    for row in &report.replicas {
        let mut cells = narrow(row, &report.asked);
        if look.wide {
            cells.extend(wide(row));
        }
        cells.push(row.note.as_deref().map_or_else(String::new, clean).into());
        table.row(cells);
    }
    let leader = leads(report);
    let risk = report
        .domain_risk
        .as_ref()
        .map_or_else(String::new, |risk| format!("At risk: {}\n", clean(risk)));
    format!(
        "As {} sees it: {leader}; {} of {} voters decide.\n{risk}\n{}",
        clean(&report.asked),
        report.quorum,
        report.voters,
        table.render(look.paint)
    )
}

/// Who leads. Without a majority nobody tells this replica that the one it knows leads no more.
fn leads(report: &ReplicasReport) -> String {
    let Some(leader) = &report.leader else {
        return "nobody leads: no decision can be made".to_owned();
    };
    let (leader, term) = (clean(leader), report.term);
    let mut rows = report.replicas.iter();
    let dark = leader != report.asked
        && rows.any(|row| !row.reachable && format!("r{}", row.id) == leader);
    if dark {
        return format!("{leader} led last, in term {term}, and is out of reach from here");
    }
    let since = duration(report.leader_for_ms);
    format!("{leader} leads since {since}, in term {term}")
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        clean(text)
    }
}

fn trip(us: Option<u64>) -> String {
    us.map_or_else(
        || "-".to_owned(),
        |us| format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
    )
}

fn narrow(row: &ReplicaRow, asked: &str) -> Vec<Cell> {
    let id = format!("r{}", row.id);
    let reached = match (row.reachable, id == asked) {
        (_, true) => Cell::toned(Tone::Dim, "itself"),
        (true, _) => Cell::toned(Tone::Good, "yes"),
        (false, _) => Cell::toned(Tone::Bad, "no"),
    };
    let role = match row.role.as_str() {
        "leader" => Tone::Bold,
        "learner" | "waiting" => Tone::Warn,
        _ => Tone::Plain,
    };
    vec![
        id.into(),
        Cell::toned(role, &row.role),
        or_dash(&row.domain).into(),
        or_dash(&row.address).into(),
        reached,
        trip(row.round_trip_us).into(),
        row.lag.map_or_else(|| "-".to_owned(), grouped).into(),
    ]
}

fn wide(row: &ReplicaRow) -> Vec<Cell> {
    let clock = row
        .clock_offset_ms
        .map_or_else(|| "-".to_owned(), |ms| format!("{ms:+} ms"));
    vec![
        trip(row.majority_us).into(),
        trip(row.disk_us).into(),
        row.highest.to_string().into(),
        clock.into(),
        or_dash(&row.sessions).into(),
        or_dash(&row.admin).into(),
        or_dash(&row.version).into(),
    ]
}
