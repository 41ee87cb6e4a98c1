//! The loop: marks in, jobs out, retries, and what is published.
//!
//! One task runs all jobs side by side, each service in one job at a time. A *round* is everything that was marked when
//! it began; when all of that is done, the versions that the source showed at its beginning are published as applied.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use causeway_api::view::{Applied, MeshCondition};
use causeway_api::{Locality, NetworkName};
use causeway_render::condition::{of_mesh, reason};
use causeway_render::{MemberInputs, limits};
use causeway_seam::Monotonic;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::lease::Fence;
use crate::queue::{Marks, Queue};
use crate::source::Versions;
use crate::writer::context::Context;
use crate::writer::job::{JobKey, Outcome};
use crate::writer::pace::Pace;
use crate::writer::report::Results;
use crate::writer::{networks, service};

type Job = Pin<Box<dyn Future<Output = (JobKey, Outcome)> + Send>>;

/// How often the gate is tried again while it is shut.
const GATE: Duration = Duration::from_secs(1);
/// So many marks at once are a new view rather than a change: its size is judged again.
const MANY: usize = 200;

pub(crate) struct Run {
    context: Arc<Context>,
    queue: Arc<Queue>,
    fence: Fence,
    say: watch::Sender<Applied>,
    member: Option<Arc<MemberInputs>>,
    /// Counts that are marked, until it's time.
    pace: Pace,
    /// What is to be done.
    ready: BTreeSet<JobKey>,
    /// What is being done.
    busy: BTreeSet<JobKey>,
    jobs: FuturesUnordered<Job>,
    /// What failed: how often, and when it is tried again.
    waits: BTreeMap<JobKey, (u32, Monotonic)>,
    /// Gateways wait to be removed until all else is done.
    deferred: bool,
    results: Results,
    own: Vec<MeshCondition>,
    own_version: u64,
    /// What the published conditions rest on.
    published: Option<((u64, u64), u64)>,
    open: bool,
    /// The view is beyond all sense, or says nothing at all: nothing is done.
    halted: bool,
    epoch: Option<u64>,
    round: Option<Round>,
    shown: Versions,
    resync: Monotonic,
}

/// What has to be done before versions count as applied.
struct Round {
    versions: Versions,
    /// Not begun since.
    waiting: BTreeSet<JobKey>,
    /// Begun, not done.
    busy: BTreeSet<JobKey>,
}

impl Run {
    pub(crate) fn new(
        context: Arc<Context>,
        queue: Arc<Queue>,
        fence: Fence,
        say: watch::Sender<Applied>,
    ) -> Self {
        let resync = context.applier.env.now();
        let pace = Pace::new(context.options.pace, resync);
        Self {
            context,
            pace,
            queue,
            fence,
            say,
            member: None,
            ready: BTreeSet::new(),
            busy: BTreeSet::new(),
            jobs: FuturesUnordered::new(),
            waits: BTreeMap::new(),
            deferred: false,
            results: Results::default(),
            own: Vec::new(),
            own_version: 0,
            published: None,
            open: false,
            halted: false,
            epoch: None,
            round: None,
            shown: Versions::default(),
            resync,
        }
    }

    pub(crate) async fn run(mut self) {
        let env = self.context.applier.env.clone();
        let queue = self.queue.clone();
        loop {
            // In this order: what these versions tell of is then marked.
            let versions = self.context.source.versions();
            let marks = queue.take();
            self.take_in(marks);
            if self.open {
                self.wake_waiting(env.now());
                self.go_round(&versions);
            }
            self.publish();
            let pause = self.pause(env.now());
            tokio::select! {
                biased;
                Some((key, outcome)) = self.jobs.next(), if !self.jobs.is_empty() => {
                    self.finish(key, &outcome, env.now());
                }
                () = queue.wait() => {}
                () = self.fence.changed() => {}
                () = env.sleep(pause) => {}
            }
        }
    }

    /// Marks become jobs; whatever opens or shuts the gate is looked at.
    fn take_in(&mut self, marks: Marks) {
        let now = self.context.applier.env.now();
        let marked_services = marks.services.len() + marks.counts.len();
        let marked = marks.member || marked_services > 0;
        if marks.member || self.member.is_none() {
            self.take_member();
        }
        if marks.networks {
            self.ready.insert(JobKey::Networks);
        }
        self.pace.mark(marks.counts, now);
        // What goes with a change of the ways into networks goes with it, and gateways that are to go wait for all else.
        let at_once = marks.member || marks.networks || self.deferred;
        let counts = self.pace.take(now, at_once);
        for service in marks.services.into_iter().chain(counts) {
            self.add(JobKey::Service(service));
        }
        if !marks.suffixes.is_empty() {
            let touched = |host: &str| {
                marks
                    .suffixes
                    .iter()
                    .any(|end| host.ends_with(end.as_str()))
            };
            for service in self.context.all_services() {
                if touched(&service.cluster_local_host()) || touched(&service.clusterset_host()) {
                    self.add(JobKey::Service(service));
                }
            }
        }
        let epoch = self.fence.epoch_at(now);
        let was_open = self.open;
        self.open = self.member.is_some()
            && self.context.source.is_complete()
            && self.context.live.lock().is_known();
        let again = self.halted && marked || marked_services > MANY;
        if self.open && (!was_open || epoch != self.epoch || now >= self.resync || again) {
            self.resync = now.plus(self.context.options.resync_every);
            self.all();
        }
        self.epoch = epoch;
    }

