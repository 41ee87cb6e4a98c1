//! The rows of an explanation: every destination that a source could have, and why it gets what it gets.

use std::collections::BTreeMap;

use causeway_api::ids::NetworkName;
use causeway_api::plan::{
    CapacitySource, Destination, DestinationInput, PlanInputs, Rate, ServicePlan, SourcePlan, WHOLE,
};

/// One destination of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DestinationRow {
    /// The zone of the own network, or the remote network with its members.
    pub(super) name: String,
    /// How far away; `None` where it gets nothing and is not on standby.
    pub(super) tier: Option<u8>,
    /// Its share of the source's demand.
    pub(super) parts: u32,
    /// The rate that the source sends there.
    pub(super) rate: Rate,
    /// Ready endpoints that may be used; `None` where none may, however many there are.
    pub(super) ready: Option<u64>,
    /// What they serve together.
    pub(super) capacity: Option<Rate>,
    /// Where that number comes from.
    pub(super) capacity_from: String,
    /// All sources' rates there, in percent of the capacity.
    pub(super) in_use_percent: Option<u64>,
    /// The percent of its capacity that the plan may use.
    pub(super) limit_percent: u8,
    /// Whether nothing may be sent there.
    pub(super) out: bool,
    /// Why it gets no more than it gets.
    pub(super) why: String,
}

/// The rows of one source: those with a share first, then standby, then the others by name.
pub(super) fn destinations(
    inputs: &PlanInputs,
    plan: &ServicePlan,
    source: &SourcePlan,
) -> Vec<DestinationRow> {
    let own_network = inputs
        .sources
        .iter()
        .find(|input| input.source == source.source)
        .map(|input| &input.network);
    let load = load(plan);
    let mut groups: BTreeMap<Key, Vec<&DestinationInput>> = BTreeMap::new();
    for input in &inputs.destinations {
        groups
            .entry(Key::of(input, own_network))
            .or_default()
            .push(input);
    }
    let mut rows: Vec<(usize, DestinationRow)> = groups
        .iter()
        .map(|(key, inputs)| {
            let total = load.get(&key.destination()).copied().unwrap_or_default();
            row(key, inputs, source, total)
        })
        .collect();
    rows.sort_by(|(left, a), (right, b)| (left, &a.name).cmp(&(right, &b.name)));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What one row is about, in the order of rows that are equal otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Zone(Destination),
    Network(NetworkName),
}

impl Key {
    fn of(input: &DestinationInput, own: Option<&NetworkName>) -> Self {
        if own == Some(&input.network) {
            Self::Zone(Destination::Zone {
                member: input.member.clone(),
                zone: input.zone.clone(),
            })
        } else {
            Self::Network(input.network.clone())
        }
    }

    fn destination(&self) -> Destination {
        match self {
            Self::Zone(destination) => destination.clone(),
            Self::Network(network) => Destination::Network(network.clone()),
        }
    }

    fn name(&self, inputs: &[&DestinationInput]) -> String {
        match self {
            Self::Zone(destination) => destination.to_string(),
            Self::Network(network) => {
                let mut members: Vec<&str> =
                    inputs.iter().map(|input| input.member.as_str()).collect();
                members.dedup();
                if members == [network.as_str()] {
                    network.to_string()
                } else {
                    format!("{network} ({})", members.join(", "))
                }
            }
        }
    }
}

/// What all sources send to each destination, as the plan names destinations. A zone's own callers and what arrives
/// through its network's gateways are two destinations: the gateway chooses the zone, so nobody plans that.
fn load(plan: &ServicePlan) -> BTreeMap<Destination, Rate> {
    let mut load: BTreeMap<Destination, Rate> = BTreeMap::new();
    for share in plan.sources.iter().flat_map(|source| &source.shares) {
        let sum = load.entry(share.destination.clone()).or_default();
        *sum = sum.plus(share.rate);
    }
    load
}

fn row(
    key: &Key,
    inputs: &[&DestinationInput],
    source: &SourcePlan,
    load: Rate,
) -> (usize, DestinationRow) {
    let destination = key.destination();
    let place = source
        .shares
        .iter()
        .position(|share| share.destination == destination);
    let share = place.and_then(|at| source.shares.get(at));
    let standby = match key {
        Key::Network(network) => source.standby.iter().position(|standby| standby == network),
        Key::Zone(_) => None,
    };
    let usable = |input: &&&DestinationInput| {
        input.withdrawn.is_none() && (input.exported || matches!(key, Key::Zone(_)))
    };
    let in_use: Vec<&&DestinationInput> = inputs.iter().filter(usable).collect();
    let ready: u64 = in_use.iter().map(|input| u64::from(input.ready)).sum();
    let capacity = in_use
        .iter()
        .map(|input| input.capacity)
        .try_fold(Rate(0), |sum, next| Some(sum.plus(next?)));
    let capacity = capacity.filter(|rate| rate.0 > 0);
    let limit_percent = inputs
        .iter()
        .map(|input| input.max_utilization_percent)
        .min()
        .unwrap_or(100);
    let in_use_percent = capacity
        .filter(|_| load.0 > 0)
        .map(|capacity| percent(load, capacity));
    let parts = share.map_or(0, |share| share.parts);
    let out = parts == 0 && in_use.iter().all(|input| input.ready == 0);
    let row = DestinationRow {
        name: key.name(inputs),
        tier: share.map(|share| share.tier),
        parts,
        rate: share.map(|share| share.rate).unwrap_or_default(),
        ready: (!in_use.is_empty()).then_some(ready),
        capacity,
        capacity_from: capacity_from(&in_use, ready),
        in_use_percent,
        limit_percent,
        out,
        why: why(
            key,
            inputs,
            parts,
            standby.is_some(),
            in_use_percent.is_some_and(|used| used >= u64::from(limit_percent)),
        ),
    };
    let after_shares = source.shares.len() + standby.unwrap_or(source.standby.len());
    (place.unwrap_or(after_shares), row)
}

fn percent(part: Rate, whole: Rate) -> u64 {
    let percent = u128::from(part.0) * 100 / u128::from(whole.0.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

fn capacity_from(inputs: &[&&DestinationInput], ready: u64) -> String {
    if inputs.is_empty() {
        return "-".to_owned();
    }
    if inputs
        .iter()
        .any(|input| input.capacity_source == CapacitySource::Unknown)
    {
        "unknown: declare capacity.requestsPerSecondPerEndpoint".to_owned()
    } else {
        format!("{ready} ready × the declared rate of one")
    }
}

fn why(key: &Key, inputs: &[&DestinationInput], parts: u32, standby: bool, full: bool) -> String {
    if parts == 0 && !standby {
        if let Some(why) = inputs.iter().find_map(|input| input.withdrawn) {
            return why.to_string();
        }
        if matches!(key, Key::Network(_)) && inputs.iter().all(|input| !input.exported) {
            return "not exported there".to_owned();
        }
        if inputs.iter().all(|input| input.ready == 0) {
            return "no endpoint is ready".to_owned();
        }
    }
    match (parts, full, standby) {
        (_, true, _) => "at its limit".to_owned(),
        (WHOLE, ..) => "nearest, carries all".to_owned(),
        (1.., ..) => "takes what the nearer ones cannot".to_owned(),
        (0, _, true) => "stands by: the nearer ones carry all".to_owned(),
        (0, _, false) => "the nearer ones carry all".to_owned(),
    }
}

#[cfg(test)]
mod tests;
