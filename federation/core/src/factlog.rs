//! The deltas that an agent has sent and that no replica has acknowledged yet, so that a new session resumes where the
//! last one broke off and nothing that is known is sent again.

use std::collections::VecDeque;

use causeway_api::facts::FactDelta;
use causeway_api::generation::FactVersion;

/// At most this many rows are kept: beyond that a snapshot is cheaper than a long tail of deltas.
const MAX_ROWS: usize = 50_000;

/// Unacknowledged deltas, the oldest first; each one's base is the version of the one before it.
#[derive(Debug, Default)]
pub struct FactLog {
    deltas: VecDeque<FactDelta>,
    rows: usize,
}

impl FactLog {
    /// Remembers a delta that is being sent.
    pub fn push(&mut self, delta: FactDelta) {
        let fits = match (self.deltas.back(), delta.base) {
            (Some(last), Some(base)) => last.version == base,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if !fits {
            self.clear();
        }
        self.rows += delta.rows();
        self.deltas.push_back(delta);
        while self.rows > MAX_ROWS && self.deltas.len() > 1 {
            self.pop();
        }
    }

    /// Everything up to `version` is held by a replica.
    pub fn acknowledge(&mut self, version: FactVersion) {
        while self
            .deltas
            .front()
            .is_some_and(|delta| delta.version <= version)
        {
            self.pop();
        }
    }

    /// What follows `version`, or `None` where only a snapshot will do. `current` is the version of the facts now.
    #[must_use]
    pub fn since(&self, version: FactVersion, current: FactVersion) -> Option<Vec<FactDelta>> {
        if version == current {
            return Some(Vec::new());
        }
        let start = self
            .deltas
            .iter()
            .position(|delta| delta.base == Some(version))?;
        Some(self.deltas.iter().skip(start).cloned().collect())
    }

    fn pop(&mut self) {
        if let Some(delta) = self.deltas.pop_front() {
            self.rows -= delta.rows();
        }
    }

    fn clear(&mut self) {
        self.deltas.clear();
        self.rows = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(sequence: u64) -> FactVersion {
        FactVersion { epoch: 1, sequence }
    }

    fn delta(base: Option<u64>, version: u64) -> FactDelta {
        FactDelta::empty("a".parse().unwrap(), base.map(at), at(version))
    }

    #[test]
    fn a_new_session_gets_what_the_last_one_did_not_acknowledge() {
        let mut log = FactLog::default();
        log.push(delta(Some(1), 2));
        log.push(delta(Some(2), 3));
        assert_eq!(log.since(at(2), at(3)).unwrap(), [delta(Some(2), 3)]);
        assert_eq!(log.since(at(3), at(3)).unwrap(), []);
        log.acknowledge(at(2));
        assert_eq!(log.since(at(1), at(3)), None, "too old: a snapshot");
        log.push(delta(Some(9), 10));
        assert_eq!(log.since(at(2), at(10)), None, "a gap is never bridged");
        assert_eq!(log.since(at(9), at(10)).unwrap().len(), 1);
    }
}
