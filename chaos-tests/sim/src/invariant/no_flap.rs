//! No object flaps: what was removed does not come back at once. Whatever withdraws an entry holds it down before it
//! returns; only a person's change of mind is quicker, and is told here as a cause.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_memory::Change;

/// What comes back within this time has flapped.
const FLAP: Duration = Duration::from_secs(5);

/// How long after a cause its effects may still arrive: where its agent has lost its Lease, it speaks again only once it has
/// taken it, and others may hear of an earlier change as late.
const CAUSE: Duration = Duration::from_secs(60);

/// When what was removed, and when there was a cause.
#[derive(Debug, Default)]
pub struct NoFlap {
    causes: BTreeMap<String, Duration>,
    removed: BTreeMap<(&'static str, String), Duration>,
}

impl NoFlap {
    /// Nothing was written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            causes: BTreeMap::new(),
            removed: BTreeMap::new(),
        }
    }

    /// Somebody changed a service at `now`: what is removed and comes back may be the one and the other change.
    pub fn caused(&mut self, service: &str, now: Duration) {
        self.causes.insert(service.to_owned(), now);
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
        let name = change.key.rsplit('/').next().unwrap_or_default();
        let service = name
            .strip_prefix("cw-")
            .and_then(|name| name.split('.').next());
        let cause = service.and_then(|service| self.causes.get(service));
        let caused = cause.is_some_and(|at| now.saturating_sub(*at) < CAUSE);
        match self.removed.remove(&key) {
            Some(at) if !caused && now.saturating_sub(at) < FLAP => Err(format!(
                "{} {} was removed and came back {} ms later",
                change.kind,
                change.key,
                now.saturating_sub(at).as_millis()
            )),
            _ => Ok(()),
        }
    }
}
