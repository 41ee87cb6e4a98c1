//! Which replicas there are and were: an id is never used twice, not even long after its replica was removed.
//!
//! Who is a member of the log is said by the log's own entries, and taken over from those ([`State::note_members`]); so what
//! is said here and what the log does never differ. A replica that is to join is admitted first, by a command that refuses an
//! id that was used up, or one whose data folder is another than before.

use std::collections::BTreeMap;

use causeway_api::{Generation, ReplicaId};
use serde::{Deserialize, Serialize};

use crate::level::FEATURE_LEVEL;
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// All replicas that are, were, or are about to be members of the log. Empty below level 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Replicas {
    rows: BTreeMap<ReplicaId, Replica>,
    /// When it last changed who is a member; the default: it is not known here.
    changed: Generation,
}

/// What is known of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The number of its data folder, drawn when that was made; 0: not known yet.
    pub folder: u64,
    /// How it stands.
    pub standing: Standing,
}

/// How a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It may become a member, and is none yet.
    Admitted,
    /// It is a member, with a vote or without.
    Member,
    /// It was one until then, and never will be again.
    Removed(Generation),
}

impl Replicas {
    /// One of them.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> Option<&Replica> {
        self.rows.get(&replica)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, &Replica)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// The members.
    pub fn members(&self) -> impl Iterator<Item = (ReplicaId, &Replica)> {
        self.iter()
            .filter(|(_, row)| row.standing == Standing::Member)
    }

    /// When a replica was removed, if it was.
    #[must_use]
    pub fn removed(&self, replica: ReplicaId) -> Option<Generation> {
        match self.get(replica)?.standing {
            Standing::Removed(at) => Some(at),
            Standing::Admitted | Standing::Member => None,
        }
    }

    /// When it last changed who is a member; the default: it is not known here.
    #[must_use]
    pub fn changed(&self) -> Generation {
        self.changed
    }
}

impl State {
    /// The log has these members from an entry on. Called for each entry that says so, and after the one that brought this
    /// knowledge (level 2), so that it depends on the log alone. Without effect below that level.
    pub fn note_members(
        &mut self,
        members: impl IntoIterator<Item = ReplicaId>,
        generation: Generation,
    ) {
        if self.feature_level < FEATURE_LEVEL {
            return;
        }
        let members: std::collections::BTreeSet<ReplicaId> = members.into_iter().collect();
        let rows = &mut self.replicas.rows;
        let mut changed = self.replicas.changed == Generation::default();
        for (id, row) in rows.iter_mut() {
            if row.standing == Standing::Member && !members.contains(id) {
                row.standing = Standing::Removed(generation);
                changed = true;
            }
        }
        for id in members {
            let row = rows.entry(id).or_insert(Replica {
                folder: 0,
                standing: Standing::Admitted,
            });
            changed |= row.standing != Standing::Member;
            row.standing = Standing::Member;
        }
        if changed {
            self.replicas.changed = generation;
        }
    }

    /// One replica goes on alone, in a data folder that may be another: done to a stopped replica's data.
    pub fn only_member(&mut self, replica: ReplicaId, generation: Generation) {
        self.note_members([replica], generation);
        if let Some(row) = self.replicas.rows.get_mut(&replica) {
            row.folder = 0;
        }
    }

