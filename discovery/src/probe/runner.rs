//! Probes a changing set of subjects and gives out votes: each change of mind once, and a negative one again and again
//! for as long as it is held, since such votes expire.
//!
//! Each subject has a task that probes it; what they find passes through one more ([`super::judge`]).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_api::ids::FailureDomain;
use causeway_api::verdict::{ObserverId, Subject, Vote};
use causeway_seam::{Env, TaskHandle};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc, watch};

use super::adaptive::{Adaptive, Outcome};
use super::budget::Budget;
use super::judge::{Held, Judge, Last, Sight};
use super::tcp::socket;
use super::{Probe, Target};

/// How subjects are probed.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// Who votes.
    pub observer: ObserverId,
    /// The failure domain in which the observer stands.
    pub domain: FailureDomain,
    /// How often a subject is probed; shortened at random by up to half, and longer where there are many.
    pub interval: Duration,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// Failures in a row until a subject is held unreachable, on a path that loses nothing.
    pub threshold: u32,
    /// How often a negative vote is given out again. Well below the time after which such votes expire.
    pub renew: Duration,
    /// Attempts at a time, over all subjects.
    pub concurrency: usize,
    /// Attempts a second, over all subjects.
    pub per_second: u32,
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
            concurrency: 512,
            per_second: 500,
        }
    }
}

/// Probes for as long as it lives.
pub struct Prober {
    common: Arc<Common>,
    subjects: BTreeMap<Subject, Running>,
    last: Arc<Last>,
    sight: watch::Receiver<Sight>,
    _votes: TaskHandle,
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subjects: Vec<&Subject> = self.subjects.keys().collect();
        f.debug_struct("Prober")
            .field("subjects", &subjects)
            .finish_non_exhaustive()
    }
}

/// What all subjects' tasks share.
struct Common {
    env: Env,
    probe: Arc<dyn Probe>,
    config: Arc<ProbeConfig>,
    permits: Semaphore,
    budget: Budget,
    /// How many subjects there are.
    count: AtomicUsize,
    held: mpsc::Sender<Held>,
    forgiven: watch::Receiver<u64>,
}

struct Running {
    target: Arc<Mutex<Target>>,
    _task: TaskHandle,
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
        let (say, sight) = watch::channel(Sight::TooFewPlaces(0));
        let (forgive, forgiven) = watch::channel(0);
        let last = Arc::new(Last::default());
        let judge = Judge {
            config: Arc::clone(&config),
            last: Arc::clone(&last),
            hears,
            votes,
            sight: say,
            forgiven: forgive,
        };
        let common = Common {
            env: env.clone(),
            probe,
            permits: Semaphore::new(config.concurrency.max(1)),
            budget: Budget::new(config.per_second),
            config,
            count: AtomicUsize::new(0),
            held,
            forgiven,
        };
        let prober = Self {
            common: Arc::new(common),
            subjects: BTreeMap::new(),
            last,
            sight,
            _votes: env.spawn("probe-votes", judge.run()),
        };
        (prober, out)
    }

    /// What the observer holds of itself.
    #[must_use]
    pub fn sight(&self) -> watch::Receiver<Sight> {
        self.sight.clone()
    }

    /// The subjects to probe from now on. One that stays keeps what is held of it, also where its addresses change.
    pub fn set_subjects(&mut self, subjects: BTreeMap<Subject, Target>) {
        self.common.count.store(subjects.len(), Ordering::Relaxed);
        self.subjects
            .retain(|subject, _| subjects.contains_key(subject));
        self.last.retain(|subject| subjects.contains_key(subject));
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
                common: Arc::clone(&self.common),
                subject: subject.clone(),
                target: Arc::clone(&target),
            };
            let task = self.common.env.spawn("probe", probing.run());
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
    common: Arc<Common>,
    subject: Subject,
    target: Arc<Mutex<Target>>,
}

impl Probing {
    async fn run(self) {
        let Common {
            env, config, held, ..
        } = &*self.common;
        let mut detector: Option<(String, Adaptive)> = None;
        let mut forgiven = *self.common.forgiven.borrow();
        // Subjects that come together are not probed together.
        let first = self.interval(false);
        env.sleep(first.saturating_sub(env.random().jittered(first)))
            .await;
        loop {
            let target = self
                .target
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let what = describe(&target);
            let (known, adaptive) = detector.get_or_insert_with(|| {
                let adaptive = Adaptive::new(config.threshold, &what).resuming(target.held);
                (what.clone(), adaptive)
            });
            if *known != what {
                adaptive.rename(&what);
                *known = what;
            }
            let outcome = self.attempt(&target).await;
            let times = *self.common.forgiven.borrow();
            if times != forgiven {
                forgiven = times;
                adaptive.forgive();
            }
            adaptive.observe(env.now(), &outcome);
            let report = Held {
                subject: self.subject.clone(),
                place: target.place,
                ballot: adaptive.ballot(),
                failing: adaptive.failing(),
                evidence: adaptive.evidence(),
                at: env.now(),
                forgiven,
            };
            if held.send(report).await.is_err() {
                return;
            }
            let pause = self.interval(adaptive.failing() == Some(true));
            env.sleep(env.random().jittered(pause)).await;
        }
    }

    /// How long to wait between attempts: longer where much is to be probed, but for what fails.
    fn interval(&self, failing: bool) -> Duration {
        let usual = self.common.config.interval;
        if failing {
            return usual;
        }
        let count = self.common.count.load(Ordering::Relaxed);
        self.common.budget.spread(usual, count)
    }

    /// Tries all addresses at once; the first that is reached is enough.
    async fn attempt(&self, target: &Target) -> Outcome {
        if target.addresses.is_empty() {
            let failure = Some("no address is known".to_owned());
            return Outcome { failure };
        }
        let common = &self.common;
        let mut attempts: FuturesUnordered<_> = target
            .addresses
            .iter()
            .map(|(address, port)| async move {
                common.budget.turn(&common.env).await;
                // Closed only when the prober is gone.
                let _permit = common.permits.acquire().await.ok();
                let limit = common.config.timeout;
                let reached = common.probe.reach_by(&target.how, address, *port, limit);
                let reached = reached.await;
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
    format!("{}{}", all.join(" or "), target.how.words())
}
