//! Host clusters declare, withdraw and pass on objects: only an object's owner changes what is in force.

use causeway_api::registry::{Host, HostUid, ObjectKey, Origin};
use causeway_api::{Generation, ReplicaId};

use super::leaving::{self, Asked};
use super::{Applied, bounded, policies, registry, shifts};
use crate::command::Declaration;
use crate::outcome::{Effect, Refusal};
use crate::registry::Owned;
use crate::state::State;

/// The longest document, in bytes.
pub const DOCUMENT_BYTES: usize = 256 << 10;

/// The longest UID or name of a host or an object, in bytes.
pub const NAME_BYTES: usize = 256;

/// The most host clusters.
pub const HOSTS: usize = 256;

/// How many deleted objects are remembered.
pub const GONE: usize = 1_024;

/// An object declares something: it comes into force where its host owns it, or nobody does yet.
pub(super) fn declare(
    state: &mut State,
    generation: Generation,
    host: &Host,
    origin: &Origin,
    declaration: &Declaration,
    document: &str,
) -> Applied {
    let key = declaration.key();
    let named = |what: &str| format!("Declare {key}: {what}, in bytes");
    bounded(&named("document"), document.len(), DOCUMENT_BYTES)?;
    bounded(&named("object UID"), origin.uid.len(), NAME_BYTES)?;
    known(state, host)?;
    judge(state, &host.uid, origin, &key)?;
    if is_leaving(state, &key, origin) {
        return Ok(None);
    }
    let effect = match declaration {
        Declaration::Member(spec) => registry::put(state, generation, spec)?,
        Declaration::Policy(spec) => policies::put(state, generation, spec)?,
        Declaration::Shift(shift) => {
            // Deleted and created again before the deletion was seen: the former override is over.
            let held = state.registry.objects.get(&key);
            let anew = held.is_some_and(|held| held.settled && held.origin.uid != origin.uid);
            shifts::declare(state, generation, shift, anew)?
        }
    };
    let stays = leaving::stays(state, &key);
    let old_name = state
        .registry
        .hosts
        .insert(host.uid.clone(), host.name.clone());
    let mut owned = Owned {
        host: host.uid.clone(),
        origin: origin.clone(),
        document: document.to_owned(),
        settled: true,
        generation,
    };
    let old = state.registry.objects.get(&key);
    if let Some(old) = old {
        owned.generation = old.generation;
    }
    let same = old == Some(&owned) && old_name.as_ref() == Some(&host.name);
    if effect.is_none() && stays.is_none() && same {
        return Ok(None);
    }
    owned.generation = generation;
    state.registry.objects.insert(key, owned);
    let mut effect = effect.unwrap_or_default();
    effect.members.extend(stays);
    effect.members.dedup();
    effect.registry = true;
    Ok(Some(effect))
}

/// The very object whose deletion another replica has seen already.
fn is_leaving(state: &State, key: &ObjectKey, origin: &Origin) -> bool {
    let ObjectKey::Member(name) = key else {
        return false;
    };
    let held = state.registry.objects.get(key);
    state.registry.leaving.contains_key(name)
        && held.is_some_and(|held| held.settled && held.origin.uid == origin.uid)
}

/// A replica stands in a host cluster.
pub(super) fn attach(state: &mut State, replica: ReplicaId, host: &Host) -> Applied {
    known(state, host)?;
    let attached = &mut state.registry.attached;
    if !attached.contains_key(&replica) {
        bounded("replicas in hosts", attached.len() + 1, HOSTS)?;
    }
    let before = attached.insert(replica, host.uid.clone());
    let name = state
        .registry
        .hosts
        .insert(host.uid.clone(), host.name.clone());
    let news = before.as_ref() != Some(&host.uid) || name.as_ref() != Some(&host.name);
    Ok(news.then(|| Effect {
        registry: true,
        ..Effect::default()
    }))
}

/// Refuses a host whose names are longer than any, and more hosts than there can be.
fn known(state: &State, host: &Host) -> Result<(), Refusal> {
    bounded("host UID, in bytes", host.uid.0.len(), NAME_BYTES)?;
    bounded("host name, in bytes", host.name.len(), NAME_BYTES)?;
    if state.registry.hosts.contains_key(&host.uid) {
        return Ok(());
    }
    bounded("hosts", state.registry.hosts.len() + 1, HOSTS)
}

