//! An agent's session: dialled, introduced and kept alive as an agent does it, homes chosen by the same code.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use causeway::session::TonicDialer;
use causeway_api::{
    FactVersion, Generation, MemberName,
    facts::FactDelta,
    session::{FromAgent, FromReplica, Hello, Holds, PROTOCOL},
};
use causeway_core::homes::Homes;
use causeway_seam::{
    Env,
    transport::{Connection, Dial as _},
};
use tokio::sync::watch;

/// What is known of an agent: how many sessions it has had, and the version of its facts that its replica holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) sessions: u64,
    pub(crate) facts: FactVersion,
}

pub(crate) struct Agent {
    pub(crate) env: Env,
    pub(crate) member: MemberName,
    pub(crate) dialer: Arc<TonicDialer>,
    /// Where it begins; it hears of the others.
    pub(crate) first: String,
    /// What it says once.
    pub(crate) facts: FactDelta,
    pub(crate) known: watch::Sender<Known>,
}

impl Agent {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut homes = Homes::new(self.member.as_str(), [self.first.clone()]);
        let spread = |wait| self.env.random().jittered(wait);
        loop {
            let address = match homes.next(self.env.now().0) {
                Ok(address) => address.to_owned(),
                Err(wait) => {
                    let wait = wait.context("no controller is named")?;
                    self.env.sleep(wait.max(Duration::from_millis(1))).await;
                    continue;
                }
            };
            let began = self.env.now();
            let pause = match self.dialer.dial(&address).await {
                Err(_) => {
                    homes.failed(&address, self.env.now().0, spread);
                    Duration::from_millis(50)
                }
                Ok(session) => {
                    homes.took(&address, self.env.now().since(began));
                    self.session(&address, session, &mut homes).await?
                }
            };
            self.env.sleep(spread(pause)).await;
        }
    }

    /// One session; returns how long to wait after it.
    async fn session(
        &self,
        address: &str,
        mut session: Connection<FromAgent, FromReplica>,
        homes: &mut Homes,
    ) -> anyhow::Result<Duration> {
        let spread = |wait| self.env.random().jittered(wait);
        let breath = Duration::from_millis(50);
        let known = *self.known.borrow();
        let hello = Hello {
            member: self.member.clone(),
            protocol: PROTOCOL,
            version: "bench".to_owned(),
            cluster_uid: format!("uid-of-{}", self.member),
            epoch: 1,
            sequence: known.sessions + 1,
            highest: Generation::default(),
            facts: self.facts.version,
            holds: Holds::default(),
            clusterset: 0,
            roll: causeway_api::session::Roll::default(),
        };
        let said = session.sender.send(FromAgent::Hello(hello)).await;
        let welcome = match session.receiver.recv().await {
            Some(Ok(FromReplica::Welcome(welcome))) if said.is_ok() => welcome,
            Some(Ok(FromReplica::Busy { retry_after_ms })) => {
                let wait = Duration::from_millis(u64::from(retry_after_ms));
                homes.leave_alone(address, self.env.now().0 + spread(wait));
                return Ok(breath);
            }
            Some(Ok(FromReplica::Refused {
                reason,
                retry: false,
            })) => bail!("{address} refused {}: {reason}", self.member),
            _ => {
                homes.failed(address, self.env.now().0, spread);
                return Ok(breath);
            }
        };
        homes.succeeded(address);
        homes.learn(&welcome.roll.addresses());
        self.known.send_modify(|known| known.sessions += 1);
        if welcome.facts < Some(self.facts.version) {
            let facts = FromAgent::Facts(Box::new(self.facts.clone()));
            let _ = session.sender.send(facts).await;
        } else if let Some(held) = welcome.facts {
            self.known.send_modify(|known| known.facts = held);
        }
        let beat = Duration::from_millis(u64::from(welcome.silence_ms) / 3);
        let mut due = self.env.now().plus(beat);
        loop {
            let wait = due.since(self.env.now());
            tokio::select! {
                biased;
                message = session.receiver.recv() => match message {
                    Some(Ok(FromReplica::FactsHeld(held))) => {
                        self.known.send_modify(|known| known.facts = held);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => {
                        homes.broke(address, self.env.now().0, spread);
                        return Ok(Duration::from_millis(250));
                    }
                },
                () = self.env.sleep(wait) => {
                    let _ = session.sender.try_send(FromAgent::Heartbeat);
                    due = self.env.now().plus(beat);
                }
            }
        }
    }
}
