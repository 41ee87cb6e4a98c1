//! A person moves one thing while the loss of another waits for a person: the move is committed without the loss.
//!
//! Where policy asks a person before a service leaves what is lost (`mode` Approve or Observe, `stateful`), a plan that a
//! person's evacuation asks for would carry the loss along, since a plan is one whole. So the leader may plan such a service
//! as if the verdict had not come ([`State::without_what_waits`]), and `apply` takes that plan, where it is a person's move and
//! sends nobody to what is lost who did not go there before. The loss waits on.

use causeway_api::ServiceKey;
use causeway_api::ids::NetworkName;
use causeway_api::plan::{
    CapacitySource, Destination, DestinationInput, GatewayInput, PlanInputs, Rate, ServicePlan,
    Source, SourceInput, WHOLE,
};
use causeway_api::rules::FailoverMode;
use causeway_failover::draining;
use causeway_failover::policy::Effective;
use causeway_failover::safety::moved::{Amount, Cause, find, same_place};

use super::safety::{cause, out_by_verdict};
use super::ties::sent;
use super::waits::is_approved;
use crate::effects::Standing;
use crate::outcome::Refusal;
use crate::state::{CommittedPlan, State};

/// Whether a person is asked before a service leaves what is lost.
fn asks_first(policy: &Effective) -> bool {
    policy.rules.stateful || policy.rules.mode != FailoverMode::Automatic
}

/// Whether the committed plan has a place in use that nobody said is out.
fn goes_on(held: &CommittedPlan, zone: &DestinationInput) -> bool {
    same_place(&held.inputs, zone).is_some_and(|old| !out_by_verdict(old))
        && sources(&held.plan, zone).next().is_some()
}

/// The sources of other members that a plan sends to a place.
fn sources<'p>(
    plan: &'p ServicePlan,
    zone: &'p DestinationInput,
) -> impl Iterator<Item = &'p Source> {
    let others = plan
        .sources
        .iter()
        .filter(|source| source.source.member != zone.member);
    others
        .filter(|source| {
            parts(
                source.shares.iter().map(|s| (&s.destination, s.parts)),
                zone,
            ) > 0
        })
        .map(|source| &source.source)
}

/// How much of a source goes to a place, or to the network that it stands in.
fn parts<'s>(shares: impl Iterator<Item = (&'s Destination, u32)>, zone: &DestinationInput) -> u32 {
    let there = shares.filter(|(destination, _)| match destination {
        Destination::Zone { member, zone: name } => *member == zone.member && *name == zone.zone,
        Destination::Network(network) => *network == zone.network,
    });
    there.map(|(_, parts)| parts).sum()
}

/// Has no more of a service sent through a network's gateways than so much.
fn keep_to(inputs: &mut PlanInputs, network: &NetworkName, most: Rate) {
    let mut rows = inputs.gateways.iter_mut();
    match rows.find(|row| row.network == *network) {
        Some(row) => row.limit = row.limit.min(most),
        None => inputs.gateways.push(GatewayInput {
            network: network.clone(),
            limit: most,
        }),
    }
    inputs.gateways.sort_by(|a, b| a.network.cmp(&b.network));
}

/// Has callers of a place's own network send it no more than they do.
fn hold_to(inputs: &mut PlanInputs, at: usize, held: &ServicePlan) {
    let zone = inputs.destinations.get(at);
    let Some(most) = zone.and_then(|zone| most(inputs, zone, held)) else {
        return;
    };
    let carries_more = |zone: &&mut DestinationInput| zone.capacity.is_none_or(|now| most < now);
    if let Some(zone) = inputs.destinations.get_mut(at).filter(carries_more) {
        zone.capacity = Some(most);
        zone.capacity_source = CapacitySource::Declared;
    }
}

