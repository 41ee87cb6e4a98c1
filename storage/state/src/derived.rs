//! What follows from plans and policies, kept at hand as they change: who moves by a person's word alone by policy and where
//! it goes, and how much is asked of the services that each limit on moved traffic is about.
//!
//! What must be done at once when something is lost looks at this and at no plan, so that it takes as long however many
//! services there are. None of it is part of the state's form: it is drawn from plans and policies when it is first asked for,
//! and each change of either is taken in where it is made ([`State::set_plan`], [`State::set_policy`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use causeway_api::ServiceKey;
use causeway_api::ids::NetworkName;
use causeway_api::plan::{Destination, Rate};
use causeway_api::rules::FailoverMode;
use causeway_api::spec::{PolicyKey, PolicySpec};
use causeway_failover::policy;
use causeway_failover::safety::limits;
use causeway_failover::safety::moved::demand;

use crate::state::{CommittedPlan, PlanRow, State};

/// What follows, once it was asked for. Two states are equal by what it follows from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Derived(OnceLock<Rows>);

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Derived {}

/// What follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Services with a plan that policy moves by a person's word alone, and the networks that each is sent into.
    careful: BTreeMap<ServiceKey, BTreeSet<NetworkName>>,
    /// How many of these each network is for; none of them 0.
    entered: BTreeMap<NetworkName, usize>,
    /// What is asked of all services that a policy is about, for each that limits how much of it moves.
    asked: BTreeMap<PolicyKey, u128>,
}

impl Rows {
    fn of(state: &State) -> Self {
        let mut rows = Self::default();
        for (key, policy) in &state.policies {
            rows.reckon(state, key, policy);
        }
        if state.any_careful() {
            for (service, row) in &state.plans {
                if let Some(held) = &row.value
                    && state.is_careful(service)
                {
                    rows.enter(service, into(held));
                }
            }
        }
        rows
    }

    /// Adds up what is asked of the services that a policy is about, where it limits how much of it moves.
    fn reckon(&mut self, state: &State, key: &PolicyKey, policy: &PolicySpec) {
        self.asked.remove(key);
        if policy.rules.limits.max_traffic_moved.is_some() {
            let services = about(state, policy).filter_map(|(_, row)| row.value.as_ref());
            let demands = services.map(|held| u128::from(demand(&held.inputs).0));
            self.asked.insert(key.clone(), demands.sum());
        }
    }

    fn enter<'n>(&mut self, service: &ServiceKey, networks: impl Iterator<Item = &'n NetworkName>) {
        let networks: BTreeSet<NetworkName> = networks.cloned().collect();
        self.leave(service);
        for network in &networks {
            *self.entered.entry(network.clone()).or_default() += 1;
        }
        self.careful.insert(service.clone(), networks);
    }

    fn leave(&mut self, service: &ServiceKey) {
        for network in self.careful.remove(service).into_iter().flatten() {
            let left = self.entered.get_mut(&network).map(|count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == Some(0) {
                self.entered.remove(&network);
            }
        }
    }

    /// Services with a plan that policy moves by a person's word alone.
    pub(crate) fn careful(&self) -> impl Iterator<Item = &ServiceKey> {
        self.careful.keys()
    }

    /// Networks that these are sent into.
    pub(crate) fn entered(&self) -> &BTreeMap<NetworkName, usize> {
        &self.entered
    }

    /// What is asked of all services that a policy is about; 0 where it does not limit how much of it moves.
    pub(crate) fn asked(&self, policy: &PolicyKey) -> Rate {
        let asked = self.asked.get(policy).copied().unwrap_or_default();
        Rate(u64::try_from(asked).unwrap_or(u64::MAX))
    }
}

impl State {
    /// What follows from plans and policies.
    pub(crate) fn derived(&self) -> &Rows {
        self.derived.0.get_or_init(|| Rows::of(self))
    }

