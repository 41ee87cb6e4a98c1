//! Reads clusters, each through its context: everything once, all at the same time, no longer than a deadline.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use causeway_api::ids::MemberName;
use causeway_discovery::{ObserverConfig, Once, read_once};
use causeway_seam::Env;
use futures::future::join_all;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::build::Seen;
use super::reading::{Reading, Unread, member_name};
use super::rules;

/// A context, and the name that its cluster gets.
struct Target {
    context: String,
    member: MemberName,
}

/// Reads all; a cluster that cannot be read does not keep the others.
///
/// # Errors
/// Where the contexts or the kubeconfig are no use at all.
pub(super) async fn all(
    env: &Env,
    contexts: &[String],
    kubeconfig: Option<&PathBuf>,
    limit: Duration,
) -> anyhow::Result<Vec<Seen>> {
    let targets = targets(contexts).map_err(anyhow::Error::msg)?;
    let kubeconfig = load(kubeconfig)?;
    let progress = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    if !std::io::stderr().is_terminal() {
        progress.set_draw_target(ProgressDrawTarget::hidden());
    }
    let each = targets.into_iter().map(|target| {
        let bar = progress.add(bar(&target.context));
        let kubeconfig = &kubeconfig;
        async move {
            let result = match env
                .timeout(limit, one(env, &target, kubeconfig, limit))
                .await
            {
                Ok(result) => result,
                Err(elapsed) => Err(format!("{elapsed} (--timeout)")),
            };
            bar.finish_and_clear();
            Seen {
                context: target.context,
                result,
            }
        }
    });
    Ok(join_all(each).await)
}

fn bar(context: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.set_message(format!("reading {}", crate::cli::text::clean(context)));
    // No ticker of its own: that would be a thread. It is drawn when something changes, which is enough.
    bar.tick();
    bar
}

fn load(file: Option<&PathBuf>) -> anyhow::Result<Kubeconfig> {
    use anyhow::Context as _;
    match file {
        Some(file) => {
            Kubeconfig::read_from(file).with_context(|| format!("cannot read the kubeconfig {} (--kubeconfig)", file.display()))
        }
        None => Kubeconfig::read().context("cannot read a kubeconfig ($KUBECONFIG, else ~/.kube/config): name one with --kubeconfig"),
    }
}

/// Gives each context a member's name; an error names the context that stands twice or cannot have one.
fn targets(contexts: &[String]) -> Result<Vec<Target>, String> {
    let (mut taken, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut targets = Vec::new();
    for context in contexts {
        if !seen.insert(context) {
            return Err(format!(
                "--contexts names {context:?} twice: name each cluster once"
            ));
        }
        let member = member_name(context, &taken).ok_or_else(|| {
            format!("--contexts: {context:?} cannot be made the name of a member")
        })?;
        taken.insert(member.clone());
        targets.push(Target {
            context: context.clone(),
            member,
        });
    }
    Ok(targets)
}

async fn one(
    env: &Env,
    target: &Target,
    kubeconfig: &Kubeconfig,
    limit: Duration,
) -> Result<Reading, String> {
    if !kubeconfig
        .contexts
        .iter()
        .any(|context| context.name == target.context)
    {
        let known: Vec<&str> = kubeconfig
            .contexts
            .iter()
            .map(|context| context.name.as_str())
            .collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        return Err(format!(
            "the kubeconfig has no such context; it has {known}"
        ));
    }
    let options = KubeConfigOptions {
        context: Some(target.context.clone()),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await;
    let config = config.map_err(|error| format!("the context cannot be used: {error}"))?;
    let server = config.cluster_url.to_string();
    let client =
        Client::try_from(config).map_err(|error| format!("the context cannot be used: {error}"))?;
    cluster(
        env,
        target.context.clone(),
        target.member.clone(),
        client,
        limit,
    )
    .await
    .map_err(|error| format!("{}: {error}", server.trim_end_matches('/')))
}

/// Reads a cluster through a client.
pub(super) async fn cluster(
    env: &Env,
    context: String,
    member: MemberName,
    client: Client,
    limit: Duration,
) -> Result<Reading, String> {
    let config = ObserverConfig {
        request_timeout: limit,
        ..ObserverConfig::new(member.clone())
    };
    let Once { mut index, unread } = read_once(env, client.clone(), config).await?;
    let mut unread: Vec<Unread> = unread
        .into_iter()
        .map(|(kind, reason)| Unread { kind, reason })
        .collect();
    let rules = match rules::of_others(env, &client, limit).await {
        Ok(rules) => rules,
        Err(reason) => {
            unread.push(Unread {
                kind: "destinationrules",
                reason,
            });
            Default::default()
        }
    };
    index.take_delta();
    let locals = index
        .locals()
        .filter_map(|key| Some((key.clone(), index.local(key)?)))
        .collect();
    Ok(Reading {
        context,
        member,
        facts: index.snapshot(),
        locals,
        unread,
        rules,
    })
}

#[cfg(test)]
mod tests;
