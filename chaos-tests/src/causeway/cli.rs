//! The command line, as people and programs use it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::{process::Command, time::timeout};

use super::binary;

/// What a command said and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `causeway` with these arguments and waits for its end.
///
/// # Errors
/// If it can't be started or takes over a minute.
pub async fn run(arguments: &[OsString], context: Option<&Path>) -> anyhow::Result<Said> {
    let mut command = Command::new(binary::path()?);
    command.args(arguments).env_clear().kill_on_drop(true);
    if let Some(context) = context {
        command.env("CAUSEWAY_CONTEXT", context);
    }
    let output = timeout(Duration::from_secs(60), command.output())
        .await
        .with_context(|| format!("causeway {arguments:?} didn't end within a minute"))??;
    Ok(Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// An operator's command line, connected to one controller.
#[derive(Debug, Clone)]
pub struct Cli {
    context: PathBuf,
}

impl Cli {
    /// With this context file.
    #[must_use]
    pub fn new(context: PathBuf) -> Self {
        Self { context }
    }

    /// Runs a verb, whatever its exit code.
    ///
    /// # Errors
    /// If it can't be started or takes over a minute.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        run(&arguments, Some(&self.context)).await
    }

    /// The JSON answer of a verb.
    ///
    /// # Errors
    /// If it fails (1 or 2: what it says becomes the error), or doesn't print JSON.
    pub async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = self.run(&[arguments, &["-o", "json"]].concat()).await?;
        ensure!(
            !matches!(said.code, -1 | 1 | 2),
            "causeway {} ended with {}: {}",
            arguments.join(" "),
            said.code,
            said.err.trim()
        );
        serde_json::from_str(&said.out).with_context(|| {
            format!(
                "causeway {} printed no JSON: {:?}",
                arguments.join(" "),
                said.out
            )
        })
    }
}