/// What a place carries at most, so that callers of its own network send it no more than by a plan. Only where it is known how
/// much they ask for can that be said, and where there are such callers it need be.
fn most(inputs: &PlanInputs, zone: &DestinationInput, held: &ServicePlan) -> Option<Rate> {
    let callers = || (inputs.sources.iter()).filter(|caller| caller.network == zone.network);
    if callers().all(|caller| caller.source.member == zone.member) {
        return None;
    }
    let mut most = sent(held, &zone.network);
    for caller in callers() {
        let shares = find(held, &caller.source)
            .into_iter()
            .flat_map(|plan| &plan.shares);
        let parts = parts(shares.map(|share| (&share.destination, share.parts)), zone);
        let demand = caller.demand.or((parts == 0).then_some(Rate(0)))?;
        // Rounded down: a part more would be more.
        let goes = u128::from(demand.0) * u128::from(parts) / u128::from(WHOLE);
        most = most.plus(Rate(u64::try_from(goes).unwrap_or(u64::MAX)));
    }
    let percent = u64::from(zone.max_utilization_percent.clamp(1, 100));
    Some(Rate(most.0.saturating_mul(100) / percent))
}

/// What a place that a plan sets aside carries at most, by the plan that is committed; `None` where it is not set aside, or
/// nothing can be said.
pub(super) fn most_of(state: &State, inputs: &PlanInputs, zone: &DestinationInput) -> Option<Rate> {
    if !is_set_aside(state, &inputs.service, zone) {
        return None;
    }
    let held = state.plan(&inputs.service)?.value.as_ref()?;
    most(inputs, zone, &held.plan)
}

/// What a proposal leaves for a person to approve: places that verdicts say are out, which its service goes on using and which
/// no person leaves.
pub(super) fn unapproved<'i>(
    held: &'i CommittedPlan,
    inputs: &'i PlanInputs,
) -> impl Iterator<Item = &'i DestinationInput> {
    let zones = inputs.destinations.iter();
    zones.filter(|zone| out_by_verdict(zone) && !zone.vacated && goes_on(held, zone))
}

/// Whether a place that people are leaving was lost on the way, and nothing else is: that the rest of it is left is their word,
/// too.
pub(super) fn only_what_is_left_was_lost(held: &CommittedPlan, inputs: &PlanInputs) -> bool {
    let lost = inputs.destinations.iter().any(|zone| {
        let before = same_place(&held.inputs, zone);
        zone.vacated && before.is_some_and(|old| !out_by_verdict(old))
    });
    lost && unapproved(held, inputs).next().is_none()
}

/// Whether a plan says of a place what it said before a verdict that waits for a person.
pub(super) fn is_set_aside(state: &State, service: &ServiceKey, zone: &DestinationInput) -> bool {
    !out_by_verdict(zone)
        && state.brain.out.contains(&zone.member)
        && state.withdrawal(&zone.member).is_some_and(|verdict| {
            let (member, name) = (&zone.member, zone.zone.as_ref());
            let found = state.standing_by(Some(verdict), service, member, name);
            // A person may have restored it all the same.
            found.withdrawn == Some(verdict)
        })
}

/// Whether what a plan may send into a network is what it sends there as long as a loss waits.
pub(super) fn keeps_to(state: &State, inputs: &PlanInputs, network: &NetworkName) -> bool {
    let mut zones = inputs.destinations.iter();
    zones.any(|zone| zone.network == *network && is_set_aside(state, &inputs.service, zone))
}

/// What a plan that sets something aside may send into its network: what goes there by the committed plan. `None` where nothing
/// there is set aside.
pub(super) fn sends_on(state: &State, inputs: &PlanInputs, network: &NetworkName) -> Option<Rate> {
    let held = state.plan(&inputs.service)?.value.as_ref()?;
    keeps_to(state, inputs, network).then(|| sent(&held.plan, network))
}

/// Whether a plan was computed without a verdict that waits for a person.
pub(super) fn any(state: &State, inputs: &PlanInputs) -> bool {
    let zones = &inputs.destinations;
    zones
        .iter()
        .any(|zone| is_set_aside(state, &inputs.service, zone))
}

impl State {
    /// What the inputs of a service's plan may say of a place instead of what `found` says by verdict: that nobody has
    /// approved yet that it is left.
    pub(super) fn waiting(
        &self,
        service: &ServiceKey,
        zone: &DestinationInput,
        found: &Standing,
    ) -> Option<Standing> {
        let held = self.plan(service)?.value.as_ref()?;
        let out = self.brain.out.contains(&zone.member);
        let may = out && !found.vacated && goes_on(held, zone) && asks_first(&self.policy(service));
        may.then(|| self.standing_by(None, service, &zone.member, zone.zone.as_ref()))
    }