/// Whether a host's object may declare what is in force.
///
/// # Errors
/// Why not: another owns it, it is an older version, or it was deleted before.
pub fn judge(
    state: &State,
    host: &HostUid,
    origin: &Origin,
    key: &ObjectKey,
) -> Result<(), Refusal> {
    owner(state, host, key)?;
    if state.registry.is_gone(key, &origin.uid) {
        return Err(Refusal::CameBack {
            object: key.clone(),
            uid: origin.uid.clone(),
        });
    }
    let older = |held: &&Owned| {
        held.settled && held.origin.uid == origin.uid && held.origin.generation > origin.generation
    };
    match state.registry.objects.get(key).filter(older) {
        Some(held) => Err(Refusal::OlderDeclaration {
            object: key.clone(),
            found: origin.generation,
            held: held.origin.generation,
        }),
        None => Ok(()),
    }
}

fn owner(state: &State, host: &HostUid, key: &ObjectKey) -> Result<(), Refusal> {
    match state.registry.objects.get(key) {
        Some(owned) if owned.host != *host => Err(not_owner(state, key, owned)),
        _ => Ok(()),
    }
}

/// Whoever else owns an object says what is in force.
pub(super) fn not_owner(state: &State, key: &ObjectKey, owned: &Owned) -> Refusal {
    Refusal::NotOwner {
        object: key.clone(),
        owner: state.registry.host_name(&owned.host).to_owned(),
        uid: owned.host.clone(),
    }
}

/// An object was deleted in a host cluster.
pub(super) fn withdraw(
    state: &mut State,
    generation: Generation,
    host: &HostUid,
    object: &ObjectKey,
    uid: &str,
) -> Applied {
    owner(state, host, object)?;
    // One of that name that was created since is another object, and is there.
    let held = state.registry.objects.get(object);
    if held.is_some_and(|held| !held.settled || held.origin.uid != uid) {
        return Ok(None);
    }
    // An override whose TrafficShift is not in force is a verb's, or none.
    if held.is_none() && matches!(object, ObjectKey::Shift(_)) {
        return Ok(None);
    }
    remove(state, generation, object, Asked::ByDeletion)
}

/// A person says that an object is to go, although it is only absent, or was deleted together with others.
pub(super) fn confirm(state: &mut State, generation: Generation, object: &ObjectKey) -> Applied {
    let known = match object {
        ObjectKey::Member(name) => state.members.contains_key(name),
        ObjectKey::Policy(key) => state.policies.contains_key(key),
        ObjectKey::Shift(_) => state.registry.objects.contains_key(object),
    };
    if !known {
        return Err(Refusal::UnknownObject(object.clone()));
    }
    remove(state, generation, object, Asked::ByPerson)
}

fn remove(state: &mut State, generation: Generation, object: &ObjectKey, asked: Asked) -> Applied {
    match object {
        ObjectKey::Member(name) => leaving::begin(state, generation, name, asked),
        ObjectKey::Policy(key) => {
            let effect = policies::remove(state, generation, key)?;
            forget(state, object);
            Ok(effect.map(mirrored))
        }
        ObjectKey::Shift(key) => {
            let effect = shifts::withdraw(state, generation, key, asked);
            forget(state, object);
            Ok(Some(mirrored(effect)))
        }
    }
}

/// An effect that hosts are to hear of, which mirror what is in force.
fn mirrored(effect: Effect) -> Effect {
    Effect {
        registry: true,
        ..effect
    }
}

/// Another host owns an object from now on: whatever stands there.
pub(super) fn pass_on(
    state: &mut State,
    generation: Generation,
    object: &ObjectKey,
    to: &HostUid,
) -> Applied {
    if !state.registry.hosts.contains_key(to) {
        return Err(Refusal::UnknownHost(to.clone()));
    }
    let Some(owned) = state.registry.objects.get_mut(object) else {
        return Err(Refusal::UnknownObject(object.clone()));
    };
    if owned.host == *to && !owned.settled {
        return Ok(None);
    }
    owned.host = to.clone();
    owned.settled = false;
    owned.generation = generation;
    Ok(Some(Effect {
        registry: true,
        ..Effect::default()
    }))
}

/// An object is no more: remembered, so that a host that comes back from an old backup does not bring it back. Returns
/// whether it had an owner.
pub(super) fn forget(state: &mut State, object: &ObjectKey) -> bool {
    let Some(owned) = state.registry.objects.remove(object) else {
        return false;
    };
    let gone = &mut state.registry.gone;
    gone.push_back((object.clone(), owned.origin.uid));
    while gone.len() > GONE {
        gone.pop_front();
    }
    true
}
