//! One gateway or one session: from the count of its votes and where it stood to where it stands.

use causeway_api::verdict::{ClusterTime, VerdictState};

use super::quorum::Tally;
use super::standing::Standing;

/// What applies to one gateway or session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafRules {
    /// How long a quorum must hold it unreachable, in milliseconds of cluster time.
    pub hold_for_ms: u64,
    /// How long it waits when it is reached again. Zero for sessions: they carry no traffic.
    pub hold_down_ms: u64,
    /// Its absence would be as announced, for so long; `None`: it would be a failure.
    pub tolerate_ms: Option<u64>,
}

/// The next standing, without its evidence.
///
/// * Unknown until somebody reaches it; a subject that nobody ever reached is never Lost. Nothing moves because of it.
/// * Serving while all reach it, Degraded while some do not.
/// * Lost once the quorum has held it unreachable for the hold time without a break, in which the silence of those who
///   vouched for it counts from when it began ([`Tally::since`]); Away instead where such an absence
///   was announced, for as long as it was. Votes that expire do not bring it back: only being reached does.
/// * Recovering once it is reached again and the quorum no longer holds; Serving after the hold-down. If the quorum
///   holds again meanwhile it is Lost at once, since no traffic has returned.
#[must_use]
pub fn next(
    old: &Standing,
    tally: &Tally,
    now: ClusterTime,
    rules: &LeafRules,
) -> (VerdictState, Option<ClusterTime>) {
    use VerdictState::{Away, Degraded, Lost, Recovering, Serving, Unknown};
    let by_votes = || match (tally.reachable, tally.unreachable) {
        (0, 0) => Unknown,
        (_, 0) => Serving,
        _ => Degraded,
    };
    let gone = tally.lost() || tally.reachable == 0;
    let out = if rules.tolerate_ms.is_some() {
        Away
    } else {
        Lost
    };
    match old.state {
        Away if gone => {
            let overdue = rules
                .tolerate_ms
                .is_none_or(|ms| now.since_ms(old.since) >= ms);
            (if overdue { Lost } else { Away }, None)
        }
        Lost if gone => (Lost, None),
        Lost | Away if rules.hold_down_ms == 0 => (by_votes(), None),
        Lost | Away => (Recovering, None),
        Recovering if tally.lost() => (out, None),
        Recovering if now.since_ms(old.since) < rules.hold_down_ms => (Recovering, None),
        Unknown if tally.reachable == 0 => (Unknown, None),
        Unknown | Serving | Degraded | Recovering => {
            if !tally.lost() {
                return (by_votes(), None);
            }
            let since = old.against_since.unwrap_or(tally.since);
            if now.since_ms(since) >= rules.hold_for_ms {
                (out, None)
            } else {
                (Degraded, Some(since))
            }
        }
    }
}
