//! Whether plans take no more than their part of what services share: judged for all plans of a command at once, since what
//! one gives up another may take.
//!
//! What stands still for now (it waits for a person, or a safety rule holds it) is not counted: what is lost must be left
//! whatever that does.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{NetworkName, Region, ServiceKey};
use causeway_api::plan::{Destination, GatewayInput, PlanInputs, Rate, ServicePlan};
use causeway_failover::allot;
use causeway_failover::safety::moved::{Planned, Step};

use super::{aside, judge};
use crate::command::PlanProposal;
use crate::outcome::{Contradiction, Refusal};
use crate::state::State;

/// Why proposals take more than their part, by service.
pub(super) fn judge(state: &State, proposals: &[PlanProposal]) -> BTreeMap<ServiceKey, Refusal> {
    if state.feature_level < 2 {
        return BTreeMap::new();
    }
    let after = After::of(state, proposals);
    let limits = state.gateway_limits();
    let mut refused = gateways(&after, &limits);
    refused.extend(unlimited(&after, &limits));
    refused.extend(together(&after));
    refused
}

/// Plans were refused since all together send more than a network's gateways carry: from now on everybody keeps to its part
/// there. Says whether that is news. What would be refused anyway does not count: it sends nothing.
///
/// Networks that declare no limit any more are let go. Sooner would bring the refusal back: plans that go on from those
/// before do not come back by themselves.
pub(super) fn keep_to_parts(
    state: &mut State,
    proposals: &[PlanProposal],
    refused: &BTreeMap<ServiceKey, Refusal>,
) -> bool {
    let mut kept = state.brain.kept.clone();
    if overfull(refused).next().is_some() {
        let stand = |proposal: &&PlanProposal| judge::judge(state, proposal).is_ok();
        let after = After::of(state, proposals.iter().filter(stand));
        let refused = gateways(&after, &state.gateway_limits());
        kept.extend(overfull(&refused).cloned());
    }
    let_go(state, &mut kept);
    let news = kept != state.brain.kept;
    state.brain.kept = kept;
    news
}

/// Networks whose gateways plans were refused for.
fn overfull(refused: &BTreeMap<ServiceKey, Refusal>) -> impl Iterator<Item = &NetworkName> {
    refused.values().filter_map(|refusal| match refusal {
        Refusal::GatewayOverfull { network, .. } => Some(network),
        _ => None,
    })
}

fn let_go(state: &State, kept: &mut BTreeSet<NetworkName>) {
    if kept.is_empty() {
        return;
    }
    let placed = state.members.iter().filter_map(|(name, member)| {
        let placement = member.placement.as_ref()?;
        let gateways = state.gateways(name, member, placement);
        Some(gateways.map(|(_, gateway)| (placement.network.clone(), gateway.carries)))
    });
    let declared = allot::limits(placed.flatten());
    kept.retain(|network| declared.contains_key(network));
}

/// What would be committed after a command.
struct After<'s> {
    state: &'s State,
    proposed: BTreeMap<&'s ServiceKey, Option<&'s (PlanInputs, ServicePlan)>>,
}

impl<'s> After<'s> {
    fn of(state: &'s State, proposals: impl IntoIterator<Item = &'s PlanProposal>) -> Self {
        let rows = proposals.into_iter();
        Self {
            state,
            proposed: rows
                .map(|proposal| (&proposal.service, proposal.plan.as_ref()))
                .collect(),
        }
    }

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
    /// By services that are not, as planned.
    free: u128,
    /// Whether any is allotted a part for the sake of others: what stays as it is while a loss waits keeps to its part by
    /// itself. Then leaving what is lost is no excuse for sending more than is left.
    bound: bool,
    /// By all, as planned.
    sent: u128,
}

/// Parts of gateways that declare no limit: nobody is allotted anything of these, and a plan that is keeps its callers out by
/// its own word. What a plan sends on to what it sets aside is as the committed plan has it.
fn unlimited(
    after: &After<'_>,
    limits: &BTreeMap<NetworkName, Rate>,
) -> BTreeMap<ServiceKey, Refusal> {
    let mut refused = BTreeMap::new();
    for (service, inputs, _) in after.changes() {
        let found = |row: &GatewayInput| aside::sends_on(after.state, inputs, &row.network);
        let mut rows = inputs
            .gateways
            .iter()
            .filter(|row| !limits.contains_key(&row.network) && found(row) != Some(row.limit));
        if let Some(row) = rows.next() {
            let contradiction = Contradiction {
                place: row.network.to_string(),
                field: "gateways".to_owned(),
                claimed: row.limit.to_string(),
                found: found(row).map_or("without a limit".to_owned(), |rate| rate.to_string()),
            };
            let refusal = Refusal::InputContradicted {
                service: service.clone(),
                contradiction: Box::new(contradiction),
            };
            refused.insert(service.clone(), refusal);
        }
    }
    refused
}

fn gateways(
    after: &After<'_>,
    limits: &BTreeMap<NetworkName, Rate>,
) -> BTreeMap<ServiceKey, Refusal> {
    let mut refused = BTreeMap::new();
    if limits.is_empty() {
        return refused;
    }
    let mut used: BTreeMap<&NetworkName, Use> = BTreeMap::new();
    let state = after.state;
    for (_, inputs, plan) in after.plans() {
        for network in limits.keys() {
            let sum = used.entry(network).or_default();
            let sends = u128::from(sent(plan, network).0);
            match part(inputs, network) {
                Some(part) => {
                    sum.bound |= !aside::keeps_to(state, inputs, network);
                    sum.allotted += u128::from(part.0);
                }
                None => sum.free += sends,
            }
            sum.sent += sends;
        }
    }
    for (service, inputs, plan) in after.changes() {
        let row = after.state.plan(service);
        let before = row.and_then(|row| row.value.as_ref());
        for (network, limit) in limits {
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
                None => {
                    let excused = || !sum.bound && leaves_the_lost(after, service, inputs, plan);
                    (sum.allotted + sum.free, sends > had && !excused())
                }
            };
            if more && total > u128::from(limit.0) {
                let refusal = Refusal::GatewayOverfull {
                    service: service.clone(),
                    network: network.clone(),
                    carries: *limit,
                    sent: Rate(u64::try_from(total).unwrap_or(u64::MAX)),
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
