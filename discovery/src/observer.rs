//! The observer of a member: watches its API server and gives deltas of facts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::facts::{ApiFact, FactDelta, MemberFact};
use causeway_api::{FactVersion, NetworkName, ServiceKey};
use causeway_index::{Declared, LocalService};
use causeway_seam::{Env, TaskHandle};
use kube::Client;
use tokio::sync::watch;

use crate::config::ObserverConfig;
use crate::objects::{EndpointSlice, Namespace, Node, Service};
use crate::proxies::Ejected;
use crate::shared::{NEEDED, Shared};
use crate::{discover, health, pods, watch as watches};

/// Watches a member for as long as a clone of this lives.
///
/// Every method answers at once. What changes is told by [`Observer::subscribe`]; whoever sends facts then takes
/// [`Observer::take_delta`], and whoever renders the mesh [`Observer::take_touched_locals`].
#[derive(Clone)]
pub struct Observer {
    shared: Arc<Shared>,
    _tasks: Arc<[TaskHandle]>,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let member = &self.shared.config.member;
        f.debug_struct("Observer")
            .field("member", member)
            .finish_non_exhaustive()
    }
}

impl Observer {
    /// Begins to watch. Only reads: list and watch of Services, EndpointSlices, Nodes, Namespaces and ServiceExports, get
    /// of single Pods, `/version` and `/apis`.
    #[must_use]
    pub fn start(env: &Env, client: Client, config: ObserverConfig) -> Self {
        let shared = Shared::new(env.clone(), client, config);
        let of = |shared: &Arc<Shared>| Arc::clone(shared);
        let tasks = [
            env.spawn("api-health", health::watch_over(of(&shared))),
            env.spawn("api-discovery", discover::look(of(&shared))),
            env.spawn(
                "watch-namespaces",
                watches::follow::<Namespace>(of(&shared), "/api/v1/namespaces"),
            ),
            env.spawn(
                "watch-nodes",
                watches::follow::<Node>(of(&shared), "/api/v1/nodes"),
            ),
            env.spawn(
                "watch-services",
                watches::follow::<Service>(of(&shared), "/api/v1/services"),
            ),
            env.spawn(
                "watch-endpointslices",
                watches::follow::<EndpointSlice>(
                    of(&shared),
                    "/apis/discovery.k8s.io/v1/endpointslices",
                ),
            ),
            env.spawn(
                "watch-serviceexports",
                discover::follow_exports(of(&shared)),
            ),
            env.spawn("pods", pods::resolve(of(&shared))),
        ];
        Self {
            shared,
            _tasks: Arc::from(tasks),
        }
    }

    /// A counter that rises when any answer may have changed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Whether every kind was listed once, and so the facts are the member's. Before that nothing is given out: an agent
    /// that has seen nothing knows nothing, which is not "no endpoints".
    #[must_use]
    pub fn synced(&self) -> bool {
        self.shared.lock().synced()
    }

