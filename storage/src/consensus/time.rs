//! Cluster time, as the leader counts it.
//!
//! A tick carries what passed on the leader's clock since the last one. What begins a hold (votes, a declaration) carries
//! no time, and would be credited with all that passed since the last tick. Therefore the leader counts up to now right
//! before it takes such a command while a timer is pending, so that no hold is shorter than it is set; all that is lost
//! lengthens holds: commits, pauses of the process, changes of leader.
//!
//! While no timer is pending cluster time stands still, and nothing is committed. What is held against subjects for having
//! been lost decays by what passed meanwhile, which the leader says right before the next command that may begin a hold.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use causeway_seam::Monotonic;
use causeway_state::apply::time::longest_tick_ms;
use causeway_state::command::Chunk;
use causeway_state::{Command, Request, State};

use super::Consensus;
use crate::types::Proposal;

/// Quiet time that is shorter is put together with what follows: half of what is held against a subject decays in five
/// minutes, and a busy log need not say so more often.
const FORGIVE_MS: u64 = 10_000;

/// Until when a leader has counted, and of which term. Nobody proposes a tick without holding it, so that ticks enter the
/// log in the order in which they were measured.
pub(super) type Counted = tokio::sync::Mutex<Option<(u64, Monotonic)>>;

impl Consensus {
    /// Lets cluster time advance to now: to be called by whoever leads, at least as often as a tick may carry
    /// ([`causeway_state::apply::time::longest_tick_ms`]) while a timer is pending ([`causeway_state::State::next_deadline`]);
    /// more than that is lost. Anywhere else, and while nothing is pending, it does nothing but forget since when it counts.
    ///
    /// # Errors
    /// A sentence where the tick was not decided, or is not known to be; what it carried is lost then.
    pub async fn advance_time(&self) -> Result<(), String> {
        let limit = self.inner.settings.propose_limit;
        let counting = self.count(true);
        let counted = self.inner.env.timeout(limit, counting).await;
        counted.unwrap_or_else(|elapsed| Err(elapsed.to_string()))
    }

    /// Counts up to now where this replica leads, and the command may begin a hold. The tick goes into the log before the
    /// command, which need not wait until it is committed.
    pub(super) async fn count_before(&self, command: &Command) {
        if may_begin_a_hold(command)
            && self.leads()
            && let Err(reason) = self.count(false).await
        {
            // What it carried is lost, which makes other holds longer and this one no shorter.
            tracing::debug!(reason, "cluster time was not counted before a command");
        }
    }

    async fn count(&self, decided: bool) -> Result<(), String> {
        let mut counted = self.inner.counted.lock().await;
        let before = counted.take();
        if !self.is_leader() {
            return Ok(());
        }
        let (term, now) = (self.status().term, self.inner.env.now());
        *counted = Some((term, now));
        let Some((_, from)) = before.filter(|(of, _)| *of == term) else {
            return Ok(());
        };
        let elapsed_ms = u64::try_from(now.since(from).as_millis()).unwrap_or(u64::MAX);
        let command = match self.read(passes) {
            Passing::Nothing => return Ok(()),
            Passing::Cluster { longest_ms } if elapsed_ms > 0 => {
                let elapsed_ms = u32::try_from(elapsed_ms).unwrap_or(u32::MAX);
                let elapsed_ms = elapsed_ms.min(longest_ms);
                Command::Tick { elapsed_ms }
            }
            Passing::Quiet if elapsed_ms >= FORGIVE_MS => Command::Forgive { elapsed_ms },
            // It counts with what comes.
            Passing::Cluster { .. } | Passing::Quiet => {
                *counted = before;
                return Ok(());
            }
        };
        let request = Arc::new(Request {
            client: self.inner.client,
            serial: self.inner.serial.fetch_add(1, Ordering::Relaxed),
            command,
        });
        // Not by `propose`: whoever counts may be one of those who wait for their turn there.
        if !decided {
            let written = self.raft().client_write_ff(Proposal(request), None).await;
            return written.map_err(|error| error.to_string());
        }
        match self.append(&request).await {
            Ok(super::propose::Sent::Decided(..)) => Ok(()),
            Ok(other) => Err(format!("the tick was not decided: {other:?}")),
            Err(_) => Err("another replica leads".to_owned()),
        }
    }
}

/// What the passing of time means now.
enum Passing {
    /// A timer is pending: cluster time advances, by so much at once at most, as `causeway_state` cuts it.
    Cluster { longest_ms: u32 },
    /// None is, and something is held against a subject for having been lost: that decays.
    Quiet,
    /// None is, and nothing is.
    Nothing,
}

fn passes(state: &State) -> Passing {
    match state.next_deadline() {
        Some(deadline) => Passing::Cluster {
            longest_ms: longest_tick_ms(deadline.since_ms(state.cluster_time)),
        },
        None if state.feature_level >= 2
            && state.verdicts.holds_against_any(state.cluster_time) =>
        {
            Passing::Quiet
        }
        None => Passing::Nothing,
    }
}

/// Whether a hold, or another stage of something, may begin with a command. Of one in parts, the first counts for all.
fn may_begin_a_hold(command: &Command) -> bool {
    !matches!(
        command,
        Command::Bootstrap { .. }
            | Command::Tick { .. }
            | Command::Forgive { .. }
            | Command::RaiseLevel { .. }
            | Command::CompareDigest { .. }
            | Command::StageChunk(Chunk { number: 1.., .. })
            | Command::AttachHost { .. }
            | Command::Unknown(_)
    )
}
