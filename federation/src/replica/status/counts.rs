//! Services counted by member. Looked at anew only where facts or plans changed: a change of one service costs what
//! concerns it, however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use causeway_api::ids::Name;
use causeway_api::spec::PolicySpec;
use causeway_api::{MemberName, ServiceKey};
use causeway_index::FactStore;
use causeway_state::State;

use super::planned::Planned;
use crate::replica::sessions::lock;

/// What is counted, and what is to be counted anew.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    due: Mutex<Due>,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Due {
    everything: bool,
    facts: BTreeMap<MemberName, BTreeSet<ServiceKey>>,
    plans: BTreeSet<ServiceKey>,
    /// What waits for people, or was refused.
    waiting: bool,
    policies: bool,
}

impl Default for Due {
    /// Nothing was counted yet.
    fn default() -> Self {
        Self {
            everything: true,
            facts: BTreeMap::new(),
            plans: BTreeSet::new(),
            waiting: false,
            policies: false,
        }
    }
}

/// What a policy is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// Everything.
    All,
    /// All services of a namespace.
    Namespace(&'a Name),
    /// Services that it names.
    Services(&'a BTreeSet<ServiceKey>),
}

impl<'a> About<'a> {
    /// What a policy is about.
    pub(crate) fn of(policy: &'a PolicySpec) -> Self {
        match (policy.targets.is_empty(), policy.root) {
            (false, _) => Self::Services(&policy.targets),
            (true, true) => Self::All,
            (true, false) => Self::Namespace(&policy.key.namespace),
        }
    }
}

/// Who exports what, and whose callers may be sent elsewhere for what.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    exports: BTreeMap<MemberName, BTreeSet<ServiceKey>>,
    /// By service: how many members export it; never 0.
    exported: BTreeMap<ServiceKey, usize>,
    /// By namespace: how many services of it any member exports; never 0.
    namespaces: BTreeMap<Name, usize>,
    importers: BTreeMap<ServiceKey, BTreeSet<MemberName>>,
    imports: BTreeMap<MemberName, u64>,
    /// By member and namespace: how many services it exports and imports; never 0.
    parts: BTreeMap<MemberName, BTreeMap<Name, usize>>,
    planned: Planned,
}

impl Counts {
    /// Facts of a member about services changed.
    pub(crate) fn facts_changed(&self, owner: &MemberName, services: &BTreeSet<ServiceKey>) {
        if services.is_empty() {
            return;
        }
        let mut due = lock(&self.due);
        let facts = due.facts.entry(owner.clone()).or_default();
        facts.extend(services.iter().cloned());
    }

    /// Plans of services changed.
    pub(crate) fn plans_changed(&self, services: &BTreeSet<ServiceKey>) {
        lock(&self.due).plans.extend(services.iter().cloned());
    }

    /// What waits for people, or was refused, changed.
    pub(crate) fn waiting_changed(&self) {
        lock(&self.due).waiting = true;
    }

    /// Policies changed.
    pub(crate) fn policies_changed(&self) {
        lock(&self.due).policies = true;
    }

    /// Changes were missed.
    pub(crate) fn all_changed(&self) {
        lock(&self.due).everything = true;
    }

    /// The counts as they are. Called with state and facts locked, and held no longer than they are.
    pub(crate) fn now(&self, state: &State, facts: &FactStore) -> MutexGuard<'_, Counted> {
        let mut counted = lock(&self.counted);
        let due = {
            let mut due = lock(&self.due);
            let nothing = Due {
                everything: false,
                facts: BTreeMap::new(),
                plans: BTreeSet::new(),
                waiting: false,
                policies: false,
            };
            std::mem::replace(&mut *due, nothing)
        };
        if due.everything {
            *counted = Counted::of(state, facts);
        } else {
            for (owner, services) in &due.facts {
                for service in services {
                    counted.export(facts, owner, service);
                }
            }
            for service in &due.plans {
                counted.import(state, service);
            }
            if due.policies {
                counted.planned.policies_changed(state);
            }
            if due.waiting {
                counted.planned.look_at_what_waits(state);
            }
        }
        counted
    }
}

