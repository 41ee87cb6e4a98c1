//! Whether plans take no more than their part of what services share: judged for all plans of a command at once, since what
//! one gives up another may take.
//!
//! What stands still for now (it waits for a person, or a safety rule holds it) is not counted: what is lost must be left
//! whatever that does.

use std::collections::BTreeMap;

use causeway_api::ids::{NetworkName, Region, ServiceKey};
use causeway_api::plan::{Destination, PlanInputs, Rate, ServicePlan};
use causeway_failover::safety::moved::{Planned, Step};

use crate::command::PlanProposal;
use crate::outcome::Refusal;
use crate::state::State;

/// Why proposals take more than their part, by service.
pub(super) fn judge(state: &State, proposals: &[PlanProposal]) -> BTreeMap<ServiceKey, Refusal> {
    if state.feature_level < 2 {
        return BTreeMap::new();
    }
    let after = After {
        state,
        proposed: proposals
            .iter()
            .map(|proposal| (&proposal.service, proposal.plan.as_ref()))
            .collect(),
    };
    let mut refused = gateways(&after);
    refused.extend(together(&after));
    refused
}

/// What would be committed after a command.
struct After<'s> {
    state: &'s State,
    proposed: BTreeMap<&'s ServiceKey, Option<&'s (PlanInputs, ServicePlan)>>,
}

impl<'s> After<'s> {
    /// All plans, but for those that stand still.
    fn plans(
        &self,
    ) -> impl Iterator<Item = (&'s ServiceKey, &'s PlanInputs, &'s ServicePlan)> + '_ {
        let others = self.state.plans.iter().filter_map(|(service, row)| {
            let held = row.value.as_ref()?;
            let counts = !self.proposed.contains_key(service) && !self.state.stands_still(service);
            counts.then_some((service, &held.inputs, &held.plan))
        });
        self.changes().chain(others)
    }

    fn changes(
        &self,
    ) -> impl Iterator<Item = (&'s ServiceKey, &'s PlanInputs, &'s ServicePlan)> + '_ {
        let rows = self.proposed.iter();
        rows.filter_map(|(service, plan)| (*plan).map(|(inputs, plan)| (*service, inputs, plan)))
    }
}

/// What of a network's gateways is used.
#[derive(Default)]
struct Use {
    /// By services that are allotted a part: the sum of the parts.
    allotted: u128,
    /// Whether any is.
    bound: bool,
    /// By all, as planned.
    sent: u128,
}

fn gateways(after: &After<'_>) -> BTreeMap<ServiceKey, Refusal> {
    let mut refused = BTreeMap::new();
    let limits = after.state.gateway_limits();
    if limits.is_empty() {
        return refused;
    }
    let mut used: BTreeMap<&NetworkName, Use> = BTreeMap::new();
    for (_, inputs, plan) in after.plans() {
        for network in limits.keys() {
            let sum = used.entry(network).or_default();
            if let Some(part) = part(inputs, network) {
                sum.bound = true;
                sum.allotted += u128::from(part.0);
            }
            sum.sent += u128::from(sent(plan, network).0);
        }
    }
    for (service, inputs, plan) in after.changes() {
        let row = after.state.plan(service);
        let before = row.and_then(|row| row.value.as_ref());
        for (network, limit) in &limits {
            let Some(sum) = used.get(network) else {
                continue;
            };
            let had = before.map_or(Rate(0), |held| sent(&held.plan, network));
            let sends = sent(plan, network);
            let (total, more) = match part(inputs, network) {
                Some(now) => {
                    let part = before.and_then(|held| part(&held.inputs, network));
                    (sum.allotted, now > part.unwrap_or(had))
                }
                // All others keep to a part, and this one does not.
                None if sum.bound => (u128::MAX, sends > had),
                None => (
                    sum.sent,
                    sends > had && !leaves_the_lost(after, service, inputs, plan),
                ),
            };
            if more && total > u128::from(limit.0) {
                let refusal = Refusal::GatewayOverfull {
                    service: service.clone(),
                    network: network.clone(),
                    carries: *limit,
                    sent: Rate(u64::try_from(sum.sent.max(sum.allotted)).unwrap_or(u64::MAX)),
                };
                refused.insert(service.clone(), refusal);
            }
        }
    }
    refused
}

/// What a service is allotted of a network.
fn part(inputs: &PlanInputs, network: &NetworkName) -> Option<Rate> {
    let rows = inputs.gateways.iter().filter(|row| row.network == *network);
    rows.map(|row| row.limit).min()
}

/// What a plan sends through a network's gateways.
pub(super) fn sent(plan: &ServicePlan, network: &NetworkName) -> Rate {
    let shares = plan.sources.iter().flat_map(|source| &source.shares);
    let there = shares.filter(
        |share| matches!(&share.destination, Destination::Network(name) if name == network),
    );
    there.map(|share| share.rate).fold(Rate(0), Rate::plus)
}

/// Whether a plan leaves what is lost: that is never refused for want of room, as long as it keeps to its part.
fn leaves_the_lost(
    after: &After<'_>,
    service: &ServiceKey,
    inputs: &PlanInputs,
    plan: &ServicePlan,
) -> bool {
    let held = after.state.plan(service).and_then(|row| row.value.as_ref());
    let before = held.map(|held| Planned {
        inputs: &held.inputs,
        plan: &held.plan,
    });
    let step = Step {
        before,
        after: Planned { inputs, plan },
    };
    before.is_some() && step.amount().forced.0 > 0
}

fn together(after: &After<'_>) -> BTreeMap<ServiceKey, Refusal> {
    let mut refused = BTreeMap::new();
    for (service, inputs, _) in after.changes() {
        let Some(unit) = &inputs.policy.together else {
            if inputs
                .sources
                .iter()
                .any(|source| !source.together.is_empty())
            {
                let refusal = Refusal::PlanCheck {
                    service: service.clone(),
                    check: "together".to_owned(),
                    message: "it is bound to others, and no policy moves it as one with any"
                        .to_owned(),
                };
                refused.insert(service.clone(), refusal);
            }
            continue;
        };
        let bound = bound(inputs);
        let mut others = after.plans().filter(|(other, inputs, _)| {
            *other != service && inputs.policy.together.as_ref() == Some(unit)
        });
        let differs = others.find_map(|(other, inputs, _)| {
            let region = differing(&bound, &self::bound(inputs))?.clone();
            Some((other.clone(), region))
        });
        if let Some((other, region)) = differs {
            let refusal = Refusal::NotTogether {
                service: service.clone(),
                other,
                region,
            };
            refused.insert(service.clone(), refusal);
        }
    }
    refused
}

type Bound<'i> = BTreeMap<&'i Region, &'i BTreeMap<Region, u32>>;

/// What binds the sources of each region.
fn bound(inputs: &PlanInputs) -> Bound<'_> {
    let sources = inputs.sources.iter();
    sources
        .filter_map(|source| Some((source.region.as_ref()?, &source.together)))
        .collect()
}

/// A region that both have callers in, and bind otherwise.
fn differing<'i>(one: &Bound<'i>, other: &Bound<'_>) -> Option<&'i Region> {
    let mut differing = one
        .iter()
        .filter(|(region, weights)| other.get(*region).is_some_and(|theirs| theirs != *weights));
    differing.next().map(|(region, _)| *region)
}
