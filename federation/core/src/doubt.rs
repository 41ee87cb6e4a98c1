//! What a replica that sees other facts than the leader says of its plans.
//!
//! A plan is judged where it is committed, by what it brings along; whether that is true, the state cannot tell. Every
//! replica can: it has facts of its own. Where they would give another plan than the one that is committed, and say other
//! things than its inputs, either facts are late, which passes, or the leader is wrong. Nothing moves for it: people are told.

use causeway_api::ServiceKey;
use causeway_api::plan::{DestinationInput, PlanInputs, Rate, SourceInput};
use causeway_failover::plan;
use causeway_index::FactStore;
use causeway_state::State;

use crate::inputs;

/// How far two counts or rates may be apart, in percent of the larger one: what is quantised wanders by a step.
const TOLERANCE_PERCENT: u64 = 10;

/// How many differences are named.
const NAMED: usize = 3;

/// A plan that this replica's facts do not bear out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The service.
    pub service: ServiceKey,
    /// What differs: a sentence each, at most three, then how many more.
    pub differs: Vec<String>,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.differs.join("; "))
    }
}

/// Compares the committed plan of a service with this replica's facts; `None` where they agree, where the difference is of
/// no consequence, or where no plan may change now whatever the facts are.
#[must_use]
pub fn doubt(state: &State, facts: &FactStore, service: &ServiceKey) -> Option<Doubt> {
    let held = state.plan(service)?.value.as_ref()?;
    let stands = state.brain.brake.is_some()
        || state.brain.pending.contains_key(service)
        || state.brain.refused.contains_key(service)
        || state.held_by(service).is_some();
    if stands {
        return None;
    }
    let own = inputs::plan_inputs(state, facts, service)?;
    if own == held.inputs || plan::next(&own, Some((&held.inputs, &held.plan))).plan == held.plan {
        return None;
    }
    let mut differs = differences(&held.inputs, &own);
    if differs.is_empty() {
        return None;
    }
    let more = differs.len().saturating_sub(NAMED);
    differs.truncate(NAMED);
    if more > 0 {
        differs.push(format!("and {more} more"));
    }
    Some(Doubt {
        service: service.clone(),
        differs,
    })
}

/// What two inputs of one service say differently of facts. What decisions say is the same in both.
#[must_use]
pub fn differences(theirs: &PlanInputs, own: &PlanInputs) -> Vec<String> {
    let mut all = Vec::new();
    for zone in &own.destinations {
        let place = place(zone);
        match theirs.destinations.iter().find(|other| same(other, zone)) {
            None if zone.ready > 0 && zone.exported => {
                all.push(format!(
                    "{place} has {} ready, and the plan does not know it",
                    zone.ready
                ));
            }
            None => {}
            Some(other) if other.exported != zone.exported => all.push(format!(
                "{place} is {}, and the plan says otherwise",
                if zone.exported {
                    "exported"
                } else {
                    "not exported"
                }
            )),
            Some(other) if apart(u64::from(other.ready), u64::from(zone.ready)) => {
                all.push(format!(
                    "{place} has {} ready, and the plan counts on {}",
                    zone.ready, other.ready
                ));
            }
            Some(_) => {}
        }
    }
    for zone in &theirs.destinations {
        let known = own.destinations.iter().any(|other| same(other, zone));
        if !known && zone.ready > 0 {
            all.push(format!(
                "{} is unknown here, and the plan counts on {} ready",
                place(zone),
                zone.ready
            ));
        }
    }
    for source in &own.sources {
        let other = theirs
            .sources
            .iter()
            .find(|other| other.source == source.source);
        let member = &source.source.member;
        match other {
            None => all.push(format!(
                "{member} calls it, and the plan does not know that"
            )),
            Some(other) if demand_apart(other, source) => all.push(format!(
                "{member} asks for {}, and the plan counts on {}",
                rate(source.demand),
                rate(other.demand)
            )),
            Some(_) => {}
        }
    }
    all
}

fn same(one: &DestinationInput, other: &DestinationInput) -> bool {
    one.member == other.member && one.zone == other.zone
}

fn place(zone: &DestinationInput) -> String {
    let name = zone.zone.as_ref().map_or("-", |zone| zone.as_str());
    format!("{}/{name}", zone.member)
}

fn demand_apart(one: &SourceInput, other: &SourceInput) -> bool {
    match (one.demand, other.demand) {
        (Some(one), Some(other)) => apart(one.0, other.0),
        (one, other) => one != other,
    }
}

fn rate(rate: Option<Rate>) -> String {
    rate.map_or("an unknown rate".to_owned(), |rate| rate.to_string())
}

fn apart(one: u64, other: u64) -> bool {
    let most = u128::from(one.max(other));
    u128::from(one.abs_diff(other)) * 100 > most * u128::from(TOLERANCE_PERCENT)
}
