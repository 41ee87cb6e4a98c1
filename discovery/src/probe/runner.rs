//! Probes a changing set of subjects and gives out votes: each change of mind once, and a negative one again and again
//! for as long as it is held, since such votes expire.
//!
//! Every vote passes through one task, which knows what is held of all subjects: there an observer that suddenly reaches
//! nobody will suspect itself (issue of the failover brain).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_api::ids::FailureDomain;
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_seam::{Env, Monotonic, TaskHandle};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc};

use super::suspicion::{Detector, Outcome, Suspicion};
use super::tcp::socket;
use super::{Probe, Target};

/// How subjects are probed.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// Who votes.
    pub observer: ObserverId,
    /// The failure domain in which the observer stands.
    pub domain: FailureDomain,
    /// How often a subject is probed; shortened at random by up to half.
    pub interval: Duration,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// Failures in a row until a subject is held unreachable.
    pub threshold: u32,
    /// How often a negative vote is given out again. Well below the time after which such votes expire.
    pub renew: Duration,
    /// Attempts at a time, over all subjects.
    pub concurrency: usize,
}

impl ProbeConfig {
    /// The usual times: probed each second, held unreachable after three failures, renewed every five seconds.
    #[must_use]
    pub fn new(observer: ObserverId, domain: FailureDomain) -> Self {
        Self {
            observer,
            domain,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            threshold: 3,
            renew: Duration::from_secs(5),
            concurrency: 64,
        }
    }
}

/// Probes for as long as it lives.
pub struct Prober {
    env: Env,
    probe: Arc<dyn Probe>,
    config: Arc<ProbeConfig>,
    permits: Arc<Semaphore>,
    subjects: BTreeMap<Subject, Running>,
    held: mpsc::Sender<Held>,
    last: Last,
    _votes: TaskHandle,
}

/// The last vote on each subject, and when it was given.
type Last = Arc<Mutex<BTreeMap<Subject, (Ballot, Monotonic)>>>;

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subjects: Vec<&Subject> = self.subjects.keys().collect();
        f.debug_struct("Prober")
            .field("subjects", &subjects)
            .finish_non_exhaustive()
    }
}

struct Running {
    target: Arc<Mutex<Target>>,
    _task: TaskHandle,
}

/// What is held of one subject after a probe.
struct Held {
    subject: Subject,
    ballot: Ballot,
    evidence: String,
    at: Monotonic,
}

impl Prober {
    /// Begins, with no subjects. Votes come out of the receiver, those that came together in one item; while nobody takes
    /// them, probing waits.
    #[must_use]
    pub fn start(
        env: &Env,
        probe: Arc<dyn Probe>,
        config: ProbeConfig,
    ) -> (Self, mpsc::Receiver<Vec<Vote>>) {
        let config = Arc::new(config);
        let (held, hears) = mpsc::channel(256);
        let (votes, out) = mpsc::channel(16);
        let last = Last::default();
        let judge = judge(Arc::clone(&config), Arc::clone(&last), hears, votes);
        let prober = Self {
            env: env.clone(),
            probe,
            permits: Arc::new(Semaphore::new(config.concurrency.max(1))),
            config,
            subjects: BTreeMap::new(),
            held,
            last,
            _votes: env.spawn("probe-votes", judge),
        };
        (prober, out)
    }

    /// The subjects to probe from now on. One that stays keeps what is held of it, also where its addresses change.
    pub fn set_subjects(&mut self, subjects: BTreeMap<Subject, Target>) {
        self.subjects
            .retain(|subject, _| subjects.contains_key(subject));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // One that comes again is voted on anew.
        last.retain(|subject, _| subjects.contains_key(subject));
        drop(last);
        for (subject, target) in subjects {
            if let Some(running) = self.subjects.get(&subject) {
                *running
                    .target
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = target;
                continue;
            }
            let target = Arc::new(Mutex::new(target));
            let probing = Probing {
                env: self.env.clone(),
                probe: Arc::clone(&self.probe),
                config: Arc::clone(&self.config),
                permits: Arc::clone(&self.permits),
                subject: subject.clone(),
                target: Arc::clone(&target),
                held: self.held.clone(),
            };
            let task = self.env.spawn("probe", probing.run());
            self.subjects.insert(
                subject,
                Running {
                    target,
                    _task: task,
                },
            );
        }
    }
}

