//! The taking end: merges what other replicas give, and asks one of them for what is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_api::exchange::{FromGiver, FromTaker, GivenFacts, OwnerHeld, OwnerWanted};
use causeway_api::session::DiffEntry;
use causeway_api::{FactVersion, MemberName, ReplicaId};
use causeway_index::{ApplyError, FactStore, OwnerFacts, Touched, Whole, WholeError};

use super::{Presences, Recent, digest};

/// Who was asked and has not answered for this long is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was asked of whom. One for all connections of a replica.
#[derive(Debug, Default)]
pub struct Taker {
    pending: BTreeMap<MemberName, Pending>,
}

#[derive(Debug)]
struct Pending {
    giver: ReplicaId,
    at: Duration,
    version: FactVersion,
    stated: FactVersion,
}

/// What came of a message.
#[derive(Debug, Default)]
pub struct Heard {
    /// An owner's facts changed.
    pub changed: Option<Changed>,
    /// What to answer.
    pub answer: Option<FromTaker>,
    /// Members of whose sessions something was said.
    pub presence: Vec<MemberName>,
    /// The replica had been silent: its open sessions count again.
    pub again: bool,
    /// The answer to a question of ours.
    pub diff: Option<(u64, Result<Vec<DiffEntry>, String>)>,
    /// Facts that are larger than any real cluster's.
    pub refused: Option<ApplyError>,
    /// Facts that cannot be read.
    pub damaged: Option<WholeError>,
}

/// An owner's facts changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The owner.
    pub owner: MemberName,
    /// What differs.
    pub touched: Touched,
    /// Whether only now it has spoken of more than itself.
    pub became_whole: bool,
}

impl Taker {
    /// Hears a message. `registered` says of whom facts are taken: those of a member that was removed may still come
    /// from a replica that has not heard of it.
    pub fn hear(
        &mut self,
        from: ReplicaId,
        message: FromGiver,
        now: Duration,
        held: (&mut FactStore, &mut Recent, &mut Presences),
        registered: impl Fn(&MemberName) -> bool,
    ) -> Heard {
        let (facts, recent, presences) = held;
        let again = presences.heard(from, now);
        let heard = match message {
            FromGiver::Alive => Heard::default(),
            FromGiver::Offer { digest: theirs } => Heard {
                answer: (theirs != digest(facts)).then_some(FromTaker::Compare),
                ..Heard::default()
            },
            FromGiver::Table(rows) => Heard {
                answer: self.compare(from, rows, now, facts, registered),
                ..Heard::default()
            },
            FromGiver::Facts(given) if !registered(&given.delta.owner) => Heard::default(),
            FromGiver::Facts(given) => self.merge(from, *given, now, facts, recent),
            FromGiver::Packed(packed) => match Whole::read(*packed) {
                Ok(whole) => self.put_whole(whole, facts, recent, registered),
                Err(error) => Heard {
                    damaged: Some(error),
                    ..Heard::default()
                },
            },
            FromGiver::Presence(rows) => Heard {
                presence: presences.take(from, rows, now),
                ..Heard::default()
            },
            FromGiver::Diff { id, answer } => Heard {
                diff: Some((id, answer)),
                ..Heard::default()
            },
        };
        Heard { again, ..heard }
    }

    /// Hears an owner's facts that were read already, so that whoever else needs the facts does not wait meanwhile.
    pub fn hear_whole(
        &mut self,
        from: ReplicaId,
        whole: Whole,
        now: Duration,
        held: (&mut FactStore, &mut Recent, &mut Presences),
        registered: impl Fn(&MemberName) -> bool,
    ) -> Heard {
        let (facts, recent, presences) = held;
        let again = presences.heard(from, now);
        let heard = self.put_whole(whole, facts, recent, registered);
        Heard { again, ..heard }
    }

    /// A connection ended. Returns whether something had been asked there that others should now be asked
    /// ([`FromTaker::Compare`]).
    pub fn ended(&mut self, giver: ReplicaId) -> bool {
        let before = self.pending.len();
        self.pending.retain(|_, pending| pending.giver != giver);
        before != self.pending.len()
    }

