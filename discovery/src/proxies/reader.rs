//! Rounds of asking.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_seam::{Env, Monotonic};
use futures::future::join_all;

use super::ask::Asks;
use super::heard::Heard;
use super::held::{Held, Rules};
use super::places::Places;
use super::url::ProxyUrl;
use super::{Ejected, page};

/// The most proxies that are asked at all: a sample tells what all of one kind see.
pub const MOST: usize = 64;
/// The most that are asked in one round.
const IN_A_ROUND: usize = 8;
/// How often names are resolved.
const RESOLVE: Duration = Duration::from_secs(10);
/// For how long nothing may answer until that is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which proxies are asked, how often and how patiently.
#[derive(Debug, Clone)]
pub struct ReaderConfig {
    /// Their pages.
    pub proxies: Vec<ProxyUrl>,
    /// Between two rounds; shortened at random by up to half.
    pub interval: Duration,
    /// How long one may take to answer.
    pub timeout: Duration,
    /// How long what they say takes to count.
    pub rules: Rules,
}

impl ReaderConfig {
    /// With the usual times.
    #[must_use]
    pub fn new(proxies: Vec<ProxyUrl>) -> Self {
        Self {
            proxies,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
            rules: Rules::default(),
        }
    }
}

/// Asks proxies in turn, and holds what follows from what they say.
pub struct Reader {
    env: Env,
    asks: Arc<dyn Asks>,
    config: ReaderConfig,
    /// The proxies behind each page.
    known: BTreeMap<ProxyUrl, Known>,
    heard: Heard<At>,
    held: Held,
    /// Where the last round ended.
    last: Option<At>,
}

/// One proxy.
type At = (ProxyUrl, SocketAddr);

#[derive(Debug, Default)]
struct Known {
    addresses: Vec<SocketAddr>,
    resolved: Option<Monotonic>,
    /// When the last one of them answered, and since when none has.
    answered: Option<Monotonic>,
    trouble: Option<String>,
}

impl Reader {
    /// Nobody was asked yet.
    #[must_use]
    pub fn new(env: &Env, asks: Arc<dyn Asks>, config: ReaderConfig) -> Self {
        let now = env.now();
        let known = config.proxies.iter().map(|proxy| {
            let known = Known {
                answered: Some(now),
                ..Known::default()
            };
            (proxy.clone(), known)
        });
        Self {
            known: known.collect(),
            heard: Heard::default(),
            held: Held::new(config.rules),
            last: None,
            env: env.clone(),
            asks,
            config,
        }
    }

    /// One round: what counts as ejected after it.
    pub async fn round(&mut self, places: &Places) -> Ejected {
        self.resolve().await;
        let all: BTreeSet<At> = self.all().take(MOST).collect();
        let turn = self.turn(&all);
        let (env, asks, limit) = (&self.env, &self.asks, self.config.timeout);
        let answers = turn.iter().map(|(proxy, at)| async move {
            let page = env.timeout(limit, asks.page(proxy, *at)).await;
            page.unwrap_or_else(|elapsed| Err(elapsed.to_string()))
        });
        let answers = join_all(answers).await;
        let now = self.env.now();
        for (one, answer) in turn.iter().zip(answers) {
            let says = answer.and_then(|answer| page::read(&answer, places));
            let known = self.known.entry(one.0.clone()).or_default();
            match says {
                Ok(says) => {
                    self.heard.answered(one, now, says);
                    (known.answered, known.trouble) = (Some(now), None);
                }
                Err(why) => known.trouble = Some(format!("{}: {why}", one.1)),
            }
        }
        self.last = turn.last().cloned();
        self.heard.keep(&all, now);
        self.held.look(now, &self.heard.words(now));
        self.held.ejected()
    }

    /// Waits until the next round is due.
    pub async fn pause(&self) {
        let pause = self.env.random().jittered(self.config.interval);
        self.env.sleep(pause).await;
    }

    /// Of each page whether nothing behind it has answered for a while, and why.
    pub fn problems(&self) -> impl Iterator<Item = (&ProxyUrl, Option<String>)> {
        let now = self.env.now();
        self.known.iter().map(move |(proxy, known)| {
            let silent = known.answered.is_none_or(|at| now.since(at) >= PATIENCE);
            let why = known.trouble.as_deref().unwrap_or("it has no address");
            let sentence = format!(
                "proxies at {proxy} do not tell what they eject ({why}): see to it that the agent may get {} there, or \
                 take it out of the agent's --proxy-admin. What they ejected before ends by itself",
                proxy.target()
            );
            (proxy, silent.then_some(sentence))
        })
    }

    fn all(&self) -> impl Iterator<Item = At> {
        let of = |(proxy, known): (&ProxyUrl, &Known)| {
            let proxy = proxy.clone();
            let addresses = known.addresses.clone().into_iter();
            addresses.map(move |at| (proxy.clone(), at))
        };
        self.known.iter().flat_map(of)
    }

    /// The next ones after those of the last round.
    fn turn(&self, all: &BTreeSet<At>) -> Vec<At> {
        let last = self.last.as_ref();
        let after = all.iter().filter(|at| last.is_none_or(|last| *at > last));
        let before = all.iter().filter(|at| last.is_some_and(|last| *at <= last));
        after.chain(before).take(IN_A_ROUND).cloned().collect()
    }

    /// A name that cannot be resolved keeps the addresses that it had.
    async fn resolve(&mut self) {
        let now = self.env.now();
        let (env, asks, limit) = (&self.env, &self.asks, self.config.timeout);
        let due = self
            .known
            .iter_mut()
            .filter(|(_, known)| known.resolved.is_none_or(|at| now.since(at) >= RESOLVE));
        let all = due.map(|(proxy, known)| async move {
            let found = env.timeout(limit, asks.addresses(proxy)).await;
            match found.unwrap_or_else(|elapsed| Err(elapsed.to_string())) {
                Ok(mut addresses) => {
                    addresses.sort_unstable();
                    addresses.dedup();
                    known.addresses = addresses;
                    known.resolved = Some(now);
                }
                Err(why) => known.trouble = Some(why),
            }
        });
        join_all(all).await;
    }
}

#[cfg(test)]
mod tests;
