//! What this agent sees of others' gateways: it probes those that its replica asks for, and says what it holds of them
//! through its session. Whatever became of that is the quorum's to say; what it cannot reach, its own member is not sent to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::ids::FailureDomain;
use causeway_api::probe::Observed;
use causeway_api::verdict::{ObserverId, Subject, Vote};
use causeway_discovery::probe::{Probe, ProbeConfig, Prober, Target};
use causeway_seam::Env;
use tokio::sync::watch;

use crate::replica::ProbeTimes;

/// A negative vote is renewed this often; it expires after a minute at least.
const RENEW: Duration = Duration::from_secs(15);
/// Attempts a second.
const PER_SECOND: u32 = 50;

/// By what an agent observes gateways, and how often and how patiently.
#[derive(Clone)]
pub struct Observing {
    /// What reaches a gateway, or does not.
    pub probe: Arc<dyn Probe>,
    /// How often and how patiently.
    pub times: ProbeTimes,
}

impl Observing {
    /// With the usual times: a gateway is probed half as often as a replica does, since there are more agents than replicas
    /// and each gateway is seen by several.
    #[must_use]
    pub fn by(probe: Arc<dyn Probe>) -> Self {
        let times = ProbeTimes {
            interval: Duration::from_secs(2),
            ..ProbeTimes::default()
        };
        Self { probe, times }
    }
}

/// What is asked for, and what is held of it.
pub(crate) struct Eyes {
    asked: watch::Sender<Vec<Observed>>,
    held: Mutex<Held>,
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    votes: BTreeMap<Subject, Vote>,
    unsaid: BTreeMap<Subject, Vote>,
}

impl Eyes {
    /// Nothing is asked for yet.
    pub(crate) fn new() -> Self {
        Self {
            asked: watch::Sender::new(Vec::new()),
            held: Mutex::default(),
            news: watch::Sender::new(0),
        }
    }

    /// A replica asks for these gateways, and no others. It passed over what it was told before it asked.
    pub(crate) fn observe(&self, gateways: Vec<Observed>) {
        self.asked.send_if_modified(|asked| {
            let other = *asked != gateways;
            if other {
                *asked = gateways;
            }
            other
        });
        self.say_again();
    }

    /// Follows what is to be said.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// A session begins: its replica may not have heard what was said to another.
    pub(crate) fn say_again(&self) {
        let mut held = self.held();
        held.unsaid = held.votes.clone();
        drop(held);
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// What is to be said now.
    pub(crate) fn take(&self) -> Vec<Vote> {
        let unsaid = std::mem::take(&mut self.held().unsaid);
        unsaid.into_values().collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Probes until it is dropped.
    pub(crate) async fn look(self: Arc<Self>, env: Env, by: Observing, member: MemberName) {
        // The replica knows better where the member stands, and counts its agent there.
        let Ok(domain) = FailureDomain::new(member.as_str()) else {
            return;
        };
        let config = ProbeConfig {
            interval: by.times.interval,
            timeout: by.times.timeout,
            threshold: by.times.threshold,
            renew: RENEW,
            per_second: PER_SECOND,
            ..ProbeConfig::new(ObserverId::Agent(member), domain)
        };
        let (mut prober, mut votes) = Prober::start(&env, by.probe, config);
        let mut asked = self.asked.subscribe();
        loop {
            tokio::select! {
                biased;
                changed = asked.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let gateways = asked.borrow_and_update().clone();
                    self.retain(&gateways);
                    prober.set_subjects(gateways.into_iter().map(target).collect());
                }
                cast = votes.recv() => match cast {
                    Some(cast) => self.cast(cast),
                    None => return,
                },
            }
        }
    }

    fn retain(&self, gateways: &[Observed]) {
        let mut held = self.held();
        let asked = |subject: &Subject| gateways.iter().any(|one| one.subject == *subject);
        held.votes.retain(|subject, _| asked(subject));
        held.unsaid.retain(|subject, _| asked(subject));
    }

    fn cast(&self, votes: Vec<Vote>) {
        let mut held = self.held();
        for vote in votes {
            tracing::debug!(subject = %vote.subject, ballot = ?vote.ballot, evidence = %vote.evidence, "seen");
            held.votes.insert(vote.subject.clone(), vote.clone());
            held.unsaid.insert(vote.subject.clone(), vote);
        }
        drop(held);
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }
}

fn target(observed: Observed) -> (Subject, Target) {
    let target = Target {
        addresses: observed.addresses,
        held: None,
        place: observed.place,
        how: observed.how,
    };
    (observed.subject, target)
}
