//! The link to a replica: dial, introduce, resume, and carry on until it breaks; then try the next one.
//!
//! Without any replica the agent goes on with what it holds: nothing here ever takes a view or a fact away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use causeway_api::FactVersion;
use causeway_api::Generation;
use causeway_api::facts::{FactDelta, MemberFact};
use causeway_api::session::{FromAgent, FromReplica, Hello, PROTOCOL, Roll, Welcome};
use causeway_api::view::{Applied, ViewDelta};
use causeway_core::holdings::Touched;
use causeway_discovery::Observer;
use causeway_seam::TaskHandle;
use causeway_seam::transport::{Connection, Dial};
use tokio::sync::{mpsc, watch};

use super::eyes::Eyes;
use super::homing::{Ended, FIRST_LOOK, Homing, LOOK};
use super::news::News;
use super::shared::Shared;
use super::writing::Writing;

/// How the agent dials: agents send [`FromAgent`] and hear [`FromReplica`].
pub type Dialer = dyn Dial<FromAgent, FromReplica>;

type Session = Connection<FromAgent, FromReplica>;

/// After a session that was up; spread, so that agents that lost the same replica do not come at once.
const PAUSE: Duration = Duration::from_millis(250);
/// Between attempts at different replicas.
const BREATH: Duration = Duration::from_millis(50);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a full queue may stay full.
const STALL: Duration = Duration::from_secs(30);

/// What a person is told of the link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkStatus {
    /// The replica that the session is with; `None`: there is none now.
    pub home: Option<String>,
    /// Why there is none.
    pub problem: Option<String>,
}

/// Dials, and keeps a session alive.
pub(crate) struct Link {
    pub(crate) shared: Arc<Shared>,
    /// Which replica to dial.
    pub(crate) homing: Arc<Homing>,
    /// How many sessions were begun: of two of one epoch the one with the higher number is the newer.
    pub(crate) sessions: AtomicU64,
    pub(crate) observer: Arc<Observer>,
    pub(crate) writing: Arc<Writing>,
    pub(crate) status: watch::Sender<LinkStatus>,
    pub(crate) eyes: Arc<Eyes>,
}