impl Counted {
    /// Counts everything.
    pub(crate) fn of(state: &State, facts: &FactStore) -> Self {
        let mut counted = Self::default();
        for (member, owner) in facts.owners() {
            for service in owner.services() {
                counted.export(facts, member, service);
            }
        }
        for service in state.plans.keys() {
            counted.import(state, service);
        }
        counted.planned.look_at_what_waits(state);
        counted
    }

    /// What the plans of services say.
    pub(crate) fn planned(&self) -> &Planned {
        &self.planned
    }

    /// Whether a member exports any of what a policy is about, or its callers may be sent elsewhere for it.
    pub(crate) fn has_part(&self, member: &MemberName, about: About<'_>) -> bool {
        let parts = self.parts.get(member);
        match about {
            About::All => parts.is_some(),
            About::Namespace(name) => parts.is_some_and(|parts| parts.contains_key(name)),
            About::Services(services) => services.iter().any(|service| {
                let exports = self.exports.get(member);
                let importers = self.importers.get(service);
                exports.is_some_and(|exports| exports.contains(service))
                    || importers.is_some_and(|importers| importers.contains(member))
            }),
        }
    }

    /// How many services a member exports.
    pub(crate) fn exports_of(&self, member: &MemberName) -> u64 {
        count(self.exports.get(member).map_or(0, BTreeSet::len))
    }

    /// For how many services a member's callers may be sent elsewhere, by the committed plans.
    pub(crate) fn imports_of(&self, member: &MemberName) -> u64 {
        self.imports.get(member).copied().unwrap_or(0)
    }

    /// How many services any member exports.
    pub(crate) fn all_exported(&self) -> usize {
        self.exported.len()
    }

    /// How many of the services that any member exports a policy is about.
    pub(crate) fn matched(&self, policy: &PolicySpec) -> usize {
        if !policy.targets.is_empty() {
            let targets = policy.targets.iter();
            targets.filter(|target| self.is_exported(target)).count()
        } else if policy.root {
            self.all_exported()
        } else {
            let of = self.namespaces.get(&policy.key.namespace);
            of.copied().unwrap_or(0)
        }
    }

    /// Whether any member exports a service.
    pub(crate) fn is_exported(&self, service: &ServiceKey) -> bool {
        self.exported.contains_key(service)
    }

    fn export(&mut self, facts: &FactStore, owner: &MemberName, service: &ServiceKey) {
        let held = facts.owner(owner);
        let is = held.is_some_and(|owner| owner.exports(service));
        let rows = self.exports.entry(owner.clone()).or_default();
        let changed = if is {
            rows.insert(service.clone())
        } else {
            rows.remove(service)
        };
        if rows.is_empty() {
            self.exports.remove(owner);
        }
        if !changed {
            return;
        }
        self.part(owner, service, is);
        if step(&mut self.exported, service, is) {
            step(&mut self.namespaces, &service.namespace, is);
        }
    }

    fn import(&mut self, state: &State, service: &ServiceKey) {
        let plan = state.plan(service).and_then(|row| row.value.as_ref());
        let now: BTreeSet<MemberName> = plan
            .map(|plan| importers(&plan.inputs).into_iter().cloned().collect())
            .unwrap_or_default();
        let before = if now.is_empty() {
            self.importers.remove(service)
        } else {
            self.importers.insert(service.clone(), now.clone())
        };
        let before = before.unwrap_or_default();
        for member in before.difference(&now) {
            if let Some(imports) = self.imports.get_mut(member) {
                *imports = imports.saturating_sub(1);
            }
            self.part(member, service, false);
        }
        for member in now.difference(&before) {
            *self.imports.entry(member.clone()).or_default() += 1;
            self.part(member, service, true);
        }
        self.planned.update(state, service);
    }

