//! What one session holds, and what must be sent to it next.
//!
//! Marks say what may have changed; [`Outbox::take`] cuts just that and sends what is newer than what the agent holds.
//! Marks coalesce, so that a slow agent costs memory for what differs and never for how often it changed.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::Generation;
use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_api::session::Holds;
use causeway_api::view::{Applied, CoarseCut, OwnerDelta, OwnerService, Versioned, ViewDelta};
use causeway_index::FactStore;
use causeway_state::State;

use crate::{coarse, cut};

/// One session's outbox.
#[derive(Debug)]
pub struct Outbox {
    member: MemberName,
    /// What the agent holds once it has received everything that was sent.
    held: Holds,
    /// The highest generation of any part of that: parts only ever give way to newer ones.
    newest: Generation,
    /// Services whose facts each owner's part contains, as sent.
    imported: BTreeMap<MemberName, BTreeSet<ServiceKey>>,
    /// The plan parts that the agent held when the session began. Of one that is the same still it has the owners' facts; a newer
    /// one may follow upon a part that said that there is no plan, without any.
    resumed: BTreeMap<ServiceKey, Generation>,
    settings: bool,
    /// What is to be left at once may be another, or its text may.
    coarse: bool,
    /// What was sent of that; `None`: not known.
    left: Option<CoarseCut>,
    services: BTreeSet<ServiceKey>,
    networks: BTreeSet<NetworkName>,
    facts: BTreeMap<MemberName, BTreeSet<ServiceKey>>,
    everything: bool,
    completed: bool,
}

impl Outbox {
    /// A session begins: everything is compared with what the agent says that it holds.
    #[must_use]
    pub fn resume(member: MemberName, held: Holds) -> Self {
        Self {
            member,
            resumed: held.services.clone(),
            newest: held
                .services
                .values()
                .chain(held.networks.values())
                .copied()
                .fold(held.settings.max(held.coarse), Generation::max),
            left: (held.coarse == Generation::default()).then(CoarseCut::default),
            coarse: true,
            held,
            imported: BTreeMap::new(),
            settings: true,
            services: BTreeSet::new(),
            networks: BTreeSet::new(),
            facts: BTreeMap::new(),
            everything: true,
            completed: false,
        }
    }

    /// Plans of services changed. Returns whether this session is concerned.
    pub fn mark_services(&mut self, services: &BTreeSet<ServiceKey>) -> bool {
        self.services.extend(services.iter().cloned());
        !services.is_empty()
    }

    /// Facts of `owner` about `services` changed. Returns whether this session imports any of them.
    pub fn mark_facts(&mut self, owner: &MemberName, services: &BTreeSet<ServiceKey>) -> bool {
        if *owner == self.member {
            return false;
        }
        let mut concerned = services
            .iter()
            .filter(|key| self.held.services.contains_key(*key))
            .peekable();
        if concerned.peek().is_none() {
            return false;
        }
        self.facts
            .entry(owner.clone())
            .or_default()
            .extend(concerned.cloned());
        true
    }

    /// Ways into networks changed.
    pub fn mark_networks(&mut self, networks: &BTreeSet<NetworkName>) -> bool {
        self.networks.extend(networks.iter().cloned());
        !networks.is_empty()
    }

    /// The member's settings changed.
    pub fn mark_settings(&mut self) {
        self.settings = true;
    }

    /// Verdicts, policies, or what people hold changed: what is to be left at once may be another.
    pub fn mark_coarse(&mut self) {
        self.coarse = true;
    }

    /// Events were missed: everything is compared anew.
    pub fn mark_all(&mut self) {
        self.coarse = true;
        self.everything = true;
    }

    /// What to send now; `None`: nothing. Call it again only after the last one was handed to the transport.
    #[must_use]
    pub fn take(&mut self, state: &State, facts: &FactStore) -> Option<ViewDelta> {
        let mut delta = ViewDelta::default();
        let everything = std::mem::take(&mut self.everything);
        if everything {
            self.settings = true;
            self.services.extend(state.plans.keys().cloned());
            self.services.extend(self.held.services.keys().cloned());
            self.networks.extend(cut::networks(state));
            self.networks.extend(self.held.networks.keys().cloned());
        }
        if std::mem::take(&mut self.settings)
            && let Some(part) = cut::settings(state, facts, &self.member)
            && part.generation > self.held.settings
        {
            self.held.settings = part.generation;
            self.newest = self.newest.max(part.generation);
            delta.settings = Some(part);
        }
        for key in std::mem::take(&mut self.services) {
            self.take_service(state, facts, &key, &mut delta);
        }
        if everything {
            // An owner's part is compared service by service below, by what the plan parts name.
            for (owner, _) in facts.owners().filter(|(owner, _)| **owner != self.member) {
                let all = self.held.services.keys().cloned();
                self.facts.entry(owner.clone()).or_default().extend(all);
            }
        }
        for name in std::mem::take(&mut self.networks) {
            let Some(part) = cut::network(state, &self.member, &name) else {
                continue;
            };
            let held = self.held.networks.get(&name).copied().unwrap_or_default();
            if part.generation > held {
                self.held.networks.insert(name.clone(), part.generation);
                self.newest = self.newest.max(part.generation);
                delta.networks.push((name, part));
            }
        }
        self.take_coarse(state, &mut delta);
        for (owner, services) in std::mem::take(&mut self.facts) {
            self.take_facts(state, facts, owner, services, &mut delta);
        }
        delta.complete = !std::mem::replace(&mut self.completed, true);
        (delta != ViewDelta::default()).then_some(delta)
    }

