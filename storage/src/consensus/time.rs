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
use std::time::Duration;

use causeway_seam::Monotonic;
use causeway_state::apply::time::longest_tick_ms;
use causeway_state::command::Chunk;
use causeway_state::{Command, Request, State};

use super::Consensus;
use crate::types::Proposal;

/// Quiet time that is shorter is put together with what follows: half of what is held against a subject decays in five
/// minutes, and a busy log need not say so more often.
const FORGIVE: Duration = Duration::from_secs(10);

/// How far a leader has counted. Nobody proposes a tick without holding it, so that ticks enter the log in the order in
/// which they were measured.
pub(super) type Counted = tokio::sync::Mutex<Option<Count>>;

/// How far a leader has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// In which term.
    term: u64,
    /// Until when. No later tick may carry what was before.
    until: Monotonic,
    /// Of that, what passed while no timer was pending, and was not said yet.
    quiet: Duration,
}

impl Count {
    /// Counts on from `before`, and says what is to be proposed.
    fn on(
        before: Option<Self>,
        term: u64,
        now: Monotonic,
        passing: Passing,
    ) -> (Self, Option<Command>) {
        let begun = Self {
            term,
            until: now,
            quiet: Duration::ZERO,
        };
        let Some(before) = before.filter(|before| before.term == term) else {
            return (begun, None);
        };
        let elapsed = now.since(before.until);
        match passing {
            Passing::Nothing => (begun, None),
            Passing::Cluster { longest_ms } => {
                let elapsed_ms = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
                if elapsed_ms == 0 {
                    // It counts with what comes.
                    return (before, None);
                }
                let quiet = before.quiet;
                let elapsed_ms = elapsed_ms.min(longest_ms);
                (Self { quiet, ..begun }, Some(Command::Tick { elapsed_ms }))
            }
            Passing::Quiet => {
                // What begins now must not be credited with any of it.
                let quiet = before.quiet.saturating_add(elapsed);
                if quiet < FORGIVE {
                    return (Self { quiet, ..begun }, None);
                }
                let elapsed_ms = u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX);
                (begun, Some(Command::Forgive { elapsed_ms }))
            }
        }
    }
}

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
        let (until, command) = Count::on(before, term, now, self.read(passes));
        *counted = Some(until);
        let Some(command) = command else {
            return Ok(());
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
#[derive(Debug, Clone, Copy)]
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PENDING: Passing = Passing::Cluster { longest_ms: 1_000 };

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    #[test]
    fn a_hold_that_begins_when_it_was_quiet_is_credited_with_nothing() {
        let (count, said) = Count::on(None, 1, at(0), Passing::Quiet);
        assert_eq!(said, None);
        // Right before the command that begins the hold, which is what makes a timer pending.
        let (count, said) = Count::on(Some(count), 1, at(700), Passing::Quiet);
        assert_eq!(said, None);
        let (count, said) = Count::on(Some(count), 1, at(720), PENDING);
        assert_eq!(said, Some(Command::Tick { elapsed_ms: 20 }));
        // What was quiet before is said with what is quiet later.
        let (count, said) = Count::on(Some(count), 1, at(10_020), Passing::Quiet);
        assert_eq!(said, Some(Command::Forgive { elapsed_ms: 10_000 }));
        assert_eq!(count.quiet, Duration::ZERO);
    }

    #[test]
    fn what_is_shorter_than_a_millisecond_is_not_lost() {
        let mut held = Count::on(None, 1, at(0), PENDING).0;
        for micros in 1..=10 {
            let now = Monotonic(Duration::from_micros(micros * 100));
            let (count, said) = Count::on(Some(held), 1, now, PENDING);
            assert_eq!(said.is_some(), micros == 10);
            held = count;
        }
    }

    #[test]
    fn another_term_and_time_that_nobody_waits_for_count_for_nothing() {
        let held = Count::on(None, 1, at(0), PENDING).0;
        assert_eq!(Count::on(Some(held), 2, at(500), PENDING).1, None);
        let (held, said) = Count::on(Some(held), 1, at(500), Passing::Nothing);
        assert_eq!(said, None);
        let (_, said) = Count::on(Some(held), 1, at(501), PENDING);
        assert_eq!(said, Some(Command::Tick { elapsed_ms: 1 }));
    }
}