    /// How many owners were asked for and have not come.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn compare(
        &mut self,
        from: ReplicaId,
        rows: Vec<OwnerHeld>,
        now: Duration,
        facts: &FactStore,
        registered: impl Fn(&MemberName) -> bool,
    ) -> Option<FromTaker> {
        let mut wanted = Vec::new();
        for row in rows {
            let held = facts.owner(&row.owner);
            let (version, stated) = versions(held);
            if row.version <= version && row.stated <= stated || !registered(&row.owner) {
                continue;
            }
            // Another is about to send it, and what it holds is no older.
            let waits = self.pending.get(&row.owner).is_some_and(|pending| {
                now.saturating_sub(pending.at) < PATIENCE
                    && pending.version >= row.version
                    && pending.stated >= row.stated
            });
            if waits {
                continue;
            }
            self.pending.insert(
                row.owner.clone(),
                Pending {
                    giver: from,
                    at: now,
                    version: row.version,
                    stated: row.stated,
                },
            );
            wanted.push(OwnerWanted {
                held: held.map(|held| held.version),
                owner: row.owner,
            });
        }
        (!wanted.is_empty()).then_some(FromTaker::Want(wanted))
    }

    fn merge(
        &mut self,
        from: ReplicaId,
        given: GivenFacts,
        now: Duration,
        facts: &mut FactStore,
        recent: &mut Recent,
    ) -> Heard {
        let owner = given.delta.owner.clone();
        let (version, stated, base) = (given.delta.version, given.stated, given.delta.base);
        let before = versions(facts.owner(&owner));
        let whole = |facts: &FactStore| facts.owner(&owner).is_some_and(OwnerFacts::is_whole);
        let was_whole = whole(facts);
        // What is passed on is what was merged: with it others are brought from where we were to where we are.
        let delta = base.map(|_| given.clone());
        match facts.merge(given) {
            Ok(touched) => {
                let after = versions(facts.owner(&owner));
                if after != before {
                    match delta.filter(|_| after == (version, stated)) {
                        Some(delta) => recent.push(delta),
                        None => recent.forget(&owner),
                    }
                }
                self.came(&owner, after);
                let became_whole = !was_whole && whole(facts);
                Heard {
                    changed: (after != before).then_some(Changed {
                        owner,
                        touched,
                        became_whole,
                    }),
                    ..Heard::default()
                }
            }
            Err(ApplyError::NeedSnapshot { held, .. }) => {
                // On the same version and yet no ground: only the whole will do.
                let held = held.filter(|held| base != Some(*held));
                let waits = self.pending.get(&owner).is_some_and(|pending| {
                    held.is_some()
                        && pending.giver == from
                        && now.saturating_sub(pending.at) < PATIENCE
                });
                if waits {
                    return Heard::default();
                }
                self.pending.insert(
                    owner.clone(),
                    Pending {
                        giver: from,
                        at: now,
                        version,
                        stated,
                    },
                );
                Heard {
                    answer: Some(FromTaker::Want(vec![OwnerWanted { owner, held }])),
                    ..Heard::default()
                }
            }
            Err(error @ ApplyError::TooManyRows { .. }) => {
                self.pending.remove(&owner);
                Heard {
                    refused: Some(error),
                    ..Heard::default()
                }
            }
        }
    }

    fn put_whole(
        &mut self,
        whole: Whole,
        facts: &mut FactStore,
        recent: &mut Recent,
        registered: impl Fn(&MemberName) -> bool,
    ) -> Heard {
        let owner = whole.owner().clone();
        if !registered(&owner) {
            return Heard::default();
        }
        let held = facts.owner(&owner);
        let (before, was_whole) = (versions(held), held.is_some_and(OwnerFacts::is_whole));
        match facts.merge_packed(whole) {
            Ok(touched) => {
                let held = facts.owner(&owner);
                let (after, is_whole) = (versions(held), held.is_some_and(OwnerFacts::is_whole));
                if after != before {
                    recent.forget(&owner);
                }
                self.came(&owner, after);
                Heard {
                    changed: (after != before).then_some(Changed {
                        owner,
                        touched,
                        became_whole: !was_whole && is_whole,
                    }),
                    ..Heard::default()
                }
            }
            Err(error) => {
                self.pending.remove(&owner);
                Heard {
                    refused: Some(error),
                    ..Heard::default()
                }
            }
        }
    }

    /// It is waited for no longer once it is as new as what was asked for.
    fn came(&mut self, owner: &MemberName, held: (FactVersion, FactVersion)) {
        let pending = self.pending.get(owner);
        if pending.is_some_and(|pending| held.0 >= pending.version && held.1 >= pending.stated) {
            self.pending.remove(owner);
        }
    }
}

fn versions(held: Option<&OwnerFacts>) -> (FactVersion, FactVersion) {
    held.map(|facts| (facts.version, facts.stated))
        .unwrap_or_default()
}
