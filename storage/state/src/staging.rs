//! Large changes on their way: parts that wait for the last one. All of it is bounded, and what is abandoned expires.

use std::collections::BTreeMap;

use causeway_api::verdict::ClusterTime;
use serde::{Deserialize, Serialize};

use crate::command::{ChangeId, Chunk};

/// The most bytes that one part may have.
pub const CHUNK_BYTES: usize = 1 << 20;

/// The most bytes that all changes on their way may have together; so no change can be larger.
pub const STAGED_BYTES: usize = 64 << 20;

/// The most changes on their way at once.
pub const STAGINGS: usize = 16;

/// A change of which no part came for so long is forgotten, in milliseconds of cluster time.
pub const ABANDONED_MS: u64 = 60_000;

/// Changes on their way, the parts of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(from = "Vec<(ChangeId, Staging)>", into = "Vec<(ChangeId, Staging)>")]
pub struct Stagings {
    rows: BTreeMap<ChangeId, Staging>,
}

/// A list of pairs, since a key of several parts is no key of a JSON object.
impl From<Stagings> for Vec<(ChangeId, Staging)> {
    fn from(stagings: Stagings) -> Self {
        stagings.rows.into_iter().collect()
    }
}

impl From<Vec<(ChangeId, Staging)>> for Stagings {
    fn from(rows: Vec<(ChangeId, Staging)>) -> Self {
        Self {
            rows: rows.into_iter().collect(),
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staging {
    /// When a part came last.
    pub at: ClusterTime,
    /// How many parts there are.
    pub of: u32,
    /// The level that the whole needs.
    pub level: u32,
    /// Those that came.
    pub parts: BTreeMap<u32, Vec<u8>>,
}

impl Stagings {
    /// Takes a part; returns the whole once it was the last one.
    ///
    /// # Errors
    /// Why it does not fit; the change that it belongs to is forgotten then.
    pub fn take(&mut self, chunk: &Chunk, now: ClusterTime) -> Result<Option<Vec<u8>>, String> {
        if let Err(why) = self.fits(chunk) {
            self.rows.remove(&chunk.change);
            return Err(why);
        }
        let row = self.rows.entry(chunk.change).or_insert_with(|| Staging {
            at: now,
            of: chunk.of,
            level: chunk.level,
            parts: BTreeMap::new(),
        });
        row.at = now;
        row.parts.insert(chunk.number, chunk.bytes.clone());
        if row.parts.len() < usize::try_from(row.of).unwrap_or(usize::MAX) {
            return Ok(None);
        }
        let parts = self.rows.remove(&chunk.change).map(|row| row.parts);
        Ok(parts.map(|parts| parts.into_values().flatten().collect()))
    }

    fn fits(&self, chunk: &Chunk) -> Result<(), String> {
        let Chunk { number, of, .. } = chunk;
        if number >= of {
            return Err(format!("it is number {number} of {of}, counted from 0"));
        }
        if chunk.bytes.is_empty() || chunk.bytes.len() > CHUNK_BYTES {
            return Err(format!(
                "it has {} bytes: it must have 1 to {CHUNK_BYTES}",
                chunk.bytes.len()
            ));
        }
        match self.rows.get(&chunk.change) {
            Some(row) if row.of != *of || row.level != chunk.level => {
                return Err("it says another number of parts than those before".to_owned());
            }
            None if self.rows.len() >= STAGINGS => {
                return Err(format!(
                    "{STAGINGS} large changes are on their way already: wait until they are through"
                ));
            }
            _ => {}
        }
        let total = self.bytes().saturating_add(chunk.bytes.len());
        if total > STAGED_BYTES {
            return Err(format!(
                "all large changes on their way would have {total} bytes: at most {STAGED_BYTES} may wait"
            ));
        }
        Ok(())
    }

    /// The bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts = self.rows.values().flat_map(|row| row.parts.values());
        parts.map(Vec::len).sum()
    }

    /// How many changes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Forgets those that were abandoned; returns whether there were any.
    pub fn expire(&mut self, now: ClusterTime) -> bool {
        let before = self.rows.len();
        self.rows
            .retain(|_, row| now < row.at.plus_ms(ABANDONED_MS));
        self.rows.len() != before
    }

    /// When the next one expires.
    #[must_use]
    pub fn next_expiry(&self) -> Option<ClusterTime> {
        self.rows
            .values()
            .map(|row| row.at.plus_ms(ABANDONED_MS))
            .min()
    }
}
