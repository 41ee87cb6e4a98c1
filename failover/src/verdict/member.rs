//! A member, concluded from its gateways and its session.

use causeway_api::verdict::{ClusterTime, VerdictState};

use super::standing::Standing;

/// What a member consists of, as far as verdicts go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// States of the gateways that were ever reached.
    pub gateways: Vec<VerdictState>,
    /// The state of its session.
    pub session: VerdictState,
}

/// The next state of a member.
///
/// * Lost when all its known gateways are gone and its session is Lost; Away when the session is away as announced. A
///   member without gateways is never Lost by silence alone, only Degraded: an agent that is down says nothing about the
///   pods beside it, and nothing was sent there from elsewhere anyhow.
/// * Recovering from then on until one of its gateways serves; where none comes back but the session does, until the
///   hold-down is over.
/// * Otherwise Serving when all parts are, Degraded when one is not.
#[must_use]
pub fn next(old: &Standing, parts: &Parts, now: ClusterTime, hold_down_ms: u64) -> VerdictState {
    use VerdictState::{Away, Degraded, Lost, Recovering, Serving, Unknown};
    let gone = |state: &VerdictState| matches!(state, Lost | Away);
    if parts.gateways.iter().all(gone) {
        match parts.session {
            Away => return Away,
            Lost if !parts.gateways.is_empty() => return Lost,
            _ => {}
        }
    }
    let serves = parts
        .gateways
        .iter()
        .any(|g| matches!(g, Serving | Degraded));
    let returning = parts.gateways.contains(&Recovering);
    let was_out = matches!(old.state, Lost | Away);
    let waits = hold_down_ms > 0 && (was_out || now.since_ms(old.since) < hold_down_ms);
    // One without gateways carries nothing that would have to wait.
    let carries = !parts.gateways.is_empty() || old.state != Away;
    if (was_out || old.state == Recovering) && !serves && carries && (returning || waits) {
        return Recovering;
    }
    let mut known = parts
        .gateways
        .iter()
        .chain(std::iter::once(&parts.session))
        .filter(|state| **state != Unknown)
        .peekable();
    if known.peek().is_none() {
        Unknown
    } else if known.all(|state| *state == Serving) {
        Serving
    } else {
        Degraded
    }
}
