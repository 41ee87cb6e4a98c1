//! No destination set is made empty: the last entry of a service stays as long as callers have nowhere else to go.

use std::collections::{BTreeMap, BTreeSet};

use causeway_memory::Change;

/// The entries of each service.
#[derive(Debug, Default)]
pub struct NotEmpty {
    entries: BTreeMap<String, BTreeSet<String>>,
}

impl NotEmpty {
    /// Nothing was written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }

    /// Something of ours was written. `needed` tells whether a service's callers have others only, who offer it.
    ///
    /// # Errors
    /// Where the last entry of a service was removed, and was needed.
    pub fn see(&mut self, change: &Change, needed: impl Fn(&str) -> bool) -> Result<(), String> {
        let name = change.key.rsplit('/').next().unwrap_or_default();
        let service = name
            .strip_prefix("cw-")
            .and_then(|name| name.split('.').next());
        let Some(service) = service.filter(|_| change.kind == "WorkloadEntry") else {
            return Ok(());
        };
        let entries = self.entries.entry(service.to_owned()).or_default();
        if change.after.is_some() {
            entries.insert(change.key.clone());
            return Ok(());
        }
        entries.remove(&change.key);
        if entries.is_empty() && needed(service) {
            return Err(format!(
                "{} was the last entry of service {service}, which has no ready endpoint of its own, and was removed although others offer it",
                change.key
            ));
        }
        Ok(())
    }
}
