//! Serves agents: checks who introduces itself, takes its facts, and sends it what changes in its view.

use std::sync::Arc;
use std::time::Duration;

use causeway_api::FactVersion;
use causeway_api::facts::FactDelta;
use causeway_api::session::{
    FromAgent, FromReplica, Hello, PROTOCOL, PROTOCOL_OLDEST, Roll, Welcome,
};
use causeway_index::{ApplyError, Touched};
use causeway_seam::transport::{Accept, Connection, TransportError};
use causeway_seam::{Env, TaskHandle};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::sessions::{End, Session, name, send};
use super::shared::{RefusedKind, Shared};

/// A session with an agent, as this side sees it.
pub(super) type AgentConnection = Connection<FromReplica, FromAgent>;

/// How replicas accept sessions.
pub type Listener = dyn Accept<FromReplica, FromAgent>;

const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long either side may be silent.
const SILENCE: Duration = Duration::from_secs(3);
/// How long a full queue may stay full.
const STALL: Duration = Duration::from_secs(30);
/// How often a heartbeat is sent.
const BEAT: Duration = Duration::from_secs(1);

/// Accepts until the listener is closed; ends all its sessions when it is dropped.
pub(crate) async fn serve(shared: Arc<Shared>, mut listener: Box<Listener>) {
    let mut open: Vec<TaskHandle> = Vec::new();
    while let Some(connection) = listener.accept().await {
        open.retain(|task| !task.is_ended());
        open.push(
            shared
                .env
                .spawn("session", session(shared.clone(), connection)),
        );
    }
}

pub(super) async fn session(shared: Arc<Shared>, mut connection: AgentConnection) {
    let hello = match shared
        .env
        .timeout(HANDSHAKE, connection.receiver.recv())
        .await
    {
        Ok(Some(Ok(FromAgent::Hello(hello)))) => hello,
        Ok(Some(Ok(other))) => {
            let reason = format!(
                "a session begins with a hello, not with {}: update the agent",
                name(&other)
            );
            refuse(&connection, reason, false).await;
            return;
        }
        Ok(Some(Err(error))) => {
            tracing::warn!(remote = %connection.remote, %error, "no session");
            note_unreadable(&shared, &connection, &error);
            return;
        }
        Ok(None) | Err(_) => return,
    };
    shared.hear_roll(hello.clusterset, &hello.roll);
    if let Some((reason, retry)) = shared.unserved() {
        tracing::info!(remote = %connection.remote, member = %hello.member, "no session: this replica serves no agents");
        refuse(&connection, reason, retry).await;
        return;
    }
    let beginning = match shared.admission.enter(&shared.env) {
        Ok(place) => place,
        Err(wait) => {
            let retry_after_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
            send(&connection.sender, FromReplica::Busy { retry_after_ms }).await;
            return;
        }
    };
    if let Err(refusal) = admit(&shared, &connection, &hello) {
        tracing::warn!(remote = %connection.remote, member = %hello.member, reason = %refusal.reason, "session refused");
        shared.refusals.note(
            &hello.member,
            refusal.kind,
            &refusal.reason,
            shared.env.now(),
        );
        shared.any_status_changed();
        refuse(&connection, refusal.reason, refusal.retry).await;
        return;
    }
    shared.refusals.clear(&hello.member);
    let mut roll = shared.rolls.follow();
    let welcome = Welcome {
        replica: shared.id,
        protocol: hello.protocol.min(PROTOCOL),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        highest: shared.highest(),
        facts: known(&shared, &hello),
        silence_ms: u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX),
        roll: roll.borrow_and_update().clone(),
        clusterset: shared.consensus.read(|state| state.clusterset),
    };
    if !send(&connection.sender, FromReplica::Welcome(welcome)).await {
        return;
    }
    let member = hello.member.clone();
    let session = shared.sessions.enter(&shared.env, hello);
    shared.sessions.outdated_by(&session);
    // Removed while it was admitted: whoever followed the removal found no session to end.
    shared.forget_removed(&member);
    if shared.unserved().is_some() {
        session.end(End::Out);
    }
    tracing::info!(%member, remote = %connection.remote, epoch = session.hello.epoch, "session opened");
    shared.session_opened(&member);
    let reason = carry_on(&shared, &session, &mut connection, roll, beginning).await;
    shared.sessions.leave(&session);
    shared.session_closed(&session);
    tracing::warn!(%member, %reason, "session ended; the member's last facts stay");
}

