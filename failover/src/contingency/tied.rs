//! What ties services together after a loss: gateways that are left carry them all, and policy moves some as one. Allotted by
//! the very rules by which a plan is when the loss has come ([`crate::allot`]).

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::{PlanInputs, Rate};
use causeway_api::spec::PolicyKey;

use crate::allot::{self, Bound, Shared};

/// What ties services together.
#[derive(Debug, Clone, Default)]
pub(super) struct Tied {
    /// What the gateways of networks carry that are left.
    limits: BTreeMap<NetworkName, Rate>,
    /// Networks where everybody keeps to its part.
    kept: BTreeSet<NetworkName>,
    gateways: Shared,
    /// Services that changed since they were allotted.
    due: BTreeSet<ServiceKey>,
    units: BTreeMap<PolicyKey, Unit>,
    /// The unit of each service that has one.
    unit_of: BTreeMap<ServiceKey, PolicyKey>,
    /// Units that changed since they were bound.
    due_units: BTreeSet<PolicyKey>,
}

/// Services that move as one.
#[derive(Debug, Clone, Default)]
struct Unit {
    services: BTreeSet<ServiceKey>,
    bound: Bound,
}

impl Tied {
    /// Takes in what is left of a service after the loss; `None`: it is no more.
    pub(super) fn note(&mut self, service: &ServiceKey, left: Option<&PlanInputs>) {
        if !self.limits.is_empty() {
            self.due.insert(service.clone());
        }
        let unit = left.and_then(|left| left.policy.together.clone());
        let before = self.unit_of.get(service).cloned();
        self.due_units
            .extend(unit.iter().chain(before.iter()).cloned());
        if before == unit {
            return;
        }
        if let Some(unit) = before.and_then(|before| self.units.get_mut(&before)) {
            unit.services.remove(service);
        }
        match unit {
            Some(unit) => {
                let row = self.units.entry(unit.clone()).or_default();
                row.services.insert(service.clone());
                self.unit_of.insert(service.clone(), unit);
            }
            None => {
                self.unit_of.remove(service);
            }
        }
    }

    /// Puts into inputs what binds their service.
    pub(super) fn bind(&self, left: &mut PlanInputs) {
        left.gateways = self.gateways.of(&left.service);
        self.bind_together(left);
    }

    fn bind_together(&self, left: &mut PlanInputs) {
        let unit = self.unit_of.get(&left.service);
        let bound = unit.and_then(|unit| Some(&self.units.get(unit)?.bound));
        allot::bind(left, bound.unwrap_or(&Bound::new()));
    }

    /// Binds and allots anew; the services that are bound otherwise than before. `all` are asked for where other networks are
    /// limited than before.
    pub(super) fn settle(
        &mut self,
        limits: &BTreeMap<NetworkName, Rate>,
        kept: &BTreeSet<NetworkName>,
        all: &dyn Fn() -> BTreeSet<ServiceKey>,
        left: &dyn Fn(&ServiceKey) -> Option<PlanInputs>,
    ) -> BTreeSet<ServiceKey> {
        let mut again = BTreeSet::new();
        for unit in std::mem::take(&mut self.due_units) {
            let Some(row) = self.units.get_mut(&unit) else {
                continue;
            };
            let inputs: Vec<PlanInputs> = row.services.iter().filter_map(left).collect();
            let bound = allot::together(&inputs);
            if bound != row.bound {
                row.bound = bound;
                again.extend(row.services.iter().cloned());
            }
        }
        self.units.retain(|_, unit| !unit.services.is_empty());
        let mut due = std::mem::take(&mut self.due);
        if *limits != self.limits {
            let counted = !self.limits.is_empty();
            self.limits.clone_from(limits);
            // What was not counted while nothing was limited is, from now on.
            due.extend(if counted { BTreeSet::new() } else { all() });
        } else if due.is_empty() && again.is_empty() && *kept == self.kept {
            return again;
        }
        self.kept.clone_from(kept);
        if limits.is_empty() && self.gateways.is_free() {
            self.gateways.clear();
            return again;
        }
        due.extend(again.iter().cloned());
        let mut gateways = std::mem::take(&mut self.gateways);
        let mut bound = |service: &ServiceKey| {
            let mut inputs = left(service)?;
            self.bind_together(&mut inputs);
            Some(inputs)
        };
        for service in &due {
            gateways.note(service, bound(service).as_ref());
        }
        again.extend(gateways.settle(limits, kept, &mut bound));
        self.gateways = gateways;
        again
    }
}