    /// A member has a part more in a service, or one less.
    fn part(&mut self, member: &MemberName, service: &ServiceKey, more: bool) {
        let parts = self.parts.entry(member.clone()).or_default();
        step(parts, &service.namespace, more);
        if parts.is_empty() {
            self.parts.remove(member);
        }
    }
}

/// Counts one more or one less; says whether that was the first, or the last.
fn step<K: Ord + Clone>(counts: &mut BTreeMap<K, usize>, key: &K, more: bool) -> bool {
    let count = counts.entry(key.clone()).or_default();
    if more {
        *count = count.saturating_add(1);
        *count == 1
    } else {
        *count = count.saturating_sub(1);
        let last = *count == 0;
        if last {
            counts.remove(key);
        }
        last
    }
}

/// The members that call a service which another member exports.
pub(crate) fn importers(inputs: &causeway_api::plan::PlanInputs) -> BTreeSet<&MemberName> {
    let elsewhere = |member: &MemberName| {
        inputs
            .destinations
            .iter()
            .any(|to| to.exported && to.member != *member)
    };
    inputs
        .sources
        .iter()
        .map(|source| &source.source.member)
        .filter(|member| elsewhere(member))
        .collect()
}

/// A count as a number of the API.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::replica::status::world::{World, key, name, service};
    use causeway_api::facts::Change;

    fn same(counts: &Counts, world: &World) -> (u64, u64, Vec<ServiceKey>) {
        let counted = counts.now(&world.state, &world.facts);
        let anew = Counted::of(&world.state, &world.facts);
        for member in ["a", "b"].map(name) {
            assert_eq!(counted.exports_of(&member), anew.exports_of(&member));
            assert_eq!(counted.imports_of(&member), anew.imports_of(&member));
        }
        let (member, exported) = (name("a"), counted.exported.keys().cloned().collect());
        assert_eq!(counted.exported, anew.exported);
        assert_eq!(counted.namespaces, anew.namespaces);
        assert_eq!(counted.importers, anew.importers);
        assert_eq!(counted.parts, anew.parts);
        assert_eq!(counted.planned, anew.planned);
        (
            counted.exports_of(&member),
            counted.imports_of(&member),
            exported,
        )
    }

    #[test]
    fn what_changed_is_counted_as_if_all_were() {
        let mut world = World::new();
        world.member("a");
        world.member("b");
        world.plan("shop/cart");
        let counts = Counts::default();
        let cart = key("shop/cart");
        assert_eq!(same(&counts, &world), (1, 1, vec![cart.clone()]));

        // One more service of a member.
        let (pay, one) = (key("shop/pay"), BTreeSet::from([key("shop/pay")]));
        let say = |exported| {
            let pay = pay.clone();
            move |delta: &mut causeway_api::facts::FactDelta| {
                delta.services.push(Change::set(pay, service(exported)));
            }
        };
        world.report("a", say(true));
        assert_eq!(
            lock(&counts.counted).exports_of(&name("a")),
            1,
            "nobody has looked"
        );
        counts.facts_changed(&name("a"), &one);
        assert_eq!(
            same(&counts, &world),
            (2, 1, vec![cart.clone(), pay.clone()])
        );
        // Planned, it is imported by whoever calls it.
        world.plan("shop/pay");
        counts.plans_changed(&one);
        same(&counts, &world);
        // Exported no more.
        world.report("a", say(false));
        counts.facts_changed(&name("a"), &one);
        assert_eq!(same(&counts, &world).2, std::slice::from_ref(&cart));

        // A member that is gone, with all that it said.
        let touched = world.facts.drop_owner(&name("a"));
        counts.facts_changed(&name("a"), &touched.services);
        assert_eq!(same(&counts, &world).0, 0);
        assert!(lock(&counts.counted).is_exported(&cart), "b exports it");
        counts.all_changed();
        same(&counts, &world);
    }
}