/// A hello that cannot be read, as one of a protocol that is to come: its certificate still tells whose agent it is.
fn note_unreadable(shared: &Shared, connection: &AgentConnection, error: &TransportError) {
    let member = connection
        .identity
        .as_deref()
        .and_then(|name| causeway_api::MemberName::new(name).ok());
    if let (TransportError::Unreadable { reason, .. }, Some(member)) = (error, member) {
        let reason = format!("member {member}: {reason}");
        shared
            .refusals
            .note(&member, RefusedKind::Protocol, &reason, shared.env.now());
        shared.any_status_changed();
    }
}

/// The version of the agent's facts that is held here; where others hold some of a newer epoch than its own, that one, so
/// that it raises its epoch and says everything anew.
fn known(shared: &Shared, hello: &Hello) -> Option<FactVersion> {
    let here = shared
        .facts()
        .owner(&hello.member)
        .map(|facts| facts.version);
    let elsewhere = shared.sessions.epoch_held_of(&hello.member);
    here.max(elsewhere.filter(|held| hello.epoch != 0 && held.epoch > hello.epoch))
}

struct Refusal {
    kind: RefusedKind,
    reason: String,
    retry: bool,
}

/// Whether an agent may have a session here.
fn admit(shared: &Shared, connection: &AgentConnection, hello: &Hello) -> Result<(), Refusal> {
    let member = &hello.member;
    let refuse = |kind, retry, reason: String| {
        Err(Refusal {
            kind,
            reason,
            retry,
        })
    };
    if connection.identity.as_deref() != Some(member.as_str()) {
        let found = connection.identity.as_deref().unwrap_or("no member");
        return refuse(
            RefusedKind::Identity,
            false,
            format!(
                "the agent says that it is of member {member}, and its certificate is of {found}: give it the certificate of its member"
            ),
        );
    }
    if !(PROTOCOL_OLDEST..=PROTOCOL).contains(&hello.protocol) {
        return refuse(
            RefusedKind::Protocol,
            false,
            format!(
                "the agent of member {member} (version {}) speaks protocol {}, this replica {PROTOCOL_OLDEST} to {PROTOCOL}: update the \
             older of the two (controllers first)",
                hello.version, hello.protocol
            ),
        );
    }
    let own = shared.highest();
    if lacks_decisions(shared, hello, own) {
        heard_newer(shared, hello.highest.incarnation);
        let reason = format!(
            "the agent of member {member} follows decisions up to generation {}, and the log of replica {} ends at {own}: what was \
             decided is missing here (was its data folder wiped, or restored from an older copy?). Every mesh keeps what it has. Give \
             the replica its data folder back",
            hello.highest, shared.id
        );
        tracing::error!(%member, theirs = %hello.highest, ours = %own, "this replica lacks decisions that an agent follows: wiped data folder?");
        return refuse(RefusedKind::LostDecisions, true, reason);
    }
    let registered = shared.consensus.read(|state| {
        state.member(member).map(|held| {
            held.placement
                .as_ref()
                .map(|placed| placed.cluster_uid.clone())
        })
    });
    match registered {
        None => refuse(
            RefusedKind::Unregistered,
            true,
            format!(
                "member {member} is not registered: create a MemberCluster named {member} in the host cluster"
            ),
        ),
        Some(Some(uid)) if uid != hello.cluster_uid => refuse(
            RefusedKind::ForeignCluster,
            false,
            format!(
                "member {member} is the cluster with kube-system UID {uid}, and this agent runs in the cluster {}: two clusters cannot share \
             a name. Register this one under another name, or delete MemberCluster {member} first if the old cluster is gone for good",
                hello.cluster_uid
            ),
        ),
        Some(_) if let Some(home) = newer_elsewhere(shared, hello) => refuse(
            RefusedKind::OlderEpoch,
            true,
            format!(
                "an agent of member {member} with a newer epoch than {} has a session with replica {home} already",
                hello.epoch
            ),
        ),
        Some(_) => match shared.sessions.of(member) {
            // A standby, too: it would take the session from the one who writes.
            Some(other) if other.hello.epoch > hello.epoch => refuse(
                RefusedKind::OlderEpoch,
                true,
                format!(
                    "an agent of member {member} with the newer epoch {} has a session already (this one has {})",
                    other.hello.epoch, hello.epoch
                ),
            ),
            _ => Ok(()),
        },
    }
}

