//! The cheapest plan within limits that bind some callers only ([`super::bounds`]), as a flow through a network.
//!
//! Sources send to the zones of their own network, or into gateways; what enters a network by its gateways may reach any
//! zone of it that is open to others. Each limit is an arc on the way: what gateways let in, what a zone that ramps up
//! takes from elsewhere, what a zone carries. Beginning with a plan that keeps all limits, chains of negative cost are
//! turned until there is none (Klein): then nobody who serves as much pays less.

use super::bounds::gateway_limit;
use super::cost::of_tier;
use super::fleet::Fleet;
use super::flows::Flows;
use super::tiers::{To, Way};

/// What it costs to leave a request unserved: more than any chain of moves can save.
const UNSERVED: i64 = 1 << 40;
/// As in [`super::improve`]: the bound is for a fault of ours alone.
const CHAINS: usize = 10_000;
/// No limit.
const ANY: u128 = u128::MAX / 4;

/// Where an arc comes from in the flows, so that it can be written back.
#[derive(Clone, Copy)]
enum Is {
    /// What a source leaves unserved.
    Unserved,
    /// What a source sends to a zone of its network.
    Inside(usize, usize),
    /// What a source sends into a network.
    Into(usize, usize),
    /// What a network's gateways send to a zone.
    Reaches(usize, usize),
    /// A limit on the way.
    Limit,
}

struct Arc {
    from: usize,
    to: usize,
    limit: u128,
    cost: i64,
    flow: u128,
    is: Is,
}

struct Graph<'f, 'i> {
    fleet: &'f Fleet<'i>,
    arcs: Vec<Arc>,
}

/// Serves as much as can be within all limits; `cheapest`: and that as cheaply as can be. The flows must keep the limits.
pub(super) fn settle(fleet: &Fleet<'_>, ways: &[Vec<Way<'_>>], flows: &mut Flows, cheapest: bool) {
    let mut graph = Graph::new(fleet, ways, flows, cheapest);
    for _ in 0..CHAINS {
        let Some(cycle) = graph.cycle() else { break };
        graph.turn(&cycle);
    }
    graph.write(ways, flows);
}

