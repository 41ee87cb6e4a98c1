//! The objects of a mesh by key and by service, and the state of each watch.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use causeway_api::ServiceKey;
use causeway_render::foreign::{Foreign, Touched};
use causeway_render::name::{self, VOID_GATEWAY};
use causeway_render::{ForeignIndex, Kind, LiveObject, ObjectKey};

/// What is known of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum KindState {
    /// The first list is not in.
    #[default]
    Listing,
    /// Listed, and followed since.
    Synced,
    /// Listed once; the watch is interrupted, and what was seen stays.
    Interrupted(String),
    /// The API server does not serve the kind.
    Missing,
    /// We may not list or watch it: the API server's sentence.
    Forbidden(String),
    /// The first list fails.
    Failing(String),
}

impl KindState {
    /// Whether the objects of the kind are known.
    pub(crate) fn is_known(&self) -> bool {
        matches!(self, Self::Synced | Self::Interrupted(_))
    }
}

/// What is in the mesh.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// Objects of ours, and others' under names of ours.
    objects: BTreeMap<ObjectKey, LiveObject>,
    by_service: BTreeMap<ServiceKey, BTreeSet<ObjectKey>>,
    foreign: ForeignIndex,
    kinds: BTreeMap<Kind, KindState>,
    states_version: u64,
    /// How many of [`Self::objects`] are ours.
    ours: usize,
    /// How often each kind was listed whole.
    lists: BTreeMap<Kind, u64>,
    dead: Dead,
}

/// The last objects that ended, by uid: an answer that is older than an end must not bring its object back.
#[derive(Debug, Default)]
struct Dead {
    uids: BTreeSet<String>,
    order: VecDeque<String>,
}

/// More ends than can be announced while one request is under way.
const REMEMBERED: usize = 4_096;

impl Dead {
    fn add(&mut self, uid: &str) {
        if self.uids.insert(uid.to_owned()) {
            self.order.push_back(uid.to_owned());
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.uids.remove(&oldest);
        }
    }
}

impl Store {
    pub(crate) fn foreign(&self) -> &ForeignIndex {
        &self.foreign
    }

    pub(crate) fn state(&self, kind: Kind) -> KindState {
        self.kinds.get(&kind).cloned().unwrap_or_default()
    }

    /// Takes over what a watch is; answers whether that changed.
    pub(crate) fn set_state(&mut self, kind: Kind, state: KindState) -> bool {
        let held = self.kinds.entry(kind).or_default();
        let differs = *held != state;
        *held = state;
        self.states_version += u64::from(differs);
        differs
    }

    /// Rises with each change of a watch's state.
    pub(crate) fn states_version(&self) -> u64 {
        self.states_version
    }

    /// Whether all kinds that we write are known.
    pub(crate) fn is_known(&self) -> bool {
        Kind::ALL
            .iter()
            .all(|kind| self.kinds.get(kind).is_some_and(KindState::is_known))
    }

    /// Objects of ours.
    pub(crate) fn count(&self) -> usize {
        self.ours
    }

    /// Whether the void gateway is there.
    pub(crate) fn has_void(&self) -> bool {
        self.gateways()
            .iter()
            .any(|live| live.key.name == VOID_GATEWAY && live.is_ours())
    }

    /// Whether anything of ours but gateways is there.
    pub(crate) fn serves(&self) -> bool {
        self.objects
            .values()
            .any(|live| live.key.kind != Kind::Gateway && live.is_ours())
    }

