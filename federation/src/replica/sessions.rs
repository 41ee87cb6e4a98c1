//! Agents' sessions: who is there, since when, and what each is to be sent next.
//!
//! Each session has an outbox that coalesces: a slow agent falls behind by itself and holds nobody up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_api::FactVersion;
use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_api::probe::Observed;
use causeway_api::session::{DiffEntry, FromAgent, FromReplica, Hello};
use causeway_api::verdict::{Subject, Vote};
use causeway_api::view::Applied;
use causeway_core::outbox::Outbox;
use causeway_seam::clock::WallClock;
use causeway_seam::{Env, Monotonic};
use tokio::sync::{Notify, mpsc, oneshot};

/// All sessions of this replica. At most one for each member: a newer one of the same or a higher epoch replaces it.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<BTreeMap<MemberName, Arc<Session>>>,
    next: Mutex<u64>,
    /// An agent voted, or came.
    pub(crate) voted: Notify,
}

/// One member's session.
pub(crate) struct Session {
    /// Tells this session from an earlier one of the same member.
    pub(crate) number: u64,
    pub(crate) hello: Hello,
    /// When it opened.
    pub(crate) opened: Monotonic,
    outbox: Mutex<Outbox>,
    /// Something is to be sent.
    pub(crate) due: Notify,
    heard: Mutex<Heard>,
    questions: Mutex<Questions>,
    eyes: Mutex<Eyes>,
    /// Rung when it is to end.
    ending: Notify,
    end: Mutex<Option<End>>,
}

/// Why a session is ended from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// A newer session of the same member took over.
    Superseded,
    /// Its agent has a newer session with another replica.
    Moved,
    /// Its member was removed.
    Removed,
    /// This replica has no part in its clusterset any more.
    Out,
    /// This replica may have none any more.
    Doubted,
    /// Others hold facts of a newer epoch than the agent's: it has to introduce itself anew.
    Outdated,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Superseded => "a newer session of the same member took over",
            Self::Moved => "its agent has a newer session with another replica",
            Self::Removed => "its MemberCluster was removed",
            Self::Out => "this replica has no part in its clusterset any more",
            Self::Doubted => "this replica may have no part in its clusterset any more",
            Self::Outdated => {
                "other agents hold facts of a newer epoch than this agent's: it introduces itself anew"
            }
        })
    }
}

/// What was last heard of an agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) at: Monotonic,
    pub(crate) wall: WallClock,
    pub(crate) applied: Option<Applied>,
    /// When the agent had applied what had been sent, else since when it has not.
    pub(crate) behind_since: Option<Monotonic>,
}

/// What an agent observes for this replica.
#[derive(Default)]
struct Eyes {
    asked: Vec<Observed>,
    /// It was not sent yet.
    unsent: bool,
    /// What it voted, until that was decided on.
    votes: BTreeMap<Subject, Vote>,
}

#[derive(Default)]
struct Questions {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Vec<DiffEntry>>>,
    unsent: Vec<u64>,
}

impl Sessions {
    /// Enters a session; an earlier one of the member is told to end.
    pub(crate) fn enter(&self, env: &Env, hello: Hello) -> Arc<Session> {
        let number = {
            let mut next = lock(&self.next);
            *next += 1;
            *next
        };
        let now = env.now();
        let session = Arc::new(Session {
            number,
            opened: now,
            outbox: Mutex::new(Outbox::resume(hello.member.clone(), hello.holds.clone())),
            due: Notify::new(),
            heard: Mutex::new(Heard {
                at: now,
                wall: env.wall(),
                ..Heard::default()
            }),
            questions: Mutex::new(Questions::default()),
            eyes: Mutex::default(),
            ending: Notify::new(),
            end: Mutex::new(None),
            hello,
        });
        session.due.notify_one();
        self.voted.notify_one();
        let earlier = lock(&self.open).insert(session.hello.member.clone(), session.clone());
        if let Some(earlier) = earlier {
            earlier.end(End::Superseded);
        }
        session
    }

    /// Leaves, unless a newer session has taken over.
    pub(crate) fn leave(&self, session: &Session) {
        let mut open = lock(&self.open);
        if open
            .get(&session.hello.member)
            .is_some_and(|held| held.number == session.number)
        {
            open.remove(&session.hello.member);
        }
    }

    /// The member's session, if it has one here.
    pub(crate) fn of(&self, member: &MemberName) -> Option<Arc<Session>> {
        lock(&self.open).get(member).cloned()
    }

