//! How patient the log is: as the round trips to the others demand.

use std::sync::Arc;
use std::time::Duration;

use causeway_seam::{Disk, Monotonic};
use causeway_storage::{Role, Status, Timing};

use super::STEADY;
use crate::peers::PeerLinks;
use crate::replica::among;
use crate::replica::shared::Shared;

/// Round trips that must be measured before anything follows from them.
const SAMPLES: usize = 8;

/// Fits the log's patience to the round trips.
pub(super) struct Pacer<'a> {
    pub(super) shared: &'a Shared,
    pub(super) links: Option<PeerLinks>,
    pub(super) disk: Arc<dyn Disk>,
    /// What the patience is to be if that holds for long enough, and since when it has.
    pub(super) retime: Option<(Timing, Monotonic)>,
}

impl Pacer<'_> {
    /// Lets the log be as patient as the round trips demand: begun anew in place where that has changed for long enough.
    pub(super) async fn look(&mut self, status: &Status) {
        let Some(links) = &self.links else { return };
        let log = &self.shared.consensus;
        // Its last writes would not end, and the data folder not be free to begin anew.
        if log.disk().stalls() {
            return;
        }
        let seen = links.seen();
        let mut longest = Duration::ZERO;
        for member in status
            .members
            .iter()
            .filter(|m| m.replica != self.shared.id)
        {
            let Some(other) = seen
                .get(&member.replica)
                .filter(|other| other.samples() >= SAMPLES)
            else {
                // What is not known may be far away.
                self.retime = None;
                return;
            };
            longest = longest.max(other.shortest_trip().unwrap_or_default());
        }
        if status.members.len() < 2 {
            return;
        }
        let (now, wanted) = (self.shared.env.now(), Timing::for_round_trip(longest));
        if !log.timing().yields_to(&wanted) {
            self.retime = None;
            return;
        }
        // A log that is too impatient is a trouble now; one that is too patient is none.
        let urgent = wanted.election_min_ms > log.timing().election_min_ms;
        let limit = if urgent { STEADY / 10 } else { STEADY };
        let since = match self.retime {
            Some((held, since)) if held == wanted => since,
            _ => now,
        };
        self.retime = Some((wanted, since));
        if now.since(since) < limit {
            return;
        }
        self.retime = None;
        if status.role == Role::Leader {
            log.step_aside().await;
        }
        match log.retime(wanted).await {
            Ok(()) => {
                tracing::info!(
                    round_trip = ?longest,
                    heartbeat_ms = wanted.heartbeat_ms,
                    election_min_ms = wanted.election_min_ms,
                    "the log's patience follows the round trips"
                );
                among::keep(&self.shared.env, Arc::clone(&self.disk), wanted).await;
            }
            Err(error) => tracing::error!(%error, "the log did not begin anew"),
        }
    }
}