/// An agent follows a newer incarnation: where no other replica of it is reached, this one is of the old one for good.
fn heard_newer(shared: &Shared, incarnation: u64) {
    let Some(links) = shared.links.get() else {
        return;
    };
    let mut known = links.seen().into_values();
    let behind = known.any(|seen| seen.reachable() && seen.highest.incarnation >= incarnation);
    if !behind {
        links.fence(causeway_api::peer::Fenced {
            incarnation,
            by: shared.id,
            removed: None,
        });
    }
}

/// Whether an agent follows decisions that are missing here for good. A replica that is only behind its leader gets them
/// in time, and sends meanwhile what is newer than what the agent holds; so it must be of the agent's own clusterset and
/// incarnation, and not alone.
fn lacks_decisions(shared: &Shared, hello: &Hello, own: causeway_api::Generation) -> bool {
    let (clusterset, incarnation) = shared
        .consensus
        .read(|state| (state.clusterset, state.incarnation));
    let same = hello.clusterset != 0 && hello.clusterset == clusterset;
    if same && hello.highest.incarnation <= incarnation {
        let voters = shared.consensus.status().members;
        let alone = voters.iter().filter(|member| member.voter).count() < 2;
        return alone && hello.highest > own;
    }
    hello.highest > own
}

/// The replica with which a newer agent of the same member has its session.
fn newer_elsewhere(shared: &Shared, hello: &Hello) -> Option<causeway_api::ReplicaId> {
    let seen = shared.exchange.elsewhere(&hello.member)?;
    let newer = seen.presence.open && seen.connected && seen.presence.epoch > hello.epoch;
    newer.then_some(seen.home)
}

async fn refuse(connection: &AgentConnection, reason: String, retry: bool) {
    send(&connection.sender, FromReplica::Refused { reason, retry }).await;
}

/// Returns why the session ended.
async fn carry_on(
    shared: &Shared,
    session: &Session,
    connection: &mut AgentConnection,
    mut roll: watch::Receiver<Roll>,
    beginning: OwnedSemaphorePermit,
) -> String {
    let env = &shared.env;
    // Until it was sent what it lacked.
    let mut beginning = Some(beginning);
    let mut next_beat = env.now().plus(BEAT);
    // Facts that are held: said once in a beat. Until then the agent only remembers a little more than it must.
    let mut held = None;
    loop {
        let now = env.now();
        // By what is sent, not by how quiet it is: each side's heartbeats would else put off the other's.
        if now >= next_beat {
            let beat = held.map_or(FromReplica::Heartbeat, FromReplica::FactsHeld);
            if connection.sender.try_send(beat).is_ok() {
                held = None;
            }
            next_beat = now.plus(BEAT);
        }
        let quiet = SILENCE.saturating_sub(now.since(session.heard().at));
        tokio::select! {
            biased;
            why = session.ended() => return why.to_string(),
            message = connection.receiver.recv() => match message {
                Some(Ok(message)) => {
                    session.note_heard(env);
                    let answer = hear(shared, session, message);
                    if let Some(FromReplica::FactsHeld(version)) = answer {
                        held = Some(version);
                    } else if let Some(answer) = answer
                        && !taken(env, send(&connection.sender, answer)).await {
                        return "the agent takes nothing any more".to_owned();
                    }
                }
                Some(Err(error)) => return error.to_string(),
                None => return "the agent closed it".to_owned(),
            },
            () = session.due.notified() => {
                for message in due(shared, session) {
                    if !taken(env, send(&connection.sender, message)).await {
                        return "the agent takes nothing any more".to_owned();
                    }
                }
                drop(beginning.take());
            }
            Ok(()) = roll.changed() => {
                let message = FromReplica::Roll(roll.borrow_and_update().clone());
                if !taken(env, send(&connection.sender, message)).await {
                    return "the agent takes nothing any more".to_owned();
                }
            }
            () = env.sleep(next_beat.since(now).min(quiet).max(Duration::from_millis(1))) => {
                if env.now().since(session.heard().at) >= SILENCE {
                    return format!("nothing was heard for {SILENCE:?}");
                }
            }
        }
    }
}

