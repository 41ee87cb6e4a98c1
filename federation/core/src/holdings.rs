//! What an agent holds of its view: the newest of each part, whatever the session it came from.
//!
//! A delta that is applied twice, late or out of order does no harm; one that does not fit (its base is not what is
//! held) touches nothing and is reported, so that the agent asks again from what it has.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::generation::{FactVersion, Generation};
use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_api::session::Holds;
use causeway_api::view::{
    CoarseCut, OwnerDelta, OwnerService, OwnerView, Versioned, View, ViewDelta,
};
use serde::{Deserialize, Serialize};

use crate::coarse;

/// What an agent holds. Serialised whole into its cache on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Holdings {
    /// The parts.
    pub view: View,
    /// The highest generation heard of, from whomever.
    pub highest: Generation,
    /// Whether a replica once said that this is all: only then may anything be written or pruned.
    pub complete: bool,
    /// Up to which decision the view is whole: how far the replica was that last sent a whole one.
    #[serde(default)]
    pub seen: Generation,
    /// The number of the clusterset whose decisions these are; 0: none was told.
    #[serde(default)]
    pub clusterset: u64,
    /// The highest generation of any part, once it was looked for: it only rises.
    #[serde(skip)]
    top: Option<Generation>,
}

/// What a delta touched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// The settings changed.
    pub settings: bool,
    /// Services whose plan part or facts changed.
    pub services: BTreeSet<ServiceKey>,
    /// Those of them of which nothing changed but how many endpoints are ready elsewhere, and some were and are.
    pub counts: BTreeSet<ServiceKey>,
    /// Whether any plan part changed.
    pub plans: bool,
    /// Networks that changed.
    pub networks: BTreeSet<NetworkName>,
    /// Owners whose delta did not fit what is held: a new session must be opened with [`Holdings::holds`].
    pub misfits: BTreeSet<MemberName>,
}

impl Touched {
    fn whole(&mut self, key: ServiceKey) {
        self.counts.remove(&key);
        self.services.insert(key);
    }

    fn count(&mut self, key: ServiceKey) {
        if self.services.insert(key.clone()) {
            self.counts.insert(key);
        }
    }
}

/// Whether more or fewer are ready than before, and nothing else changed. From or to none is more than that.
fn only_counts(old: &OwnerService, new: &OwnerService) -> bool {
    let served = old.ready > 0 && new.ready > 0;
    served
        && old.ports == new.ports
        && old.selector == new.selector
        && old.service_accounts == new.service_accounts
}

impl Holdings {
    /// Merges a delta, keeping the newest of each part.
    pub fn merge(&mut self, delta: ViewDelta) -> Touched {
        let mut touched = Touched::default();
        let mut top = self.generation();
        let settings = delta.settings.iter().map(|part| part.generation);
        let services = delta.services.iter().map(|(_, part)| part.generation);
        let networks = delta.networks.iter().map(|(_, part)| part.generation);
        let coarse = delta.coarse.iter().map(|part| part.generation);
        top = settings
            .chain(coarse)
            .chain(services)
            .chain(networks)
            .fold(top, Generation::max);
        self.top = Some(top);
        if let Some(settings) = delta.settings {
            touched.settings = self.newer(settings.generation, self.view.settings.generation);
            if touched.settings {
                self.view.settings = settings;
            }
        }
        for (key, part) in delta.services {
            if keep_newest(
                &mut self.view.services,
                key.clone(),
                part,
                &mut self.highest,
            ) {
                touched.whole(key);
                touched.plans = true;
            }
        }
        for (name, part) in delta.networks {
            if keep_newest(
                &mut self.view.networks,
                name.clone(),
                part,
                &mut self.highest,
            ) {
                touched.networks.insert(name);
            }
        }
        for owner in delta.owners {
            self.merge_owner(owner, &mut touched);
        }
        if let Some(coarse) = delta.coarse {
            self.merge_coarse(coarse, &mut touched);
        }
        self.complete |= delta.complete;
        touched
    }

    /// What is to be left at once: only services that lead there are carried out otherwise than before.
    fn merge_coarse(&mut self, coarse: Versioned<CoarseCut>, touched: &mut Touched) {
        if !self.newer(coarse.generation, self.view.coarse.generation) {
            return;
        }
        let before = std::mem::replace(&mut self.view.coarse, coarse);
        if before.value == self.view.coarse.value {
            return;
        }
        let both = [&before.value, &self.view.coarse.value];
        for (key, part) in &self.view.services {
            let mut cuts = both.iter().filter_map(|cut| cut.as_ref());
            if let Some(part) = &part.value
                && cuts.any(|cut| coarse::concerns(cut, part))
            {
                touched.whole(key.clone());
            }
        }
    }

    /// The replica that has just sent the whole of its view had come this far.
    pub fn whole_up_to(&mut self, generation: Generation) {
        self.seen = self.seen.max(generation);
    }

    fn newer(&mut self, found: Generation, held: Generation) -> bool {
        self.highest = self.highest.max(found);
        found > held
    }

