//! What is known of another replica from its links.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use causeway_api::Generation;
use causeway_api::ids::ReplicaId;
use causeway_api::peer::{Lane, PeerHello};
use causeway_seam::Monotonic;

/// How many round trips are remembered.
const SAMPLES: usize = 15;

/// What is known of another replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSeen {
    /// Who.
    pub replica: ReplicaId,
    /// Where it is dialled.
    pub address: String,
    /// How it introduced itself last.
    pub hello: Option<PeerHello>,
    /// The links to it that are up, and since when on this replica's clock.
    pub up: BTreeMap<Lane, Monotonic>,
    /// When it was last heard, on whatever link.
    pub heard: Option<Monotonic>,
    /// Why there is no link, as of the last attempt.
    pub trouble: Option<String>,
    /// The highest generation that it has seen, as it said last.
    pub highest: Generation,
    /// Its time of day less this replica's, in milliseconds, half of the round trip taken off; shown only.
    pub clock_offset_ms: Option<i64>,
    round_trips: VecDeque<Duration>,
}

impl PeerSeen {
    pub(super) fn new(replica: ReplicaId, address: String) -> Self {
        Self {
            replica,
            address,
            hello: None,
            up: BTreeMap::new(),
            heard: None,
            trouble: None,
            highest: Generation::default(),
            clock_offset_ms: None,
            round_trips: VecDeque::new(),
        }
    }

    /// Whether calls of the decision log reach it.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.up.contains_key(&Lane::Raft)
    }

    /// The median of the last round trips; `None`: none was measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// The shortest of the last round trips: what the way takes, without what the processes at both ends add.
    #[must_use]
    pub fn shortest_trip(&self) -> Option<Duration> {
        self.round_trips.iter().min().copied()
    }

    /// How many round trips were measured, up to those that are remembered.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.round_trips.len()
    }

    pub(super) fn measured(&mut self, round_trip: Duration) {
        self.round_trips.push_back(round_trip);
        if self.round_trips.len() > SAMPLES {
            self.round_trips.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_answer_moves_no_round_trip() {
        let mut seen = PeerSeen::new(ReplicaId(2), String::new());
        assert_eq!(seen.round_trip(), None);
        for ms in [20, 21, 900, 20, 22] {
            seen.measured(Duration::from_millis(ms));
        }
        assert_eq!(seen.round_trip(), Some(Duration::from_millis(21)));
        for _ in 0..100 {
            seen.measured(Duration::from_millis(80));
        }
        assert_eq!(seen.round_trip(), Some(Duration::from_millis(80)));
        assert_eq!(seen.samples(), SAMPLES);
    }
}
