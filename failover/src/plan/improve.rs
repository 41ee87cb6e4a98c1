//! Flows moved to where they cost less, until no chain of moves costs less.
//!
//! Filling tier by tier is nearly always cheapest, but not where two sources compete: one that has a second way nearby may
//! hold the room that saves another a long one. Each chain here is a cycle of negative cost in the residual network
//! (Klein): sources take over room from each other, or from the spare room, and as much is served after it as before.
//! Without such a cycle no plan that serves as much costs less. Only what a cheaper plan needs is moved: the rest stays as
//! the waterfall shared it out.

use super::cost::of_tier;
use super::fleet::Fleet;
use super::flows::Flows;
use super::tiers::Way;

/// The most chains that are moved: far more than any fleet has needed. The bound is for a fault of ours alone; what is
/// left then costs more than it must, and is over no limit.
const CHAINS: usize = 10_000;

/// Moves flows along chains that cost less while there are any.
pub(super) fn improve(fleet: &Fleet<'_>, ways: &[Vec<Way<'_>>], flows: &mut Flows) {
    if !flows.any_left() && all_nearest(ways, flows) {
        return;
    }
    let costs = Costs::new(fleet, ways, flows);
    for _ in 0..CHAINS {
        let Some(cycle) = Search::new(&costs, flows).cycle() else {
            return;
        };
        turn(&cycle, flows);
    }
}

/// Whether every planned source is served by its nearest ways alone: nothing can cost less.
fn all_nearest(ways: &[Vec<Way<'_>>], flows: &Flows) -> bool {
    ways.iter().enumerate().all(|(source, ways)| {
        let first = ways.first().map(|way| way.tier);
        let mut far = ways.iter().filter(|way| Some(way.tier) != first);
        let goes = |way: &Way<'_>| way.cells.iter().any(|cell| flows.rate(source, *cell) > 0);
        !flows.is_planned(source) || !far.any(goes)
    })
}

/// What each planned source pays in each zone of known capacity that it may use.
struct Costs {
    rows: Vec<Vec<(usize, i64)>>,
    sources: usize,
    cells: usize,
}

impl Costs {
    fn new(fleet: &Fleet<'_>, ways: &[Vec<Way<'_>>], flows: &Flows) -> Self {
        let row = |(source, ways): (usize, &Vec<Way<'_>>)| {
            if !flows.is_planned(source) {
                return Vec::new();
            }
            let cells = ways.iter().flat_map(|way| {
                let cost = i64::from(of_tier(way.tier));
                way.cells.iter().map(move |cell| (*cell, cost))
            });
            cells
                .filter(|(cell, _)| fleet.limit(*cell).is_some())
                .collect()
        };
        Self {
            rows: ways.iter().enumerate().map(row).collect(),
            sources: ways.len(),
            cells: fleet.cells.len(),
        }
    }
}

/// One move of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A source sends more to a zone.
    Take(usize, usize),
    /// A source sends less to a zone.
    Leave(usize, usize),
    /// More of a zone's spare room is used.
    Use(usize),
    /// Less of a zone is used.
    Spare(usize),
    /// More of a source is served.
    Serve(usize),
    /// Less of a source is served.
    Unserve(usize),
}

/// A search for a cycle of negative cost (Bellman and Ford), from everywhere at once. The nodes are the sources, then the
/// zones, then all spare room, then all that is not served.
struct Search<'c> {
    costs: &'c Costs,
    flows: &'c Flows,
    /// Who could leave which zone, and what that saves.
    leaves: Vec<(usize, usize, i64)>,
    /// What the cheapest chain that ends in a node costs, as far as it is known.
    cost: Vec<i64>,
    /// Where that chain comes from, and by which move.
    before: Vec<Option<(usize, Step)>>,
    /// Whether a source's cost has changed since its moves were followed.
    changed: Vec<bool>,
}

impl<'c> Search<'c> {
    fn new(costs: &'c Costs, flows: &'c Flows) -> Self {
        let nodes = costs.sources + costs.cells + 2;
        let mut leaves = Vec::new();
        for (source, row) in costs.rows.iter().enumerate() {
            let sent = flows.row(source);
            let goes = |cell: &usize| sent.get(*cell).is_some_and(|rate| *rate > 0);
            let here = row.iter().filter(|(cell, _)| goes(cell));
            leaves.extend(here.map(|(cell, cost)| (source, *cell, -cost)));
        }
        Self {
            costs,
            flows,
            leaves,
            cost: vec![0; nodes],
            before: vec![None; nodes],
            changed: vec![false; costs.sources],
        }
    }

