//! A state by itself: a copy on which something is tried, a fleet that is played, a test.

use causeway_api::ReplicaId;

use super::{LogPosition, apply};
use crate::command::{ClientId, Command, Request};
use crate::outcome::Outcome;
use crate::state::State;

/// Nobody: no process has this number.
const NOBODY: ClientId = ClientId {
    replica: ReplicaId(u64::MAX),
    nonce: u64::MAX,
};

/// Applies a command as if it were the next entry of the log. Not for a state that a log keeps, whose entries have places of
/// their own.
pub fn apply_next(state: &mut State, command: Command) -> Outcome {
    let last = state.last_applied;
    let at = LogPosition {
        term: last.term.max(1),
        index: last.index.saturating_add(1),
    };
    let request = Request {
        client: NOBODY,
        serial: at.index,
        command,
    };
    apply(state, at, &request)
}

#[cfg(test)]
mod tests {
    use causeway_api::Generation;

    use super::*;

    #[test]
    fn each_command_has_the_next_place_and_none_is_taken_for_one_before() {
        let mut state = State::default();
        apply_next(&mut state, Command::Bootstrap { incarnation: 3 });
        for index in 2..600 {
            let outcome = apply_next(&mut state, Command::Tick { elapsed_ms: 1 });
            let generation = Generation {
                incarnation: 3,
                term: 1,
                index,
            };
            assert!(
                matches!(outcome, Outcome::Accepted { generation: found, .. } if found == generation),
                "{outcome:?}"
            );
        }
        assert_eq!(state.cluster_time.0, 598);
    }
}