/// Whether something was taken in time. While one side waits for room it does not listen: two that wait for each other
/// would do so for ever.
async fn taken(env: &Env, sending: impl Future<Output = bool>) -> bool {
    env.timeout(STALL, sending).await.unwrap_or(false)
}

/// What is to be sent now.
fn due(shared: &Shared, session: &Session) -> Vec<FromReplica> {
    let mut messages = session.unsent_questions();
    let delta = shared
        .consensus
        .read(|state| session.outbox().take(state, &shared.facts()));
    if let Some(delta) = delta {
        session.note_sent(&shared.env);
        messages.push(FromReplica::View(Box::new(delta)));
    }
    messages
}

fn hear(shared: &Shared, session: &Session, message: FromAgent) -> Option<FromReplica> {
    match message {
        FromAgent::Heartbeat => None,
        FromAgent::Facts(delta) => take_facts(shared, session, *delta),
        FromAgent::Applied(applied) => {
            session.note_applied(*applied);
            shared.exchange.present_later(&session.hello.member);
            shared.status_changed(&session.hello.member);
            None
        }
        FromAgent::Diff { id, entries } => {
            session.answered(id, entries);
            None
        }
        FromAgent::Votes(votes) => {
            session.note_votes(votes);
            shared.sessions.voted.notify_one();
            None
        }
        FromAgent::Hello(_) => Some(FromReplica::Refused {
            reason: "a second hello in one session".to_owned(),
            retry: true,
        }),
    }
}

fn take_facts(shared: &Shared, session: &Session, delta: FactDelta) -> Option<FromReplica> {
    let member = &session.hello.member;
    if delta.owner != *member {
        // Its certificate lets it speak for itself only.
        return Some(FromReplica::Refused {
            reason: format!(
                "the agent of member {member} sent facts of {}: an agent speaks for its own member only",
                delta.owner
            ),
            retry: false,
        });
    }
    let version = delta.version;
    // Under the lock of the state: a removal comes before, and is seen, or after, and takes these facts along.
    let taken = shared.consensus.read(|state| {
        state.member(member)?;
        Some(shared.exchange.first_hand(&mut shared.facts(), delta))
    });
    let Some(applied) = taken else {
        session.end(End::Removed);
        return None;
    };
    match applied {
        Ok(heard) => {
            shared.facts_changed(member, &heard.touched);
            if heard.became_whole {
                shared.became_whole(member);
            }
            Some(FromReplica::FactsHeld(version))
        }
        Err(ApplyError::NeedSnapshot { .. }) => Some(FromReplica::FactsWanted),
        Err(error @ ApplyError::TooManyRows { .. }) => {
            tracing::error!(%member, %error, "facts refused");
            shared.refusals.note(
                member,
                RefusedKind::Facts,
                &error.to_string(),
                shared.env.now(),
            );
            shared.any_status_changed();
            None
        }
    }
}

impl Shared {
    /// Ends the session of a member that is not registered (any more), whose agent then hears why when it asks for
    /// another, and drops its facts.
    pub(crate) fn forget_removed(&self, member: &causeway_api::MemberName) {
        let touched = self.consensus.read(|state| {
            let gone = !state.members.contains_key(member);
            gone.then(|| self.facts().drop_owner(member))
        });
        let Some(touched) = touched else {
            return;
        };
        if let Some(session) = self.sessions.of(member) {
            session.end(End::Removed);
        }
        self.exchange.forget(member);
        self.facts_changed(member, &touched);
    }

    /// Until now a member counted as it was when it was planned last; what is no more of that, it does not name.
    pub(crate) fn became_whole(&self, member: &causeway_api::MemberName) {
        self.brain.member_changed(member);
        self.sessions.settings_changed(member);
    }

    /// Facts of a member changed: send them on, and let the planner look.
    pub(crate) fn facts_changed(&self, owner: &causeway_api::MemberName, touched: &Touched) {
        if touched.is_empty() {
            return;
        }
        self.sessions.facts_changed(owner, &touched.services);
        self.brain.facts_changed(owner, touched);
        self.counts.facts_changed(owner, &touched.services);
        self.preparations.facts_changed(&touched.services);
        if touched.member || touched.gateways {
            self.status_changed(owner);
        }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
