//! What the tasks of one observer share: the index behind a lock that nobody holds while waiting, and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_api::facts::ApiFact;
use causeway_index::{Index, MemberInfo, PodRef};
use causeway_seam::{Env, Monotonic};
use kube::Client;
use tokio::sync::{Notify, watch};

use crate::config::ObserverConfig;

/// What has to be seen once before facts may be told: each kind, the API server's version, and which APIs it serves.
pub(crate) const NEEDED: [&str; 7] = [
    "services",
    "endpointslices",
    "nodes",
    "namespaces",
    "serviceexports",
    "/version",
    "/apis",
];

pub(crate) struct Shared {
    pub(crate) env: Env,
    pub(crate) client: Client,
    pub(crate) config: ObserverConfig,
    state: Mutex<State>,
    /// Rises with everything that may change an answer.
    pub(crate) changed: watch::Sender<u64>,
    /// Rises each time that the API server is given up: watches that hang on dead connections let go of them.
    pub(crate) lost: watch::Sender<u64>,
    /// The version of ServiceExport that is served.
    pub(crate) exports: watch::Sender<Option<&'static str>>,
    /// Look now at what is served.
    pub(crate) look: Notify,
    /// There are Pods to ask for.
    pub(crate) pods: Notify,
}

pub(crate) struct State {
    pub(crate) index: Index,
    pub(crate) seen: BTreeSet<&'static str>,
    /// Sentences by what they are about.
    problems: BTreeMap<String, String>,
    pub(crate) info: MemberInfo,
    /// When the API server answered last.
    pub(crate) answered: Option<Monotonic>,
    /// Pods to be asked for, and those that are being asked for.
    pub(crate) pods: BTreeSet<PodRef>,
    pub(crate) asking: usize,
    /// Pods that could not be asked for, to be tried again.
    pub(crate) pods_later: BTreeSet<PodRef>,
    /// Whether everything that the first facts need is known.
    synced: bool,
}

impl Shared {
    pub(crate) fn new(env: Env, client: Client, config: ObserverConfig) -> Arc<Self> {
        let mut index = Index::new(config.member.clone());
        index.set_declared(config.declared.clone());
        index.hold_for_accounts(true);
        let info = MemberInfo {
            agent_version: config.agent_version.clone(),
            ..MemberInfo::default()
        };
        index.set_member(info.clone());
        Arc::new(Self {
            env,
            client,
            config,
            state: Mutex::new(State {
                index,
                seen: BTreeSet::new(),
                problems: BTreeMap::new(),
                info,
                answered: None,
                pods: BTreeSet::new(),
                asking: 0,
                pods_later: BTreeSet::new(),
                synced: false,
            }),
            changed: watch::Sender::new(0),
            lost: watch::Sender::new(0),
            exports: watch::Sender::new(None),
            look: Notify::new(),
            pods: Notify::new(),
        })
    }

    /// The state. Never to be held over an await: the index's own methods are quick.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held is a fault of ours in one object; the index goes on with what it has.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and tells those who wait for changes.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (answer, dirty, pods) = {
            let mut state = self.lock();
            let answer = change(&mut state);
            let before = state.synced;
            state.judge_synced();
            let dirty = state.index.is_dirty() || state.synced != before;
            (answer, dirty, !state.pods.is_empty())
        };
        if pods {
            self.pods.notify_one();
        }
        if dirty {
            self.changed.send_modify(|n| *n = n.wrapping_add(1));
        }
        answer
    }

    /// Says what is wrong with something, or that nothing is any more.
    pub(crate) fn problem(&self, about: &str, sentence: Option<String>) {
        let same = self.lock().problems.get(about) == sentence.as_ref();
        if same {
            return;
        }
        match &sentence {
            Some(text) => tracing::warn!(member = %self.config.member, "{text}"),
            None => tracing::info!(member = %self.config.member, "{about}: as it should be again"),
        }
        self.update(|state| state.set_problem(about, sentence));
    }
}

impl State {
    /// Says what is wrong with something, or that nothing is any more.
    pub(crate) fn set_problem(&mut self, about: &str, sentence: Option<String>) {
        match sentence {
            Some(text) => self.problems.insert(about.to_owned(), text),
            None => self.problems.remove(about),
        };
        self.tell_member();
    }

    /// Brings the member's own row up to date.
    pub(crate) fn tell_member(&mut self) {
        self.info.problems = self.problems.values().cloned().collect();
        self.index.set_member(self.info.clone());
    }

    pub(crate) fn set_api(&mut self, api: ApiFact) {
        if self.info.api != api {
            self.info.api = api;
            self.tell_member();
        }
    }

    pub(crate) fn synced(&self) -> bool {
        self.synced
    }

    /// Everything was listed, and each Pod that the first facts need was asked for.
    fn judge_synced(&mut self) {
        let listed = self.seen.len() == NEEDED.len();
        if self.synced || !listed {
            return;
        }
        self.collect_pods();
        self.synced = self.pods.is_empty() && self.asking == 0;
    }

    /// Takes over what the index wants to know of Pods.
    pub(crate) fn collect_pods(&mut self) {
        self.index.update_accounts();
        let wanted = self.index.take_pod_requests();
        self.pods.extend(wanted);
    }
}
