//! Who goes where, in thousandths of a request per second.

use super::fleet::Fleet;

/// Rates of all sources to all zones, and what is left of both.
#[derive(Clone)]
pub(super) struct Flows {
    /// Rates, a row of zones for each source.
    rates: Vec<u64>,
    /// How many zones there are.
    cells: usize,
    /// For each source: demand that found no room; `None`: it is not planned by capacity at all.
    pub(super) left: Vec<Option<u64>>,
    /// For each zone: what it may still carry; `None`: unknown.
    pub(super) room: Vec<Option<u64>>,
}

impl Flows {
    /// Nobody goes anywhere yet, and nobody is planned.
    pub(super) fn none(fleet: &Fleet<'_>) -> Self {
        let (sources, cells) = (fleet.sources.len(), fleet.cells.len());
        Self {
            rates: vec![0; sources.saturating_mul(cells)],
            cells,
            left: vec![None; sources],
            room: fleet.cells.iter().map(|cell| cell.limit).collect(),
        }
    }

    /// Whether a source is planned by capacity.
    pub(super) fn is_planned(&self, source: usize) -> bool {
        self.left.get(source).is_some_and(Option::is_some)
    }

    /// Demand of a planned source that has found no room yet.
    pub(super) fn left_of(&self, source: usize) -> u64 {
        self.left.get(source).copied().flatten().unwrap_or(0)
    }

    /// Whether any planned source has demand left.
    pub(super) fn any_left(&self) -> bool {
        self.left
            .iter()
            .any(|left| left.is_some_and(|left| left > 0))
    }

    /// What a zone may still carry; nothing where that is unknown.
    pub(super) fn room_of(&self, cell: usize) -> u64 {
        self.room.get(cell).copied().flatten().unwrap_or(0)
    }

    /// What a source sends to a zone.
    pub(super) fn rate(&self, source: usize, cell: usize) -> u64 {
        self.row(source).get(cell).copied().unwrap_or(0)
    }

    /// What a source sends, by zone.
    pub(super) fn row(&self, source: usize) -> &[u64] {
        let from = source.saturating_mul(self.cells);
        self.rates.get(from..from + self.cells).unwrap_or_default()
    }

    /// Sends more to a zone, without counting it as served.
    pub(super) fn add(&mut self, source: usize, cell: usize, rate: u64) {
        if let Some(flow) = self.flow(source, cell) {
            *flow = flow.saturating_add(rate);
        }
        if let Some(Some(room)) = self.room.get_mut(cell) {
            *room = room.saturating_sub(rate);
        }
    }

    /// Sends less to a zone, without counting it as no longer served.
    pub(super) fn remove(&mut self, source: usize, cell: usize, rate: u64) {
        if let Some(flow) = self.flow(source, cell) {
            *flow = flow.saturating_sub(rate);
        }
        if let Some(Some(room)) = self.room.get_mut(cell) {
            *room = room.saturating_add(rate);
        }
    }

    /// Counts demand as served.
    pub(super) fn serve(&mut self, source: usize, rate: u64) {
        if let Some(Some(left)) = self.left.get_mut(source) {
            *left = left.saturating_sub(rate);
        }
    }

    /// Counts demand as no longer served.
    pub(super) fn unserve(&mut self, source: usize, rate: u64) {
        if let Some(Some(left)) = self.left.get_mut(source) {
            *left = left.saturating_add(rate);
        }
    }

    fn flow(&mut self, source: usize, cell: usize) -> Option<&mut u64> {
        let at = source.saturating_mul(self.cells).saturating_add(cell);
        self.rates.get_mut(at)
    }
}
