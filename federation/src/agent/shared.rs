//! What the agent's halves share: the newest view parts, the facts on their way, and the cache on disk.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_api::facts::FactDelta;
use causeway_api::generation::{FactVersion, Generation};
use causeway_api::ids::{MemberName, ServiceKey};
use causeway_api::session::{Holds, Roll};
use causeway_api::view::ViewDelta;
use causeway_core::factlog::FactLog;
use causeway_core::holdings::{Holdings, Touched};
use causeway_seam::{Disk, Env};
use tokio::sync::watch;

use super::cache::Cache;

/// The UID of the cluster, as last seen.
const CLUSTER: &str = "cluster-uid";

/// Which replicas there are, as was last heard.
const REPLICAS: &str = "replicas.json";

/// Shared by observer, session and writer.
pub(crate) struct Shared {
    pub(crate) member: MemberName,
    pub(crate) env: Env,
    disk: Arc<dyn Disk>,
    cache: Cache,
    holdings: Mutex<Holdings>,
    facts: Mutex<FactLog>,
    cluster: Mutex<Option<String>>,
    roll: Mutex<Roll>,
    changed: watch::Sender<Changes>,
}

/// How often something changed.
#[derive(Debug, Clone, Copy, Default)]
struct Changes {
    all: u64,
    /// More than counts.
    more: u64,
}

impl Shared {
    /// Begins with what the cache holds.
    pub(crate) fn open(member: MemberName, env: Env, disk: Arc<dyn Disk>) -> Self {
        let (cache, holdings) = Cache::open(disk.clone());
        let (changed, _) = watch::channel(Changes::default());
        let cluster = disk
            .read(CLUSTER)
            .ok()
            .flatten()
            .and_then(|uid| String::from_utf8(uid).ok());
        let roll = disk.read(REPLICAS).ok().flatten();
        let roll = roll.and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            member,
            env,
            disk,
            cache,
            holdings: Mutex::new(holdings),
            facts: Mutex::new(FactLog::default()),
            cluster: Mutex::new(cluster),
            roll: Mutex::new(roll.unwrap_or_default()),
            changed,
        }
    }

    /// Remembers which cluster this is, for a start while its API server is away.
    pub(crate) fn remember_cluster(&self, uid: &str) {
        let mut known = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() != Some(uid) {
            *known = Some(uid.to_owned());
            if let Err(error) = self.disk.replace(CLUSTER, uid.as_bytes()) {
                tracing::warn!(%error, "the cluster's UID could not be cached");
            }
        }
    }

    /// Which cluster this was, the last time that its API server answered.
    pub(crate) fn remembered_cluster(&self) -> Option<String> {
        self.cluster
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Which replicas there are, as far as was heard: by any of them, or before this process began.
    pub(crate) fn roll(&self) -> Roll {
        let roll = self.roll.lock();
        roll.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A replica said which there are. Kept for a start while none of those that a person named is there.
    pub(crate) async fn hear_roll(&self, heard: &Roll) {
        let text = {
            let mut roll = self.roll.lock().unwrap_or_else(PoisonError::into_inner);
            if !roll.hear(heard) {
                return;
            }
            serde_json::to_vec(&*roll).unwrap_or_default()
        };
        let disk = self.disk.clone();
        let write = move || disk.replace(REPLICAS, &text);
        if let Some(Err(error)) = self.env.blocking(write).await {
            tracing::warn!(%error, "which replicas there are could not be cached");
        }
    }

    /// Merges what a replica sent that had come as far as `sender` when the session began. `mark` is told what that
    /// touched before anybody else can see it.
    pub(crate) fn merge(
        &self,
        delta: ViewDelta,
        sender: Generation,
        mark: impl FnOnce(&Touched),
    ) -> Touched {
        let complete = delta.complete;
        let touched = {
            let mut holdings = self.holdings();
            let touched = holdings.merge(delta);
            // Before anything of it can be saved.
            self.cache.touched(&touched.services);
            if complete && touched.misfits.is_empty() {
                holdings.whole_up_to(sender);
            }
            mark(&touched);
            touched
        };
        let counts = touched.services == touched.counts
            && touched.networks.is_empty()
            && !touched.settings
            && !complete;
        self.changed.send_modify(|changes| {
            changes.all = changes.all.wrapping_add(1);
            changes.more = changes.more.wrapping_add(u64::from(!counts));
        });
        touched
    }

    /// A generation was heard of, in a hello or in a mesh's objects.
    pub(crate) fn heard(&self, generation: Generation) {
        let mut holdings = self.holdings();
        holdings.highest = holdings.highest.max(generation);
    }

    /// The view's parts, under a short lock.
    pub(crate) fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to say in a hello.
    pub(crate) fn holds(&self) -> (Holds, Generation, u64) {
        let holdings = self.holdings();
        (holdings.holds(), holdings.highest, holdings.clusterset)
    }

    /// The clusterset whose decisions are followed, as a replica named it.
    pub(crate) fn follows(&self, clusterset: u64) {
        if clusterset != 0 {
            self.holdings().clusterset = clusterset;
        }
    }

    /// The services of the view that are still federated: what facts are wanted of, too.
    pub(crate) fn wanted(&self) -> BTreeSet<ServiceKey> {
        let holdings = self.holdings();
        let live = holdings
            .view
            .services
            .iter()
            .filter(|(_, part)| part.value.is_some());
        live.map(|(key, _)| key.clone()).collect()
    }

    /// Of these services, which are among them.
    pub(crate) fn wanted_of(&self, services: &BTreeSet<ServiceKey>) -> Vec<(ServiceKey, bool)> {
        let holdings = self.holdings();
        let is = |key: &ServiceKey| {
            let part = holdings.view.services.get(key);
            part.is_some_and(|part| part.value.is_some())
        };
        services.iter().map(|key| (key.clone(), is(key))).collect()
    }

    /// A delta goes out.
    pub(crate) fn sending(&self, delta: FactDelta) {
        self.log().push(delta);
    }

    /// A replica holds the facts up to here.
    pub(crate) fn acknowledged(&self, version: FactVersion) {
        self.log().acknowledge(version);
    }

    /// The unacknowledged deltas after `version`; `None`: a snapshot is needed.
    pub(crate) fn unacknowledged(
        &self,
        version: FactVersion,
        current: FactVersion,
    ) -> Option<Vec<FactDelta>> {
        self.log().since(version, current)
    }

    fn log(&self) -> MutexGuard<'_, FactLog> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the cache after each change, at most once in a while: a cache may lag. Where only counts changed, far more
    /// rarely.
    pub(crate) async fn keep_cache(self: Arc<Self>) {
        const EVERY: Duration = Duration::from_secs(5);
        const COUNTS: Duration = Duration::from_secs(60);
        let mut changed = self.changed.subscribe();
        let mut saved = Changes::default();
        while changed.changed().await.is_ok() {
            let more = |now: &Changes| now.more != saved.more;
            // Whichever comes first; counts alone end no wait.
            let _ = self.env.timeout(COUNTS, changed.wait_for(more)).await;
            saved = *changed.borrow_and_update();
            let this = self.clone();
            self.env.blocking(move || this.save()).await;
            self.env.sleep(EVERY).await;
        }
    }

    /// Writes what changed since it was written.
    fn save(&self) {
        if let Err(error) = self.cache.save(&self.holdings) {
            tracing::warn!(%error, "the view could not be cached; it is kept in memory and fetched again after a restart");
        }
    }
}