    /// The newest epoch of a member's facts that other members' agents hold. A member whose cluster was built anew, or
    /// whose Lease was deleted, counts from nothing, and those agents would pass over its facts as older.
    pub(crate) fn epoch_held_of(&self, member: &MemberName) -> Option<FactVersion> {
        let open = lock(&self.open);
        let held = open
            .values()
            .filter_map(|session| session.hello.holds.owners.get(member));
        held.max().copied()
    }

    /// A session brought word of facts of others: whose agent has an older epoch than that introduces itself anew.
    pub(crate) fn outdated_by(&self, entered: &Session) {
        for (owner, version) in &entered.hello.holds.owners {
            if let Some(session) = self
                .of(owner)
                .filter(|s| s.hello.epoch != 0 && s.hello.epoch < version.epoch)
            {
                session.end(End::Outdated);
            }
        }
    }

    /// Ends all; says whether there were any.
    pub(crate) fn end_all(&self, why: End) -> bool {
        let all = self.all();
        all.iter().for_each(|session| session.end(why));
        !all.is_empty()
    }

    /// All sessions, by member.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        lock(&self.open).values().cloned().collect()
    }

    /// Facts of `owner` about `services` changed: whoever imports one of them is sent it.
    pub(crate) fn facts_changed(&self, owner: &MemberName, services: &BTreeSet<ServiceKey>) {
        self.each(|outbox| outbox.mark_facts(owner, services));
    }

    /// Plans of `services` changed.
    pub(crate) fn plans_changed(&self, services: &BTreeSet<ServiceKey>) {
        self.each(|outbox| outbox.mark_services(services));
    }

    /// The ways into `networks` changed.
    pub(crate) fn networks_changed(&self, networks: &BTreeSet<NetworkName>) {
        self.each(|outbox| outbox.mark_networks(networks));
    }

    /// Verdicts, policies, or what people hold changed: agents may have to leave something at once, or no longer.
    pub(crate) fn coarse_changed(&self) {
        self.each(|outbox| {
            outbox.mark_coarse();
            true
        });
    }

    /// A member's settings changed.
    pub(crate) fn settings_changed(&self, member: &MemberName) {
        if let Some(session) = self.of(member) {
            lock(&session.outbox).mark_settings();
            session.due.notify_one();
        }
    }

    /// Events were missed: everybody is compared anew.
    pub(crate) fn all_changed(&self) {
        self.each(|outbox| {
            outbox.mark_all();
            true
        });
    }

    fn each(&self, mark: impl Fn(&mut Outbox) -> bool) {
        for session in self.all() {
            if mark(&mut lock(&session.outbox)) {
                session.due.notify_one();
            }
        }
    }
}

impl Session {
    /// What orders the sessions of one member, whichever replica they are with: the highest is the newest.
    pub(crate) fn order(&self) -> (u64, u64) {
        (self.hello.epoch, self.hello.sequence)
    }

    /// Tells it to end. The first reason is the one that is told.
    pub(crate) fn end(&self, why: End) {
        lock(&self.end).get_or_insert(why);
        self.ending.notify_one();
    }

    /// Waits until it is told to end.
    pub(crate) async fn ended(&self) -> End {
        loop {
            if let Some(why) = *lock(&self.end) {
                return why;
            }
            self.ending.notified().await;
        }
    }

