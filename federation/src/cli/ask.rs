//! Asks a controller, prints the answer in the form that was wanted, and again with `--watch`.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Context as _;
use causeway_seam::Env;
use serde::Serialize;

use super::files;
use super::table::Paint;
use crate::admin::client::{Client, ClientError};
use crate::args::operator::Consistency;
use crate::args::{Connect, Output, Render};

/// How long `--watch` waits between two questions.
const EVERY: Duration = Duration::from_secs(2);

/// How a screen is to look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// Colours.
    pub(super) paint: Paint,
    /// Whether there is room for more columns.
    pub(super) wide: bool,
    /// For times of day.
    pub(super) zone: jiff::tz::TimeZone,
}

impl Look {
    pub(super) fn of(output: Output) -> Self {
        Self {
            paint: paint(),
            wide: output == Output::Wide,
            zone: jiff::tz::TimeZone::system(),
        }
    }
}

/// Colours only on a terminal that knows them, and not where <https://no-color.org> forbids them.
pub(crate) fn paint() -> Paint {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Paint {
        on: std::io::stdout().is_terminal() && !forbidden && !dumb,
    }
}

/// A client for the controller of the context, and the environment that it runs in.
pub(super) fn connect(connect: &Connect) -> anyhow::Result<(Client, Env)> {
    let (context, pems) = files::context(connect)?;
    let tls = crate::certs::tls::client(&pems)
        .with_context(|| format!("the context of {}", context.server))?;
    let env = causeway_seam::real::env();
    let consistency = match connect.consistency {
        Consistency::Local => causeway_storage::Consistency::Local,
        Consistency::Lease => causeway_storage::Consistency::Lease,
        Consistency::Linearizable => causeway_storage::Consistency::Linearizable,
    };
    let client = Client::new(env.clone(), &context, tls).consistent(consistency);
    Ok((client, env))
}

/// Fetches and prints; with `--watch` until the process is stopped. Returns the answer that was printed last.
pub(super) async fn show<T, Answer>(
    env: &Env,
    render: &Render,
    fetch: impl Fn() -> Answer,
    draw: impl Fn(&T, &Look) -> String,
) -> anyhow::Result<T>
where
    T: Serialize,
    Answer: Future<Output = Result<T, ClientError>>,
{
    let look = Look::of(render.output);
    if !render.watch {
        let answer = fetch().await.map_err(|error| explained(&error))?;
        print(&text(&answer, render, &look, &draw)?)?;
        return Ok(answer);
    }
    let terminal = std::io::stdout().is_terminal() && render.output != Output::Json;
    let mut before = String::new();
    loop {
        let now = match fetch().await {
            Ok(answer) => text(&answer, render, &look, &draw)?,
            // A watch outlives a restart of the controller.
            Err(error) if render.output == Output::Json => {
                eprintln!("causeway: {:#}", explained(&error));
                before.clone()
            }
            Err(error) => format!("{:#}\n", explained(&error)),
        };
        if terminal {
            // Home, each line cleared to its end as it is written, then what was below: no flicker.
            print(&format!(
                "\u{1b}[H{}\u{1b}[J",
                now.replace('\n', "\u{1b}[K\n")
            ))?;
        } else if now != before {
            print(&now)?;
        }
        before = now;
        env.sleep(EVERY).await;
    }
}

fn text<T: Serialize>(
    answer: &T,
    render: &Render,
    look: &Look,
    draw: &impl Fn(&T, &Look) -> String,
) -> anyhow::Result<String> {
    match (render.output, render.watch) {
        (Output::Json, false) => Ok(format!("{}\n", serde_json::to_string_pretty(answer)?)),
        // One object a line, for programs that read as it comes.
        (Output::Json, true) => Ok(format!("{}\n", serde_json::to_string(answer)?)),
        _ => Ok(draw(answer, look)),
    }
}

/// Prints; a reader that has gone away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// The error with its remedy on a line of its own.
pub(super) fn explained(error: &ClientError) -> anyhow::Error {
    let remedy = error.remedy();
    anyhow::anyhow!(
        "{}\n  {}",
        super::text::clean(&error.to_string()),
        super::text::clean(&remedy)
    )
}