    /// It follows from all of the state, so that its generation is how far that is. A replica that lags behind the one before
    /// says nothing until it has caught up.
    fn take_coarse(&mut self, state: &State, delta: &mut ViewDelta) {
        if !self.coarse {
            return;
        }
        let now = coarse::coarse(state, &self.member);
        let generation = state.last_applied;
        if self.left.as_ref() != Some(&now) {
            if generation <= self.held.coarse {
                return;
            }
            self.held.coarse = generation;
            self.newest = self.newest.max(generation);
            delta.coarse = Some(Versioned {
                generation,
                value: (!now.networks.is_empty()).then(|| now.clone()),
            });
            self.left = Some(now);
        }
        self.coarse = false;
    }

    fn take_service(
        &mut self,
        state: &State,
        facts: &FactStore,
        key: &ServiceKey,
        delta: &mut ViewDelta,
    ) {
        let held = self.held.services.get(key).copied();
        let Some(part) = cut::service(state, &self.member, key) else {
            return;
        };
        // A tombstone for what the agent never held says nothing.
        if held.is_none() && part.value.is_none() || part.generation <= held.unwrap_or_default() {
            return;
        }
        self.held.services.insert(key.clone(), part.generation);
        self.newest = self.newest.max(part.generation);
        let (gone, owners) = (part.value.is_none(), facts.owners());
        delta.services.push((key.clone(), part));
        // The facts that the part speaks of go with it; those of a service that is gone are taken back.
        for (owner, _) in owners.filter(|(owner, _)| **owner != self.member) {
            let imported = self
                .imported
                .get(owner)
                .is_some_and(|services| services.contains(key));
            if imported || !gone {
                self.facts
                    .entry(owner.clone())
                    .or_default()
                    .insert(key.clone());
            }
        }
    }

    fn take_facts(
        &mut self,
        state: &State,
        facts: &FactStore,
        owner: MemberName,
        services: BTreeSet<ServiceKey>,
        delta: &mut ViewDelta,
    ) {
        // Who has said nothing of its services has not withdrawn them: the agent keeps the last word that it has.
        let spoken = facts.owner(&owner).filter(|facts| facts.is_whole());
        let (Some(held_facts), Some(network)) = (spoken, cut::network_of(state, &owner)) else {
            return;
        };
        let base = self.held.owners.get(&owner).copied();
        let cut_one =
            |key: &ServiceKey| cut::owner_service(state, facts, &self.member, &owner, key);
        let (base, services) = match self.imported.get_mut(&owner) {
            Some(imported) => {
                let mut changes = Vec::new();
                for key in services {
                    match cut_one(&key) {
                        Some(value) => {
                            imported.insert(key.clone());
                            changes.push((key, Some(value)));
                        }
                        None if imported.remove(&key) => changes.push((key, None)),
                        None => {}
                    }
                }
                (base, changes)
            }
            None => {
                // First contact in this session. The same version needs only what the agent had not this very plan part of;
                // another version replaces the part whole.
                let all = self.held.services.keys();
                let all =
                    all.filter_map(|key| cut_one(key).map(|value| (key.clone(), Some(value))));
                let all: Vec<(ServiceKey, Option<OwnerService>)> = all.collect();
                self.imported.insert(
                    owner.clone(),
                    all.iter().map(|(key, _)| key.clone()).collect(),
                );
                if base == Some(held_facts.version) {
                    (
                        base,
                        all.into_iter()
                            .filter(|(key, _)| self.resumed.get(key) != self.held.services.get(key))
                            .collect(),
                    )
                } else if base.is_some() || !all.is_empty() {
                    delta.owners.push(OwnerDelta {
                        base: None,
                        version: held_facts.version,
                        owner: owner.clone(),
                        network,
                        services: all,
                    });
                    self.held.owners.insert(owner, held_facts.version);
                    return;
                } else {
                    (None, Vec::new())
                }
            }
        };
        if services.is_empty() {
            return;
        }
        self.held.owners.insert(owner.clone(), held_facts.version);
        delta.owners.push(OwnerDelta {
            base,
            version: held_facts.version,
            owner,
            network,
            services,
        });
    }

    /// Whether the agent has applied everything that was sent.
    #[must_use]
    pub fn is_held_by(&self, applied: &Applied) -> bool {
        applied.generation >= self.newest
            && self
                .held
                .owners
                .iter()
                .all(|(owner, version)| applied.owners.get(owner) >= Some(version))
    }

    /// The highest generation that was sent.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.newest
    }
}
