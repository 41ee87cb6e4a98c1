//! Service accounts of exported services: the identities that callers elsewhere check.
//!
//! Only a Pod tells its account, and Pods are many; so for each workload behind an exported service (told apart by the
//! first part of its Pods' names) one Pod is asked for, once, and another only when that one is gone.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::{Name, ServiceKey};

use super::Index;

/// A Pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodRef {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

/// The Pods that were asked for.
#[derive(Debug, Default)]
pub(super) struct Pods {
    known: BTreeMap<PodRef, Pod>,
    /// Sorted; of most services it is one.
    by_service: BTreeMap<u32, Box<[PodRef]>>,
    requests: BTreeSet<PodRef>,
    /// Whether a service that is newly exported waits for its accounts.
    hold: bool,
}

#[derive(Debug, Default)]
struct Pod {
    account: Option<Name>,
    /// Whether its account is known, or was given up.
    answered: bool,
    users: Vec<u32>,
}

impl Index {
    /// The Pods whose service account is to be found out, each once: answer by [`Index::apply_pod`].
    pub fn take_pod_requests(&mut self) -> Vec<PodRef> {
        std::mem::take(&mut self.pods.requests)
            .into_iter()
            .collect()
    }

    /// The service account of a Pod; `None`: the Pod is gone.
    pub fn apply_pod(&mut self, pod: &PodRef, account: Option<&str>) {
        let Some(known) = self.pods.known.get_mut(pod) else {
            return;
        };
        // An unnamed account is the namespace's own, as the ServiceAccount admission has it.
        let account = account.map(|name| if name.is_empty() { "default" } else { name });
        known.account = account.and_then(|name| Name::new(name).ok());
        known.answered = true;
        for user in known.users.clone() {
            self.mark(user, true, true);
        }
    }

    /// A Pod's account cannot be found out now: nothing waits for it any longer. Returns whether it is still wanted.
    pub fn give_up_pod(&mut self, pod: &PodRef) -> bool {
        let Some(known) = self.pods.known.get_mut(pod) else {
            return false;
        };
        if !known.answered {
            known.answered = true;
            for user in known.users.clone() {
                self.mark(user, true, true);
            }
        }
        true
    }

    /// Whether a service that is newly exported is told of only once its accounts are known (or given up), so that no
    /// mesh ever holds an entry of it without the identity that its callers check. For who answers
    /// [`Index::take_pod_requests`]; off by default.
    pub fn hold_for_accounts(&mut self, hold: bool) {
        self.pods.hold = hold;
    }

    /// Finds out which Pods are to be asked for, without taking a delta: before the first one, so that it is complete.
    pub fn update_accounts(&mut self) {
        let facts = self.dirty.iter().filter(|(_, dirty)| dirty.fact);
        let numbers: Vec<u32> = facts.map(|(number, _)| *number).collect();
        for number in numbers {
            self.update_accounts_of(number);
        }
    }

    /// Whether a service waits for the accounts of its Pods.
    pub(super) fn waits_for_accounts(&self, number: u32) -> bool {
        let samples = self.pods.by_service.get(&number);
        let mut samples = samples.map(|pods| pods.iter()).unwrap_or_default();
        self.pods.hold
            && samples.any(|pod| {
                self.pods
                    .known
                    .get(pod)
                    .is_some_and(|known| !known.answered)
            })
    }

    /// Asks for what is not known yet, forgets what is not needed, and brings a service's accounts up to date. Accounts
    /// that were learnt stay until others are.
    pub(super) fn update_accounts_of(&mut self, number: u32) {
        let Some(state) = self.service(number) else {
            return;
        };
        let exported = state.exported && state.spec.is_some();
        let key = state.key.clone();
        let samples = if exported {
            self.samples(number, &key)
        } else {
            BTreeSet::new()
        };
        let old = self.pods.by_service.remove(&number).unwrap_or_default();
        for pod in old.iter().filter(|pod| !samples.contains(*pod)) {
            if let Some(known) = self.pods.known.get_mut(pod) {
                known.users.retain(|user| *user != number);
                if known.users.is_empty() {
                    self.pods.known.remove(pod);
                    self.pods.requests.remove(pod);
                }
            }
        }
        let mut accounts = BTreeSet::new();
        for pod in &samples {
            if !self.pods.known.contains_key(pod) {
                self.pods.requests.insert(pod.clone());
            }
            let known = self.pods.known.entry(pod.clone()).or_default();
            if !known.users.contains(&number) {
                known.users.reserve_exact(1);
                known.users.push(number);
            }
            accounts.extend(known.account.clone());
        }
        if !samples.is_empty() {
            self.pods
                .by_service
                .insert(number, samples.into_iter().collect());
        }
        if let Some(state) = self.service_mut(number) {
            if !exported {
                state.accounts = Vec::new();
            } else if !accounts.is_empty() {
                state.accounts = accounts.into_iter().collect();
            }
        }
    }

    fn samples(&self, number: u32, key: &ServiceKey) -> BTreeSet<PodRef> {
        let names = self.slices_of(number).flat_map(|slice| &slice.samples);
        let mut by_workload: BTreeMap<&str, &str> = BTreeMap::new();
        let known = self.pods.by_service.get(&number);
        for name in names {
            let workload = name.rsplit_once('-').map_or(&**name, |(prefix, _)| prefix);
            let asked = |name: &str| {
                known.is_some_and(|known| known.iter().any(|pod| pod.name.as_str() == name))
            };
            // One Pod of a workload is enough, and rather the one that was asked for already.
            let chosen = by_workload.entry(workload).or_insert(name);
            if !asked(chosen) && asked(name) {
                *chosen = name;
            }
        }
        let pods = by_workload.into_values().filter_map(|name| {
            Some(PodRef {
                namespace: key.namespace.clone(),
                name: Name::new(name).ok()?,
            })
        });
        pods.collect()
    }
}