    fn written(&self) -> u64 {
        let counters = &self.context.counters;
        counters.applied.load(Ordering::Relaxed) + counters.deleted.load(Ordering::Relaxed)
    }

    /// Something is known anew of a service: what failed before is tried at once.
    fn add(&mut self, key: JobKey) {
        self.waits.remove(&key);
        self.ready.insert(key);
    }

    fn take_member(&mut self) {
        let new = self.context.source.member();
        if let Some(new) = &new {
            let all = match &self.member {
                None => true,
                Some(old) => old.settings != new.settings || places(old) != places(new),
            };
            self.add(JobKey::Networks);
            if all && self.open {
                self.all();
            }
        }
        self.member = new;
    }

    /// Everything is looked at, unless the view is beyond all sense or says nothing at all.
    fn all(&mut self) {
        self.own = self.halts().into_iter().collect();
        self.own_version += 1;
        self.halted = !self.own.is_empty();
        // Either nothing is done, or everything.
        self.pace.clear();
        if self.halted {
            self.ready.clear();
            self.waits.clear();
            // What it waits for may never come; all is looked at when this is over.
            self.round = None;
            return;
        }
        self.add(JobKey::Networks);
        for service in self.context.all_services() {
            self.add(JobKey::Service(service));
        }
    }

    fn halts(&self) -> Option<MeshCondition> {
        let known = self.context.source.count();
        if known > limits::SERVICES {
            return Some(of_mesh(
                reason::TOO_LARGE,
                "",
                format!(
                    "{known} services, where at most {} make sense: the mesh stays as it is. Look at what exports so \
                     many.",
                    limits::SERVICES
                ),
            ));
        }
        (known == 0 && self.context.live.lock().serves()).then(|| {
            of_mesh(
                "EmptyView",
                "",
                "the view names no service at all, and objects of ours serve here: they stay. A view that was lost \
                 looks the same; to leave, withdraw the exports one by one, or remove the objects labelled \
                 causeway.dev/owner=causeway."
                    .to_owned(),
            )
        })
    }

    fn wake_waiting(&mut self, now: Monotonic) {
        let due = self.waits.iter().filter(|(_, (_, at))| *at <= now);
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        // The count stays until the job succeeds.
        self.ready.extend(due);
    }

    /// A round that ends leaves behind what was told of meanwhile, and nobody rings for that again: the next one begins
    /// at once.
    fn go_round(&mut self, versions: &Versions) {
        self.context
            .incarnation
            .store(versions.incarnation, Ordering::Relaxed);
        loop {
            self.begin_round(versions);
            self.start_jobs();
            if !self.end_round() {
                return;
            }
        }
    }

    fn begin_round(&mut self, versions: &Versions) {
        if self.round.is_some() || self.halted {
            return;
        }
        let marked = self.pace.marked().iter().cloned().map(JobKey::Service);
        let waiting: BTreeSet<JobKey> = self.ready.iter().cloned().chain(marked).collect();
        if *versions == self.shown && waiting.is_empty() && self.busy.is_empty() {
            return;
        }
        self.round = Some(Round {
            versions: versions.clone(),
            waiting,
            busy: self.busy.clone(),
        });
    }

    fn start_jobs(&mut self) {
        let Some(member) = self.member.clone() else {
            return;
        };
        if self.halted || self.may_not_start(&member) {
            return;
        }
        let gateways_first = self.gateways_come_first(&member);
        while self.busy.len() < self.context.options.concurrency.max(1) {
            let may = |key: &&JobKey| {
                let waits = gateways_first && **key != JobKey::Networks;
                !waits && !self.busy.contains(*key)
            };
            let next = self.ready.iter().find(may);
            let Some(key) = next.cloned() else { break };
            self.ready.remove(&key);
            self.start(key, &member, false);
        }
        let idle = self.ready.is_empty() && self.busy.is_empty() && self.pace.marked().is_empty();
        if self.deferred && idle {
            self.deferred = false;
            self.start(JobKey::Networks, &member, true);
        }
    }

    /// Without the void gateway nothing else may be written, so the job that writes it goes first, alone.
    fn gateways_come_first(&self, member: &MemberInputs) -> bool {
        let pending =
            self.ready.contains(&JobKey::Networks) || self.busy.contains(&JobKey::Networks);
        pending && self.context.may_write(member).is_ok() && !self.context.live.lock().has_void()
    }