    /// Sets the plan of a service.
    pub(crate) fn set_plan(&mut self, service: &ServiceKey, row: Arc<PlanRow>) {
        let former = self.plans.insert(service.clone(), row);
        let Some(mut rows) = self.derived.0.take() else {
            return;
        };
        let before = former.as_ref().and_then(|row| row.value.as_ref());
        let now = self.plans.get(service).and_then(|row| row.value.as_ref());
        let asks = |held: Option<&CommittedPlan>| {
            held.map_or(0, |held| u128::from(demand(&held.inputs).0))
        };
        let (less, more) = (asks(before), asks(now));
        if less != more && !rows.asked.is_empty() {
            for (policy, _) in limits::traffic(&self.policies, service) {
                let asked = rows.asked.entry(policy.key.clone()).or_default();
                *asked = asked.saturating_sub(less) + more;
            }
        }
        // Who has a plan already is known to be careful or not.
        let careful = rows.careful.contains_key(service)
            || (before.is_none() && self.any_careful() && self.is_careful(service));
        match now {
            Some(held) if careful => rows.enter(service, into(held)),
            _ => rows.leave(service),
        }
        self.derived = Derived(OnceLock::from(rows));
    }

    /// Sets a policy, or removes it; what it was.
    pub(crate) fn set_policy(
        &mut self,
        key: &PolicyKey,
        policy: Option<PolicySpec>,
    ) -> Option<PolicySpec> {
        let former = match policy {
            Some(policy) => self.policies.insert(key.clone(), policy),
            None => self.policies.remove(key),
        };
        let Some(mut rows) = self.derived.0.take() else {
            return former;
        };
        let now = self.policies.get(key);
        match now {
            Some(policy) => rows.reckon(self, key, policy),
            None => drop(rows.asked.remove(key)),
        }
        let same = former.as_ref().map(says) == now.map(says);
        if !same && (!rows.careful.is_empty() || self.any_careful()) {
            let both = former.iter().chain(now);
            for (service, row) in both.flat_map(|policy| about(self, policy)) {
                match &row.value {
                    Some(held) if self.is_careful(service) => rows.enter(service, into(held)),
                    _ => rows.leave(service),
                }
            }
        }
        self.derived = Derived(OnceLock::from(rows));
        former
    }

    /// Whether any policy has a service move by a person's word alone: looked at first, since mostly none does.
    pub(crate) fn any_careful(&self) -> bool {
        self.policies.values().any(|policy| {
            let rules = &policy.rules;
            let asks = |mode: FailoverMode| mode != FailoverMode::Automatic;
            rules.stateful == Some(true) || rules.mode.is_some_and(asks)
        })
    }

    /// Whether policy moves a service by a person's word alone: it keeps state, or nobody is to move it without one.
    pub(crate) fn is_careful(&self, service: &ServiceKey) -> bool {
        let rules = policy::effective(&self.policies, service).rules;
        rules.stateful || rules.mode != FailoverMode::Automatic
    }
}

/// What of a policy decides who moves by a person's word alone; that it names a service counts even where it says nothing,
/// since of two that are as near one is in force.
fn says(
    policy: &PolicySpec,
) -> (
    bool,
    &BTreeSet<ServiceKey>,
    Option<bool>,
    Option<FailoverMode>,
) {
    let rules = &policy.rules;
    (policy.root, &policy.targets, rules.stateful, rules.mode)
}

/// The plans of the services that a policy is about.
fn about<'s>(
    state: &'s State,
    policy: &'s PolicySpec,
) -> Box<dyn Iterator<Item = (&'s ServiceKey, &'s Arc<PlanRow>)> + 's> {
    let concerned = |row: &(&ServiceKey, &Arc<PlanRow>)| limits::concerns(policy, row.0);
    if policy.targets.is_empty() {
        return Box::new(state.plans.iter().filter(concerned));
    }
    let named = policy.targets.iter();
    let named = named.filter_map(|service| state.plans.get_key_value(service));
    Box::new(named.filter(concerned))
}

/// The networks that a plan sends into through their gateways.
pub(crate) fn into(held: &CommittedPlan) -> impl Iterator<Item = &NetworkName> {
    let shares = held.plan.sources.iter().flat_map(|source| &source.shares);
    shares.filter_map(|share| match &share.destination {
        Destination::Network(name) => Some(name),
        Destination::Zone { .. } => None,
    })
}

#[cfg(test)]
mod tests;
