//! The verbs: one file each. What reaches the terminal, and the user's own files, is here.
//!
//! * [`dispatch`](run): from what was typed to the verb; [`signals`]: when to stop; [`files`]: the user's files;
//! * [`ask`]: the connection, the forms of an answer and `--watch`, for the verbs below;
//! * [`status`], [`clusters`], [`services`], [`explain`], [`verdict`], [`diff`]: a screen for each;
//! * [`shift`]: an override explained; [`circumstances`]: what every explanation says besides;
//! * [`registry`]: who owns which declaration;
//! * [`evacuate`], [`restore`], [`freeze`], [`approve`]: what people do; [`overrides`]: what is so;
//! * [`readiness`], [`lose`], [`replay`]: what they ask first, and afterwards;
//! * [`backup`], [`replica`], [`replicas`]: decisions in a file; data folders of replicas that are stopped; those that run;
//! * [`table`], [`text`]: how tables, shares and durations look;
//! * [`simulate`], [`certs`], [`completion`], [`markdown`]: what needs no controller.

mod approve;
mod ask;
mod backup;
mod certs;
mod circumstances;
mod clusters;
mod completion;
mod diff;
mod evacuate;
mod explain;
mod files;
mod freeze;
mod lose;
mod markdown;
mod overrides;
mod readiness;
mod registry;
mod replay;
mod replica;
mod replicas;
mod restore;
mod services;
mod shift;
pub mod signals;
mod simulate;
mod status;
pub mod table;
pub mod text;
mod verdict;

use std::process::ExitCode;

use crate::args::{Cli, Command};

pub(crate) use ask::{paint, print};
pub use files::{pems, write_private};
pub use markdown::reference;

/// What a long-running process logs unless told otherwise: libraries tell their own state only where it is a trouble.
/// The client logs each request that fails; whoever sent it says so once, and with what it means.
const LOGS: &str = "info,openraft=warn,kube_client=off,kube_runtime=warn,tower=warn,hyper=warn,h2=warn,rustls=warn";

/// Does what was typed, and says how the process is to end. Errors are printed here, with all their causes.
pub async fn run(cli: Cli) -> ExitCode {
    // With two providers compiled in, rustls panics at first use: this one is named before anything can.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match dispatch(cli.command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("causeway: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes. Some libraries say the cause in their own message already: it is not said twice.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Sandbox(args) => {
            crate::telemetry::logs::init(&args.log, "off")?;
            crate::sandbox::run(args).await
        }
        Command::Controller(args) => {
            crate::telemetry::logs::init(&args.log, LOGS)?;
            crate::replica::run(args).await
        }
        Command::Agent(args) => {
            crate::telemetry::logs::init(&args.log, LOGS)?;
            crate::agent::run(args).await
        }
        Command::Observe(args) => crate::observe::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Clusters(args) => clusters::run(args).await,
        Command::Services(args) => services::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Diff(args) => diff::run(args).await,
        Command::Simulate(args) => simulate::run(&args).await,
        Command::Readiness(args) => readiness::run(args).await,
        Command::Evacuate(args) => evacuate::run(args).await,
        Command::Restore(args) => restore::run(args).await,
        Command::Freeze(args) => freeze::run(args).await,
        Command::Approve(args) => approve::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Replica(args) => replica::run(args).await,
        Command::Registry(args) => registry::run(args).await,
        Command::Certs(args) => certs::run(args),
        Command::Completion(args) => completion::run(&args),
        Command::Version(args) => completion::version(&args),
        Command::HelpMarkdown => markdown::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let error = anyhow::anyhow!("no such file")
            .context("reading \"a\": no such file")
            .context("no kubeconfig");
        assert_eq!(
            sentence(&error),
            "no kubeconfig: reading \"a\": no such file"
        );
    }
}

#[cfg(test)]
mod screens_tests;