impl<'f, 'i> Graph<'f, 'i> {
    fn new(fleet: &'f Fleet<'i>, ways: &[Vec<Way<'_>>], flows: &Flows, cheapest: bool) -> Self {
        let mut graph = Self {
            fleet,
            arcs: Vec::new(),
        };
        for (source, ways) in ways
            .iter()
            .enumerate()
            .filter(|(at, _)| flows.is_planned(*at))
        {
            let left = u128::from(flows.left_of(source));
            let node = graph.source(source);
            graph.arc(node, Self::SINK, ANY, UNSERVED, left, Is::Unserved);
            for way in ways {
                let cost = if cheapest {
                    i64::from(of_tier(way.tier))
                } else {
                    0
                };
                let sent = |cells: &[usize]| -> u128 {
                    let rates = cells
                        .iter()
                        .map(|cell| u128::from(flows.rate(source, *cell)));
                    rates.sum()
                };
                match way.to {
                    To::Zone(cell) if fleet.limit(cell).is_some() => {
                        let to = if graph.own(source, cell) {
                            graph.cell(cell)
                        } else {
                            graph.elsewhere(cell)
                        };
                        graph.arc(
                            node,
                            to,
                            ANY,
                            cost,
                            sent(&way.cells),
                            Is::Inside(source, cell),
                        );
                    }
                    To::Network(at) => {
                        let to = graph.gateways(at);
                        graph.arc(node, to, ANY, cost, sent(&way.cells), Is::Into(source, at));
                    }
                    To::Zone(_) => {}
                }
            }
        }
        for at in 0..fleet.networks.len() {
            graph.network(at, flows);
        }
        for cell in 0..fleet.cells.len() {
            graph.zone(cell, flows);
        }
        graph
    }

    fn network(&mut self, at: usize, flows: &Flows) {
        let usable: Vec<usize> = self
            .fleet
            .networks
            .get(at)
            .map_or_else(Vec::new, |n| n.usable.clone());
        let mut entering = 0;
        for cell in usable
            .into_iter()
            .filter(|cell| self.fleet.limit(*cell).is_some())
        {
            let (planned, _) = self.sent(cell, flows, |graph, source| graph.outside(source, at));
            let (from, to) = (self.inside(at), self.elsewhere(cell));
            self.arc(from, to, ANY, 0, planned, Is::Reaches(at, cell));
            entering += planned;
        }
        let zones: Vec<usize> = (0..self.fleet.cells.len())
            .filter(|cell| {
                self.fleet
                    .cells
                    .get(*cell)
                    .is_some_and(|cell| cell.network == at)
            })
            .collect();
        let unplanned: u128 = zones
            .into_iter()
            .map(|cell| {
                self.sent(cell, flows, |graph, source| graph.outside(source, at))
                    .1
            })
            .sum();
        let limit = gateway_limit(self.fleet, at)
            .map_or(ANY, |limit| u128::from(limit).saturating_sub(unplanned));
        let (from, to) = (self.gateways(at), self.inside(at));
        self.arc(from, to, limit, 0, entering, Is::Limit);
    }

    fn zone(&mut self, cell: usize, flows: &Flows) {
        if self.fleet.limit(cell).is_none() {
            return;
        }
        let (others, unplanned) = self.sent(cell, flows, |graph, source| !graph.own(source, cell));
        let held = self.fleet.cells.get(cell).and_then(|cell| cell.elsewhere);
        let limit = held.map_or(ANY, |limit| u128::from(limit).saturating_sub(unplanned));
        let (from, to) = (self.elsewhere(cell), self.cell(cell));
        self.arc(from, to, limit, 0, others, Is::Limit);
        let (all, _) = self.sent(cell, flows, |_, _| true);
        let from = self.cell(cell);
        self.arc(
            from,
            Self::SINK,
            all + u128::from(flows.room_of(cell)),
            0,
            all,
            Is::Limit,
        );
    }

    /// What some sources send to a zone: those that are planned by capacity, and the others.
    fn sent(&self, cell: usize, flows: &Flows, of: impl Fn(&Self, usize) -> bool) -> (u128, u128) {
        let mut sums = (0, 0);
        for source in (0..self.fleet.sources.len()).filter(|source| of(self, *source)) {
            let rate = u128::from(flows.rate(source, cell));
            if flows.is_planned(source) {
                sums.0 += rate;
            } else {
                sums.1 += rate;
            }
        }
        sums
    }

    fn own(&self, source: usize, cell: usize) -> bool {
        let source = self
            .fleet
            .sources
            .get(source)
            .map(|source| &source.source.member);
        source == self.fleet.cells.get(cell).map(|cell| &cell.input.member)
    }

    fn outside(&self, source: usize, network: usize) -> bool {
        let source = self.fleet.sources.get(source).map(|source| &source.network);
        source != self.fleet.networks.get(network).map(|network| network.name)
    }

    const SINK: usize = 0;

    fn source(&self, at: usize) -> usize {
        1 + at
    }

    fn gateways(&self, network: usize) -> usize {
        1 + self.fleet.sources.len() + network
    }

    fn inside(&self, network: usize) -> usize {
        self.gateways(network) + self.fleet.networks.len()
    }

    fn elsewhere(&self, cell: usize) -> usize {
        self.inside(self.fleet.networks.len()) + cell
    }

    fn cell(&self, cell: usize) -> usize {
        self.elsewhere(cell) + self.fleet.cells.len()
    }

    fn nodes(&self) -> usize {
        self.cell(self.fleet.cells.len())
    }

    fn arc(&mut self, from: usize, to: usize, limit: u128, cost: i64, flow: u128, is: Is) {
        self.arcs.push(Arc {
            from,
            to,
            limit,
            cost,
            flow,
            is,
        });
    }

    /// A cycle that costs less than nothing, as arcs and whether they are followed forward (Bellman and Ford).
    fn cycle(&self) -> Option<Vec<(usize, bool)>> {
        let nodes = self.nodes();
        let mut cost = vec![0_i64; nodes];
        let mut before: Vec<Option<(usize, bool)>> = vec![None; nodes];
        for _ in 0..=nodes {
            let mut any = false;
            for (at, arc) in self.arcs.iter().enumerate() {
                let steps = [
                    (arc.from, arc.to, arc.cost, arc.flow < arc.limit, true),
                    (arc.to, arc.from, -arc.cost, arc.flow > 0, false),
                ];
                for (from, to, price, open, forward) in steps {
                    let reached = cost.get(from).map_or(i64::MAX, |cost| cost + price);
                    if open
                        && let Some(known) = cost.get_mut(to)
                        && reached < *known
                    {
                        *known = reached;
                        any = true;
                        if let Some(before) = before.get_mut(to) {
                            *before = Some((at, forward));
                        }
                    }
                }
            }
            if !any {
                return None;
            }
            if let Some(cycle) = self.closed(&before) {
                return Some(cycle);
            }
        }
        None
    }

    fn back(&self, before: &[Option<(usize, bool)>], node: usize) -> Option<(usize, usize, bool)> {
        let (at, forward) = before.get(node).copied().flatten()?;
        let arc = self.arcs.get(at)?;
        Some((if forward { arc.from } else { arc.to }, at, forward))
    }

    /// A chain that has come back to where it began.
    fn closed(&self, before: &[Option<(usize, bool)>]) -> Option<Vec<(usize, bool)>> {
        let mut seen = vec![usize::MAX; before.len()];
        for start in 0..before.len() {
            let mut node = start;
            while let Some(mark) = seen.get_mut(node).filter(|mark| **mark == usize::MAX) {
                *mark = start;
                match self.back(before, node) {
                    Some((from, _, _)) => node = from,
                    None => break,
                }
            }
            if seen.get(node) != Some(&start) || self.back(before, node).is_none() {
                continue;
            }
            let (mut cycle, mut at) = (Vec::new(), node);
            while let Some((from, arc, forward)) = self.back(before, at) {
                cycle.push((arc, forward));
                at = from;
                if at == node {
                    return Some(cycle);
                }
            }
        }
        None
    }

    /// Moves along a cycle as much as every one of its arcs allows.
    fn turn(&mut self, cycle: &[(usize, bool)]) {
        let open = |(at, forward): &(usize, bool)| {
            self.arcs.get(*at).map_or(0, |arc| {
                if *forward {
                    arc.limit - arc.flow
                } else {
                    arc.flow
                }
            })
        };
        let rate = cycle.iter().map(open).min().unwrap_or(0);
        for (at, forward) in cycle {
            if let Some(arc) = self.arcs.get_mut(*at) {
                arc.flow = if *forward {
                    arc.flow + rate
                } else {
                    arc.flow - rate
                };
            }
        }
    }

    /// Writes the flows back. Which of a network's callers reaches which of its zones is open: the first to the first.
    fn write(&self, ways: &[Vec<Way<'_>>], flows: &mut Flows) {
        for source in (0..ways.len())
            .filter(|at| flows.is_planned(*at))
            .collect::<Vec<_>>()
        {
            for cell in 0..self.fleet.cells.len() {
                let rate = flows.rate(source, cell);
                flows.remove(source, cell, rate);
                flows.unserve(source, rate);
            }
        }
        let mut send = |source: usize, cell: usize, rate: u64| {
            flows.add(source, cell, rate);
            flows.serve(source, rate);
        };
        for network in 0..self.fleet.networks.len() {
            let reaches = self.arcs.iter().filter_map(|arc| match arc.is {
                Is::Reaches(at, cell) if at == network => Some((cell, arc.flow)),
                _ => None,
            });
            let mut zones: Vec<(usize, u128)> = reaches.collect();
            for arc in &self.arcs {
                let Is::Into(source, at) = arc.is else {
                    continue;
                };
                let mut rate = if at == network { arc.flow } else { 0 };
                for (cell, flow) in &mut zones {
                    let part = rate.min(*flow);
                    (rate, *flow) = (rate - part, *flow - part);
                    send(source, *cell, u64::try_from(part).unwrap_or(u64::MAX));
                }
            }
        }
        for arc in &self.arcs {
            if let Is::Inside(source, cell) = arc.is {
                send(source, cell, u64::try_from(arc.flow).unwrap_or(u64::MAX));
            }
        }
    }
}
