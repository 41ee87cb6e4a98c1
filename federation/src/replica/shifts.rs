//! TrafficShifts of the host cluster → overrides in the log, and what came of them → their status.
//!
//! The log is the authority: an object asks for an override, and from then on the override has its own life: it expires in
//! cluster time, and a person may end it by a verb. An object whose override is over says so in its status and is never
//! taken in again. Deleting it ends the override. An object that is only absent ends nothing: a host cluster that comes back
//! empty takes no override with it, and every override has a time to live.
//!
//! [`status`]: what an object says, computed from state and object alone.

mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::Name;
use causeway_api::shift::{Shift, ShiftKey};
use causeway_core::whatif;
use causeway_crds::TrafficShift;
use causeway_crds::convert;
use causeway_state::command::Command;
use causeway_state::outcome::Outcome;
use futures::StreamExt as _;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::sync::mpsc;

use super::shared::Shared;
use status::Over;

/// Looks at everything this often although nothing was seen: overrides expire, and take steps.
const LOOK: Duration = Duration::from_secs(2);
/// After a watch that ended.
const RETRY: Duration = Duration::from_secs(10);
/// A request that takes longer is tried again later.
const WRITE: Duration = Duration::from_secs(10);
/// Sightings that wait; a full queue makes the watch wait.
const QUEUE: usize = 64;
/// The field manager of everything that Causeway writes.
const MANAGER: &str = "causeway";

/// What was seen.
enum Seen {
    Listed(Vec<DynamicObject>),
    Applied(DynamicObject),
    Deleted(DynamicObject),
}

/// Runs until it is dropped. TrafficShifts in the namespace `root` are for the whole clusterset.
pub(crate) async fn run(shared: Arc<Shared>, host: kube::Client, root: Name) {
    let (tell, seen) = mpsc::channel(QUEUE);
    let keeper = Keeper {
        shared: &shared,
        host: &host,
        root,
        objects: BTreeMap::new(),
        deleted: BTreeSet::new(),
        refused: BTreeMap::new(),
        foreseen: BTreeMap::new(),
        taken: BTreeMap::new(),
    };
    tokio::join!(biased; watch(&shared, &host, tell), keeper.keep(seen));
}

/// Sees and tells, until nobody listens.
async fn watch(shared: &Shared, host: &kube::Client, tell: mpsc::Sender<Seen>) {
    let env = &shared.env;
    let mut told = false;
    loop {
        let api: Api<DynamicObject> = Api::all_with(host.clone(), &resource());
        let mut events = pin!(watcher(api, watcher::Config::default()));
        let mut listing = Vec::new();
        while let Some(event) = events.next().await {
            let seen = match event {
                Ok(Event::Init) => {
                    listing.clear();
                    continue;
                }
                Ok(Event::InitApply(object)) => {
                    listing.push(object);
                    continue;
                }
                Ok(Event::InitDone) => Seen::Listed(std::mem::take(&mut listing)),
                Ok(Event::Apply(object)) => Seen::Applied(object),
                Ok(Event::Delete(object)) => Seen::Deleted(object),
                Err(error) => {
                    if !told {
                        tracing::warn!(%error, "TrafficShifts of the host cluster cannot be read; overrides by `causeway evacuate` work all the same");
                        told = true;
                    }
                    env.sleep(env.random().jittered(RETRY)).await;
                    continue;
                }
            };
            told = false;
            if tell.send(seen).await.is_err() {
                return;
            }
        }
        env.sleep(env.random().jittered(RETRY)).await;
    }
}

fn resource() -> ApiResource {
    ApiResource::erase::<TrafficShift>(&())
}

fn key(object: &DynamicObject) -> String {
    format!(
        "{}/{}",
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}

/// An object in one version: what is kept about one says nothing about another.
type Version = (String, i64);

fn version(object: &DynamicObject) -> Version {
    let metadata = &object.metadata;
    (
        metadata.uid.clone().unwrap_or_default(),
        metadata.generation.unwrap_or_default(),
    )
}

struct Keeper<'a> {
    shared: &'a Shared,
    host: &'a kube::Client,
    root: Name,
    objects: BTreeMap<String, DynamicObject>,
    /// Overrides whose object was deleted, until they have ended.
    deleted: BTreeSet<ShiftKey>,
    /// Why the log refused what an object asks for.
    refused: BTreeMap<String, (Version, String)>,
    /// What a dry run would bring about, as a sentence.
    foreseen: BTreeMap<String, (Version, String)>,
    /// Objects that were taken in: the override of one may be over before its object says that it was in force.
    taken: BTreeMap<String, Version>,
}

