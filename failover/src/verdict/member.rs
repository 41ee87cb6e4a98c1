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
/// * Lost when all its known gateways are Lost and its session is. A member without gateways is never Lost by silence
///   alone, only Degraded: an agent that is down says nothing about the pods beside it, and nothing was sent there from
///   elsewhere anyhow.
/// * Recovering from then on until one of its gateways serves; where none comes back but the session does, until the
///   hold-down is over.
/// * Otherwise Serving when all parts are, Degraded when one is not.
#[must_use]
pub fn next(old: &Standing, parts: &Parts, now: ClusterTime, hold_down_ms: u64) -> VerdictState {
    use VerdictState::{Degraded, Lost, Recovering, Serving, Unknown};
    let all_lost = !parts.gateways.is_empty() && parts.gateways.iter().all(|state| *state == Lost);
    if all_lost && parts.session == Lost {
        return Lost;
    }
    let serves = parts
        .gateways
        .iter()
        .any(|g| matches!(g, Serving | Degraded));
    let returning = parts.gateways.contains(&Recovering);
    let waits = old.state == Lost || now.since_ms(old.since) < hold_down_ms;
    if matches!(old.state, Lost | Recovering) && !serves && (returning || waits) {
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