impl Link {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let env = self.shared.env.clone();
        self.introduction().await;
        self.homing.learn(&self.shared.roll());
        let mut epoch = self.writing.epoch_changes();
        loop {
            let address = match self.homing.next() {
                Ok(address) => address,
                Err(None) => {
                    tracing::error!("no controller is named: give at least one with --controllers");
                    return;
                }
                Err(Some(wait)) => {
                    tokio::select! {
                        biased;
                        // Whoever refused a standby takes the one who holds the Lease.
                        changed = epoch.changed() => if changed.is_ok() { self.homing.forgive() },
                        () = env.sleep(wait.max(Duration::from_millis(1))) => {}
                    }
                    continue;
                }
            };
            epoch.mark_unchanged();
            let ended = self.session(&address).await;
            self.homing.ended(&address, &ended);
            let pause = match ended {
                Ended::Broke(reason) | Ended::Anew(reason) => {
                    tracing::warn!(%address, %reason, "the session ended; the mesh keeps its last configuration");
                    self.say(None, Some(reason));
                    PAUSE
                }
                Ended::Nearer => {
                    tracing::info!(%address, "moving to a replica that is much nearer");
                    self.say(None, Some("moving to a nearer replica".to_owned()));
                    BREATH
                }
                Ended::Busy(wait) => {
                    tracing::info!(%address, ?wait, "the replica is busy with other agents");
                    self.say(None, Some(format!("{address} is busy with other agents")));
                    BREATH
                }
                Ended::Failed(reason) => {
                    tracing::warn!(%address, %reason, "no session");
                    self.say(None, Some(reason));
                    BREATH
                }
                Ended::Refused(reason) => {
                    tracing::error!(%address, %reason, "the replica refuses this agent");
                    self.say(None, Some(reason));
                    BREATH
                }
            };
            env.sleep(env.random().jittered(pause)).await;
        }
    }

    fn say(&self, home: Option<String>, problem: Option<String>) {
        self.status.send_replace(LinkStatus { home, problem });
    }

    async fn session(&self, address: &str) -> Ended {
        let env = &self.shared.env;
        let mut session = match self.homing.dial(address).await {
            Ok(session) => session,
            Err(error) => return Ended::Failed(error.to_string()),
        };
        if self
            .send(&session, FromAgent::Hello(self.hello()))
            .await
            .is_err()
        {
            return Ended::Failed(format!("{address} closed the connection before the hello"));
        }
        let welcome = match env.timeout(HANDSHAKE, session.receiver.recv()).await {
            Ok(Some(Ok(FromReplica::Welcome(welcome)))) => welcome,
            Ok(Some(Ok(FromReplica::Refused { reason, retry }))) => {
                return if retry {
                    Ended::Failed(reason)
                } else {
                    Ended::Refused(reason)
                };
            }
            Ok(Some(Ok(FromReplica::Busy { retry_after_ms }))) => {
                return Ended::Busy(Duration::from_millis(u64::from(retry_after_ms)));
            }
            Ok(Some(Ok(other))) => {
                return Ended::Failed(format!("{address} answered a hello with {}", name(&other)));
            }
            Ok(Some(Err(error))) => return Ended::Failed(error.to_string()),
            Ok(None) => return Ended::Failed(format!("{address} closed the connection")),
            Err(elapsed) => return Ended::Failed(format!("{address}: {elapsed}")),
        };
        let highest = self.shared.holdings().highest;
        if welcome.highest.incarnation < highest.incarnation {
            return Ended::Refused(format!(
                "{address} is of incarnation {}, and this agent follows incarnation {}: its data folder is of before the last recovery, or \
                 was wiped. The mesh keeps its configuration",
                welcome.highest.incarnation, highest.incarnation
            ));
        }
        self.shared.heard(welcome.highest);
        self.shared.follows(welcome.clusterset);
        self.homing.opened(address);
        self.learn(&welcome.roll).await;
        // A Lease that was deleted counts from nothing again: what is known of this member's facts is higher.
        self.writing
            .heard_epoch(welcome.facts.map_or(0, |held| held.epoch));
        tracing::info!(%address, replica = %welcome.replica, version = %welcome.version, "session opened");
        self.say(Some(address.to_owned()), None);
        self.carry_on(address, &mut session, welcome).await
    }

    /// Waits until the agent can say which cluster it is of: by its API server, or by what it remembers of it.
    async fn introduction(&self) {
        let mut seen = self.observer.subscribe();
        while self.cluster_uid().is_none() {
            if seen.changed().await.is_err() {
                return;
            }
        }
    }

    fn cluster_uid(&self) -> Option<String> {
        match self.observer.cluster_uid() {
            Some(uid) => {
                self.shared.remember_cluster(&uid);
                Some(uid)
            }
            None => self.shared.remembered_cluster(),
        }
    }

    fn hello(&self) -> Hello {
        let (holds, highest, clusterset) = self.shared.holds();
        Hello {
            member: self.shared.member.clone(),
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster_uid: self.cluster_uid().unwrap_or_default(),
            epoch: self.writing.epoch(),
            highest,
            facts: self.observer.version(),
            holds,
            clusterset,
            roll: self.shared.roll(),
            sequence: 1 + self.sessions.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Returns why the session ended.
    async fn carry_on(&self, address: &str, session: &mut Session, welcome: Welcome) -> Ended {
        let deaf = || Ended::Broke("the replica stopped listening".to_owned());
        let env = &self.shared.env;
        let silence = Duration::from_millis(u64::from(welcome.silence_ms).max(300));
        let beat = silence / 3;
        let mut facts = self.observer.subscribe();
        let mut applied = self.writing.applied();
        let mut epoch = self.writing.epoch_changes();
        let mut problem = self.writing.problems();
        let mut seen = self.eyes.news();
        self.eyes.say_again();
        let mut heard_at = env.now();
        // Dropped with the session.
        let mut asks: Vec<TaskHandle> = Vec::new();

        let mut held = welcome.facts;
        let mut said = self.observer.member();
        if !self.send_facts_after(session, &mut held).await {
            return deaf();
        }
        applied.mark_changed();
        let mut next_beat = env.now().plus(beat);
        let mut news = News::new(env.now());
        let mut look_at = env.now().plus(env.random().jittered(FIRST_LOOK));
        let mut looking: Option<TaskHandle> = None;
        loop {
            let now = env.now();
            if now >= look_at {
                look_at = now.plus(env.random().jittered(LOOK));
                looking = Some(env.spawn("distances", self.homing.clone().look()));
            }
            if looking.as_ref().is_some_and(TaskHandle::is_ended) {
                looking = None;
                if self.homing.is_far(address) {
                    return Ended::Nearer;
                }
            }
            if news.due(now) || news.waits && self.observer.is_urgent() {
                news.sent(now);
                if !self.send_news(session, &mut held, &mut said).await {
                    return deaf();
                }
            }
            // By what is sent, not by how quiet it is: each side's heartbeats would else put off the other's.
            if now >= next_beat {
                // A full queue means that there is more to say than a heartbeat.
                let _ = session.sender.try_send(FromAgent::Heartbeat);
                next_beat = now.plus(beat);
            }
            let quiet = silence.saturating_sub(now.since(heard_at));
            let pause = next_beat.since(now).min(quiet).min(news.left(now));
            tokio::select! {
                biased;
                message = session.receiver.recv() => {
                    heard_at = env.now();
                    match message {
                        Some(Ok(message)) => {
                            if let Some(ended) = self.hear(session, message, welcome.highest, &mut asks).await {
                                return ended;
                            }
                        }
                        Some(Err(error)) => return Ended::Broke(error.to_string()),
                        None => return Ended::Broke("the replica closed it".to_owned()),
                    }
                }
                _ = facts.changed() => news.waits = true,
                _ = applied.changed() => {
                    let mut message: Applied = applied.borrow_and_update().clone();
                    message.conditions.extend(problem.borrow_and_update().clone());
                    if self.send(session, FromAgent::Applied(Box::new(message))).await.is_err() {
                        return deaf();
                    }
                }
                _ = problem.changed() => applied.mark_changed(),
                _ = seen.changed() => {
                    let votes = self.eyes.take();
                    if !votes.is_empty() && self.send(session, FromAgent::Votes(votes)).await.is_err() {
                        return deaf();
                    }
                }
                _ = epoch.changed() => return Ended::Anew("the Lease changed hands: introducing this agent anew".to_owned()),
                () = env.sleep(pause.max(Duration::from_millis(1))) => {
                    if env.now().since(heard_at) >= silence {
                        return Ended::Broke(format!("nothing was heard for {silence:?}"));
                    }
                }
            }
        }
    }

    /// Sends what changed; of an agent that cannot see everything, what it says of itself.
    async fn send_news(
        &self,
        session: &Session,
        held: &mut Option<FactVersion>,
        said: &mut MemberFact,
    ) -> bool {
        if self.observer.synced() {
            let delta = self
                .has_spoken()
                .then(|| self.observer.take_delta())
                .flatten();
            return match delta {
                Some(delta) => self.send_delta(session, delta).await,
                None => true,
            };
        }
        let now = self.observer.member();
        *said == now || {
            *said = now;
            self.send_member(session, held).await
        }
    }

    /// It cannot see everything: what it needs is said, and nothing else of the member. `held` is what the replica holds.
    async fn send_member(&self, session: &Session, held: &mut Option<FactVersion>) -> bool {
        match self.observer.take_member(*held) {
            Some(delta) => {
                *held = Some(delta.version);
                self.send_delta(session, delta).await
            }
            None => true, // A warm standby, or a newer leader has spoken.
        }
    }

    /// Sends what the replica does not hold yet.
    async fn send_facts_after(&self, session: &Session, held: &mut Option<FactVersion>) -> bool {
        if !self.observer.synced() {
            return self.send_member(session, held).await;
        }
        let held = *held;
        if !self.has_spoken() {
            return true; // A warm standby: the leader's word counts.
        }
        let pending = self.observer.take_delta();
        let missing = held.and_then(|held| {
            let before = pending.as_ref().and_then(|delta| delta.base);
            self.shared
                .unacknowledged(held, before.unwrap_or_else(|| self.observer.version()))
        });
        match missing {
            Some(deltas) => {
                for delta in deltas {
                    if self
                        .send(session, FromAgent::Facts(Box::new(delta)))
                        .await
                        .is_err()
                    {
                        return false;
                    }
                }
                match pending {
                    Some(delta) => self.send_delta(session, delta).await,
                    None => true,
                }
            }
            None => self.send_delta(session, self.observer.snapshot()).await,
        }
    }

    /// Whether this agent holds the Lease, or has reported while it did. Without it now (its API server may be away) it
    /// still reports what it sees, under the epoch that it had: whoever has taken it since is newer, and counts alone.
    fn has_spoken(&self) -> bool {
        self.writing.epoch() != 0 || self.observer.version().epoch != 0
    }

    async fn send_delta(&self, session: &Session, delta: FactDelta) -> bool {
        self.shared.sending(delta.clone());
        self.send(session, FromAgent::Facts(Box::new(delta)))
            .await
            .is_ok()
    }

    /// A replica says which there are.
    async fn learn(&self, roll: &Roll) {
        self.shared.hear_roll(roll).await;
        self.homing.learn(&self.shared.roll());
    }

    /// Handles one message; says how the session ends where it does.
    async fn hear(
        &self,
        session: &Session,
        message: FromReplica,
        sender: Generation,
        asks: &mut Vec<TaskHandle>,
    ) -> Option<Ended> {
        let anew = |reason: &str| Some(Ended::Anew(reason.to_owned()));
        match message {
            FromReplica::Heartbeat => None,
            FromReplica::FactsHeld(version) => {
                self.shared.acknowledged(version);
                None
            }
            // What was not seen yet is not to be taken for gone: the next delta is a snapshot.
            FromReplica::FactsWanted if !self.observer.synced() => None,
            FromReplica::FactsWanted => {
                let sent = self.send_delta(session, self.observer.snapshot()).await;
                (!sent).then(|| Ended::Broke("the replica stopped listening".to_owned()))
            }
            FromReplica::View(delta) => {
                say_coarse(&delta);
                let mark = |touched: &Touched| self.writing.view_changed(touched);
                let touched = self.shared.merge(*delta, sender, mark);
                if !touched.misfits.is_empty() {
                    return anew("a delta of facts did not fit: asking again from what is held");
                }
                if touched.plans {
                    let wanted = self.shared.wanted_of(&touched.services);
                    self.observer.want(wanted);
                }
                None
            }
            FromReplica::AskDiff { id } => {
                let (writing, sender) = (self.writing.clone(), session.sender.clone());
                asks.retain(|task| !task.is_ended());
                asks.push(
                    self.shared
                        .env
                        .spawn("diff", answer_diff(writing, sender, id)),
                );
                None
            }
            FromReplica::Observe(gateways) => {
                self.eyes.observe(gateways);
                None
            }
            FromReplica::Roll(roll) => {
                self.learn(&roll).await;
                None
            }
            FromReplica::Refused { reason, .. } => anew(&reason),
            FromReplica::Busy { .. } => anew("the replica is busy with other agents"),
            FromReplica::Welcome(_) => anew("the replica welcomed twice"),
        }
    }
}

/// What is to be left at once is worth a line: it goes ahead of the plans that say why.
fn say_coarse(delta: &ViewDelta) {
    let cut = delta.coarse.as_ref().and_then(|part| part.value.as_ref());
    if let Some(cut) = cut {
        let networks: Vec<_> = cut.networks.iter().map(ToString::to_string).collect();
        tracing::warn!(
            networks = %networks.join(", "), stay = cut.stay.len(),
            domain = %cut.domain.as_ref().map(ToString::to_string).unwrap_or_default(),
            contingency = %cut.contingency.map(|hash| hash.to_string()).unwrap_or_default(),
            "lost: every service leaves these networks now, but for those that move by a person's word alone"
        );
    }
}

async fn answer_diff(writing: Arc<Writing>, sender: mpsc::Sender<FromAgent>, id: u64) {
    let entries = writing.diff().await;
    let _ = sender.send(FromAgent::Diff { id, entries }).await;
}

impl Link {
    /// Sends; an error where nobody takes it. While one side waits for room it does not listen: two that wait for each
    /// other would do so for ever.
    async fn send(&self, session: &Session, message: FromAgent) -> Result<(), ()> {
        let sent = self
            .shared
            .env
            .timeout(STALL, session.sender.send(message))
            .await;
        sent.ok().and_then(Result::ok).ok_or(())
    }
}

fn name(message: &FromReplica) -> &'static str {
    match message {
        FromReplica::Welcome(_) => "a welcome",
        FromReplica::Refused { .. } => "a refusal",
        FromReplica::Busy { .. } => "a word that it is busy",
        FromReplica::FactsHeld(_) | FromReplica::FactsWanted => "a word on facts",
        FromReplica::View(_) => "a view",
        FromReplica::AskDiff { .. } => "a question",
        FromReplica::Observe(_) => "what to observe",
        FromReplica::Roll(_) => "a roll of replicas",
        FromReplica::Heartbeat => "a heartbeat",
    }
}
