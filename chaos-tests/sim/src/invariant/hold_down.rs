//! What was lost comes back only after its hold-down, so that a service is moved away and back at most once in one: between
//! the moment at which a gateway or a member is reached again and the one at which it serves again, all of it passes, in
//! cluster time.

use std::collections::BTreeMap;

use causeway_api::Generation;
use causeway_api::verdict::{ClusterTime, Subject, VerdictState};
use causeway_state::State;

/// Since when subjects recover.
#[derive(Debug)]
pub struct HoldDown {
    hold_down_ms: u64,
    newest: Generation,
    recovering: BTreeMap<Subject, ClusterTime>,
}

impl HoldDown {
    /// With the hold-down that people declared.
    #[must_use]
    pub fn new(hold_down_ms: u64) -> Self {
        Self {
            hold_down_ms,
            newest: Generation::default(),
            recovering: BTreeMap::new(),
        }
    }

    /// A decision was applied, after which the state is this one and these verdicts changed. One that was seen before is
    /// passed over.
    ///
    /// # Errors
    /// Where a subject serves again too early.
    pub fn see(
        &mut self,
        state: &State,
        at: Generation,
        verdicts: &[(Subject, VerdictState, VerdictState)],
    ) -> Result<(), String> {
        if at <= self.newest {
            return Ok(());
        }
        self.newest = at;
        let now = state.cluster_time;
        let hold_down_ms = self.hold_down_ms;
        let mut found = Ok(());
        for (subject, from, to) in verdicts {
            match (from, to) {
                _ if matches!(subject, Subject::Session { .. }) => {}
                (VerdictState::Lost, VerdictState::Recovering) => {
                    self.recovering.insert(subject.clone(), now);
                }
                (VerdictState::Lost, VerdictState::Serving | VerdictState::Degraded) => {
                    found = Err(format!("{subject:?} was lost and serves at once"));
                }
                (VerdictState::Recovering, VerdictState::Serving | VerdictState::Degraded) => {
                    let since = self.recovering.remove(subject);
                    if let Some(since) = since.filter(|since| now.since_ms(*since) < hold_down_ms) {
                        found = Err(format!(
                            "{subject:?} serves again after {} ms, and its hold-down is {hold_down_ms} ms",
                            now.since_ms(since)
                        ));
                    }
                }
                _ => {
                    self.recovering.remove(subject);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::field_reassign_with_default)]
    use super::*;

    #[test]
    fn who_serves_again_before_its_time_is_found() {
        use VerdictState::{Lost, Recovering, Serving};
        let subject = Subject::Member {
            member: "a".parse().unwrap(),
        };
        let hold = 30_000;
        let mut held = HoldDown::new(hold);
        let mut see = |index: u64, at_ms: u64, from, to| {
            let mut state = State::default();
            state.cluster_time = ClusterTime::default().plus_ms(at_ms);
            let at = Generation {
                index,
                ..Generation::default()
            };
            held.see(&state, at, &[(subject.clone(), from, to)])
        };
        see(1, 0, Serving, Lost).unwrap();
        see(2, 10, Lost, Recovering).unwrap();
        assert!(see(3, 10 + hold - 1, Recovering, Serving).is_err());
        see(4, hold * 2, Serving, Lost).unwrap();
        see(5, hold * 2, Lost, Recovering).unwrap();
        see(6, hold * 3, Recovering, Serving).unwrap();
        assert!(see(8, hold * 4, Lost, Serving).is_err());
    }
}
