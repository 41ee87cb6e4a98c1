//! The agent's view on disk, for a start while no controller is reached. It can be lost: a replica sends it again.
//!
//! What is said of services stands in files by a hash of their names, and only those are written of which something
//! changed; the rest, with the version of each owner's facts, stands in one file, which is written last. So after a crash
//! in between, the versions are older than what the other files hold and never newer, and a replica sends the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_api::ids::{MemberName, ServiceKey};
use causeway_api::view::{OwnerService, OwnerView, ServiceView, Versioned, View};
use causeway_core::holdings::Holdings;
use causeway_seam::Disk;
use serde::{Deserialize, Serialize};

/// All but what is said of services. Of a version that wrote everything into one file, it is everything.
const HEAD: &str = "view.json";

/// In how many files the services stand.
const FILES: u64 = 64;

/// The cache of one agent.
pub(crate) struct Cache {
    disk: Arc<dyn Disk>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By file: the services that stand in it, or did.
    services: BTreeMap<u64, BTreeSet<ServiceKey>>,
    /// Files of which something changed since they were written.
    due: BTreeSet<u64>,
}

/// One file's share of the view.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    services: BTreeMap<ServiceKey, Versioned<ServiceView>>,
    owners: BTreeMap<MemberName, BTreeMap<ServiceKey, OwnerService>>,
}

impl Cache {
    /// Opens the cache, with what it holds. One that cannot be read is said and left aside.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> (Self, Holdings) {
        let (holdings, whole) = match read(disk.as_ref()) {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "the cached view cannot be read and is fetched again");
                (Holdings::default(), false)
            }
        };
        let mut inner = Inner::default();
        let owned = holdings.view.owners.values();
        for key in owned
            .flat_map(|part| part.services.keys())
            .chain(holdings.view.services.keys())
        {
            let file = file_of(key);
            inner.services.entry(file).or_default().insert(key.clone());
        }
        if !whole {
            inner.due = (0..FILES).collect();
        }
        let inner = Mutex::new(inner);
        (Self { disk, inner }, holdings)
    }

    /// Something is said anew of services.
    pub(crate) fn touched<'a>(&self, services: impl IntoIterator<Item = &'a ServiceKey>) {
        let mut inner = lock(&self.inner);
        for key in services {
            let file = file_of(key);
            inner.due.insert(file);
            inner.services.entry(file).or_default().insert(key.clone());
        }
    }

    /// Writes what changed; what cannot be written stays due. Waits for the disk.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn save(&self, holdings: &Mutex<Holdings>) -> Result<(), String> {
        // Under both locks, in the order in which a merge takes them: all of it at one moment.
        let (due, parts, head) = {
            let held = lock(holdings);
            let mut inner = lock(&self.inner);
            let due = std::mem::take(&mut inner.due);
            let parts: Vec<(u64, Part)> = due
                .iter()
                .map(|file| (*file, part(&held, inner.services.get(file))))
                .collect();
            (due, parts, head(&held))
        };
        let written = self.write(&parts, &head);
        if written.is_err() {
            lock(&self.inner).due.extend(due);
        }
        written
    }

    fn write(&self, parts: &[(u64, Part)], head: &Holdings) -> Result<(), String> {
        let one = |name: &str, text: Result<Vec<u8>, serde_json::Error>| {
            let text = text.map_err(|error| error.to_string())?;
            let written = self.disk.replace(name, &text);
            written.map_err(|error| error.to_string())
        };
        for (file, part) in parts {
            one(&name(*file), serde_json::to_vec(part))?;
        }
        one(HEAD, serde_json::to_vec(head))
    }
}

/// What the files hold, and whether it stands in them as it would be written.
fn read(disk: &dyn Disk) -> Result<(Holdings, bool), String> {
    let parse = |name: &str| match disk.read(name).map_err(|error| error.to_string())? {
        None => Ok(None),
        Some(bytes) => Ok::<_, String>(Some((name.to_owned(), bytes))),
    };
    let wrong = |name: &str, error: serde_json::Error| format!("{name}: {error}");
    let Some((_, bytes)) = parse(HEAD)? else {
        return Ok((Holdings::default(), false));
    };
    let mut held: Holdings = serde_json::from_slice(&bytes).map_err(|error| wrong(HEAD, error))?;
    if !held.view.services.is_empty() {
        return Ok((held, false));
    }
    for file in 0..FILES {
        let Some((name, bytes)) = parse(&name(file))? else {
            continue;
        };
        let part: Part = serde_json::from_slice(&bytes).map_err(|error| wrong(&name, error))?;
        held.view.services.extend(part.services);
        for (owner, services) in part.owners {
            // One that the head does not know yet is sent whole.
            if let Some(view) = held.view.owners.get_mut(&owner) {
                view.services.extend(services);
            }
        }
    }
    Ok((held, true))
}

fn part(held: &Holdings, services: Option<&BTreeSet<ServiceKey>>) -> Part {
    let mut part = Part::default();
    for key in services.into_iter().flatten() {
        if let Some(plan) = held.view.services.get(key) {
            part.services.insert(key.clone(), plan.clone());
        }
        for (owner, view) in &held.view.owners {
            if let Some(word) = view.services.get(key) {
                let words = part.owners.entry(owner.clone()).or_default();
                words.insert(key.clone(), word.clone());
            }
        }
    }
    part
}

fn head(held: &Holdings) -> Holdings {
    let owner = |(name, view): (&MemberName, &OwnerView)| {
        let bare = OwnerView {
            version: view.version,
            network: view.network.clone(),
            services: BTreeMap::new(),
        };
        (name.clone(), bare)
    };
    let mut head = Holdings::default();
    head.view = View {
        settings: held.view.settings.clone(),
        services: BTreeMap::new(),
        networks: held.view.networks.clone(),
        owners: held.view.owners.iter().map(owner).collect(),
        coarse: held.view.coarse.clone(),
    };
    head.highest = held.highest;
    head.complete = held.complete;
    head.seen = held.seen;
    head.clusterset = held.clusterset;
    head
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name(file: u64) -> String {
    format!("view-{file:02}.json")
}

/// FNV-1a, which is the same in every version.
fn file_of(key: &ServiceKey) -> u64 {
    let bytes = key.namespace.as_str().bytes().chain([b'/']);
    let hash = bytes
        .chain(key.name.as_str().bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    hash % FILES
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
