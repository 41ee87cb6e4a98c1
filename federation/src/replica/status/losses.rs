//! What the loss of each domain would do to the services that a policy is about: its part of what is prepared.
//!
//! It is drawn anew where something was named in the log since, or where policies are about other services than before: a
//! fleet that is quiet has nothing to write. Each pass looks once at every service that some loss would move, however many
//! policies there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_api::contingency::Readiness;
use causeway_api::domain::Domain;
use causeway_api::ids::Name;
use causeway_api::spec::PolicyKey;
use causeway_api::{Generation, ServiceKey};
use causeway_failover::contingency::{Prepared, Tally};
use causeway_seam::Monotonic;
use causeway_state::State;

use crate::replica::shared::Shared;

/// How many losses are kept of each policy, the worst.
const KEPT: usize = 8;
/// It is looked at no more often whether anything changed.
const LOOK: Duration = Duration::from_secs(5);
/// It is drawn no more often.
const PACE: Duration = Duration::from_secs(15);

/// What losses would do, by policy.
#[derive(Default)]
pub(crate) struct Losses {
    basis: Option<Basis>,
    rows: BTreeMap<PolicyKey, Vec<Readiness>>,
    looked: Option<Monotonic>,
    drawn: Option<Monotonic>,
}

/// What is known of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// It was not looked at yet: what was said of it stays.
    NotYet,
    /// Nothing is prepared for any loss.
    Nothing,
    /// The losses that would move something of it, the worst first.
    Losses(&'a [Readiness]),
}

/// What it is drawn from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Basis {
    /// When what is prepared for each domain was named.
    named: BTreeMap<Domain, Generation>,
    policies: BTreeSet<PolicyKey>,
    /// Policies that name services.
    targets: BTreeMap<ServiceKey, Vec<PolicyKey>>,
    /// Policies for whole namespaces.
    namespaces: BTreeMap<Name, Vec<PolicyKey>>,
    /// Policies for everything.
    root: Vec<PolicyKey>,
}

impl Basis {
    fn of(state: &State) -> Self {
        let rows = state.brain.contingencies.rows.iter();
        let mut basis = Self {
            named: rows
                .map(|(domain, row)| (domain.clone(), row.generation))
                .collect(),
            policies: state.policies.keys().cloned().collect(),
            ..Self::default()
        };
        for (key, policy) in &state.policies {
            for target in &policy.targets {
                let about = basis.targets.entry(target.clone()).or_default();
                about.push(key.clone());
            }
            if !policy.targets.is_empty() {
                continue;
            }
            let about = match policy.root {
                true => &mut basis.root,
                false => basis.namespaces.entry(key.namespace.clone()).or_default(),
            };
            about.push(key.clone());
        }
        basis
    }

    /// The policies that are about a service, but for those that are about all.
    fn about(&self, service: &ServiceKey) -> impl Iterator<Item = &PolicyKey> {
        let named = self.targets.get(service);
        let near = self.namespaces.get(&service.namespace);
        named.into_iter().chain(near).flatten()
    }
}

impl Losses {
    /// What is known of a policy that is in force.
    pub(crate) fn of(&self, policy: &PolicyKey) -> Found<'_> {
        let Some(basis) = &self.basis else {
            return Found::NotYet;
        };
        if !basis.policies.contains(policy) {
            return Found::NotYet;
        }
        if basis.named.is_empty() {
            return Found::Nothing;
        }
        Found::Losses(self.rows.get(policy).map_or(&[], Vec::as_slice))
    }

    /// Looks whether anything changed, and draws it anew where it did.
    pub(crate) async fn refresh(&mut self, shared: &Shared) {
        let now = shared.env.now();
        let soon = |last: Option<Monotonic>, pace| last.is_some_and(|at| now.since(at) < pace);
        if soon(self.looked, LOOK) || soon(self.drawn, PACE) {
            return;
        }
        self.looked = Some(now);
        let basis = shared.consensus.read(Basis::of);
        if self.basis.as_ref() == Some(&basis) || !shared.preparations.is_settled() {
            return;
        }
        let mut rows = BTreeMap::new();
        if !basis.root.is_empty() {
            let whole: Vec<Readiness> = shared.consensus.read(|state| {
                let rows = state.brain.contingencies.rows.values();
                rows.map(|row| row.readiness.clone()).collect()
            });
            for row in whole {
                add_whole(&mut rows, &basis, &row);
            }
        }
        if !(basis.targets.is_empty() && basis.namespaces.is_empty()) {
            for domain in basis.named.keys() {
                let draw = |prepared: &Prepared| add(&mut rows, &basis, domain, prepared);
                shared.preparations.see(domain, draw);
                // Nothing waits for this: whoever has something to do goes first.
                shared.env.sleep(Duration::from_millis(1)).await;
            }
        }
        self.rows = rows;
        self.basis = Some(basis);
        self.drawn = Some(shared.env.now());
    }
}

/// Policies about everything, of which the log tells.
fn add_whole(rows: &mut BTreeMap<PolicyKey, Vec<Readiness>>, basis: &Basis, row: &Readiness) {
    if row.services == 0 {
        return;
    }
    for policy in &basis.root {
        keep(rows.entry(policy.clone()).or_default(), row.clone());
    }
}

/// All other policies.
fn add(
    rows: &mut BTreeMap<PolicyKey, Vec<Readiness>>,
    basis: &Basis,
    domain: &Domain,
    prepared: &Prepared,
) {
    let mut tallies: BTreeMap<&PolicyKey, Tally<'_>> = BTreeMap::new();
    for (service, judged) in prepared.judged() {
        for policy in basis.about(service) {
            tallies.entry(policy).or_default().add(service, judged);
        }
    }
    for (policy, tally) in tallies {
        let row = tally.readiness(domain.clone(), prepared.fall(), prepared.is_cut_off());
        keep(rows.entry(policy.clone()).or_default(), row);
    }
}

/// The worst first; of those that are equally bad the widest, as `causeway readiness` lists them.
fn keep(kept: &mut Vec<Readiness>, row: Readiness) {
    let width = |domain: &Domain| match domain {
        Domain::Region(_) | Domain::Declared(_) => 0,
        Domain::Member(_) => 1,
        Domain::Zone { .. } | Domain::Gateway { .. } => 2,
    };
    kept.push(row);
    kept.sort_by_key(|row| (Reverse(row.outcome), row.score, width(&row.domain)));
    kept.truncate(KEPT);
}

#[cfg(test)]
impl Losses {
    /// As it would be drawn from a state by itself.
    pub(crate) fn drawn(state: &State) -> Self {
        let basis = Basis::of(state);
        let mut rows = BTreeMap::new();
        for row in state.brain.contingencies.rows.values() {
            add_whole(&mut rows, &basis, &row.readiness);
        }
        for (domain, prepared) in super::world::contingencies(state).iter() {
            add(&mut rows, &basis, domain, prepared);
        }
        Self {
            basis: Some(basis),
            rows,
            ..Self::default()
        }
    }
}
