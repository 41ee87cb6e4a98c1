//! A new incarnation: the state goes on although decisions may have been lost, after a recovery from a lost quorum or a
//! restore from a backup.
//!
//! Members' agents may hold parts of decisions that this state lacks. So every row begins anew, at a generation above all
//! of those: what an agent holds of an older incarnation is older, however late it was decided. Objects whose content is
//! the same are not written again for it.

use std::sync::Arc;

use causeway_api::Generation;

use crate::state::{PlanRow, State};

impl State {
    /// Begins an incarnation, as of the last decision. Not by a command: it is done to the data of a replica that is
    /// stopped, from which all others take theirs.
    ///
    /// # Errors
    /// A sentence where the number does not rise, or no clusterset exists here.
    pub fn begin_incarnation(&mut self, incarnation: u64) -> Result<Generation, String> {
        if self.incarnation == 0 {
            return Err("there is no clusterset in this state: nothing was ever decided".into());
        }
        if incarnation <= self.incarnation {
            return Err(format!(
                "incarnation {incarnation} is not above {}, which this state has: incarnations only rise",
                self.incarnation
            ));
        }
        let generation = Generation {
            incarnation,
            ..self.last_applied
        };
        self.incarnation = incarnation;
        self.last_applied = generation;
        self.policies_changed = generation;
        for member in self.members.values_mut() {
            member.generation = generation;
        }
        for network in self.networks.values_mut() {
            network.generation = generation;
        }
        for row in self.plans.values_mut() {
            *row = Arc::new(PlanRow::new(generation, row.value.clone()));
        }
        for object in self.registry.objects.values_mut() {
            object.generation = generation;
        }
        Ok(generation)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::spec::MemberSpec;
    use causeway_api::{MemberName, ReplicaId};

    use super::*;
    use crate::{ClientId, Command, LogPosition, Request, apply};

    fn run(state: &mut State, index: u64, command: Command) {
        let client = ClientId {
            replica: ReplicaId(1),
            nonce: 77,
        };
        let at = LogPosition { term: 3, index };
        let request = Request {
            client,
            serial: index,
            command,
        };
        apply(state, at, &request);
    }

    fn state() -> State {
        let mut state = State::default();
        run(&mut state, 1, Command::Bootstrap { incarnation: 1 });
        run(&mut state, 2, Command::RaiseLevel { level: 2 });
        let spec = MemberSpec::minimal(MemberName::new("ack").unwrap());
        run(&mut state, 3, Command::PutMember(spec));
        state
    }

    #[test]
    fn every_row_is_newer_than_anything_of_the_old_incarnation() {
        let mut state = state();
        let generation = state.begin_incarnation(4).unwrap();
        assert_eq!(generation.to_string(), "4/3/3");
        assert!(
            state
                .members
                .values()
                .all(|member| member.generation == generation)
        );
        assert_eq!((state.incarnation, state.last_applied), (4, generation));
        run(&mut state, 4, Command::Tick { elapsed_ms: 1 });
        assert_eq!(state.last_applied.to_string(), "4/3/4");
    }

    #[test]
    fn incarnations_only_rise_and_need_a_clusterset() {
        let mut state = state();
        assert!(
            state
                .begin_incarnation(1)
                .unwrap_err()
                .contains("only rise")
        );
        assert!(State::default().begin_incarnation(2).is_err());
    }

    #[test]
    fn a_clusterset_has_a_number_from_level_two_on() {
        let mut early = State::default();
        run(&mut early, 1, Command::Bootstrap { incarnation: 1 });
        assert_eq!(early.clusterset, 0, "the previous build knows none");
        assert_eq!(state().clusterset, 77);
    }
}
