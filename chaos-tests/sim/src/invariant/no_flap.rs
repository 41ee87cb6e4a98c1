//! No object flaps: what was removed does not come back at once. Whatever withdraws an entry holds it down before it
//! returns; only a person's change of mind is quicker, and is told here as a cause.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_memory::Change;

/// What comes back within this time has flapped.
const FLAP: Duration = Duration::from_secs(5);

/// When what was removed.
#[derive(Debug, Default)]
pub struct NoFlap {
    removed: BTreeMap<(&'static str, String), Duration>,
}

impl NoFlap {
    /// Nothing was written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            removed: BTreeMap::new(),
        }
    }

    /// There is a reason why things may come back at once.
    pub fn caused(&mut self) {
        self.removed.clear();
    }

    /// Something of ours was written.
    ///
    /// # Errors
    /// Where it was removed a moment ago.
    pub fn see(&mut self, change: &Change, now: Duration) -> Result<(), String> {
        let key = (change.kind, change.key.clone());
        if change.after.is_none() {
            self.removed.insert(key, now);
            return Ok(());
        }
        match self.removed.remove(&key) {
            Some(at) if now.saturating_sub(at) < FLAP => Err(format!(
                "{} {} was removed and came back {} ms later",
                change.kind,
                change.key,
                now.saturating_sub(at).as_millis()
            )),
            _ => Ok(()),
        }
    }
}
