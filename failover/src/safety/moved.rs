//! How much a plan moves, and whether it has a choice.
//!
//! What counts is a share that shrinks: traffic that goes elsewhere than before. Demand that grew, or went away, moves
//! nothing. A source of unknown demand counts as one request a second, here and where it is compared with all demand: an
//! unknown is not nothing.
//!
//! A part is *forced* where its destination can serve less than before for a reason of its own: lost, unreachable, or with
//! fewer ready endpoints. The rest is *chosen*, by people or by the planner.

use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, Rate, ServicePlan, Share, Source, SourceInput,
    SourcePlan, WHOLE, Withdrawal,
};

use crate::draining;

/// What a source of unknown demand counts as: one request a second.
pub const UNKNOWN: Rate = Rate(1_000);

/// A plan and what it was computed from.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// What it was computed from.
    pub inputs: &'a PlanInputs,
    /// The plan.
    pub plan: &'a ServicePlan,
}

/// A plan that is to follow another.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// What is in force; `None` where the service is planned for the first time, which moves nothing.
    pub before: Option<Planned<'a>>,
    /// What is proposed.
    pub after: Planned<'a>,
}

/// How much a step moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Because its destination can no longer serve it.
    pub forced: Rate,
    /// For any other reason.
    pub chosen: Rate,
}

impl Amount {
    /// Both.
    #[must_use]
    pub fn all(self) -> Rate {
        self.forced.plus(self.chosen)
    }
}

/// Why a step is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Something was lost, or changed by itself: automation.
    Loss,
    /// What was out is back: failback governs it.
    Return,
    /// A person moves it.
    People,
}

impl Step<'_> {
    /// Whether the plan is another.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.before
            .is_some_and(|before| before.plan != self.after.plan)
    }

    /// How much it moves.
    #[must_use]
    pub fn amount(&self) -> Amount {
        let mut amount = Amount::default();
        let Some(before) = self.before else {
            return amount;
        };
        for old in &before.plan.sources {
            let Some(new) = find(self.after.plan, &old.source) else {
                continue;
            };
            for share in &old.shares {
                let moved = shrunk(old, share, new);
                if moved == Rate(0) {
                    continue;
                }
                let part = if self.forced(&old.source, &share.destination) {
                    &mut amount.forced
                } else {
                    &mut amount.chosen
                };
                *part = part.plus(moved);
            }
        }
        amount
    }

    /// Whether a destination can serve less than before for a reason of its own.
    #[must_use]
    pub fn forced(&self, source: &Source, destination: &Destination) -> bool {
        let Some(before) = self.before else {
            return false;
        };
        let unreachable = |planned: Planned<'_>| match destination {
            Destination::Network(network) => caller(planned.inputs, source)
                .is_some_and(|input| input.unreachable.contains(network)),
            Destination::Zone { .. } => false,
        };
        let can = |planned: Planned<'_>| able(planned.inputs, destination);
        (unreachable(self.after) && !unreachable(before)) || can(self.after) < can(before)
    }
}

/// All demand of a service's callers.
#[must_use]
pub fn demand(inputs: &PlanInputs) -> Rate {
    let rates = inputs.sources.iter().map(|s| s.demand.unwrap_or(UNKNOWN));
    rates.fold(Rate(0), Rate::plus)
}

/// What all sources are left without, together.
#[must_use]
pub fn unserved(plan: &ServicePlan) -> Rate {
    let rates = plan.sources.iter().map(|source| source.unserved);
    rates.fold(Rate(0), Rate::plus)
}

/// The plan of a source.
#[must_use]
pub fn find<'a>(plan: &'a ServicePlan, source: &Source) -> Option<&'a SourcePlan> {
    plan.sources
        .iter()
        .find(|planned| planned.source == *source)
}

fn caller<'a>(inputs: &'a PlanInputs, source: &Source) -> Option<&'a SourceInput> {
    inputs.sources.iter().find(|input| input.source == *source)
}

/// By how much a share shrank.
fn shrunk(old: &SourcePlan, share: &Share, new: &SourcePlan) -> Rate {
    let same = new
        .shares
        .iter()
        .find(|now| now.destination == share.destination);
    let parts = share.parts.saturating_sub(same.map_or(0, |now| now.parts));
    if parts == 0 {
        return Rate(0);
    }
    let planned = |plan: &SourcePlan| {
        let rates = plan.shares.iter().map(|share| share.rate);
        rates.fold(plan.unserved, Rate::plus)
    };
    let (before, now) = (planned(old), planned(new));
    let of = |demand: Rate| {
        let part = u128::from(demand.0) * u128::from(parts) / u128::from(WHOLE);
        Rate(u64::try_from(part).unwrap_or(u64::MAX))
    };
    match (before.0, now.0) {
        (0, 0) => of(UNKNOWN),
        (0, _) | (_, 0) => of(if now.0 == 0 { before } else { now }),
        _ => of(now).min(share.rate.minus(same.map_or(Rate(0), |now| now.rate))),
    }
}

