//! The inputs in one order, whatever order they came in, with names replaced by their places in that order.

use std::collections::BTreeMap;

use causeway_api::ids::{NetworkName, Region};
use causeway_api::plan::{
    CapacitySource, DestinationInput, PlanInputs, Rate, Source, SourceInput, Withdrawal,
};
use causeway_api::rules::Strategy;

/// What is planned over.
pub(crate) struct Fleet<'a> {
    /// The inputs.
    pub(crate) inputs: &'a PlanInputs,
    /// Sources in order, each once.
    pub(crate) sources: Vec<&'a SourceInput>,
    /// Zones that can serve, in order, each once.
    pub(crate) cells: Vec<Cell<'a>>,
    /// The networks that they stand in, in order.
    pub(crate) networks: Vec<Network<'a>>,
    /// The regions that they stand in, in order.
    regions: Vec<&'a Region>,
    /// 0, 1, 2 … for each zone: a list of one is a piece of it.
    places: Vec<usize>,
}

/// A zone that can serve.
pub(crate) struct Cell<'a> {
    /// What is said of it.
    pub(crate) input: &'a DestinationInput,
    /// What it may carry, in thousandths of a request per second; `None`: unknown.
    pub(crate) limit: Option<u64>,
    /// How much of that callers of other members may take, while it ramps up; `None`: all of it.
    pub(crate) elsewhere: Option<u64>,
    /// Why nobody elsewhere may be sent there, by the inputs or by what follows from them.
    pub(crate) withdrawn: Option<Withdrawal>,
    /// Whether it is being left in steps, by all callers.
    leaving: bool,
    /// Whether policy lets others go there.
    pub(crate) allowed: bool,
    /// Its network, as an index of [`Fleet::networks`].
    pub(crate) network: usize,
    /// Its region's place in order; unknown ones last.
    pub(crate) region: usize,
}

/// A network in which zones can serve.
pub(crate) struct Network<'a> {
    /// Its name.
    pub(crate) name: &'a NetworkName,
    /// Whether policy forbids a zone of it that would answer: then nobody elsewhere may be sent to any of its zones,
    /// since the network's gateway chooses the zone, and nobody could keep it from choosing that one.
    pub(crate) closed: bool,
    /// The zones that callers elsewhere may use, as indices of [`Fleet::cells`].
    pub(crate) usable: Vec<usize>,
}

impl<'a> Fleet<'a> {
    /// Sorts and removes repetitions: the first of a sorted run stays, so that the order of the inputs never matters.
    pub(crate) fn new(inputs: &'a PlanInputs) -> Self {
        let mut sources: Vec<&SourceInput> = inputs.sources.iter().collect();
        sources.sort_by(|a, b| {
            let key = |s: &'a SourceInput| {
                let rest = (s.demand_source, &s.unreachable, &s.ejected, &s.together);
                (&s.source, &s.network, &s.region, s.demand, rest)
            };
            key(a).cmp(&key(b))
        });
        sources.dedup_by_key(|s| &s.source);
        let mut destinations: Vec<&DestinationInput> = inputs.destinations.iter().collect();
        destinations.sort_by(|a, b| order(a).cmp(&order(b)));
        destinations.dedup_by_key(|d| (&d.member, &d.zone));
        let names = in_order(destinations.iter().map(|d| &d.network));
        let regions = in_order(destinations.iter().filter_map(|d| d.region.as_ref()));
        let cells = destinations.into_iter().map(|input| Cell {
            limit: limit(input),
            elsewhere: elsewhere(input),
            withdrawn: withdrawn(inputs, input),
            leaving: leaving(input),
            input,
            allowed: allowed(inputs, input),
            network: place(&names, &input.network),
            region: input
                .region
                .as_ref()
                .map_or(usize::MAX, |region| place(&regions, region)),
        });
        let cells: Vec<Cell<'a>> = cells.collect();
        Self {
            inputs,
            networks: networks(&names, &cells),
            places: (0..cells.len()).collect(),
            sources,
            cells,
            regions,
        }
    }

    /// Ready endpoints of a zone.
    pub(crate) fn ready(&self, cell: usize) -> u64 {
        self.cells
            .get(cell)
            .map_or(0, |cell| u64::from(cell.input.ready))
    }

    /// What a zone may carry.
    pub(crate) fn limit(&self, cell: usize) -> Option<u64> {
        self.cells.get(cell).and_then(|cell| cell.limit)
    }

    /// Whether a zone's capacity bounds what its nearest callers send it: a rate that was merely seen does not.
    pub(crate) fn bounds(&self, cell: usize) -> bool {
        self.cells.get(cell).is_some_and(|cell| {
            cell.limit.is_some() && cell.input.capacity_source != CapacitySource::Learned
        })
    }

    /// Whether what finds no known room may go to a zone where policy sends to the unknown: nobody says that it cannot carry
    /// more than is known of it.
    pub(crate) fn may_carry_more(&self, cell: usize) -> bool {
        self.cells
            .get(cell)
            .is_some_and(|cell| cell.limit.is_none() || cell.input.capacity_source.is_floor())
    }

    /// How much of its full part a zone takes from a source, in percent.
    pub(crate) fn admits(&self, cell: usize, source: &Source) -> u64 {
        self.cells.get(cell).map_or(0, |cell| {
            let held = cell.leaving || cell.input.member != source.member;
            let percent = u64::from(cell.input.admitted_percent).min(100);
            if held { percent } else { 100 }
        })
    }

    /// The weights by region that bind a source; `None` where it goes by distance.
    pub(crate) fn weights<'s>(
        &'s self,
        source: &'s SourceInput,
    ) -> Option<&'s BTreeMap<Region, u32>> {
        let policy = &self.inputs.policy;
        let some = |weights: &BTreeMap<Region, u32>| weights.values().any(|weight| *weight > 0);
        if some(&source.together) {
            return Some(&source.together);
        }
        (policy.strategy == Strategy::Weighted && some(&policy.weights)).then_some(&policy.weights)
    }

    /// Whether weights bind any source.
    pub(crate) fn by_weight(&self) -> bool {
        self.sources
            .iter()
            .any(|source| self.weights(source).is_some())
    }

    /// A list of one zone.
    pub(crate) fn alone(&self, cell: usize) -> &[usize] {
        self.places.get(cell..=cell).unwrap_or_default()
    }

    /// A network's index in [`Fleet::networks`]; one without zones has an index that nothing has.
    pub(crate) fn network(&self, name: &NetworkName) -> usize {
        let at = self
            .networks
            .binary_search_by(|network| network.name.cmp(name));
        at.unwrap_or(usize::MAX)
    }

    /// The zones of a network that callers elsewhere may use.
    pub(crate) fn usable(&self, network: &NetworkName) -> &[usize] {
        let network = self.networks.get(self.network(network));
        network.map_or(&[], |network| network.usable.as_slice())
    }

    /// A region's place in order; where no zone stands in it, one that no zone has.
    pub(crate) fn region(&self, region: &Region) -> usize {
        place(&self.regions, region)
    }
}

