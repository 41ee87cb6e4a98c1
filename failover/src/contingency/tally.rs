//! What a loss does to many services, added up: to all of them, or to those that a policy is about.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use causeway_api::contingency::{LossOutcome, Readiness};
use causeway_api::domain::Domain;
use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::Rate;

use super::fall::Fall;
use super::judged::Judged;

/// How many services a readiness names.
const NAMED: usize = 8;

/// The sum so far.
#[derive(Debug, Default)]
pub struct Tally<'a> {
    demand: u128,
    served: u128,
    moved: Rate,
    services: usize,
    orphans: u64,
    first_orphans: Vec<ServiceKey>,
    overloads: Vec<(ServiceKey, u32)>,
    unproven: u64,
    writes: u64,
    outcome: LossOutcome,
    networks: BTreeMap<&'a NetworkName, (Rate, Option<Rate>)>,
}

impl<'a> Tally<'a> {
    /// Adds a service. Those that come first are named first where there are too many.
    pub fn add(&mut self, service: &ServiceKey, judged: &'a Judged) {
        self.services += 1;
        self.demand += u128::from(judged.demand.0);
        self.served += u128::from(judged.served.0);
        self.moved = self.moved.plus(judged.moved);
        self.writes += judged.writes;
        self.outcome = self.outcome.max(judged.outcome);
        match judged.outcome {
            LossOutcome::Orphans => {
                self.orphans += 1;
                if self.first_orphans.len() < NAMED {
                    self.first_orphans.push(service.clone());
                }
            }
            LossOutcome::Overloads => {
                self.overloads.push((service.clone(), judged.over_percent));
            }
            LossOutcome::Unproven => self.unproven += 1,
            LossOutcome::Survives | LossOutcome::Saturates => {}
        }
        for (network, load, capacity) in &judged.networks {
            let sum = self.networks.entry(network);
            let sum = sum.or_insert((Rate(0), Some(Rate(0))));
            sum.0 = sum.0.plus(*load);
            sum.1 = sum.1.zip(*capacity).map(|(a, b)| a.plus(b));
        }
    }

    /// How well the rest would carry the loss of `domain`, as far as these services go, where it takes `fall`. `coarse_cut`:
    /// whether one write for each mesh cuts it off.
    #[must_use]
    pub fn readiness(self, domain: Domain, fall: &Fall, coarse_cut: bool) -> Readiness {
        let peak = peak(&self.networks);
        let mut worst = self.overloads;
        worst.sort_by_key(|(service, percent)| (Reverse(*percent), service.clone()));
        let overloads = count(worst.len());
        worst.truncate(NAMED);
        Readiness {
            domain,
            outcome: self.outcome,
            score: score(self.served, self.demand),
            services: count(self.services),
            moved: self.moved,
            orphans: self.orphans,
            first_orphans: self.first_orphans,
            overloads,
            worst_overloads: worst,
            unproven: self.unproven,
            peak,
            writes: self.writes,
            coarse_cut,
            untold: count(fall.untold.len()),
            first_untold: fall.untold.iter().take(NAMED).cloned().collect(),
        }
    }
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
    let (percent, name) = used.max_by_key(|(percent, name)| (*percent, Reverse(*name)))?;
    Some((name.clone(), percent))
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
