//! Which services share something, and what each is allotted of it.
//!
//! Held by whoever plans, and rebuilt from nothing: what it decides is part of the inputs that are committed with each plan.
//! Only services that are tied to one that changed are looked at; where no gateway declares what it carries and no policy
//! moves services together, that is none.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ServiceKey;
use causeway_api::ids::NetworkName;
use causeway_api::plan::{GatewayInput, PlanInputs, Rate};
use causeway_api::spec::PolicyKey;
use causeway_failover::allot::{self, Wants};
use causeway_index::FactStore;
use causeway_state::State;

use crate::inputs::{plan_inputs, shared};

/// What each service may send through the gateways of each network that not all fit through.
type Rows = BTreeMap<NetworkName, BTreeMap<ServiceKey, Rate>>;

/// What is known of services that share something.
#[derive(Debug, Default)]
pub struct Ties {
    /// What each service would send through gateways if they carried anything.
    wants: BTreeMap<ServiceKey, Wants>,
    /// What it sends within what it is allotted.
    within: BTreeMap<ServiceKey, (Vec<GatewayInput>, Wants)>,
    rows: Rows,
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
        let limits = shared::limits(state);
        if limits.is_empty() && self.rows.is_empty() {
            self.wants.clear();
            self.within.clear();
            for inputs in found.values_mut().flatten() {
                inputs.gateways.clear();
            }
            return found;
        }
        for (key, inputs) in &found {
            self.within.remove(key);
            match inputs {
                Some(inputs) => {
                    let mut free = inputs.clone();
                    free.gateways.clear();
                    self.wants.insert(key.clone(), allot::wants(&free));
                }
                None => {
                    self.wants.remove(key);
                }
            }
        }
        let rows = self.allot(state, facts, &limits, &found);
        let before = std::mem::replace(&mut self.rows, rows);
        for key in differing(&before, &self.rows) {
            found
                .entry(key.clone())
                .or_insert_with(|| plan_inputs(state, facts, &key));
        }
        for (key, inputs) in &mut found {
            if let Some(inputs) = inputs {
                inputs.gateways = of(&self.rows, key);
            }
        }
        found
    }

    /// Who gets how much: by what all want; then, as long as what one may not send here overloads another network, that one
    /// too. Nobody's part is ever raised again in one go, so that this ends.
    fn allot(
        &mut self,
        state: &State,
        facts: &FactStore,
        limits: &BTreeMap<NetworkName, Rate>,
        found: &BTreeMap<ServiceKey, Option<PlanInputs>>,
    ) -> Rows {
        let mut rows = Rows::new();
        for _ in 0..=limits.len() {
            let mut more = false;
            for (network, limit) in limits {
                let now: Vec<(ServiceKey, allot::Class, Rate)> = self
                    .wants
                    .iter()
                    .map(|(key, wants)| (key, self.bound(&rows, key).unwrap_or(wants)))
                    .filter_map(|(key, wants)| {
                        Some((key.clone(), wants.class, *wants.rates.get(network)?))
                    })
                    .collect();
                if let Some(row) = rows.get_mut(network) {
                    // What came here because another network had no room for it finds none here.
                    for (key, _, _) in now {
                        more |= !row.contains_key(&key);
                        row.entry(key).or_insert(Rate(0));
                    }
                    continue;
                }
                let wanted = now.iter().map(|(key, class, rate)| (key, *class, *rate));
                let row = allot::allot(*limit, wanted);
                if !row.is_empty() {
                    rows.insert(network.clone(), row);
                    more = true;
                }
            }
            if !more {
                break;
            }
            let tied: BTreeSet<&ServiceKey> = rows.values().flat_map(BTreeMap::keys).collect();
            for key in tied {
                let gateways = of(&rows, key);
                if self
                    .within
                    .get(key)
                    .is_some_and(|(held, _)| *held == gateways)
                {
                    continue;
                }
                let inputs = match found.get(key) {
                    Some(inputs) => inputs.clone(),
                    None => plan_inputs(state, facts, key),
                };
                if let Some(mut inputs) = inputs {
                    inputs.gateways.clone_from(&gateways);
                    let wants = allot::wants(&inputs);
                    self.within.insert(key.clone(), (gateways, wants));
                }
            }
        }
        rows
    }

    /// What a service sends within what it is allotted, where it is allotted anything.
    fn bound(&self, rows: &Rows, key: &ServiceKey) -> Option<&Wants> {
        let (gateways, wants) = self.within.get(key)?;
        let tied = rows.values().any(|row| row.contains_key(key));
        (tied && *gateways == of(rows, key)).then_some(wants)
    }
}

fn of(rows: &Rows, key: &ServiceKey) -> Vec<GatewayInput> {
    let rows = rows.iter().filter_map(|(network, row)| {
        Some(GatewayInput {
            network: network.clone(),
            limit: *row.get(key)?,
        })
    });
    rows.collect()
}

/// Services whose part of any network is another.
fn differing(before: &Rows, after: &Rows) -> BTreeSet<ServiceKey> {
    let none = BTreeMap::new();
    let networks: BTreeSet<&NetworkName> = before.keys().chain(after.keys()).collect();
    let mut services = BTreeSet::new();
    for network in networks {
        let (old, new) = (before.get(network), after.get(network));
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        let keys = old.keys().chain(new.keys());
        services.extend(keys.filter(|key| old.get(*key) != new.get(*key)).cloned());
    }
    services
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
            let mut changed = false;
            for source in &mut inputs.sources {
                let weights = source.region.as_ref().and_then(|region| bound.get(region));
                let weights = weights.cloned().unwrap_or_default();
                changed |= source.together != weights;
                source.together = weights;
            }
            if changed || found.contains_key(&key) {
                found.insert(key, Some(inputs));
            }
        }
    }
}
