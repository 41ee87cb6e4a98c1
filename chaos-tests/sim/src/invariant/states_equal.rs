//! Replicas never diverge: after the same entry all have the same state.

use std::collections::BTreeMap;

/// Digests, by the index after which they were taken.
#[derive(Debug, Default)]
pub struct StatesEqual {
    digests: BTreeMap<u64, String>,
}

impl StatesEqual {
    /// A replica's state has this digest after the entry of this index.
    ///
    /// # Errors
    /// Where another's had another.
    pub fn see(&mut self, replica: u64, index: u64, digest: &str) -> Result<(), String> {
        let held = self
            .digests
            .entry(index)
            .or_insert_with(|| digest.to_owned());
        if held == digest {
            return Ok(());
        }
        Err(format!(
            "after index {index} the state of r{replica} is {digest}, and it was {held} elsewhere"
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn states_that_differ_after_the_same_entry_are_found() {
        let mut states = StatesEqual::default();
        states.see(1, 7, "a").unwrap();
        states.see(2, 7, "a").unwrap();
        states.see(2, 8, "b").unwrap();
        assert!(states.see(3, 7, "b").is_err());
    }
}
