//! Services counted by member.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::{FactVersion, MemberName, ServiceKey};
use causeway_index::FactStore;
use causeway_state::State;

/// What facts say of exports. Counted anew only where a member's facts changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exports {
    rows: BTreeMap<MemberName, (FactVersion, BTreeSet<ServiceKey>)>,
}

impl Exports {
    /// Counts what changed since the last call.
    pub(crate) fn refresh(&mut self, facts: &FactStore) {
        self.rows.retain(|member, _| facts.owner(member).is_some());
        for (member, owner) in facts.owners() {
            if self
                .rows
                .get(member)
                .is_some_and(|(version, _)| *version == owner.version)
            {
                continue;
            }
            let exported = owner
                .services()
                .filter(|key| owner.exports(key))
                .cloned()
                .collect();
            self.rows.insert(member.clone(), (owner.version, exported));
        }
    }

    /// How many services a member exports.
    pub(crate) fn of(&self, member: &MemberName) -> u64 {
        count(
            self.rows
                .get(member)
                .map_or(0, |(_, services)| services.len()),
        )
    }

    /// Every service that any member exports.
    pub(crate) fn services(&self) -> BTreeSet<&ServiceKey> {
        self.rows
            .values()
            .flat_map(|(_, services)| services)
            .collect()
    }
}

/// By member: services that its callers may be sent elsewhere for, by the committed plans.
pub(crate) fn imports(state: &State) -> BTreeMap<MemberName, u64> {
    let mut imports: BTreeMap<MemberName, u64> = BTreeMap::new();
    for plan in state.plans.values().filter_map(|row| row.value.as_ref()) {
        for member in importers(&plan.inputs) {
            match imports.get_mut(member) {
                Some(count) => *count += 1,
                None => drop(imports.insert(member.clone(), 1)),
            }
        }
    }
    imports
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
