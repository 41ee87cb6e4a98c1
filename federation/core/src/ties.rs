//! Which services share something, and what each is allotted of it.
//!
//! Held by whoever plans, and rebuilt from nothing: what it decides is part of the inputs that are committed with each plan.
//! Only services that are tied to one that changed are looked at; where no gateway declares what it carries and no policy
//! moves services together, that is none.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ServiceKey;
use causeway_api::plan::PlanInputs;
use causeway_api::spec::PolicyKey;
use causeway_failover::allot::{self, Shared};
use causeway_index::FactStore;
use causeway_state::State;

use crate::inputs::plan_inputs;

/// What is known of services that share something.
#[derive(Debug, Default)]
pub struct Ties {
    gateways: Shared,
    /// Whether what all services want of gateways was counted: while none declares what it carries, it is not.
    counted: bool,
}

impl Ties {
    /// What to plan from: for each service that is asked for (`None`: nothing is to be planned), and for each that is tied
    /// to one of them and gets another part than before.
    pub fn inputs(
        &mut self,
        state: &State,
        facts: &FactStore,
        asked: &BTreeSet<ServiceKey>,
    ) -> BTreeMap<ServiceKey, Option<PlanInputs>> {
        let mut found: BTreeMap<ServiceKey, Option<PlanInputs>> = asked
            .iter()
            .map(|key| (key.clone(), plan_inputs(state, facts, key)))
            .collect();
        move_together(state, facts, &mut found);
        let limits = state.gateway_limits();
        if limits.is_empty() && self.gateways.is_free() {
            self.gateways.clear();
            self.counted = false;
            for inputs in found.values_mut().flatten() {
                inputs.gateways.clear();
            }
            return found;
        }
        if !self.counted {
            self.counted = true;
            let planned = state.plans.iter().filter(|(_, row)| row.value.is_some());
            for (key, _) in planned.filter(|(key, _)| !found.contains_key(*key)) {
                let inputs = plan_inputs(state, facts, key);
                self.gateways.note(key, inputs.as_ref());
            }
        }
        for (key, inputs) in &found {
            self.gateways.note(key, inputs.as_ref());
        }
        let mut others = |key: &ServiceKey| match found.get(key) {
            Some(inputs) => inputs.clone(),
            None => plan_inputs(state, facts, key),
        };
        for key in self
            .gateways
            .settle(&limits, state.kept_to_parts(), &mut others)
        {
            found
                .entry(key.clone())
                .or_insert_with(|| plan_inputs(state, facts, &key));
        }
        for (key, inputs) in &mut found {
            if let Some(inputs) = inputs {
                inputs.gateways = self.gateways.of(key);
            }
        }
        found
    }
}

/// Binds the services of each unit of which one was asked for.
fn move_together(
    state: &State,
    facts: &FactStore,
    found: &mut BTreeMap<ServiceKey, Option<PlanInputs>>,
) {
    let units: BTreeSet<PolicyKey> = found
        .values()
        .flatten()
        .filter_map(|inputs| inputs.policy.together.clone())
        .collect();
    for unit in units {
        let in_unit = |inputs: &PlanInputs| inputs.policy.together.as_ref() == Some(&unit);
        let committed = state.plans.iter().filter_map(|(key, row)| {
            let held = row.value.as_ref()?;
            (in_unit(&held.inputs) && !found.contains_key(key)).then_some(key)
        });
        let mut members: BTreeMap<ServiceKey, PlanInputs> = committed
            .filter_map(|key| Some((key.clone(), plan_inputs(state, facts, key)?)))
            .filter(|(_, inputs)| in_unit(inputs))
            .collect();
        let asked = found.iter().filter_map(|(key, inputs)| {
            let inputs = inputs.as_ref().filter(|inputs| in_unit(inputs))?;
            Some((key.clone(), inputs.clone()))
        });
        members.extend(asked.collect::<Vec<_>>());
        let bound = allot::together(members.values());
        for (key, mut inputs) in members {
            let changed = allot::bind(&mut inputs, &bound);
            if changed || found.contains_key(&key) {
                found.insert(key, Some(inputs));
            }
        }
    }
}
