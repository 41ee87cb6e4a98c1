//! What is wrong with single objects, by object: it goes when the object is mended or deleted.

use std::collections::BTreeMap;

/// Sentences that a member's fact carries at most; the rest is counted.
const SHOWN: usize = 20;
/// Sentences kept for one object.
const PER_OBJECT: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Problems {
    /// By `Kind namespace/name`.
    by_object: BTreeMap<String, Vec<String>>,
}

impl Problems {
    /// Replaces the sentences about an object; returns whether they differ.
    pub(super) fn set(&mut self, kind: &str, object: &str, mut found: Vec<String>) -> bool {
        if found.is_empty() && self.by_object.is_empty() {
            return false;
        }
        let key = format!("{kind} {object}");
        if found.is_empty() {
            return self.by_object.remove(&key).is_some();
        }
        let more = found.len().saturating_sub(PER_OBJECT);
        found.truncate(PER_OBJECT);
        if more > 0 {
            found.push(format!("and {more} more of this kind"));
        }
        if self.by_object.get(&key) == Some(&found) {
            return false;
        }
        self.by_object.insert(key, found);
        true
    }

    /// The sentences, in the order of their objects, at most [`SHOWN`].
    pub(super) fn sentences(&self) -> Vec<String> {
        let all = self.by_object.iter().flat_map(|(object, found)| {
            found
                .iter()
                .map(move |sentence| format!("{object}: {sentence}"))
        });
        let mut sentences: Vec<String> = all.take(SHOWN).collect();
        let total: usize = self.by_object.values().map(Vec::len).sum();
        if total > sentences.len() {
            let more = total - sentences.len();
            let problems = if more == 1 { "problem" } else { "problems" };
            sentences.push(format!("and {more} more {problems} of single objects"));
        }
        sentences
    }
}
