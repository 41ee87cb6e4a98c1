//! What is to be looked at again: marks by the agent and by the watches, taken by the writer.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use causeway_api::ServiceKey;
use causeway_render::foreign::Touched;
use tokio::sync::Notify;

/// Marks that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Services.
    pub(crate) services: BTreeSet<ServiceKey>,
    /// Services of which only counts changed: they can wait a moment.
    pub(crate) counts: BTreeSet<ServiceKey>,
    /// All services whose hosts end so.
    pub(crate) suffixes: BTreeSet<String>,
    /// The gateways.
    pub(crate) networks: bool,
    /// Settings or networks.
    pub(crate) member: bool,
}

/// Marks, and a bell.
#[derive(Default)]
pub(crate) struct Queue {
    marks: Mutex<Marks>,
    bell: Notify,
}

impl Queue {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings without a mark: something else changed that the writer looks at by itself.
    pub(crate) fn poke(&self) {
        self.bell.notify_one();
    }

    pub(crate) fn mark_services(&self, keys: impl IntoIterator<Item = ServiceKey>) {
        self.marks().services.extend(keys);
        self.poke();
    }

    pub(crate) fn mark_counts(&self, keys: impl IntoIterator<Item = ServiceKey>) {
        self.marks().counts.extend(keys);
        self.poke();
    }

    pub(crate) fn mark_member(&self) {
        self.marks().member = true;
        self.poke();
    }

    pub(crate) fn mark_touched(&self, touched: Vec<Touched>) {
        if touched.is_empty() {
            return;
        }
        let mut marks = self.marks();
        for touched in touched {
            match touched {
                Touched::Service(service) => {
                    marks.services.insert(service);
                }
                Touched::Suffix(suffix) => {
                    marks.suffixes.insert(suffix);
                }
                Touched::Networks => marks.networks = true,
            }
        }
        drop(marks);
        self.poke();
    }

    /// Takes all marks.
    pub(crate) fn take(&self) -> Marks {
        std::mem::take(&mut self.marks())
    }

    /// Returns once the bell has rung since the last time.
    pub(crate) async fn wait(&self) {
        self.bell.notified().await;
    }
}
