//! Limits that bind some callers of a zone only: what its network's gateways let in, and what a zone that ramps up takes
//! from callers of other members.
//!
//! Most fleets have none, and most that have are not bound by them: a plan that keeps them by itself is left as it is.
//! Else each flow over a limit is cut in proportion, and `network` finds the cheapest plan within all limits from there.

use super::fleet::Fleet;
use super::flows::Flows;

/// The limits, each with the flows that count against it.
pub(super) struct Bounds {
    rows: Vec<Bound>,
}

/// One limit: on what these sources send to these zones, all together.
struct Bound {
    limit: u64,
    sources: Vec<usize>,
    cells: Vec<usize>,
}

impl Bounds {
    /// The limits of a fleet.
    pub(super) fn new(fleet: &Fleet<'_>) -> Self {
        let mut rows = Vec::new();
        for (at, cell) in fleet.cells.iter().enumerate() {
            if let Some(limit) = cell.elsewhere {
                let others = |source: usize| {
                    fleet
                        .sources
                        .get(source)
                        .is_some_and(|source| source.source.member != cell.input.member)
                };
                rows.push(Bound {
                    limit,
                    sources: (0..fleet.sources.len()).filter(|at| others(*at)).collect(),
                    cells: vec![at],
                });
            }
        }
        for gateway in &fleet.inputs.gateways {
            let network = fleet.network(&gateway.network);
            let Some(limit) = gateway_limit(fleet, network) else {
                continue;
            };
            let outside = |source: usize| {
                fleet
                    .sources
                    .get(source)
                    .is_some_and(|source| source.network != gateway.network)
            };
            let within = |cell: usize| fleet.cells.get(cell).is_some_and(|c| c.network == network);
            rows.push(Bound {
                limit,
                sources: (0..fleet.sources.len()).filter(|at| outside(*at)).collect(),
                cells: (0..fleet.cells.len()).filter(|at| within(*at)).collect(),
            });
        }
        Self { rows }
    }

    /// Whether nothing is over a limit that could be under it: what is not planned by capacity is not counted against
    /// anybody.
    pub(super) fn hold(&self, flows: &Flows) -> bool {
        self.rows
            .iter()
            .all(|bound| bound.planned(flows) <= bound.left(flows))
    }

    /// Cuts what is over a limit, in proportion: it is left over.
    pub(super) fn trim(&self, flows: &mut Flows) {
        for bound in &self.rows {
            let (sent, limit) = (bound.planned(flows), bound.left(flows));
            if sent <= limit {
                continue;
            }
            for source in bound
                .sources
                .iter()
                .copied()
                .filter(|at| flows.is_planned(*at))
                .collect::<Vec<_>>()
            {
                for cell in &bound.cells {
                    let rate = flows.rate(source, *cell);
                    let keeps =
                        u64::try_from(u128::from(rate) * limit / sent.max(1)).unwrap_or(rate);
                    flows.remove(source, *cell, rate - keeps);
                    flows.unserve(source, rate - keeps);
                }
            }
        }
    }
}

impl Bound {
    fn sum(&self, flows: &Flows, planned: bool) -> u128 {
        let sources = self
            .sources
            .iter()
            .filter(|at| flows.is_planned(**at) == planned);
        let rates =
            sources.flat_map(|source| self.cells.iter().map(|cell| flows.rate(*source, *cell)));
        rates.map(u128::from).sum()
    }

    /// What planned sources send.
    fn planned(&self, flows: &Flows) -> u128 {
        self.sum(flows, true)
    }

    /// What the others leave to them.
    fn left(&self, flows: &Flows) -> u128 {
        u128::from(self.limit).saturating_sub(self.sum(flows, false))
    }
}

/// What a network's gateways let in: of several rows the least.
pub(super) fn gateway_limit(fleet: &Fleet<'_>, network: usize) -> Option<u64> {
    let name = fleet.networks.get(network)?.name;
    let rows = fleet.inputs.gateways.iter();
    rows.filter(|row| row.network == *name)
        .map(|row| row.limit.0)
        .min()
}