    /// The outbox, under a short lock.
    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }

    /// What was last heard.
    pub(crate) fn heard(&self) -> Heard {
        lock(&self.heard).clone()
    }

    /// Something was heard now.
    pub(crate) fn note_heard(&self, env: &Env) {
        let mut heard = lock(&self.heard);
        heard.at = env.now();
        heard.wall = env.wall();
    }

    /// A view was sent: the agent is behind until it says that it applied it.
    pub(crate) fn note_sent(&self, env: &Env) {
        let mut heard = lock(&self.heard);
        // The agent may have said what it applied before it was sent that there is nothing more: it says so but once.
        let applied = heard.applied.as_ref();
        if !applied.is_some_and(|applied| self.outbox().is_held_by(applied)) {
            heard.behind_since.get_or_insert(env.now());
        }
    }

    /// The agent said what it applied.
    pub(crate) fn note_applied(&self, applied: Applied) {
        let caught_up = self.outbox().is_held_by(&applied);
        let mut heard = lock(&self.heard);
        heard.applied = Some(applied);
        if caught_up {
            heard.behind_since = None;
        }
    }

    /// Asks for the exact difference between view and mesh.
    pub(crate) async fn diff(&self, env: &Env) -> Result<Vec<DiffEntry>, String> {
        let (tell, answer) = oneshot::channel();
        {
            let mut questions = lock(&self.questions);
            let id = questions.next;
            questions.next += 1;
            questions.waiting.insert(id, tell);
            questions.unsent.push(id);
        }
        self.due.notify_one();
        let member = &self.hello.member;
        match env.timeout(Duration::from_secs(15), answer).await {
            Ok(Ok(entries)) => Ok(entries),
            Ok(Err(_)) => Err(format!(
                "the session of member {member} ended before its answer: try again"
            )),
            Err(elapsed) => Err(format!("member {member}: {elapsed}: see its agent's log")),
        }
    }

    /// Questions that are to be sent.
    pub(crate) fn unsent_questions(&self) -> Vec<FromReplica> {
        let unsent = std::mem::take(&mut lock(&self.questions).unsent);
        let mut eyes = lock(&self.eyes);
        let observe = std::mem::take(&mut eyes.unsent).then(|| eyes.asked.clone());
        unsent
            .into_iter()
            .map(|id| FromReplica::AskDiff { id })
            .chain(observe.map(FromReplica::Observe))
            .collect()
    }

    /// The agent is to observe these gateways.
    pub(crate) fn ask_to_observe(&self, gateways: Vec<Observed>) {
        let mut eyes = lock(&self.eyes);
        if eyes.asked != gateways {
            eyes.asked = gateways;
            eyes.unsent = true;
            drop(eyes);
            self.due.notify_one();
        }
    }

    /// The agent voted on what it was asked to observe; the rest is passed over. A newer vote takes an older one's place.
    pub(crate) fn note_votes(&self, votes: Vec<Vote>) {
        let mut eyes = lock(&self.eyes);
        let Eyes {
            asked, votes: held, ..
        } = &mut *eyes;
        for vote in votes {
            if asked.iter().any(|one| one.subject == vote.subject) {
                held.insert(vote.subject.clone(), vote);
            }
        }
    }

    /// What the agent voted since this was last asked.
    pub(crate) fn take_votes(&self) -> Vec<Vote> {
        let votes = std::mem::take(&mut lock(&self.eyes).votes);
        votes.into_values().collect()
    }

    /// These could not be cast: they are tried again, unless the agent voted anew.
    pub(crate) fn put_back(&self, votes: impl IntoIterator<Item = Vote>) {
        let mut eyes = lock(&self.eyes);
        for vote in votes {
            eyes.votes.entry(vote.subject.clone()).or_insert(vote);
        }
    }

    /// An answer came.
    pub(crate) fn answered(&self, id: u64, entries: Vec<DiffEntry>) {
        if let Some(tell) = lock(&self.questions).waiting.remove(&id) {
            let _ = tell.send(entries);
        }
    }
}

/// Sends, and says whether anybody still listens.
pub(crate) async fn send(sender: &mpsc::Sender<FromReplica>, message: FromReplica) -> bool {
    sender.send(message).await.is_ok()
}

/// What a message is, for the log.
pub(crate) fn name(message: &FromAgent) -> &'static str {
    match message {
        FromAgent::Hello(_) => "a hello",
        FromAgent::Facts(_) => "facts",
        FromAgent::Applied(_) => "a word on its mesh",
        FromAgent::Votes(_) => "votes",
        FromAgent::Diff { .. } => "a difference",
        FromAgent::Heartbeat => "a heartbeat",
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::Generation;
    use causeway_api::session::{Holds, PROTOCOL};

    use super::*;

    #[tokio::test]
    async fn an_agent_that_said_before_that_it_has_all_is_not_behind() {
        let env = causeway_seam::real::env();
        let generation = |index| Generation {
            incarnation: 1,
            term: 1,
            index,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            version: "0.1.0".to_owned(),
            member: "a".parse().unwrap(),
            cluster_uid: "uid-a".to_owned(),
            epoch: 1,
            sequence: 1,
            clusterset: 0,
            roll: causeway_api::session::Roll::default(),
            highest: generation(7),
            facts: FactVersion::default(),
            holds: Holds {
                settings: generation(7),
                ..Holds::default()
            },
        };
        let session = Sessions::default().enter(&env, hello);
        let applied = |index| Applied {
            generation: generation(index),
            ..Applied::default()
        };
        let behind = || session.heard().behind_since.is_some();
        session.note_sent(&env);
        assert!(behind(), "it has said nothing");
        session.note_applied(applied(6));
        assert!(behind(), "it has applied less");
        session.note_applied(applied(7));
        assert!(!behind());
        // Sent after that: a word that there is no more.
        session.note_sent(&env);
        assert!(!behind());
    }
}