    fn merge_owner(&mut self, delta: OwnerDelta, touched: &mut Touched) {
        let held = self.view.owners.get(&delta.owner);
        let held_version = held.map(|part| part.version);
        match (delta.base, held_version) {
            // Older than what is held, from a replica that lags behind.
            (_, Some(held)) if delta.version < held => return,
            (None, _) => {}
            (Some(base), Some(held)) if base == held => {}
            (Some(_), _) => {
                touched.misfits.insert(delta.owner);
                return;
            }
        }
        let replaces = delta.base.is_none();
        let part = self
            .view
            .owners
            .entry(delta.owner.clone())
            .or_insert_with(|| OwnerView {
                version: FactVersion::default(),
                network: delta.network.clone(),
                services: BTreeMap::new(),
            });
        let moved = part.network != delta.network;
        if moved {
            part.services
                .keys()
                .cloned()
                .for_each(|key| touched.whole(key));
            part.network = delta.network;
        }
        part.version = delta.version;
        if replaces {
            let named: BTreeSet<&ServiceKey> = delta.services.iter().map(|(key, _)| key).collect();
            let dropped: Vec<ServiceKey> = part
                .services
                .keys()
                .filter(|key| !named.contains(key))
                .cloned()
                .collect();
            for key in dropped {
                part.services.remove(&key);
                touched.whole(key);
            }
        }
        for (key, value) in delta.services {
            let Some(value) = value else {
                if part.services.remove(&key).is_some() {
                    touched.whole(key);
                }
                continue;
            };
            match part.services.get(&key) {
                Some(held) if *held == value => continue,
                Some(held) if only_counts(held, &value) => touched.count(key.clone()),
                _ => touched.whole(key.clone()),
            }
            part.services.insert(key, value);
        }
    }

    /// What to say in a hello, so that only the rest is sent. An owner that did not fit is left out by the caller.
    #[must_use]
    pub fn holds(&self) -> Holds {
        Holds {
            settings: self.view.settings.generation,
            coarse: self.view.coarse.generation,
            services: generations(&self.view.services),
            networks: generations(&self.view.networks),
            owners: self
                .view
                .owners
                .iter()
                .map(|(name, part)| (name.clone(), part.version))
                .collect(),
        }
    }

    /// The highest generation of any part, for `Applied`.
    #[must_use]
    pub fn generation(&self) -> Generation {
        if let Some(top) = self.top {
            return top;
        }
        let services = self.view.services.values().map(|part| part.generation);
        let networks = self.view.networks.values().map(|part| part.generation);
        services
            .chain(networks)
            .chain([self.view.coarse.generation])
            .fold(self.view.settings.generation, Generation::max)
    }
}

fn generations<K: Ord + Clone, T>(parts: &BTreeMap<K, Versioned<T>>) -> BTreeMap<K, Generation> {
    parts
        .iter()
        .map(|(key, part)| (key.clone(), part.generation))
        .collect()
}

fn keep_newest<K: Ord, T>(
    parts: &mut BTreeMap<K, Versioned<T>>,
    key: K,
    part: Versioned<T>,
    highest: &mut Generation,
) -> bool {
    *highest = (*highest).max(part.generation);
    match parts.get(&key) {
        Some(held) if held.generation >= part.generation => false,
        _ => {
            parts.insert(key, part);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::view::{NetworkView, OwnerService};

    use super::*;

    fn generation(index: u64) -> Generation {
        Generation {
            incarnation: 1,
            term: 1,
            index,
        }
    }

    fn network(index: u64) -> ViewDelta {
        let value = NetworkView {
            gateways: BTreeSet::new(),
            locality: "r1/z1".parse().unwrap(),
        };
        ViewDelta {
            networks: vec![(
                "n1".parse().unwrap(),
                Versioned {
                    generation: generation(index),
                    value: Some(value),
                },
            )],
            ..ViewDelta::default()
        }
    }

    fn owner(base: Option<u64>, version: u64, ready: Option<u32>) -> ViewDelta {
        let at = |sequence| FactVersion { epoch: 1, sequence };
        let service = ready.map(|ready| OwnerService {
            ready,
            ports: Vec::new(),
            selector: BTreeMap::new(),
            service_accounts: Vec::new(),
        });
        let owner = OwnerDelta {
            owner: "a".parse().unwrap(),
            base: base.map(at),
            version: at(version),
            network: "n1".parse().unwrap(),
            services: vec![("shop/cart".parse().unwrap(), service)],
        };
        ViewDelta {
            owners: vec![owner],
            ..ViewDelta::default()
        }
    }

    #[test]
    fn only_a_count_that_stays_above_none_is_told_as_a_count() {
        let mut held = Holdings::default();
        let told = |touched: &Touched| (touched.services.len(), touched.counts.len());
        assert_eq!(told(&held.merge(owner(None, 1, Some(3)))), (1, 0), "new");
        assert_eq!(told(&held.merge(owner(Some(1), 2, Some(5)))), (1, 1));
        assert_eq!(told(&held.merge(owner(Some(2), 3, Some(5)))), (0, 0));
        assert_eq!(
            told(&held.merge(owner(Some(3), 4, Some(0)))),
            (1, 0),
            "to none"
        );
        assert_eq!(
            told(&held.merge(owner(Some(4), 5, Some(4)))),
            (1, 0),
            "from none"
        );
        assert_eq!(told(&held.merge(owner(Some(5), 6, None))), (1, 0), "gone");
    }

    #[test]
    fn an_older_part_never_replaces_a_newer_one() {
        let mut held = Holdings::default();
        assert_eq!(held.merge(network(5)).networks.len(), 1);
        assert!(held.merge(network(4)).networks.is_empty());
        assert!(
            held.merge(network(5)).networks.is_empty(),
            "twice is harmless"
        );
        assert_eq!(held.generation(), generation(5));
    }

    #[test]
    fn facts_follow_their_owner_and_a_misfit_touches_nothing() {
        let mut held = Holdings::default();
        held.merge(owner(None, 3, Some(2)));
        let before = held.clone();
        let touched = held.merge(owner(Some(7), 8, Some(1)));
        assert_eq!(touched.misfits.len(), 1);
        assert_eq!(held, before);
        assert_eq!(held.merge(owner(Some(3), 4, Some(1))).services.len(), 1);
        assert!(
            held.merge(owner(Some(3), 3, Some(9))).services.is_empty(),
            "late and older: ignored"
        );
        assert_eq!(held.merge(owner(None, 5, None)).services.len(), 1);
    }
}
