//! Structured logs, on standard error so that standard output stays an answer's alone.
//!
//! No secret may be logged: certificates' keys, kubeconfigs and tokens never reach a field.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{LogArgs, LogFormat};

/// Begins to log. `default` is the filter where the arguments name none.
///
/// # Errors
/// Where the filter is malformed, or logging has begun already.
pub fn init(args: &LogArgs, default: &str) -> anyhow::Result<()> {
    let filter = args.log_level.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!(
            "--log-level {filter:?} is no filter: give a level such as info, or info,causeway=debug"
        )
    })?;
    let terminal = std::io::stderr().is_terminal();
    let format = args.log_format.unwrap_or(if terminal {
        LogFormat::Human
    } else {
        LogFormat::Json
    });
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Human => registry
            .with(layer.with_ansi(terminal && std::env::var_os("NO_COLOR").is_none()))
            .try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    }
    .context("logging has begun already")
}