    /// A cycle that costs less than nothing, as moves; `None` where there is none.
    fn cycle(mut self) -> Option<Vec<Step>> {
        for _ in 0..=self.cost.len() {
            if !self.pass() {
                return None;
            }
            if let Some(cycle) = self.closed() {
                return Some(cycle);
            }
        }
        None
    }

    /// Follows every move that can have become worth it; says whether any made a chain cheaper.
    fn pass(&mut self) -> bool {
        let (costs, flows) = (self.costs, self.flows);
        let (spare, unserved) = (costs.sources + costs.cells, costs.sources + costs.cells + 1);
        let mut any = false;
        for at in 0..self.leaves.len() {
            let Some((source, cell, saved)) = self.leaves.get(at).copied() else {
                continue;
            };
            let node = costs.sources + cell;
            // What becomes cheaper by these is gone on from below: they alone are no reason for another pass.
            self.relax(spare, node, 0, Step::Spare(cell));
            self.relax(node, source, saved, Step::Leave(source, cell));
            self.relax(source, unserved, 0, Step::Unserve(source));
        }
        for (source, row) in costs.rows.iter().enumerate() {
            if !row.is_empty() && flows.left_of(source) > 0 {
                any |= self.relax(unserved, source, 0, Step::Serve(source));
            }
            let changed = self.changed.get_mut(source).is_some_and(std::mem::take);
            for (cell, cost) in row.iter().filter(|_| changed) {
                let node = costs.sources + cell;
                any |= self.relax(source, node, *cost, Step::Take(source, *cell));
            }
        }
        for cell in (0..costs.cells).filter(|cell| flows.room_of(*cell) > 0) {
            any |= self.relax(costs.sources + cell, spare, 0, Step::Use(cell));
        }
        any
    }

    fn relax(&mut self, from: usize, to: usize, cost: i64, step: Step) -> bool {
        let Some(reached) = self.cost.get(from).map(|before| before + cost) else {
            return false;
        };
        match self.cost.get_mut(to) {
            Some(known) if reached < *known => *known = reached,
            _ => return false,
        }
        if let Some(before) = self.before.get_mut(to) {
            *before = Some((from, step));
        }
        if let Some(changed) = self.changed.get_mut(to) {
            *changed = true;
        }
        true
    }

    /// A chain that has come back to where it began: it became cheaper on the way.
    fn closed(&self) -> Option<Vec<Step>> {
        let mut seen = vec![usize::MAX; self.before.len()];
        for start in 0..self.before.len() {
            let mut at = start;
            while let Some(mark) = seen.get_mut(at).filter(|mark| **mark == usize::MAX) {
                *mark = start;
                match self.before.get(at).copied().flatten() {
                    Some((before, _)) => at = before,
                    None => break,
                }
            }
            let cycle = self.around(at);
            if !cycle.is_empty() {
                return Some(cycle);
            }
        }
        None
    }

    fn around(&self, node: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = node;
        for _ in 0..self.before.len() {
            let Some((before, step)) = self.before.get(at).copied().flatten() else {
                return Vec::new();
            };
            steps.push(step);
            at = before;
            if at == node {
                return steps;
            }
        }
        Vec::new()
    }
}

/// Moves along a cycle as much as every one of its moves allows.
fn turn(cycle: &[Step], flows: &mut Flows) {
    let bound = |step: &Step| match step {
        Step::Leave(source, cell) => Some(flows.rate(*source, *cell)),
        Step::Use(cell) => Some(flows.room_of(*cell)),
        Step::Serve(source) => Some(flows.left_of(*source)),
        // Bounded by the moves beside them: what is taken is left by another or spare, and what is spared was left.
        Step::Take(..) | Step::Spare(_) | Step::Unserve(_) => None,
    };
    let Some(rate) = cycle.iter().filter_map(bound).min() else {
        return;
    };
    for step in cycle {
        if let Step::Leave(source, cell) = step {
            flows.remove(*source, *cell, rate);
        }
    }
    for step in cycle {
        match step {
            Step::Take(source, cell) => flows.add(*source, *cell, rate),
            Step::Serve(source) => flows.serve(*source, rate),
            Step::Unserve(source) => flows.unserve(*source, rate),
            Step::Leave(..) | Step::Use(_) | Step::Spare(_) => {}
        }
    }
}
