//! No more is given out of a network's gateways than people declared that they carry, all services together: the parts that plans
//! are allotted, added up anew, whenever a service takes more of one than it had. What stands still for now (a person or a safety
//! rule holds it) does not count: what is lost must be left whatever that does. And once all is well, what all services
//! send through them fits, too.

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::ids::NetworkName;
use causeway_api::plan::{Destination, PlanInputs, Rate, ServicePlan};
use causeway_state::{CommittedPlan, State};

/// What each service was allotted of each network.
#[derive(Debug)]
pub struct Gateways {
    limits: BTreeMap<NetworkName, Rate>,
    parts: BTreeMap<(ServiceKey, NetworkName), Rate>,
}

impl Gateways {
    /// Gateways that carry so much.
    #[must_use]
    pub fn new(limits: BTreeMap<NetworkName, Rate>) -> Self {
        Self {
            limits,
            parts: BTreeMap::new(),
        }
    }

    /// Decisions were not seen one by one: what was allotted before is not known.
    pub fn forget(&mut self) {
        self.parts.clear();
    }

    /// Plans came into force by one decision.
    ///
    /// # Errors
    /// The network of which too much is given out.
    pub fn see(&mut self, state: &State, committed: &[&CommittedPlan]) -> Result<(), String> {
        let mut found = Ok(());
        for (network, limit) in &self.limits {
            let mut grows = None;
            for plan in committed {
                let service = &plan.inputs.service;
                let Some(part) = part(&plan.inputs, network) else {
                    self.parts.remove(&(service.clone(), network.clone()));
                    continue;
                };
                let before = self.parts.insert((service.clone(), network.clone()), part);
                if before.is_some_and(|before| part > before) {
                    grows = Some(service);
                }
            }
            let plans = state.plans.iter().filter_map(|(service, row)| {
                let held = row.value.as_ref()?;
                (!state.stands_still(service)).then_some(held)
            });
            let given = plans.filter_map(|held| part(&held.inputs, network));
            let given: u128 = given.map(|part| u128::from(part.0)).sum();
            if let Some(service) = grows
                && given > u128::from(limit.0)
            {
                found = Err(format!(
                    "{service} takes more of the gateways of {network}, of which {given} thousandths a second are given out and \
                     which carry {}",
                    limit.0
                ));
            }
        }
        found
    }
}

/// Judges what all services send through gateways, where all is well.
///
/// # Errors
/// The network into which more is sent than its gateways carry.
pub fn judge(
    state: &State,
    limits: impl Iterator<Item = (NetworkName, Rate)>,
) -> Result<(), String> {
    for (network, limit) in limits {
        let plans = state.plans.values().filter_map(|row| row.value.as_ref());
        let sent: u128 = plans.map(|held| sent(&held.plan, &network)).sum();
        if sent > u128::from(limit.0) {
            return Err(format!(
                "{sent} thousandths a second are sent through the gateways of {network}, which carry {}",
                limit.0
            ));
        }
    }
    Ok(())
}

/// What a service is allotted of a network.
fn part(inputs: &PlanInputs, network: &NetworkName) -> Option<Rate> {
    let rows = inputs.gateways.iter().filter(|row| row.network == *network);
    rows.map(|row| row.limit).min()
}

/// What a plan sends through the gateways of a network.
fn sent(plan: &ServicePlan, network: &NetworkName) -> u128 {
    let shares = plan.sources.iter().flat_map(|source| &source.shares);
    let there = shares.filter(
        |share| matches!(&share.destination, Destination::Network(name) if name == network),
    );
    there.map(|share| u128::from(share.rate.0)).sum()
}