    /// All services that have objects here.
    pub(crate) fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.by_service.keys()
    }

    /// The objects of a service, by label or by name.
    pub(crate) fn of_service(&self, service: &ServiceKey) -> Vec<&LiveObject> {
        self.by_service
            .get(service)
            .into_iter()
            .flatten()
            .filter_map(|key| self.objects.get(key))
            .collect()
    }

    /// All gateways of ours, and others' under such a name.
    pub(crate) fn gateways(&self) -> Vec<&LiveObject> {
        // Kinds order keys, and gateways come first.
        self.objects
            .iter()
            .take_while(|(key, _)| key.kind == Kind::Gateway)
            .map(|(_, live)| live)
            .collect()
    }

    /// To be read before a request for an object of the kind is sent, and given to [`Self::answered`].
    pub(crate) fn lists(&self, kind: Kind) -> u64 {
        self.lists.get(&kind).copied().unwrap_or(0)
    }

    /// The API server's answer to a request. The watch may have overtaken it: what ended meanwhile stays gone. False
    /// where nobody can tell, because a fresh list came between.
    #[must_use]
    pub(crate) fn answered(&mut self, live: LiveObject, lists: u64) -> bool {
        if self.lists(live.key.kind) != lists {
            return false;
        }
        if !self.dead.uids.contains(&live.uid) {
            let _ = self.saw(live);
        }
        true
    }

    /// What the API server says of an object, in a list or by a watch. Older words than what is held are passed over.
    /// Answers what is touched.
    pub(crate) fn saw(&mut self, live: LiveObject) -> Vec<Touched> {
        if let Some(held) = self.objects.get(&live.key)
            && held.uid == live.uid
            && !newer(&live.resource_version, &held.resource_version)
        {
            return Vec::new();
        }
        self.put(live)
    }

    fn put(&mut self, live: LiveObject) -> Vec<Touched> {
        let key = live.key.clone();
        let mut touched = self.drop_object(&key);
        let foreign = if live.is_ours() {
            None
        } else {
            Foreign::read(key.kind, &key.namespace, &live.labels, &live.spec)
        };
        touched.extend(self.foreign.set(&key, foreign));
        if !live.is_ours() && !key.name.starts_with("cw-") {
            return touched;
        }
        touched.extend(touched_by(&live));
        if let Some(service) = service_of(&live) {
            self.by_service
                .entry(service)
                .or_default()
                .insert(key.clone());
        }
        self.ours += usize::from(live.is_ours());
        self.objects.insert(key, live);
        touched
    }

    /// The API server says that an object is gone; `uid` guards against an older one of the same name.
    pub(crate) fn gone(&mut self, key: &ObjectKey, uid: Option<&str>) -> Vec<Touched> {
        if let Some(uid) = uid {
            self.dead.add(uid);
        }
        if let (Some(held), Some(uid)) = (self.objects.get(key), uid)
            && held.uid != uid
        {
            return Vec::new();
        }
        let mut touched = self.drop_object(key);
        touched.extend(self.foreign.set(key, None));
        touched
    }

    fn drop_object(&mut self, key: &ObjectKey) -> Vec<Touched> {
        let Some(old) = self.objects.remove(key) else {
            return Vec::new();
        };
        self.ours -= usize::from(old.is_ours());
        if let Some(service) = service_of(&old)
            && let Some(keys) = self.by_service.get_mut(&service)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.by_service.remove(&service);
            }
        }
        touched_by(&old)
    }

    /// A fresh list of a whole kind: what is not in it is gone.
    pub(crate) fn listed(&mut self, kind: Kind, list: Vec<LiveObject>) -> Vec<Touched> {
        *self.lists.entry(kind).or_default() += 1;
        let names: BTreeSet<_> = list.iter().map(|live| live.key.clone()).collect();
        let held = self.objects.keys().chain(self.foreign.keys());
        let gone: BTreeSet<_> = held
            .filter(|key| key.kind == kind && !names.contains(*key))
            .cloned()
            .collect();
        let mut touched = Vec::new();
        for key in gone {
            touched.extend(self.gone(&key, None));
        }
        for live in list {
            touched.extend(self.saw(live));
        }
        touched
    }
}

/// Whether a resourceVersion is later than another. They are decimal numbers in practice (and by KEP-5504 for all that
/// the API server serves); texts that are not are taken as later, which costs a comparison and loses nothing.
fn newer(new: &str, held: &str) -> bool {
    match (new.parse::<u64>(), held.parse::<u64>()) {
        (Ok(new), Ok(held)) => new > held,
        _ => new != held,
    }
}

/// The service of an object: by label where it is ours, else by its name.
fn service_of(live: &LiveObject) -> Option<ServiceKey> {
    if live.key.kind == Kind::Gateway {
        return None;
    }
    if live.is_ours() {
        return live.service().or_else(|| by_name(&live.key));
    }
    by_name(&live.key)
}

fn by_name(key: &ObjectKey) -> Option<ServiceKey> {
    ServiceKey::new(&key.namespace, name::service_of(&key.name)?).ok()
}

fn touched_by(live: &LiveObject) -> Vec<Touched> {
    match service_of(live) {
        Some(service) => vec![Touched::Service(service)],
        None => vec![Touched::Networks],
    }
}

#[cfg(test)]
mod tests;
