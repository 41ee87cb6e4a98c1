//! What is in force though its object is no longer there: whether somebody wants it gone, or it is only absent.
//!
//! A member's removal withdraws its services everywhere, so absence alone is never enough:
//!
//! * an object's deletion was seen, and its kind is still defined as before: it is removed at once;
//! * a fresh list lacks it, among others that it has, and goes on lacking it for [`HOLD`]: it was deleted while nobody
//!   watched, and is removed (a host cluster that is just being filled is given that time);
//! * the list is empty, the kind's definition is gone, is being removed, or is another one than before (removing a
//!   definition deletes all its objects): nothing is removed. What vanished so stays in force until its object is
//!   created again, and deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_seam::Monotonic;

use super::watch::Crd;

/// How long a list must lack an object whose deletion was not seen.
pub(super) const HOLD: Duration = Duration::from_secs(30);

/// What is absent, of one kind.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The definition under which the objects were listed, by UID.
    definition: Option<String>,
    listed: bool,
    absent: BTreeMap<String, Absence>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Absence {
    how: How,
    since: Monotonic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Its deletion was seen.
    Deleted,
    /// A list lacks it.
    Missing,
    /// It went with its definition.
    Vanished,
}

/// What is to be done about something that is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It was deleted.
    Remove,
    /// It cannot be told yet.
    Wait(String),
    /// Nobody deleted it.
    Keep(String),
}

impl Ledger {
    /// A fresh list was made, and lacks `absent`.
    pub(super) fn listed(
        &mut self,
        crd: &Crd,
        absent: impl Iterator<Item = String>,
        now: Monotonic,
    ) {
        let absent: Vec<String> = absent.collect();
        if let Crd::Sound(uid) = crd {
            let another = self.definition.as_ref().is_some_and(|before| before != uid);
            if another {
                // Whatever was not created again under the new definition went with the old one.
                self.absent.clear();
                let vanished = Absence {
                    how: How::Vanished,
                    since: now,
                };
                self.absent
                    .extend(absent.iter().map(|name| (name.clone(), vanished)));
            }
            self.definition = Some(uid.clone());
        }
        self.listed = true;
        self.settle(&absent, now);
    }

    /// Exactly these are absent now.
    pub(super) fn settle(&mut self, absent: &[String], now: Monotonic) {
        if !self.listed {
            return;
        }
        self.absent.retain(|name, _| absent.contains(name));
        for name in absent {
            self.absent.entry(name.clone()).or_insert(Absence {
                how: How::Missing,
                since: now,
            });
        }
    }

    /// An object is there.
    pub(super) fn seen(&mut self, name: &str) {
        self.absent.remove(name);
    }

    /// An object's deletion was seen.
    pub(super) fn deleted(&mut self, name: String, now: Monotonic) {
        self.absent.insert(
            name,
            Absence {
                how: How::Deleted,
                since: now,
            },
        );
    }

    /// Whether the definition must be looked at.
    pub(super) fn undecided(&self, credible: bool) -> bool {
        self.absent.values().any(|absence| match absence.how {
            How::Deleted => true,
            How::Missing => credible,
            How::Vanished => false,
        })
    }

    /// What is to be done about one that is absent. `credible`: the host cluster shows other objects.
    pub(super) fn judge(
        &mut self,
        name: &str,
        now: Monotonic,
        crd: &Crd,
        credible: bool,
    ) -> Judgement {
        let Some(absence) = self.absent.get_mut(name) else {
            return Judgement::Wait(
                "no list of the host cluster's objects was made yet".to_owned(),
            );
        };
        match (absence.how, crd) {
            (How::Missing, _) if !credible => {
                return Judgement::Keep("the host cluster has none of its kind at all, and an empty list removes nothing".to_owned());
            }
            (How::Deleted | How::Missing, Crd::Sound(uid))
                if self.definition.as_ref() == Some(uid) => {}
            (How::Deleted | How::Missing, Crd::Unreadable(why)) => {
                return Judgement::Wait(format!(
                    "whether its definition is still the same cannot be told: {why}"
                ));
            }
            (How::Deleted | How::Missing, Crd::NotAsked) => {
                return Judgement::Wait("its definition was not looked at yet".to_owned());
            }
            (How::Vanished, _) | (_, Crd::Sound(_) | Crd::Terminating | Crd::Absent) => {
                absence.how = How::Vanished;
                return Judgement::Keep(
                    "it went with its CustomResourceDefinition, which nobody means by that"
                        .to_owned(),
                );
            }
        }
        if absence.how == How::Deleted || now.since(absence.since) >= HOLD {
            Judgement::Remove
        } else {
            Judgement::Wait(format!(
                "its deletion was not seen; it is removed if it stays away for {} s",
                HOLD.as_secs()
            ))
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