/// Zones behind a destination.
pub(crate) fn behind<'a>(
    inputs: &'a PlanInputs,
    destination: &'a Destination,
) -> impl Iterator<Item = &'a DestinationInput> {
    let zones = inputs.destinations.iter();
    zones.filter(move |zone| match destination {
        Destination::Zone { member, zone: name } => zone.member == *member && zone.zone == *name,
        Destination::Network(network) => zone.network == *network,
    })
}

/// Ready endpoints that nothing but a person's word or a ramp keeps from serving.
fn able(inputs: &PlanInputs, destination: &Destination) -> u64 {
    let able = behind(inputs, destination).filter(|zone| {
        let remote = matches!(destination, Destination::Network(_));
        matches!(
            zone.withdrawn,
            None | Some(Withdrawal::Evacuated | Withdrawal::NotAllowed)
        ) && (zone.exported || !remote)
    });
    able.map(|zone| u64::from(zone.ready)).sum()
}

/// How much of a destination people leave, in percent: in steps, or all of it.
#[must_use]
pub fn left_percent(zone: &DestinationInput) -> u8 {
    match (zone.withdrawn, zone.admitted_percent) {
        (Some(Withdrawal::Evacuated), admitted @ 1..100) => 100 - admitted,
        (Some(Withdrawal::Evacuated), _) => 100,
        _ => 0,
    }
}

/// Whether people leave all of a destination.
#[must_use]
pub fn is_left(zone: &DestinationInput) -> bool {
    left_percent(zone) == 100
}

/// How much of a destination people had left before, in percent: what is lost meanwhile is left all the same.
fn was_left_percent(zone: &DestinationInput) -> u8 {
    if zone.vacated {
        100
    } else {
        left_percent(zone)
    }
}

/// The same place in other inputs.
#[must_use]
pub fn same_place<'a>(
    inputs: &'a PlanInputs,
    zone: &DestinationInput,
) -> Option<&'a DestinationInput> {
    let mut zones = inputs.destinations.iter();
    zones.find(|other| other.member == zone.member && other.zone == zone.zone)
}

/// Whether a person leaves more than was left before, or weighs what was not weighed.
#[must_use]
pub fn newly_left(before: &PlanInputs, after: &PlanInputs) -> bool {
    let more = |zone: &DestinationInput| {
        left_percent(zone) > same_place(before, zone).map_or(0, was_left_percent)
    };
    before.policy.weights != after.policy.weights || after.destinations.iter().any(more)
}

/// The inputs as if people had left and weighed no more than before.
#[must_use]
pub fn as_if_stayed(before: &PlanInputs, after: &PlanInputs) -> PlanInputs {
    let mut inputs = after.clone();
    for zone in &mut inputs.destinations {
        let old = same_place(before, zone);
        if left_percent(zone) <= old.map_or(0, was_left_percent) {
            continue;
        }
        let old = old.filter(|old| matches!(old.withdrawn, None | Some(Withdrawal::Evacuated)));
        zone.withdrawn = old.and_then(|old| old.withdrawn);
        zone.admitted_percent = old.map_or(100, |old| old.admitted_percent);
    }
    draining::settle(&mut inputs.destinations);
    inputs.policy.weights.clone_from(&before.policy.weights);
    inputs.policy.strategy = before.policy.strategy;
    inputs
}

/// What people leave, for messages.
#[must_use]
pub fn what_is_left(inputs: &PlanInputs) -> String {
    let zones = inputs
        .destinations
        .iter()
        .filter(|zone| left_percent(zone) > 0);
    let mut names: Vec<String> = zones
        .map(|zone| match &zone.zone {
            Some(name) => format!("{}/{name}", zone.member),
            None => zone.member.to_string(),
        })
        .collect();
    names.dedup();
    match names.len() {
        0 => "nothing".to_owned(),
        count if count > 4 => format!(
            "{} and {} more",
            names.get(..4).unwrap_or_default().join(", "),
            count - 4
        ),
        _ => names.join(", "),
    }
}
