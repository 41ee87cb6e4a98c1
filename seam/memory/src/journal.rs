//! Everything that changed in a member, in order: for whoever judges each write, as a simulator does.

use serde_json::Value;
use tokio::sync::watch;

use crate::kinds::KINDS;
use crate::member::MemoryMember;
use crate::read::render;

/// One change of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The member's revision after it.
    pub revision: u64,
    /// The object's kind, such as `WorkloadEntry`.
    pub kind: &'static str,
    /// `namespace/name`, or the name alone.
    pub key: String,
    /// As it was; `None`: it was not there.
    pub before: Option<Value>,
    /// As it is; `None`: it was deleted.
    pub after: Option<Value>,
}

impl MemoryMember {
    /// All changes after a revision, in order; `None` where some of them are forgotten.
    #[must_use]
    pub fn journal(&self, since: u64) -> Option<Vec<Change>> {
        let store = self.shared.lock();
        let mut changes = Vec::new();
        for kind in KINDS {
            let version = store.versions(kind).next().unwrap_or("v1");
            for event in store.of(kind).since(since).ok()? {
                let shown = |stored: &Option<_>| {
                    let stored: Option<&std::sync::Arc<crate::store::Stored>> = stored.as_ref();
                    stored.map(|stored| render(kind, version, stored))
                };
                changes.push(Change {
                    revision: event.revision,
                    kind: kind.kind,
                    key: event.key.clone(),
                    before: shown(&event.before),
                    after: shown(&event.after),
                });
            }
        }
        changes.sort_by_key(|change| change.revision);
        Some(changes)
    }

    /// Rises with every change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}
