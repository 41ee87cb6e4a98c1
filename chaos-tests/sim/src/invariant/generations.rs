//! No generation goes back: the content of an object never comes from an older decision than the one before, also where
//! the object was gone in between.

use std::collections::BTreeMap;

use causeway_api::Generation;
use causeway_memory::Change;

use crate::fleet::witness::text;

/// The newest generation of each object.
#[derive(Debug, Default)]
pub struct Generations {
    newest: BTreeMap<(&'static str, String), Generation>,
}

impl Generations {
    /// Nothing was written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            newest: BTreeMap::new(),
        }
    }

    /// Something of ours was written.
    ///
    /// # Errors
    /// Where it is of an older decision than what stood there.
    pub fn see(&mut self, change: &Change) -> Result<(), String> {
        let Some(after) = &change.after else {
            return Ok(());
        };
        let found = text(after, "/metadata/annotations/causeway.dev~1generation");
        let what = || format!("{} {}", change.kind, change.key);
        let found: Generation = found
            .parse()
            .map_err(|error| format!("{}: {error}", what()))?;
        let newest = self
            .newest
            .entry((change.kind, change.key.clone()))
            .or_default();
        if found < *newest {
            return Err(format!(
                "{} is of generation {found}, and was of {newest} before",
                what()
            ));
        }
        *newest = found;
        Ok(())
    }
}