    /// The inputs to plan a service from where a person moves it while the loss of something else waits for a person: without
    /// that loss. `None`: all is to be planned as it is.
    ///
    /// Who does not go to what is lost counts as not reaching it, and its gateways let in no more than what goes there, nor does
    /// it itself carry more for callers of its network, so that nobody else is sent there now.
    #[must_use]
    pub fn without_what_waits(&self, inputs: &PlanInputs) -> Option<PlanInputs> {
        let service = &inputs.service;
        let held = self.plan(service)?.value.as_ref()?;
        // Services that move as one are bound by what is left for all of them: they wait as one, too.
        if !inputs.destinations.iter().any(out_by_verdict) || inputs.policy.together.is_some() {
            return None;
        }
        let policy = self.policy(service);
        // What would wait by itself is not worth taking apart.
        let waits = policy.rules.stateful && !is_approved(self, service);
        if !asks_first(&policy) || waits {
            return None;
        }
        let mut without = inputs.clone();
        for (at, zone) in inputs.destinations.iter().enumerate() {
            let found = self.standing(service, &zone.member, zone.zone.as_ref());
            let out = out_by_verdict(zone) && self.brain.out.contains(&zone.member);
            if !out || found.vacated || !goes_on(held, zone) {
                continue;
            }
            let before = self.standing_by(None, service, &zone.member, zone.zone.as_ref());
            if let Some(zone) = without.destinations.get_mut(at) {
                zone.withdrawn = before.withdrawn;
                zone.admitted_percent = before.admitted_percent;
                zone.vacated = before.vacated;
            }
            keep_to(&mut without, &zone.network, sent(&held.plan, &zone.network));
            hold_to(&mut without, at, &held.plan);
            for source in &mut without.sources {
                let there = sources(&held.plan, zone).any(|one| *one == source.source);
                if source.network != zone.network && !there {
                    source.unreachable.insert(zone.network.clone());
                }
            }
        }
        draining::settle(&mut without.destinations);
        let people = || cause(self, held, &without, Amount::default()) == Cause::People;
        (without != *inputs && people()).then_some(without)
    }
}

/// Whether a network counts as not reached from a source since a loss in it waits for a person, and nobody is sent there meanwhile
/// who did not go there before ([`State::without_what_waits`]).
pub(super) fn keeps_out(
    state: &State,
    inputs: &PlanInputs,
    source: &SourceInput,
    network: &NetworkName,
) -> bool {
    let held = state.plan(&inputs.service);
    let held = held.and_then(|row| row.value.as_ref());
    held.is_some_and(|held| {
        let mut zones = inputs.destinations.iter();
        zones.any(|zone| {
            zone.network == *network
                && is_set_aside(state, &inputs.service, zone)
                && !sources(&held.plan, zone).any(|one| *one == source.source)
        })
    })
}

/// Judges a plan that was computed without a verdict that waits: that it is a person's move, and sends nobody to what is lost
/// who did not go there before.
pub(super) fn judge(state: &State, inputs: &PlanInputs, plan: &ServicePlan) -> Result<(), Refusal> {
    let mut aside = inputs
        .destinations
        .iter()
        .filter(|zone| is_set_aside(state, &inputs.service, zone))
        .peekable();
    let held = state.plan(&inputs.service);
    let held = held.and_then(|row| row.value.as_ref());
    let (Some(first), Some(held)) = (aside.peek().copied(), held) else {
        return Ok(());
    };
    let ignored = |zone: &DestinationInput| Refusal::VerdictIgnored {
        service: inputs.service.clone(),
        member: zone.member.clone(),
        claimed: "not withdrawn".to_owned(),
        found: state
            .withdrawal(&zone.member)
            .map_or_else(String::new, |found| found.to_string()),
    };
    if cause(state, held, inputs, Amount::default()) != Cause::People {
        return Err(ignored(first));
    }
    let more = aside.find(|zone| {
        plan.sources.iter().any(|source| {
            let shares = |plan: Option<&causeway_api::plan::SourcePlan>| {
                let shares = plan.into_iter().flat_map(|plan| &plan.shares);
                let shares = shares.map(|share| (share.destination.clone(), share.parts));
                let shares: Vec<_> = shares.collect();
                parts(shares.iter().map(|(to, parts)| (to, *parts)), zone)
            };
            source.source.member != zone.member
                && shares(Some(source)) > shares(find(&held.plan, &source.source))
        })
    });
    more.map_or(Ok(()), |zone| Err(ignored(zone)))
}
