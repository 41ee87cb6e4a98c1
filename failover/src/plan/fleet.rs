//! The inputs in one order, whatever order they came in.

use causeway_api::ids::{NetworkName, Region};
use causeway_api::plan::{DestinationInput, PlanInputs, Source, SourceInput, Withdrawal};

/// What is planned over.
pub(crate) struct Fleet<'a> {
    /// The inputs.
    pub(crate) inputs: &'a PlanInputs,
    /// Sources in order, each once.
    pub(crate) sources: Vec<&'a SourceInput>,
    /// Zones that can serve, in order, each once.
    pub(crate) cells: Vec<Cell<'a>>,
}

/// A zone that can serve.
pub(crate) struct Cell<'a> {
    /// What is said of it.
    pub(crate) input: &'a DestinationInput,
    /// What it may carry, in thousandths of a request per second; `None`: unknown.
    pub(crate) limit: Option<u64>,
    /// Whether policy lets others go there.
    pub(crate) allowed: bool,
}

impl<'a> Fleet<'a> {
    /// Sorts and removes repetitions: the first of a sorted run stays, so that the order of the inputs never matters.
    pub(crate) fn new(inputs: &'a PlanInputs) -> Self {
        let mut sources: Vec<&SourceInput> = inputs.sources.iter().collect();
        sources.sort_by_key(|s| (&s.source, &s.network, &s.region, s.demand));
        sources.dedup_by_key(|s| &s.source);
        let mut destinations: Vec<&DestinationInput> = inputs.destinations.iter().collect();
        destinations.sort_by_key(|d| {
            let first = (
                &d.member, &d.zone, &d.network, &d.region, d.exported, d.ready,
            );
            (
                first,
                d.capacity,
                d.capacity_source,
                d.max_utilization_percent,
                d.withdrawn,
            )
        });
        destinations.dedup_by_key(|d| (&d.member, &d.zone));
        let cells = destinations.into_iter().map(|input| Cell {
            input,
            limit: input
                .capacity
                .map(|c| c.percent(input.max_utilization_percent).0),
            allowed: allowed(inputs, input),
        });
        Self {
            inputs,
            sources,
            cells: cells.collect(),
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

    /// The zones of a network that callers elsewhere may use.
    pub(crate) fn usable(&self, network: &NetworkName) -> Vec<usize> {
        if self.closed(network) {
            return Vec::new();
        }
        let cells = self.cells.iter().enumerate();
        cells
            .filter(|(_, cell)| cell.offered(network) && cell.input.withdrawn.is_none())
            .map(|(at, _)| at)
            .collect()
    }

    /// Whether policy forbids a zone of a network that would answer: then nobody elsewhere may be sent to any of its zones,
    /// since the network's gateway chooses the zone, and nobody could keep it from choosing that one.
    pub(crate) fn closed(&self, network: &NetworkName) -> bool {
        let forbidden = |cell: &Cell<'_>| match cell.input.withdrawn {
            None => !cell.allowed,
            Some(reason) => reason == Withdrawal::NotAllowed,
        };
        self.cells
            .iter()
            .any(|cell| cell.offered(network) && forbidden(cell))
    }
}

impl Cell<'_> {
    /// Whether it stands in a network, is exported there, and has ready endpoints.
    fn offered(&self, network: &NetworkName) -> bool {
        self.input.network == *network && self.input.exported && self.input.ready > 0
    }

    /// Whether it is the zone that a source stands in.
    pub(crate) fn is_own(&self, source: &Source) -> bool {
        self.input.member == source.member && self.input.zone == source.zone
    }

    /// Whether a source of the same network may use it. A member's own zones always serve its own callers; another
    /// member's must be exported, allowed, and not withdrawn for a reason that concerns more than the gateways, which no
    /// call inside a network passes.
    pub(crate) fn serves_inside(&self, source: &Source) -> bool {
        let out = matches!(
            self.input.withdrawn,
            Some(Withdrawal::Lost | Withdrawal::Recovering | Withdrawal::NotAllowed)
        );
        let theirs = self.input.exported && self.allowed && !out;
        self.input.ready > 0 && (self.input.member == source.member || theirs)
    }
}

/// `allowedRegions` refuses: a zone of unknown region is not known to be allowed.
fn allowed(inputs: &PlanInputs, destination: &DestinationInput) -> bool {
    let policy = &inputs.policy;
    let listed = |region: &Region| policy.allowed_regions.contains(region);
    !policy.nowhere
        && (policy.allowed_regions.is_empty() || destination.region.as_ref().is_some_and(listed))
}
