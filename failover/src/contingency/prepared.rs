//! What is prepared for the loss of one domain: kept up to date one service at a time.

use std::collections::BTreeMap;

use causeway_api::contingency::{ContentHash, LossOutcome, Readiness};
use causeway_api::domain::Domain;
use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::{PlanInputs, Rate, ServicePlan};
use sha2::{Digest as _, Sha256};

use super::fall::Fall;
use super::judged::Judged;
use super::patch::Patch;
use crate::plan::{Stability, plan_with_previous};

/// How many services a readiness names.
const NAMED: usize = 8;

/// What is prepared for the loss of one domain.
#[derive(Debug, Clone)]
pub struct Prepared {
    domain: Domain,
    fall: Fall,
    services: BTreeMap<ServiceKey, Row>,
}

/// A service whose plan would change.
#[derive(Debug, Clone)]
struct Row {
    patch: Patch,
    /// Of the plan, so that the whole is named without reading all of it again.
    sum: [u8; 32],
    judged: Judged,
}

impl Prepared {
    /// Nothing yet, for a domain whose loss takes `fall`.
    #[must_use]
    pub fn new(domain: Domain, fall: Fall) -> Self {
        Self {
            domain,
            fall,
            services: BTreeMap::new(),
        }
    }

    /// What falls with the domain.
    #[must_use]
    pub fn fall(&self) -> &Fall {
        &self.fall
    }

    /// Takes in a service as it is committed now, or that it is no more.
    pub fn update(&mut self, service: &ServiceKey, committed: Option<(&PlanInputs, &ServicePlan)>) {
        let row = committed.and_then(|(inputs, plan)| row(&self.fall, inputs, plan));
        match row {
            Some(row) => self.services.insert(service.clone(), row),
            None => self.services.remove(service),
        };
    }

    /// Whether other inputs under the same committed plan would be met in another way.
    #[must_use]
    pub fn would_differ(&self, inputs: &PlanInputs, committed: &ServicePlan) -> bool {
        let then = row(&self.fall, inputs, committed);
        let held = self.services.get(&inputs.service);
        then.map(|row| (row.sum, row.judged.outcome))
            != held.map(|row| (row.sum, row.judged.outcome))
    }

    /// The plan after the loss of the service whose plan `committed` was last taken in; `None` where the loss does not
    /// change it.
    #[must_use]
    pub fn plan(&self, committed: &ServicePlan) -> Option<ServicePlan> {
        let row = self.services.get(&committed.service)?;
        Some(row.patch.applied(committed))
    }

    /// The services whose plans change, in order.
    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// The name of the content.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        let mut hasher = Sha256::new();
        hasher.update(self.domain.to_string());
        for (service, row) in &self.services {
            hasher.update([0]);
            hasher.update(service.to_string());
            hasher.update([0]);
            hasher.update(row.sum);
        }
        ContentHash(hasher.finalize().into())
    }

    /// How well the rest would carry the loss.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let (mut demand, mut served, mut moved) = (0_u128, 0_u128, Rate(0));
        let (mut orphans, mut unproven, mut writes) = (0, 0, 0);
        let mut first_orphans = Vec::new();
        let mut overloads: Vec<(ServiceKey, u32)> = Vec::new();
        let mut outcome = LossOutcome::Survives;
        let mut networks: BTreeMap<&NetworkName, (Rate, Option<Rate>)> = BTreeMap::new();
        for (service, row) in &self.services {
            let judged = &row.judged;
            demand += u128::from(judged.demand.0);
            served += u128::from(judged.served.0);
            moved = moved.plus(judged.moved);
            writes += judged.writes;
            outcome = outcome.max(judged.outcome);
            match judged.outcome {
                LossOutcome::Orphans => {
                    orphans += 1;
                    if first_orphans.len() < NAMED {
                        first_orphans.push(service.clone());
                    }
                }
                LossOutcome::Overloads => overloads.push((service.clone(), judged.over_percent)),
                LossOutcome::Unproven => unproven += 1,
                LossOutcome::Survives | LossOutcome::Saturates => {}
            }
            for (network, load, capacity) in &judged.networks {
                let sum = networks.entry(network).or_insert((Rate(0), Some(Rate(0))));
                sum.0 = sum.0.plus(*load);
                sum.1 = sum.1.zip(*capacity).map(|(a, b)| a.plus(b));
            }
        }
        overloads.sort_by_key(|(service, percent)| (std::cmp::Reverse(*percent), service.clone()));
        let overloaded = overloads.len();
        overloads.truncate(NAMED);
        Readiness {
            domain: self.domain.clone(),
            outcome,
            score: score(served, demand),
            services: count(self.services.len()),
            moved,
            orphans,
            first_orphans,
            overloads: count(overloaded),
            worst_overloads: overloads,
            unproven,
            peak: peak(&networks),
            writes,
            coarse_cut: !self.fall.networks.is_empty(),
        }
    }
}

fn row(fall: &Fall, inputs: &PlanInputs, before: &ServicePlan) -> Option<Row> {
    let left = fall.without(inputs)?;
    let plan = plan_with_previous(&left, Some(before), Stability::default());
    if plan == *before {
        return None;
    }
    let patch = Patch::between(before, &plan);
    debug_assert_eq!(patch.applied(before), plan);
    let bytes = postcard::to_stdvec(&plan).unwrap_or_default();
    Some(Row {
        sum: Sha256::digest(bytes).into(),
        judged: Judged::of(fall, &left, before, &plan),
        patch,
    })
}

/// Rounded down, so that 100 is all of it.
fn score(served: u128, demand: u128) -> u8 {
    let percent = (served * 100).checked_div(demand).unwrap_or(100);
    u8::try_from(percent.min(100)).unwrap_or(100)
}

fn peak(networks: &BTreeMap<&NetworkName, (Rate, Option<Rate>)>) -> Option<(NetworkName, u32)> {
    let used = networks.iter().filter_map(|(name, (load, capacity))| {
        let capacity = (*capacity)?.0;
        let percent = (u128::from(load.0) * 100).checked_div(u128::from(capacity))?;
        Some((u32::try_from(percent).unwrap_or(u32::MAX), *name))
    });
    let (percent, name) =
        used.max_by_key(|(percent, name)| (*percent, std::cmp::Reverse(*name)))?;
    Some((name.clone(), percent))
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