    /// Admits a replica, or notes the data folder of a member whose folder was not known.
    pub(crate) fn admit_replica(
        &mut self,
        replica: ReplicaId,
        folder: u64,
    ) -> Result<Option<Effect>, Refusal> {
        let held = self.replicas.rows.get(&replica).copied();
        let standing = match held {
            None => Standing::Admitted,
            Some(row) => match row.standing {
                Standing::Removed(at) => return Err(Refusal::ReplicaRemoved { replica, at }),
                Standing::Member if row.folder != 0 && folder != 0 && row.folder != folder => {
                    return Err(Refusal::ReplicaIdTaken { replica });
                }
                Standing::Member if folder == 0 => return Ok(None),
                other => other,
            },
        };
        let row = Replica { folder, standing };
        if held == Some(row) {
            return Ok(None);
        }
        self.replicas.rows.insert(replica, row);
        Ok(Some(Effect::default()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{ClientId, Command, LogPosition, Outcome, Request, apply};

    fn at(index: u64) -> Generation {
        Generation {
            incarnation: 1,
            term: 1,
            index,
        }
    }

    fn run(state: &mut State, index: u64, command: Command) -> Outcome {
        let client = ClientId {
            replica: ReplicaId(1),
            nonce: 1,
        };
        let request = Request {
            client,
            serial: index,
            command,
        };
        apply(state, LogPosition { term: 1, index }, &request)
    }

    fn admit(state: &mut State, index: u64, id: u64, folder: u64) -> Outcome {
        let replica = ReplicaId(id);
        run(state, index, Command::AdmitReplica { replica, folder })
    }

    fn state() -> State {
        let mut state = State::default();
        run(&mut state, 1, Command::Bootstrap { incarnation: 1 });
        run(&mut state, 2, Command::RaiseLevel { level: 2 });
        state.note_members([ReplicaId(1)], at(2));
        state
    }

    #[test]
    fn an_id_is_refused_after_its_replica_was_removed_whoever_asks_and_however_late() {
        let mut state = state();
        assert!(matches!(
            admit(&mut state, 3, 2, 20),
            Outcome::Accepted { .. }
        ));
        state.note_members([ReplicaId(1), ReplicaId(2)], at(4));
        state.note_members([ReplicaId(1)], at(5));
        assert_eq!(state.replicas.removed(ReplicaId(2)), Some(at(5)));
        assert_eq!(state.replicas.changed(), at(5));
        let read = crate::snapshot::decode(&crate::snapshot::encode(&state).unwrap()).unwrap();
        assert_eq!(read, state, "a snapshot keeps it");
        for folder in [0, 20, 21] {
            let refused = admit(&mut state, 6 + folder, 2, folder);
            let Outcome::Refused(refusal) = refused else {
                unreachable!("{refused:?}");
            };
            assert_eq!(
                refusal,
                Refusal::ReplicaRemoved {
                    replica: ReplicaId(2),
                    at: at(5)
                }
            );
            assert!(refusal.to_string().contains("new --replica-id"));
        }
    }

    #[test]
    fn a_member_keeps_its_folder_and_one_that_only_waited_may_come_with_another() {
        let mut state = state();
        admit(&mut state, 3, 2, 20);
        // Its folder was wiped before it was added.
        assert!(matches!(
            admit(&mut state, 4, 2, 21),
            Outcome::Accepted { .. }
        ));
        assert_eq!(admit(&mut state, 5, 2, 21), Outcome::Unchanged);
        state.note_members([ReplicaId(1), ReplicaId(2)], at(6));
        assert_eq!(admit(&mut state, 7, 2, 0), Outcome::Unchanged);
        let replica = ReplicaId(2);
        assert_eq!(
            admit(&mut state, 8, 2, 22),
            Outcome::Refused(Refusal::ReplicaIdTaken { replica })
        );
        // The one that began the clusterset was never admitted: its folder is noted later, once.
        assert!(matches!(
            admit(&mut state, 9, 1, 10),
            Outcome::Accepted { .. }
        ));
        assert_eq!(state.replicas.get(ReplicaId(1)).unwrap().folder, 10);
    }

    #[test]
    fn below_level_two_nothing_is_known() {
        let mut state = State::default();
        run(&mut state, 1, Command::Bootstrap { incarnation: 1 });
        state.note_members([ReplicaId(1)], at(1));
        assert_eq!(state.replicas, Replicas::default());
        assert!(matches!(
            admit(&mut state, 2, 2, 0),
            Outcome::Refused(Refusal::LevelTooLow { .. })
        ));
    }

    #[test]
    fn whoever_goes_on_alone_has_removed_the_others() {
        let mut state = state();
        admit(&mut state, 3, 1, 10);
        state.note_members([ReplicaId(1), ReplicaId(2)], at(4));
        let generation = state.begin_incarnation(2).unwrap();
        state.only_member(ReplicaId(1), generation);
        assert_eq!(state.replicas.removed(ReplicaId(2)), Some(generation));
        assert_eq!(state.replicas.get(ReplicaId(1)).unwrap().folder, 0);
    }
}