struct Probing {
    env: Env,
    probe: Arc<dyn Probe>,
    config: Arc<ProbeConfig>,
    permits: Arc<Semaphore>,
    subject: Subject,
    target: Arc<Mutex<Target>>,
    held: mpsc::Sender<Held>,
}

impl Probing {
    async fn run(self) {
        let mut detector: Option<(String, Suspicion)> = None;
        // Subjects that come together are not probed together.
        let interval = self.config.interval;
        let first = interval.saturating_sub(self.env.random().jittered(interval));
        self.env.sleep(first).await;
        loop {
            let target = self
                .target
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let what = describe(&target);
            let outcome = self.attempt(&target).await;
            let known = detector.get_or_insert_with(|| {
                (
                    what.clone(),
                    Suspicion::new(self.config.threshold, &what).resuming(target.held),
                )
            });
            if known.0 != what {
                known.1.rename(&what);
                known.0 = what;
            }
            known.1.observe(self.env.now(), &outcome);
            let held = Held {
                subject: self.subject.clone(),
                ballot: known.1.ballot(),
                evidence: known.1.evidence(),
                at: self.env.now(),
            };
            if self.held.send(held).await.is_err() {
                return;
            }
            self.env.sleep(self.env.random().jittered(interval)).await;
        }
    }

    /// Tries all addresses at once; the first that is reached is enough.
    async fn attempt(&self, target: &Target) -> Outcome {
        if target.addresses.is_empty() {
            let failure = Some("no address is known".to_owned());
            return Outcome { failure };
        }
        let mut attempts: FuturesUnordered<_> = target
            .addresses
            .iter()
            .map(|(address, port)| async move {
                // Closed only when the prober is gone.
                let _permit = self.permits.acquire().await.ok();
                let reached = self.probe.reach(address, *port, self.config.timeout).await;
                reached.map_err(|why| format!("{}: {why}", socket(address, *port)))
            })
            .collect();
        let single = attempts.len() == 1;
        let mut failures = Vec::new();
        while let Some(attempt) = attempts.next().await {
            match attempt {
                Ok(()) => return Outcome { failure: None },
                Err(why) => failures.push(why),
            }
        }
        failures.sort();
        let mut failure = failures.join(", ");
        if single && let Some((_, why)) = failure.split_once(": ") {
            // Its address is said already.
            failure = why.to_owned();
        }
        Outcome {
            failure: Some(failure),
        }
    }
}

fn describe(target: &Target) -> String {
    let all = target.addresses.iter();
    let all: Vec<String> = all.map(|(address, port)| socket(address, *port)).collect();
    all.join(" or ")
}

/// Turns what is held into votes.
async fn judge(
    config: Arc<ProbeConfig>,
    last: Last,
    mut hears: mpsc::Receiver<Held>,
    votes: mpsc::Sender<Vec<Vote>>,
) {
    let mut batch = Vec::new();
    while hears.recv_many(&mut batch, 256).await > 0 {
        let mut out = Vec::new();
        for held in batch.drain(..) {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let due = match last.get(&held.subject) {
                None => true,
                Some((ballot, at)) => {
                    *ballot != held.ballot
                        || (*ballot == Ballot::Unreachable && held.at.since(*at) >= config.renew)
                }
            };
            if due {
                last.insert(held.subject.clone(), (held.ballot, held.at));
                out.push(Vote {
                    observer: config.observer.clone(),
                    domain: config.domain.clone(),
                    subject: held.subject,
                    ballot: held.ballot,
                    evidence: held.evidence,
                });
            }
        }
        if !out.is_empty() && votes.send(out).await.is_err() {
            return;
        }
    }
}