impl Keeper<'_> {
    async fn keep(mut self, mut sightings: mpsc::Receiver<Seen>) {
        let env = &self.shared.env;
        loop {
            tokio::select! {
                biased;
                seen = sightings.recv() => {
                    let Some(seen) = seen else { return };
                    self.take(seen);
                    while let Ok(seen) = sightings.try_recv() {
                        self.take(seen);
                    }
                }
                () = env.sleep(env.random().jittered(LOOK)) => {}
            }
            let idle = self.objects.is_empty() && self.deleted.is_empty();
            if !idle && self.shared.speaks_for_host() {
                self.reconcile().await;
            }
        }
    }

    fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Listed(objects) => {
                let keyed = objects.into_iter().map(|object| (key(&object), object));
                self.objects = keyed.collect();
            }
            Seen::Applied(object) => {
                self.objects.insert(key(&object), object);
            }
            Seen::Deleted(object) => {
                let name = key(&object);
                self.objects.remove(&name);
                // One that was refused, or is over, holds nothing.
                if status::taken_in(&object) || self.was_taken(&name, &object) {
                    self.deleted.extend(name.parse::<ShiftKey>().ok());
                }
            }
        }
        let there = &self.objects;
        self.refused.retain(|name, _| there.contains_key(name));
        self.foreseen.retain(|name, _| there.contains_key(name));
        self.taken.retain(|name, _| there.contains_key(name));
    }

    async fn reconcile(&mut self) {
        self.end_deleted().await;
        let objects: Vec<(String, DynamicObject)> = self
            .objects
            .iter()
            .map(|(name, object)| (name.clone(), object.clone()))
            .collect();
        for (name, object) in objects {
            self.one(&name, &object).await;
        }
    }

    /// What was deleted ends.
    async fn end_deleted(&mut self) {
        for key in self.deleted.clone() {
            let held = |state: &causeway_state::State| state.brain.shifts.contains_key(&key);
            if self.objects.contains_key(&key.to_string()) || !self.shared.consensus.read(held) {
                self.deleted.remove(&key);
                continue;
            }
            let command = Command::EndShift {
                shift: key.clone(),
                by: format!("whoever deleted TrafficShift {key}"),
                reason: "its TrafficShift was deleted".to_owned(),
            };
            match self.shared.propose(command).await {
                Ok(Outcome::Refused(refusal)) => {
                    tracing::error!(shift = %key, %refusal, "the end of an override was refused");
                    self.deleted.remove(&key);
                }
                Ok(_) => {
                    tracing::info!(shift = %key, "its TrafficShift was deleted: the override has ended");
                    self.deleted.remove(&key);
                }
                // It is tried again.
                Err(_) => return,
            }
        }
    }

    async fn one(&mut self, name: &str, object: &DynamicObject) {
        let over = Over::of(object);
        let asked = match over {
            Some(_) => None,
            None => Some(self.asked(object)),
        };
        if let Some(Ok(shift)) = &asked {
            self.put(name, object, shift).await;
        }
        let refused = self.refused.get(name);
        let refused = refused.filter(|(of, _)| *of == version(object));
        let foreseen = self.foreseen.get(name);
        let foreseen = foreseen.filter(|(of, _)| *of == version(object));
        let taken = status::taken_in(object) || self.was_taken(name, object);
        let now = self.shared.env.wall();
        let (before, after) = self.shared.consensus.read(|state| {
            let said = status::Said {
                asked: asked.as_ref(),
                over,
                taken,
                refused: refused.map(|(_, why)| why.as_str()),
                foreseen: foreseen.map(|(_, text)| text.as_str()),
            };
            status::status(object, &said, state, now)
        });
        if before != after {
            self.write(name, object, &after).await;
        }
    }

    /// Whether this very object was taken in, whatever it says of itself yet.
    fn was_taken(&self, name: &str, object: &DynamicObject) -> bool {
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        self.taken.get(name).is_some_and(|(of, _)| of == uid)
    }

    /// What an object asks for, or what is wrong with it.
    fn asked(&self, object: &DynamicObject) -> Result<Shift, String> {
        let typed: TrafficShift = object
            .clone()
            .try_parse()
            .map_err(|error| format!("TrafficShift {}: {error}", key(object)))?;
        convert::shift(&typed, self.root.as_str()).map_err(|error| error.to_string())
    }

    /// Asks the log for it, where it does not have it.
    async fn put(&mut self, name: &str, object: &DynamicObject, shift: &Shift) {
        let version = version(object);
        if self.refused.get(name).is_some_and(|(of, _)| *of == version) {
            return;
        }
        // It was in force, and is no more: it expired, or a person ended it. That is told, and not undone.
        let held = self.shared.consensus.read(|state| {
            state
                .brain
                .shifts
                .get(&shift.key)
                .map(|row| row.shift.clone())
        });
        match held {
            Some(held) if held == *shift => return,
            None if status::taken_in(object) || self.was_taken(name, object) => return,
            _ => {}
        }
        if shift.dry_run && !self.foreseen.contains_key(name) {
            let text = self.shared.consensus.read(|state| {
                let facts = self.shared.facts();
                let meant = Shift {
                    dry_run: false,
                    approvals_required: 0,
                    starts_at_ms: None,
                    ends_at_ms: None,
                    ..shift.clone()
                };
                foreseen(&whatif::dry_run(state, &facts, Command::PutShift(meant)))
            });
            self.foreseen
                .insert(name.to_owned(), (version.clone(), text));
        }
        match self.shared.propose(Command::PutShift(shift.clone())).await {
            Ok(Outcome::Refused(refusal)) => {
                tracing::warn!(shift = %shift.key, %refusal, "an override was refused");
                self.refused
                    .insert(name.to_owned(), (version, refusal.to_string()));
            }
            Ok(_) => {
                self.taken.insert(name.to_owned(), version);
                tracing::info!(shift = %shift.key, by = %shift.requested_by, does = %shift.action, "an override was taken in");
            }
            // It is tried again.
            Err(error) => {
                tracing::warn!(shift = %shift.key, %error, "an override could not be committed; it is tried again");
            }
        }
    }

    async fn write(
        &mut self,
        name: &str,
        object: &DynamicObject,
        after: &causeway_crds::traffic_shift::TrafficShiftStatus,
    ) {
        let resource = resource();
        let Some(namespace) = object.namespace() else {
            return;
        };
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.host.clone(), &namespace, &resource);
        let status = serde_json::to_value(after).unwrap_or_default();
        let patch = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": { "name": object.metadata.name },
            "status": status,
        });
        let params = PatchParams::apply(MANAGER).force();
        let object_name = object.name_any();
        let patch = Patch::Apply(patch);
        let write = api.patch_status(&object_name, &params, &patch);
        match self.shared.env.timeout(WRITE, write).await {
            Ok(Ok(_)) => {
                // What was written holds until the object is seen again.
                if let Some(held) = self.objects.get_mut(name)
                    && let Some(data) = held.data.as_object_mut()
                {
                    data.insert("status".to_owned(), status);
                }
            }
            // Deleted meanwhile: the watch will say so.
            Ok(Err(kube::Error::Api(answer))) if matches!(answer.code, 404 | 409) => {}
            Ok(Err(error)) => {
                tracing::warn!(shift = %name, %error, "a status could not be written");
            }
            Err(error) => tracing::warn!(shift = %name, %error, "a status could not be written"),
        }
    }
}

/// What an override would bring about, as a sentence.
fn foreseen(run: &whatif::DryRun) -> String {
    let stays = run
        .services
        .iter()
        .filter(|row| row.stays.is_some())
        .count();
    let moves = run.services.len().saturating_sub(stays);
    let first = run.services.iter().find_map(|row| row.stays.as_deref());
    let mut text = format!("a dry run: {moves} services would move, and {stays} would stay");
    if let Some(first) = first {
        text.push_str(&format!("; the first: {first}"));
    }
    text
}