    /// A standby keeps its marks: it begins with everything when the Lease is its own.
    fn may_not_start(&self, member: &MemberInputs) -> bool {
        let writes = self.context.may_write(member).is_ok();
        let only_looks =
            member.settings.mode == causeway_api::spec::Mode::Observe || member.settings.suspend;
        !writes && !only_looks
    }

    fn start(&mut self, key: JobKey, member: &Arc<MemberInputs>, done: bool) {
        if let Some(round) = &mut self.round
            && round.waiting.remove(&key)
        {
            round.busy.insert(key.clone());
        }
        self.busy.insert(key.clone());
        if let JobKey::Service(service) = &key {
            self.pace.forget(service);
        }
        let (now, written) = (self.context.applier.env.now(), self.written());
        self.pace.goes(now, written);
        let context = self.context.clone();
        let member = member.clone();
        self.jobs.push(Box::pin(async move {
            let outcome = match &key {
                JobKey::Networks => {
                    let needed = context.source.count() > 0;
                    networks::run(&context, &member, needed, done).await
                }
                JobKey::Service(service) => service::run(&context, &member, service).await,
            };
            (key, outcome)
        }));
    }

    fn finish(&mut self, key: JobKey, outcome: &Outcome, now: Monotonic) {
        self.busy.remove(&key);
        if self.busy.is_empty() && self.ready.is_empty() {
            self.pace.done(self.written());
        }
        self.results.set(&key, outcome);
        self.deferred |= outcome.deferred;
        let writes = self
            .member
            .as_ref()
            .is_some_and(|member| self.context.may_write(member).is_ok());
        self.deferred &= writes;
        if outcome.retry || outcome.again {
            let tries = self.waits.get(&key).map_or(0, |(tries, _)| *tries);
            let pause = if outcome.again && tries == 0 {
                Duration::ZERO
            } else {
                self.back_off(tries)
            };
            self.waits
                .insert(key.clone(), (tries.saturating_add(1), now.plus(pause)));
        } else {
            self.waits.remove(&key);
            if key == JobKey::Networks {
                self.release_waiting(now);
            }
        }
        if let Some(round) = &mut self.round {
            round.busy.remove(&key);
            if outcome.again {
                round.waiting.insert(key);
            }
        }
    }

    /// Services that waited for the void gateway need not wait any longer.
    fn release_waiting(&mut self, now: Monotonic) {
        if self.context.live.lock().has_void() {
            for (_, at) in self.waits.values_mut() {
                *at = now;
            }
        }
    }

    fn back_off(&self, tries: u32) -> Duration {
        let options = &self.context.options;
        let pause = options.retry_first * 2_u32.saturating_pow(tries.min(16));
        let random = self.context.applier.env.random();
        random.jittered(pause.min(options.retry_max))
    }

    /// Whether a round ended.
    fn end_round(&mut self) -> bool {
        let done = self
            .round
            .as_ref()
            .is_some_and(|round| round.waiting.is_empty() && round.busy.is_empty());
        if done && let Some(round) = self.round.take() {
            self.shown = round.versions;
        }
        done
    }

    fn publish(&mut self) {
        let (conditions, objects) = {
            let store = self.context.live.lock();
            let version = (self.results.version(&store), self.own_version);
            let changed = self.published != Some(version);
            self.published = Some(version);
            let conditions = changed.then(|| self.results.conditions(&store, &self.own));
            (conditions, u64::try_from(store.count()).unwrap_or(u64::MAX))
        };
        self.say.send_if_modified(|applied| {
            let mut differs = false;
            let mut set = |changed: bool| differs |= changed;
            if let Some(conditions) = conditions {
                set(applied.conditions != conditions);
                applied.conditions = conditions;
            }
            if applied.generation != self.shown.generation || applied.owners != self.shown.owners {
                applied.generation = self.shown.generation;
                applied.owners.clone_from(&self.shown.owners);
                set(true);
            }
            let would_change = self.results.would_change();
            set(applied.objects != objects || applied.would_change != would_change);
            applied.objects = objects;
            applied.would_change = would_change;
            differs
        });
    }

    /// How long nothing need be done.
    fn pause(&self, now: Monotonic) -> Duration {
        if !self.open {
            return GATE;
        }
        // What is ready or busy is woken by something else.
        let retry = self
            .waits
            .iter()
            .filter(|(key, _)| !self.busy.contains(*key) && !self.ready.contains(*key));
        retry
            .map(|(_, (_, at))| at.since(now))
            .chain([self.resync.since(now)])
            .chain(self.pace.left(now))
            .min()
            .unwrap_or(GATE)
    }
}

/// Where each network's entries stand, and whether they lead anywhere: a change concerns every service that is offered
/// there.
fn places(member: &MemberInputs) -> BTreeMap<&NetworkName, (&Locality, bool)> {
    let views = member.networks.iter();
    views
        .filter_map(|(network, view)| {
            let view = view.value.as_ref()?;
            Some((network, (&view.locality, view.gateways.is_empty())))
        })
        .collect()
}
