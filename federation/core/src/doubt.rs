//! What a replica that sees other facts than the leader says of its plans.
//!
//! A plan is judged where it is committed, by what it brings along and by all that the state knows: where members stand, what
//! is declared, voted and decided. What only members tell (which zones there are, what is ready in them, who exports and who
//! calls, what is measured or ejected), and what follows from it for services that share something, the state cannot judge. Every replica can: it has facts of its own. Where they would
//! give another plan than the one that is committed, and say other things than its inputs, either facts are late, which passes,
//! or the leader is wrong. Nothing moves for it: people are told.

use causeway_api::ServiceKey;
use causeway_api::ids::Region;
use causeway_api::plan::{
    CapacitySource, DemandSource, DestinationInput, PlanInputs, Rate, SourceInput, WHOLE,
};
use causeway_index::FactStore;
use causeway_state::State;

mod look;

pub use look::Look;

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
/// no consequence, or where no plan may change now whatever the facts are. Of many services, ask one [`Look`].
#[must_use]
pub fn doubt(state: &State, facts: &FactStore, service: &ServiceKey) -> Option<Doubt> {
    Look::new(state, facts).doubt(service)
}

fn said(service: &ServiceKey, mut differs: Vec<String>) -> Doubt {
    let more = differs.len().saturating_sub(NAMED);
    differs.truncate(NAMED);
    if more > 0 {
        differs.push(format!("and {more} more"));
    }
    Doubt {
        service: service.clone(),
        differs,
    }
}

/// What two inputs of one service say differently of facts: of all that members tell, and of nothing else. What is declared,
/// placed, voted and decided is judged where plans are committed.
#[must_use]
pub fn differences(theirs: &PlanInputs, own: &PlanInputs) -> Vec<String> {
    let mut all = Vec::new();
    if theirs.ports != own.ports {
        all.push(format!(
            "its ports are {}, and the plan says {}",
            listed(&own.ports),
            listed(&theirs.ports)
        ));
    }
    for zone in &own.destinations {
        match theirs.destinations.iter().find(|other| same(other, zone)) {
            None if zone.ready > 0 => all.push(format!(
                "{} has {} ready, and the plan does not know it",
                place(zone),
                zone.ready
            )),
            None => {}
            Some(other) => destination(other, zone, &mut all),
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
        match caller(theirs, source) {
            None => all.push(format!(
                "{} calls it, and the plan does not know that",
                source.source.member
            )),
            Some(other) => callers(other, source, &mut all),
        }
    }
    for source in &theirs.sources {
        if caller(own, source).is_none() {
            all.push(format!(
                "{} does not call it, and the plan says it does",
                source.source.member
            ));
        }
    }
    all
}

fn destination(theirs: &DestinationInput, own: &DestinationInput, all: &mut Vec<String>) {
    let place = place(own);
    // Of a member that is leaving it follows from all others whether it counts as exporting.
    let exports = |zone: &DestinationInput| zone.exported || zone.draining;
    if exports(theirs) != exports(own) {
        let word = if exports(own) {
            "exported"
        } else {
            "not exported"
        };
        all.push(format!("{place} is {word}, and the plan says otherwise"));
    }
    if apart(u64::from(theirs.ready), u64::from(own.ready)) {
        all.push(format!(
            "{place} has {} ready, and the plan counts on {}",
            own.ready, theirs.ready
        ));
    }
    if apart(u64::from(theirs.total), u64::from(own.total)) {
        all.push(format!(
            "{place} has {} endpoints, ready or not, and the plan says {}",
            own.total, theirs.total
        ));
    }
    let (seen, said) = (seen(own), seen(theirs));
    if rates_apart(said, seen) {
        all.push(format!(
            "{place} was seen to serve {}, and the plan says {}",
            rate(seen),
            rate(said)
        ));
    }
}

fn callers(theirs: &SourceInput, own: &SourceInput, all: &mut Vec<String>) {
    let member = &own.source.member;
    // What is declared is judged; what is measured instead is a fact.
    let measured = [theirs, own].map(|one| one.demand_source == DemandSource::Measured);
    if measured != [false, false] && rates_apart(theirs.demand, own.demand) {
        all.push(format!(
            "{member} asks for {}, and the plan counts on {}",
            rate(own.demand),
            rate(theirs.demand)
        ));
    }
    if let Some((region, ours, said)) = bound_apart(theirs, own) {
        all.push(format!(
            "callers in {member} go to {region} by {} % with the services that it moves as one with, and the plan says {} %",
            percent(ours),
            percent(said)
        ));
    }
    if theirs.ejected != own.ejected {
        all.push(format!(
            "callers in {member} eject {}, and the plan says {}",
            listed(&own.ejected),
            listed(&theirs.ejected)
        ));
    }
}

/// The first region that what binds callers says clearly otherwise of: what is so, and what is said.
fn bound_apart<'i>(
    theirs: &'i SourceInput,
    own: &'i SourceInput,
) -> Option<(&'i Region, u32, u32)> {
    let mut regions = own.together.keys().chain(theirs.together.keys());
    let parts = |source: &SourceInput, region| source.together.get(region).copied().unwrap_or(0);
    regions.find_map(|region| {
        let (ours, said) = (parts(own, region), parts(theirs, region));
        let apart = u64::from(ours.abs_diff(said)) * 100 > u64::from(WHOLE) * TOLERANCE_PERCENT;
        apart.then_some((region, ours, said))
    })
}

fn percent(parts: u32) -> u32 {
    parts * 100 / WHOLE.max(1)
}

/// What endpoints were seen to serve, where that is what a plan counts on.
fn seen(zone: &DestinationInput) -> Option<Rate> {
    zone.capacity
        .filter(|_| zone.capacity_source == CapacitySource::Learned)
}

fn caller<'i>(inputs: &'i PlanInputs, source: &SourceInput) -> Option<&'i SourceInput> {
    let mut sources = inputs.sources.iter();
    sources.find(|other| other.source == source.source)
}

fn listed<'n, T: std::fmt::Display + 'n>(names: impl IntoIterator<Item = &'n T>) -> String {
    let names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn same(one: &DestinationInput, other: &DestinationInput) -> bool {
    one.member == other.member && one.zone == other.zone
}

fn place(zone: &DestinationInput) -> String {
    let name = zone.zone.as_ref().map_or("-", |zone| zone.as_str());
    format!("{}/{name}", zone.member)
}

fn rates_apart(one: Option<Rate>, other: Option<Rate>) -> bool {
    match (one, other) {
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
