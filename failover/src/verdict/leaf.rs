//! One gateway or one session: from the count of its votes and where it stood to where it stands.

use causeway_api::verdict::{ClusterTime, VerdictState};

use super::quorum::{Rules, Tally};
use super::standing::Standing;

/// The next standing, without its evidence.
///
/// * Unknown until somebody reaches it; a subject that nobody ever reached is never Lost.
/// * Serving while all reach it, Degraded while some do not.
/// * Lost once the quorum has held it unreachable for the hold time without a break. Votes that expire do not bring it
///   back: only being reached does.
/// * Recovering once it is reached again and the quorum no longer holds; Serving after the hold-down. If the quorum
///   holds again meanwhile it is Lost at once, since no traffic has returned.
///
/// `hold_down_ms` is zero for sessions: they carry no traffic.
#[must_use]
pub fn next(
    old: &Standing,
    tally: &Tally,
    now: ClusterTime,
    rules: &Rules,
    hold_down_ms: u64,
) -> (VerdictState, Option<ClusterTime>) {
    use VerdictState::{Away, Degraded, Lost, Recovering, Serving, Unknown};
    let by_votes = || match (tally.reachable, tally.unreachable) {
        (0, 0) => Unknown,
        (_, 0) => Serving,
        _ => Degraded,
    };
    match old.state {
        Lost if tally.lost() || tally.reachable == 0 => (Lost, None),
        Lost if hold_down_ms == 0 => (by_votes(), None),
        Lost => (Recovering, None),
        Recovering if tally.lost() => (Lost, None),
        Recovering if now.since_ms(old.since) < hold_down_ms => (Recovering, None),
        Unknown if tally.reachable == 0 => (Unknown, None),
        Unknown | Serving | Degraded | Recovering | Away => {
            if !tally.lost() {
                return (by_votes(), None);
            }
            let since = old.against_since.unwrap_or(now);
            if now.since_ms(since) >= rules.detection.hold_for_ms {
                (Lost, None)
            } else {
                (Degraded, Some(since))
            }
        }
    }
}