    /// What has not been seen yet, for people: kinds, `/version`, `/apis`, `pods`.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let state = self.shared.lock();
        let unseen = NEEDED.iter().filter(|what| !state.seen.contains(**what));
        let mut missing: Vec<&'static str> = unseen.copied().collect();
        if missing.is_empty() && !state.synced() {
            missing.push("pods");
        }
        missing
    }

    /// What changed since the last delta; `None` where nothing did, or not everything was seen yet. The first is a
    /// snapshot.
    #[must_use]
    pub fn take_delta(&self) -> Option<FactDelta> {
        if !self.synced() {
            return None;
        }
        self.shared.update(|state| {
            let delta = state.index.take_delta();
            state.collect_pods();
            delta
        })
    }

    /// The member's own row alone, onto the version that a replica holds: for an agent that cannot see everything and
    /// has to say why ([`Observer::problems`]). The next delta is a snapshot. `None` for a standby (no epoch), and where
    /// the replica holds facts of a newer epoch.
    #[must_use]
    pub fn take_member(&self, held: Option<FactVersion>) -> Option<FactDelta> {
        self.shared.update(|state| state.index.take_member(held))
    }

    /// All that the deltas so far amount to, as a snapshot of [`Observer::version`].
    #[must_use]
    pub fn snapshot(&self) -> FactDelta {
        self.shared.lock().index.snapshot()
    }

    /// The version of what the deltas so far amount to.
    #[must_use]
    pub fn version(&self) -> FactVersion {
        self.shared.lock().index.version()
    }

    /// The epoch of the Lease under which further deltas are given.
    pub fn set_epoch(&self, epoch: u64) {
        self.shared.lock().index.set_epoch(epoch);
    }

    /// Services whose endpoints others want to hear of though they are not exported here.
    pub fn set_wanted(&self, wanted: BTreeSet<ServiceKey>) {
        self.shared.update(|state| state.index.set_wanted(wanted));
    }

    /// The same of these services alone: of each whether it is wanted.
    pub fn want(&self, services: impl IntoIterator<Item = (ServiceKey, bool)>) {
        self.shared.update(|state| {
            for (service, wanted) in services {
                state.index.want(&service, wanted);
            }
        });
    }

    /// What is declared of the member, where its observer is to apply it.
    pub fn set_declared(&self, declared: Declared) {
        self.shared
            .update(|state| state.index.set_declared(declared));
    }

    /// What callers' proxies leave out by themselves; it goes up with the member's own row.
    pub fn set_ejected(&self, ejected: Ejected) {
        let same = self.shared.lock().info.ejected == ejected;
        if !same {
            tracing::info!(member = %self.shared.config.member, ?ejected, "what callers' proxies eject");
            self.shared.update(|state| {
                state.info.ejected = ejected;
                state.tell_member();
            });
        }
    }

    /// Says what is wrong with something beside the API server, or that nothing is any more: it goes up with
    /// [`MemberFact::problems`].
    pub fn set_problem(&self, about: &str, sentence: Option<String>) {
        self.shared.problem(about, sentence);
    }

    /// One of the member's own services.
    #[must_use]
    pub fn local(&self, key: &ServiceKey) -> Option<LocalService> {
        self.shared.lock().index.local(key)
    }

    /// Other services of the namespace whose selector is part of this one's.
    #[must_use]
    pub fn also_picked_by(&self, key: &ServiceKey) -> BTreeSet<ServiceKey> {
        self.shared.lock().index.also_picked_by(key)
    }

    /// The member's own services, in order.
    #[must_use]
    pub fn locals(&self) -> Vec<ServiceKey> {
        self.shared.lock().index.locals().cloned().collect()
    }

    /// Whether the next delta says more than how many endpoints are ready where some were and are. Always, before
    /// everything was seen.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        let mut state = self.shared.lock();
        !state.synced() || state.index.is_urgent()
    }

    /// The services of which more of [`Observer::local`] may have changed, since this was last asked, than how many
    /// endpoints are ready where some were and are.
    #[must_use]
    pub fn take_touched_locals(&self) -> BTreeSet<ServiceKey> {
        self.shared.lock().index.take_touched_locals()
    }

    /// Whether a namespace exists, as far as was seen.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.shared.lock().index.has_namespace(name)
    }

    /// The network of the member's pods, as far as it says.
    #[must_use]
    pub fn network(&self) -> Option<NetworkName> {
        self.shared.lock().index.network()
    }

    /// The member's own row as it is now, whether or not it was given out.
    #[must_use]
    pub fn member(&self) -> MemberFact {
        self.shared.lock().index.member()
    }

    /// UID of the cluster's `kube-system` namespace; `None` until it was seen.
    #[must_use]
    pub fn cluster_uid(&self) -> Option<String> {
        let uid = self.shared.lock().info.cluster_uid.clone();
        (!uid.is_empty()).then_some(uid)
    }

    /// Whether the API server answers, and how long ago it did last (`None`: never).
    #[must_use]
    pub fn api(&self) -> (ApiFact, Option<Duration>) {
        let now = self.shared.env.now();
        let state = self.shared.lock();
        (state.info.api, state.answered.map(|at| now.since(at)))
    }

    /// What is missing or not allowed, each as one sentence that names object and remedy.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.member().problems
    }
}
