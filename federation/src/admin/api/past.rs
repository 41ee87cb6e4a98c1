//! A moment of the log that a question is about.

use std::fmt;
use std::str::FromStr;

use causeway_api::generation::Generation;
use causeway_api::verdict::ClusterTime;
use serde::{Deserialize, Serialize};

/// When: after a decision, or so long ago in cluster time. Written `1/12/48211` or `90s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Right after this decision.
    Generation(Generation),
    /// So many milliseconds of cluster time ago; it stands still while no timer is pending.
    AgoMs(u64),
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation(generation) => write!(f, "{generation}"),
            Self::AgoMs(ms) => {
                let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
                write!(f, "{h}h{m}m{s}s{}ms", ms % 1_000)
            }
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "{text:?} is no moment of the log: give a generation such as 1/12/48211, or a duration such as 90s or 2h30m for so \
                 long ago in cluster time"
            )
        };
        if text.contains('/') {
            return text.parse().map(Self::Generation).map_err(|_| error());
        }
        causeway_crds::convert::milliseconds(text)
            .map(Self::AgoMs)
            .ok_or_else(error)
    }
}

/// The moment of which an answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The newest decision that is part of the answer.
    pub generation: Generation,
    /// Cluster time then.
    pub cluster_time: ClusterTime,
    /// How long ago that is in cluster time, in milliseconds.
    pub ago_ms: u64,
    /// The log of the replica that answers reaches back to the state after this entry: what was before is compacted.
    pub oldest_entry: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moments_read_back() {
        for (text, shown) in [
            ("1/12/48211", "1/12/48211"),
            ("90s", "0h1m30s0ms"),
            ("2h30m", "2h30m0s0ms"),
            ("1500ms", "0h0m1s500ms"),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.to_string(), shown);
            assert_eq!(shown.parse::<When>().unwrap(), when);
        }
        for bad in ["", "yesterday", "1/2", "03:05", "member/ack"] {
            let error = bad.parse::<When>().unwrap_err();
            assert!(error.contains("such as 1/12/48211"), "{error}");
        }
    }
}