fn order(d: &DestinationInput) -> impl Ord + '_ {
    let first = (
        &d.member, &d.zone, &d.network, &d.region, d.exported, d.ready,
    );
    (
        first,
        d.capacity,
        d.capacity_source,
        d.max_utilization_percent,
        d.withdrawn,
        d.admitted_percent,
        d.total,
        (d.vacated, d.draining),
    )
}

/// Whether all callers leave it in steps.
fn leaving(d: &DestinationInput) -> bool {
    d.withdrawn == Some(Withdrawal::Evacuated) && (1..100).contains(&d.admitted_percent)
}

fn limit(d: &DestinationInput) -> Option<u64> {
    let limit = d.capacity?.percent(d.max_utilization_percent.min(100));
    Some(if leaving(d) {
        limit.percent(d.admitted_percent).0
    } else {
        limit.0
    })
}

fn elsewhere(d: &DestinationInput) -> Option<u64> {
    if leaving(d) || d.admitted_percent >= 100 {
        return None;
    }
    limit(d).map(|limit| Rate(limit).percent(d.admitted_percent).0)
}

/// Why others may not be sent there: as the inputs say; else that too few of its endpoints are ready; else that it takes
/// nothing yet.
fn withdrawn(inputs: &PlanInputs, d: &DestinationInput) -> Option<Withdrawal> {
    let least = u64::from(inputs.policy.min_healthy_percent);
    let unhealthy = d.ready > 0 && u64::from(d.ready) * 100 < least * u64::from(d.total);
    d.withdrawn
        .filter(|_| !leaving(d))
        .or_else(|| unhealthy.then_some(Withdrawal::Unhealthy))
        .or_else(|| (d.admitted_percent == 0).then_some(Withdrawal::Recovering))
}

fn networks<'a>(names: &[&'a NetworkName], cells: &[Cell<'a>]) -> Vec<Network<'a>> {
    let mut networks: Vec<Network<'a>> = names
        .iter()
        .map(|name| Network {
            name,
            closed: false,
            usable: Vec::new(),
        })
        .collect();
    for (at, cell) in cells.iter().enumerate().filter(|(_, c)| c.offered()) {
        let forbidden = match cell.withdrawn {
            // Their endpoints answer all the same, whoever the gateway sends there.
            None | Some(Withdrawal::Evacuated | Withdrawal::Unhealthy) => !cell.allowed,
            Some(reason) => reason == Withdrawal::NotAllowed,
        };
        if let Some(network) = networks.get_mut(cell.network) {
            network.closed |= forbidden;
            if cell.withdrawn.is_none() {
                network.usable.push(at);
            }
        }
    }
    for network in networks.iter_mut().filter(|network| network.closed) {
        network.usable.clear();
    }
    networks
}

fn in_order<'a, T: Ord>(names: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    let mut names: Vec<&T> = names.collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    names
}

fn place<T: Ord>(names: &[&T], name: &T) -> usize {
    names.binary_search(&name).unwrap_or(names.len())
}

impl Cell<'_> {
    /// Whether it is exported and has ready endpoints.
    pub(crate) fn offered(&self) -> bool {
        self.input.exported && self.input.ready > 0
    }

    /// Whether it is the zone that a source stands in.
    pub(crate) fn is_own(&self, source: &Source) -> bool {
        self.input.member == source.member && self.input.zone == source.zone
    }

    /// Whether a source of the same network may use it. A member's own zones serve its own callers unless they are
    /// evacuated; another member's must be exported, allowed, and not withdrawn for a reason that concerns more than the
    /// gateways, which no call inside a network passes.
    pub(crate) fn serves_inside(&self, source: &Source) -> bool {
        let gateways = matches!(
            self.withdrawn,
            None | Some(Withdrawal::NoGateway | Withdrawal::ConflictingGateways)
        );
        let theirs = self.input.exported && self.allowed && gateways;
        let left = self.withdrawn == Some(Withdrawal::Evacuated) || self.input.vacated;
        let own = self.input.member == source.member && !left;
        self.input.ready > 0 && (theirs || own)
    }
}

/// `allowedRegions` refuses: a zone of unknown region is not known to be allowed.
fn allowed(inputs: &PlanInputs, destination: &DestinationInput) -> bool {
    let policy = &inputs.policy;
    let listed = |region: &Region| policy.allowed_regions.contains(region);
    !policy.nowhere
        && (policy.allowed_regions.is_empty() || destination.region.as_ref().is_some_and(listed))
}
