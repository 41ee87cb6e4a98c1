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

/// What is removed within this time after an agent took the Lease was decided while nobody could write: it has been held down
/// since then, and may return when that is over.
const TAKEN: Duration = Duration::from_secs(1);

/// When what was removed, and when there was a cause.
#[derive(Debug, Default)]
pub struct NoFlap {
    /// The epoch of the Lease, and when it began.
    taken: Option<(u64, Duration)>,
    causes: BTreeMap<String, Duration>,
    removed: BTreeMap<(&'static str, String), Duration>,
}

impl NoFlap {
    /// Nothing was written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            taken: None,
            causes: BTreeMap::new(),
            removed: BTreeMap::new(),
        }
    }

    /// Somebody changed a service at `now`: what is removed and comes back may be the one and the other change.
    pub fn caused(&mut self, service: &str, now: Duration) {
        self.causes.insert(service.to_owned(), now);
    }

    /// The Lease of who writes is of this epoch at `now`.
    pub fn lease(&mut self, epoch: u64, now: Duration) {
        if self.taken.is_none_or(|(held, _)| held != epoch) {
            self.taken = Some((epoch, now));
        }
    }

    /// Something of ours was written.
    ///
    /// # Errors
    /// Where it was removed a moment ago.
    pub fn see(&mut self, change: &Change, now: Duration) -> Result<(), String> {
        let key = (change.kind, change.key.clone());
        if change.after.is_none() {
            let late = |(_, at)| now.saturating_sub(at) < TAKEN;
            if !self.taken.is_some_and(late) {
                self.removed.insert(key, now);
            }
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
