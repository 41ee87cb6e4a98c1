//! Objects with their revisions, and enough history for pages of one revision and for watches.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use causeway_seam::WallClock;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::config::Config;
use crate::faults::Faults;
use crate::fields::Owners;
use crate::kinds::{KINDS, Kind};
use crate::object::{self, Fields};

/// `namespace/name`, or the name alone: in the order in which the API lists.
pub(crate) type Key = String;

/// The key of an object.
pub(crate) fn key(namespace: Option<&str>, name: &str) -> Key {
    match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// An object as it is kept: without `apiVersion` and `kind`, which its collection and the request know.
#[derive(Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) object: Fields,
    pub(crate) owners: Owners,
}

/// One change.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    pub(crate) before: Option<Arc<Stored>>,
    pub(crate) after: Option<Arc<Stored>>,
}

/// The objects of one kind.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub(crate) objects: BTreeMap<Key, Arc<Stored>>,
    history: VecDeque<Event>,
    /// Changes up to here are forgotten.
    floor: u64,
}

/// All of a member.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) config: Config,
    pub(crate) faults: Faults,
    pub(crate) revision: u64,
    collections: Vec<Collection>,
    made: u64,
}

/// No revision below this was ever given, so that a test can ask for one that is surely forgotten.
const FIRST_REVISION: u64 = 1000;

impl Store {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            faults: Faults::default(),
            revision: FIRST_REVISION,
            collections: KINDS
                .iter()
                .map(|_| Collection {
                    floor: FIRST_REVISION,
                    ..Collection::default()
                })
                .collect(),
            made: 0,
        }
    }

    /// The objects of a kind.
    pub(crate) fn of(&self, kind: &Kind) -> &Collection {
        static NONE: Collection = Collection {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            floor: 0,
        };
        self.collections.get(index(kind)).unwrap_or(&NONE)
    }

    pub(crate) fn get(&self, kind: &Kind, key: &str) -> Option<Arc<Stored>> {
        self.of(kind).objects.get(key).cloned()
    }

    /// Whether it is served in that version.
    pub(crate) fn serves(&self, kind: &Kind, version: &str) -> bool {
        self.versions(kind).any(|served| served == version)
    }

    /// The versions in which it is served, the preferred first.
    pub(crate) fn versions<'a>(
        &'a self,
        kind: &'a Kind,
    ) -> impl Iterator<Item = &'static str> + 'a {
        let definition = kind.custom.then(|| kind.qualified());
        kind.versions.iter().copied().filter(move |version| {
            definition.as_ref().is_none_or(|name| {
                let served = self.config.served.get(name);
                served.is_some_and(|versions| versions.contains(*version))
            })
        })
    }

    /// Writes or removes an object; the revision goes up by one.
    pub(crate) fn commit(
        &mut self,
        kind: &Kind,
        key: &str,
        object: Option<(Fields, Owners)>,
    ) -> Arc<Stored> {
        self.revision += 1;
        let revision = self.revision;
        let limit = self.config.history;
        let after = object.map(|(mut object, owners)| {
            object::set_meta(&mut object, "resourceVersion", revision.to_string());
            Arc::new(Stored { object, owners })
        });
        let Some(collection) = self.collections.get_mut(index(kind)) else {
            return after.unwrap_or_else(|| {
                Arc::new(Stored {
                    object: Fields::new(),
                    owners: Owners::new(),
                })
            });
        };
        let before = match &after {
            Some(after) => collection.objects.insert(key.to_owned(), Arc::clone(after)),
            None => collection.objects.remove(key),
        };
        let result = after.clone().or_else(|| before.clone());
        collection.history.push_back(Event {
            revision,
            key: key.to_owned(),
            before,
            after,
        });
        while collection.history.len() > limit {
            if let Some(event) = collection.history.pop_front() {
                collection.floor = event.revision;
            }
        }
        result.unwrap_or_else(|| {
            Arc::new(Stored {
                object: Fields::new(),
                owners: Owners::new(),
            })
        })
    }

    /// Forgets all history.
    pub(crate) fn compact(&mut self) {
        for collection in &mut self.collections {
            collection.history.clear();
            collection.floor = self.revision;
        }
    }

    /// A UID that no other object of any member has, the same at every run.
    pub(crate) fn uid(&mut self) -> String {
        self.made += 1;
        let cluster = hash(&[self.config.name.as_bytes(), &self.config.seed.to_be_bytes()]);
        let bytes = hash(&[&cluster.to_be_bytes(), &self.made.to_be_bytes()]);
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            cluster >> 32,
            (cluster >> 16) & 0xffff,
            cluster & 0xfff,
            (bytes >> 52) & 0xfff,
            (bytes << 16 >> 16) ^ self.made,
        )
    }

    /// A number for names that the API makes up.
    pub(crate) fn serial(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

impl Collection {
    /// The changes after a revision.
    ///
    /// # Errors
    /// The oldest revision that is still known, where changes after `revision` are forgotten.
    pub(crate) fn since(&self, revision: u64) -> Result<impl Iterator<Item = &Event>, u64> {
        if revision < self.floor {
            return Err(self.floor);
        }
        let from = self
            .history
            .partition_point(|event| event.revision <= revision);
        Ok(self.history.range(from..))
    }

    /// The objects as they were at a revision.
    ///
    /// # Errors
    /// As [`Self::since`].
    pub(crate) fn at(&self, revision: u64) -> Result<Cow<'_, BTreeMap<Key, Arc<Stored>>>, u64> {
        let events: Vec<&Event> = self.since(revision)?.collect();
        if events.is_empty() {
            return Ok(Cow::Borrowed(&self.objects));
        }
        let mut objects = self.objects.clone();
        for event in events.into_iter().rev() {
            match &event.before {
                Some(before) => objects.insert(event.key.clone(), Arc::clone(before)),
                None => objects.remove(&event.key),
            };
        }
        Ok(Cow::Owned(objects))
    }
}

fn index(kind: &Kind) -> usize {
    KINDS
        .iter()
        .position(|known| std::ptr::eq(known, kind))
        .unwrap_or(usize::MAX)
}

/// FNV-1a, so that UIDs need no randomness.
fn hash(parts: &[&[u8]]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.iter())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// A time as the API writes it.
pub(crate) fn timestamp(now: WallClock) -> Value {
    let time = Timestamp::from_second(now.0.div_euclid(1000)).unwrap_or_default();
    serde_json::to_value(Time(time)).unwrap_or_default()
}
