//! A member's agent: reports what runs there, and writes the mesh objects that the plan asks for.
//!
//! Two halves: the observer (crate `causeway-discovery`) and, where it holds the member's Lease, the writer (crate
//! `causeway-mesh`). Between them:
//!
//! * [`homing`]: which replica to dial; [`link`]: the session with a replica: facts up, view down;
//!   [`news`]: when facts go up;
//! * [`shared`]: the newest view parts, unacknowledged facts; [`cache`]: the view on disk;
//! * [`eyes`]: gateways of others, as seen from here; [`places`]: what the hosts of callers' proxies are, which are asked what
//!   they eject;
//! * [`source`]: what the writer reads; [`writing`]: Lease and writer;
//! * [`process`]: `causeway agent`.

mod cache;
mod eyes;
mod homing;
mod link;
mod news;
mod places;
mod process;
mod shared;
mod source;
mod writing;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use causeway_api::MemberName;
use causeway_api::view::View;
use causeway_discovery::proxies::{self, NetAsks, ProxyUrl, Reader, ReaderConfig};
use causeway_discovery::{Observer, ObserverConfig};
use causeway_mesh::{Lease, LeaseOptions, LeaseState};
use causeway_seam::{Disk, Env, TaskHandle};
use tokio::sync::watch;

use eyes::Eyes;
use homing::Homing;
use link::Link;
use shared::Shared;
use source::AgentSource;
use writing::Writing;

pub use eyes::Observing;
pub use link::{Dialer, LinkStatus};
pub use process::run;

/// Who an agent is and whom it speaks to.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Its member.
    pub member: MemberName,
    /// Addresses of replicas to begin with; it learns of all others from those.
    pub controllers: Vec<String>,
    /// Its name in the Lease; unique for each process.
    pub identity: String,
    /// Proxies of callers that may be asked what they leave out by themselves.
    pub proxies: Vec<ProxyUrl>,
}

/// A running agent; it ends when this is dropped, and the mesh keeps what it has.
pub struct Agent {
    tasks: Vec<TaskHandle>,
    shared: Arc<Shared>,
    writing: Arc<Writing>,
    observer: Arc<Observer>,
    status: watch::Receiver<LinkStatus>,
}

impl Agent {
    /// Starts.
    #[must_use]
    pub fn start(
        env: &Env,
        client: kube::Client,
        dialer: Arc<Dialer>,
        disk: Arc<dyn Disk>,
        config: AgentConfig,
    ) -> Self {
        Self::start_observing(env, client, dialer, disk, config, None)
    }

    /// The same, and observes gateways of other members; without `observing` it observes none.
    #[must_use]
    pub fn start_observing(
        env: &Env,
        client: kube::Client,
        dialer: Arc<Dialer>,
        disk: Arc<dyn Disk>,
        config: AgentConfig,
        observing: Option<Observing>,
    ) -> Self {
        let shared = Arc::new(Shared::open(config.member.clone(), env.clone(), disk));
        let observer = Arc::new(Observer::start(
            env,
            client.clone(),
            ObserverConfig::new(config.member),
        ));
        let reader = (!config.proxies.is_empty())
            .then(|| Reader::new(env, Arc::new(NetAsks), ReaderConfig::new(config.proxies)));
        observer.set_wanted(shared.wanted());
        let lease = Lease::start(env, client.clone(), LeaseOptions::new(&config.identity));
        let source = Arc::new(AgentSource::new(shared.clone(), observer.clone()));
        let writing = Arc::new(Writing::start(env, client, lease, source));
        let eyes = Arc::new(Eyes::new());
        let (say, status) = watch::channel(LinkStatus::default());
        let link = Link {
            shared: shared.clone(),
            homing: Arc::new(Homing::new(
                env,
                dialer,
                shared.member.as_str(),
                config.controllers,
            )),
            sessions: AtomicU64::new(0),
            observer: observer.clone(),
            writing: writing.clone(),
            status: say,
            eyes: eyes.clone(),
        };
        let mut tasks = vec![
            env.spawn("epoch", carry_epoch(writing.clone(), observer.clone())),
            env.spawn(
                "local services",
                carry_locals(writing.clone(), observer.clone()),
            ),
            env.spawn("link", link.run()),
            env.spawn("view cache", shared.clone().keep_cache()),
        ];
        if let Some(reader) = reader {
            let (observer, shared) = (Observer::clone(&observer), shared.clone());
            let places = move || places::places(&shared.holdings().view);
            tasks.push(env.spawn("proxies", proxies::watch(reader, observer, places)));
        }
        if let Some(by) = observing {
            let member = shared.member.clone();
            tasks.push(env.spawn("eyes", eyes.look(env.clone(), by, member)));
        }
        Self {
            tasks,
            shared,
            writing,
            observer,
            status,
        }
    }

    /// Follows the link to a replica.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<LinkStatus> {
        self.status.clone()
    }

    /// The view that it holds.
    #[must_use]
    pub fn view(&self) -> View {
        self.shared.holdings().view.clone()
    }

    /// Which replicas there are, as it heard last.
    #[cfg(test)]
    pub(crate) fn roll(&self) -> causeway_api::session::Roll {
        self.shared.roll()
    }

    /// Whether it can do its work: the member's own lists are in.
    ///
    /// # Errors
    /// What it waits for.
    pub fn ready(&self) -> Result<(), String> {
        if let Some(task) = self.tasks.iter().find(|task| task.is_ended()) {
            Err(format!(
                "{} has ended, which it never should: see the log, and restart the agent",
                task.name()
            ))
        } else if self.observer.synced() {
            Ok(())
        } else {
            Err(format!(
                "the member's API server has not shown everything yet: {} missing",
                self.observer.missing().join(", ")
            ))
        }
    }

    /// Ends its tasks and gives the Lease back.
    pub async fn stop(self) {
        for mut task in self.tasks {
            task.abort();
            task.ended().await;
        }
        if let Ok(writing) = Arc::try_unwrap(self.writing) {
            writing.release().await;
        }
    }
}

/// Facts carry the epoch of the Lease: whoever takes it over is newer.
async fn carry_epoch(writing: Arc<Writing>, observer: Arc<Observer>) {
    let mut lease = writing.lease();
    loop {
        let epoch = match &*lease.borrow_and_update() {
            LeaseState::Held { epoch, .. } => {
                writing.note_problem(None);
                *epoch
            }
            LeaseState::Standby { problem, .. } => {
                writing.note_problem(problem.as_deref());
                0
            }
        };
        if epoch != 0 {
            observer.set_epoch(epoch);
        }
        writing.note_epoch(epoch);
        if lease.changed().await.is_err() {
            return;
        }
    }
}

/// A change of the member's own services may change what is written.
async fn carry_locals(writing: Arc<Writing>, observer: Arc<Observer>) {
    let mut changed = observer.subscribe();
    loop {
        let touched = observer.take_touched_locals();
        if !touched.is_empty() {
            writing.locals_changed(touched);
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}
