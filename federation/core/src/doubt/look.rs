//! One look at committed plans: what services share is reckoned once for all of them.
//!
//! What gateways let in of a service, and what binds it to others, are in its own inputs, and follow from the facts of others.
//! [`plan_inputs`] leaves both as committed, so that a leader's lie about them would be one's own. Services that move as one are bound
//! anew, from the facts held here, once for each unit. What gateways let in is not divided anew, which is a plan of every
//! service: where a part is less than its service wants, all parts together must come to what the gateways carry, since what is
//! divided is divided whole.

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::ids::NetworkName;
use causeway_api::plan::{PlanInputs, Rate};
use causeway_api::spec::PolicyKey;
use causeway_failover::allot::{self, Bound};
use causeway_failover::plan;
use causeway_index::FactStore;
use causeway_state::State;

use super::{Doubt, TOLERANCE_PERCENT, differences, said};
use crate::inputs::plan_inputs;

/// What plans are compared with: a state, and the facts of the replica that looks.
pub struct Look<'s> {
    state: &'s State,
    facts: &'s FactStore,
    /// What binds the services of each unit that was looked at.
    bound: BTreeMap<PolicyKey, Bound>,
    /// What all committed plans are allotted of each network.
    parts: Option<BTreeMap<NetworkName, Parts>>,
}

/// What is allotted of a network's gateways.
#[derive(Default)]
struct Parts {
    sum: u128,
    /// Whether the plan of somebody who may be sent there stands still: what it is allotted may not be what is committed.
    stands: bool,
}

impl<'s> Look<'s> {
    /// Begins.
    #[must_use]
    pub fn new(state: &'s State, facts: &'s FactStore) -> Self {
        Self {
            state,
            facts,
            bound: BTreeMap::new(),
            parts: None,
        }
    }

    /// As [`super::doubt`].
    pub fn doubt(&mut self, service: &ServiceKey) -> Option<Doubt> {
        let held = self.state.plan(service)?.value.as_ref()?;
        if stands(self.state, service) {
            return None;
        }
        let Some(mut own) = plan_inputs(self.state, self.facts, service) else {
            let nowhere = "no member exports it, and there is a plan of it".to_owned();
            return Some(said(service, vec![nowhere]));
        };
        self.bind(&mut own);
        let mut differs = self.let_in(&mut own);
        let same = || plan::next(&own, Some((&held.inputs, &held.plan))).plan == held.plan;
        if own == held.inputs || same() {
            return None;
        }
        differs.extend(differences(&held.inputs, &own));
        (!differs.is_empty()).then(|| said(service, differs))
    }

    /// Binds a service to those that it moves as one with, by what all of them are here.
    fn bind(&mut self, own: &mut PlanInputs) {
        let Some(unit) = &own.policy.together else {
            return;
        };
        let (state, facts) = (self.state, self.facts);
        let in_unit = |inputs: &PlanInputs| inputs.policy.together.as_ref() == Some(unit);
        let bound = self.bound.entry(unit.clone()).or_insert_with(|| {
            let committed = state.plans.iter().filter(|(_, row)| {
                let held = row.value.as_ref();
                held.is_some_and(|held| in_unit(&held.inputs))
            });
            let members = committed.filter_map(|(key, _)| plan_inputs(state, facts, key));
            let members: Vec<PlanInputs> = members.filter(in_unit).collect();
            allot::together(&members)
        });
        allot::bind(own, bound);
    }

    /// Frees a service of parts that are less than it wants, while there is room that nobody is allotted; says which.
    fn let_in(&mut self, own: &mut PlanInputs) -> Vec<String> {
        let mut freed = Vec::new();
        if own.gateways.is_empty() {
            return freed;
        }
        let mut free = own.clone();
        free.gateways.clear();
        let wants = allot::wants(&free).rates;
        let limits = self.state.gateway_limits();
        let parts = self.parts.get_or_insert_with(|| parts(self.state));
        own.gateways.retain(|row| {
            let want = wants.get(&row.network).copied().unwrap_or_default();
            let (Some(limit), Some(all)) = (limits.get(&row.network), parts.get(&row.network))
            else {
                return true;
            };
            let room = u128::from(limit.0).saturating_sub(all.sum);
            let grudged = beyond(want.minus(row.limit).0.into(), want)
                && beyond(room, *limit)
                && !all.stands;
            if grudged {
                let sum = Rate(u64::try_from(all.sum).unwrap_or(u64::MAX));
                freed.push(format!(
                    "it would send {want} into network {}, whose gateways carry {limit} and are allotted for {sum}, and the \
                     plan may send {}",
                    row.network, row.limit
                ));
            }
            !grudged
        });
        freed
    }
}

/// Whether so much is more than what is left to chance of a rate.
fn beyond(found: u128, of: Rate) -> bool {
    found * 100 > u128::from(of.0) * u128::from(TOLERANCE_PERCENT)
}

/// Whether no plan of a service may change now, whatever the facts are.
fn stands(state: &State, service: &ServiceKey) -> bool {
    state.brain.brake.is_some()
        || state.brain.pending.contains_key(service)
        || state.brain.refused.contains_key(service)
        || state.held_by(service).is_some()
}

fn parts(state: &State) -> BTreeMap<NetworkName, Parts> {
    let mut parts: BTreeMap<NetworkName, Parts> = BTreeMap::new();
    for (service, row) in &state.plans {
        let Some(held) = &row.value else { continue };
        for row in &held.inputs.gateways {
            parts.entry(row.network.clone()).or_default().sum += u128::from(row.limit.0);
        }
        if stands(state, service) {
            for zone in &held.inputs.destinations {
                parts.entry(zone.network.clone()).or_default().stands = true;
            }
        }
    }
    parts
}
