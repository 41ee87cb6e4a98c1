//! What orders configurations and facts, so that nothing older is ever applied after something newer.
//!
//! Three orders, each with a single source: a [`Generation`] comes from the decision log, a [`FactVersion`] from the
//! owner of the facts, a [`WriterStamp`] from the Lease inside the member that is written to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The decision that a configuration comes from: (incarnation, Raft term, index), compared in that order.
///
/// The incarnation rises with each recovery from a lost quorum and each restore from a backup, so that whatever a
/// replica of an older incarnation says is older, however long its log.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct Generation {
    /// Rises with each recovery or restore; the first is 1, 0 means "none yet".
    pub incarnation: u64,
    /// The Raft term of the log entry.
    pub term: u64,
    /// The index of the log entry.
    pub index: u64,
}

/// `incarnation/term/index`, as people read and type it.
impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!(
            "{}/{}/{}",
            self.incarnation, self.term, self.index
        ))
    }
}

/// A text that is no generation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {what}: expected {expected}")]
pub struct OrderParseError {
    /// What was being parsed.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// The form that is accepted.
    pub expected: &'static str,
}

impl FromStr for Generation {
    type Err = OrderParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || OrderParseError {
            what: "generation",
            found: text.chars().take(80).collect(),
            expected: "incarnation/term/index, such as 1/12/48211",
        };
        let mut parts = text
            .split('/')
            .map(|part| part.parse::<u64>().map_err(|_| error()));
        let mut next = || parts.next().ok_or_else(error)?;
        let generation = Self {
            incarnation: next()?,
            term: next()?,
            index: next()?,
        };
        if parts.next().is_some() {
            Err(error())
        } else {
            Ok(generation)
        }
    }
}

/// The version of an owner's facts: the epoch comes from its Lease, the sequence counts deltas within it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct FactVersion {
    /// Rises each time that an agent takes the Lease.
    pub epoch: u64,
    /// Rises with each delta within the epoch.
    pub sequence: u64,
}

/// `epoch.sequence`.
impl fmt::Display for FactVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.epoch, self.sequence))
    }
}

/// Who wrote an object into a mesh: (incarnation, Lease epoch), of fixed width so that texts compare as numbers do
/// (admission policies compare texts).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct WriterStamp {
    /// The highest incarnation that the writer has heard of.
    pub incarnation: u64,
    /// The epoch of the Lease that it holds.
    pub epoch: u64,
}

/// Twenty digits each, joined by a dot: the widest `u64`, so no stamp is ever wider.
impl fmt::Display for WriterStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.{:020}", self.incarnation, self.epoch)
    }
}

impl FromStr for WriterStamp {
    type Err = OrderParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || OrderParseError {
            what: "writer stamp",
            found: text.chars().take(80).collect(),
            expected: "two numbers of twenty digits joined by a dot",
        };
        let (incarnation, epoch) = text.split_once('.').ok_or_else(error)?;
        let parse = |part: &str| {
            if part.len() == 20 {
                part.parse::<u64>().map_err(|_| error())
            } else {
                Err(error())
            }
        };
        Ok(Self {
            incarnation: parse(incarnation)?,
            epoch: parse(epoch)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_higher_incarnation_beats_any_log() {
        let old: Generation = "1/900/900000".parse().unwrap();
        let new: Generation = "2/1/1".parse().unwrap();
        assert!(new > old);
        assert_eq!(new.to_string().parse::<Generation>().unwrap(), new);
    }

    #[test]
    fn malformed_generations_are_refused_by_name() {
        for bad in ["", "1/2", "1/2/3/4", "a/b/c", "1/-2/3"] {
            let text = bad.parse::<Generation>().unwrap_err().to_string();
            assert!(text.contains("generation"), "{text}");
        }
    }

    #[test]
    fn stamps_compare_as_texts_as_they_do_as_numbers() {
        let stamps = [(0, 9), (0, 10), (1, 0), (1, u64::MAX), (u64::MAX, 3)]
            .map(|(incarnation, epoch)| WriterStamp { incarnation, epoch });
        for pair in stamps.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_string() < pair[1].to_string());
            assert_eq!(pair[1].to_string().parse::<WriterStamp>().unwrap(), pair[1]);
        }
    }
}
