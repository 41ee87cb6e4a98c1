//! What is in force though its object is no longer there: whether somebody wants it gone, or it is only absent.
//!
//! A member's removal withdraws its services everywhere, so absence alone is never enough:
//!
//! * an object's deletion was seen, and its kind is still defined as before: it is removed at once;
//! * a fresh list lacks it, among others that it has, and goes on lacking it for [`HOLD`]: it was deleted while nobody
//!   watched, and is removed (a host cluster that is just being filled is given that time);
//! * the host cluster came back from an older backup: what its list lacks was created since, and stays;
//! * the list is empty, the kind's definition is gone, is being removed, or is a younger one than the object (removing a
//!   definition deletes all its objects): nothing is removed. The same goes for an object whose namespace is gone, is being
//!   removed, or is younger. What vanished so stays in force until its object is created again, and deleted. When an object was
//!   created stands in the log with it, so that this holds for what happened while no controller ran, too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_seam::Monotonic;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::watch::{Crd, Definition};

/// How long a list must lack an object whose deletion was not seen.
pub(super) const HOLD: Duration = Duration::from_secs(30);

const EVICTED: &str = "it went with its namespace, which nobody means by that";

/// What is in force because of an object of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// The object's name in messages and keys.
    pub(super) name: String,
    /// When it was created, as far as the log tells.
    pub(super) created: Option<Time>,
}

/// What is absent, of one kind.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The definition under which the objects were listed, by UID.
    definition: Option<String>,
    listed: bool,
    /// Something is there again that was absent: perhaps under another definition.
    reappeared: bool,
    /// The host cluster came back from an older backup.
    restored: bool,
    absent: BTreeMap<String, Absence>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Absence {
    how: How,
    since: Monotonic,
    /// When the object had been created, where that is known.
    created: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Its deletion was seen.
    Deleted,
    /// A list lacks it.
    Missing,
    /// It went with its definition.
    Vanished,
    /// It went with its namespace.
    Evicted,
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

impl Absence {
    /// Whether the object stood under the definition that there is `now`; `known` is the one that it was known to stand
    /// under. Times have whole seconds: the same second tells only together with what is known.
    fn is_of(&self, now: &Definition, known: Option<&String>) -> bool {
        let known = known == Some(&now.uid);
        match (&self.created, &now.created) {
            (Some(object), Some(definition)) if known => object.0 >= definition.0,
            (Some(object), Some(definition)) => object.0 > definition.0,
            _ => known,
        }
    }
}

impl Ledger {
    /// A fresh list was made, and lacks `absent`.
    pub(super) fn listed(&mut self, crd: &Crd, absent: impl Iterator<Item = Held>, now: Monotonic) {
        let absent: Vec<Held> = absent.collect();
        self.listed = true;
        self.settle(&absent, now);
        self.adopt(crd);
    }

    /// Exactly these are absent now.
    pub(super) fn settle(&mut self, absent: &[Held], now: Monotonic) {
        if !self.listed {
            return;
        }
        let names: BTreeSet<&String> = absent.iter().map(|held| &held.name).collect();
        self.absent.retain(|name, _| names.contains(name));
        for Held { name, created } in absent {
            self.absent.entry(name.clone()).or_insert_with(|| Absence {
                how: How::Missing,
                since: now,
                created: created.clone(),
            });
        }
    }

    /// The definition was looked at. Whatever was not created again under another one went with the one before.
    pub(super) fn adopt(&mut self, crd: &Crd) {
        let Crd::Sound(Definition { uid, .. }) = crd else {
            return;
        };
        self.reappeared = false;
        if self.definition.as_ref() == Some(uid) {
            return;
        }
        let another = self.definition.replace(uid.clone()).is_some();
        for absence in self.absent.values_mut() {
            if another && absence.how == How::Missing {
                absence.how = How::Vanished;
            }
        }
    }

    /// The host cluster came back from an older backup: absence means nothing any more.
    pub(super) fn came_back(&mut self) {
        self.restored = true;
    }

    /// An object is there.
    pub(super) fn seen(&mut self, name: &str) {
        self.reappeared |= self.absent.remove(name).is_some();
    }

    /// An object's deletion was seen.
    pub(super) fn deleted(&mut self, name: String, created: Option<Time>, now: Monotonic) {
        let absence = Absence {
            how: How::Deleted,
            since: now,
            created,
        };
        self.absent.insert(name, absence);
    }

    /// Whether the definition must be looked at.
    pub(super) fn undecided(&self, credible: bool) -> bool {
        self.reappeared
            || self.absent.values().any(|absence| match absence.how {
                How::Deleted => true,
                How::Missing => credible,
                How::Vanished | How::Evicted => false,
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
        let went = "it went with its CustomResourceDefinition, which nobody means by that";
        match (absence.how, crd) {
            (How::Vanished, _) => return Judgement::Keep(went.to_owned()),
            (How::Evicted, _) => return Judgement::Keep(EVICTED.to_owned()),
            (How::Missing, _) if self.restored => {
                return Judgement::Keep(
                    "the host cluster came back from an older backup, which may lack it".to_owned(),
                );
            }
            (How::Missing, _) if !credible => {
                return Judgement::Keep(
                    "the host cluster has none of its kind at all, and an empty list removes nothing"
                        .to_owned(),
                );
            }
            (_, Crd::Unreadable(why)) => {
                return Judgement::Wait(format!(
                    "whether its definition is still the same cannot be told: {why}"
                ));
            }
            (_, Crd::NotAsked) => {
                return Judgement::Wait("its definition was not looked at yet".to_owned());
            }
            // A watch may go on over a definition that is replaced, and may lag behind it.
            (_, Crd::Sound(now)) if absence.is_of(now, self.definition.as_ref()) => {}
            (_, Crd::Sound(_) | Crd::Terminating | Crd::Absent) => {
                absence.how = How::Vanished;
                return Judgement::Keep(went.to_owned());
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

    /// What is to be done about one that is to be removed, as its namespace is: one that goes takes all that is in it along.
    pub(super) fn judge_home(&mut self, name: &str, home: &Crd) -> Judgement {
        let Some(absence) = self.absent.get_mut(name) else {
            return Judgement::Wait("it is there again".to_owned());
        };
        let stood = |home: &Definition| match (&absence.created, &home.created) {
            // Times have whole seconds: an object may be created in the very second of its namespace.
            (Some(object), Some(home)) => object.0 >= home.0,
            // It was declared before that stood in the log, and its deletion was not seen.
            _ => true,
        };
        match home {
            Crd::Sound(home) if stood(home) => Judgement::Remove,
            Crd::Sound(_) | Crd::Terminating | Crd::Absent => {
                absence.how = How::Evicted;
                Judgement::Keep(EVICTED.to_owned())
            }
            Crd::Unreadable(why) => Judgement::Wait(format!(
                "whether its namespace is still there cannot be told: {why}"
            )),
            Crd::NotAsked => Judgement::Wait("its namespace was not looked at yet".to_owned()),
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
