//! What an agent holds of its view: the newest of each part, whatever the session it came from.
//!
//! A delta that is applied twice, late or out of order does no harm; one that does not fit (its base is not what is
//! held) touches nothing and is reported, so that the agent asks again from what it has.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::generation::{FactVersion, Generation};
use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_api::session::Holds;
use causeway_api::view::{OwnerDelta, OwnerView, Versioned, View, ViewDelta};
use serde::{Deserialize, Serialize};

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
}

/// What a delta touched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// The settings changed.
    pub settings: bool,
    /// Services whose plan part or facts changed.
    pub services: BTreeSet<ServiceKey>,
    /// Networks that changed.
    pub networks: BTreeSet<NetworkName>,
    /// Owners whose delta did not fit what is held: a new session must be opened with [`Holdings::holds`].
    pub misfits: BTreeSet<MemberName>,
}

impl Holdings {
    /// Merges a delta, keeping the newest of each part.
    pub fn merge(&mut self, delta: ViewDelta) -> Touched {
        let mut touched = Touched::default();
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
                touched.services.insert(key);
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
        self.complete |= delta.complete;
        touched
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
            touched.services.extend(part.services.keys().cloned());
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
                touched.services.insert(key);
            }
        }
        for (key, value) in delta.services {
            let changed = match value {
                Some(value) if part.services.get(&key) == Some(&value) => false,
                Some(value) => {
                    part.services.insert(key.clone(), value);
                    true
                }
                None => part.services.remove(&key).is_some(),
            };
            if changed {
                touched.services.insert(key);
            }
        }
    }

    /// What to say in a hello, so that only the rest is sent. An owner that did not fit is left out by the caller.
    #[must_use]
    pub fn holds(&self) -> Holds {
        Holds {
            settings: self.view.settings.generation,
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
        let services = self.view.services.values().map(|part| part.generation);
        let networks = self.view.networks.values().map(|part| part.generation);
        services
            .chain(networks)
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
