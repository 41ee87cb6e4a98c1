//! Owners of declarations, and the verbs that change them.

use causeway_api::registry::{Host, HostUid, ObjectKey};
use causeway_state::State;
use causeway_state::command::Command;
use causeway_state::outcome::{Outcome, Refusal};

use crate::admin::api::registry::{
    ConfirmRequest, Done, HostRow, MoveRequest, RegistryReport, RegistryRow,
};
use crate::admin::api::{AdminError, ErrorKind};
use crate::replica::registry::declared::Rows;
use crate::replica::registry::kind::Kind;
use crate::replica::registry::stance::Stance;
use crate::replica::shared::Shared;
use crate::replica::status::registered::leaving;

/// The registry as this replica has it.
pub(super) fn report(state: &State, rows: &Rows) -> RegistryReport {
    let registry = &state.registry;
    let host = |uid: &HostUid| Host {
        uid: uid.clone(),
        name: registry.host_name(uid).to_owned(),
    };
    let hosts = registry.hosts.keys().map(|uid| HostRow {
        host: host(uid),
        replicas: registry
            .attached
            .iter()
            .filter(|(_, attached)| *attached == uid)
            .map(|(replica, _)| replica.to_string())
            .collect(),
        here: rows.here.as_ref().is_some_and(|here| here.uid == *uid),
    });
    let members = state.members.keys().cloned().map(ObjectKey::Member);
    let policies = state.policies.keys().cloned().map(ObjectKey::Policy);
    // An override that a verb made has no object, and no owner.
    let shifts = registry.objects.keys();
    let shifts = shifts.filter(|object| matches!(object, ObjectKey::Shift(_)));
    let objects = members.chain(policies).chain(shifts.cloned());
    let objects = objects.map(|object| {
        let owned = registry.objects.get(&object);
        let (place, note) = here(state, rows, &object);
        RegistryRow {
            owner: owned.map(|owned| host(&owned.host)),
            state: stage(state, &object),
            here: place,
            note: note.or_else(|| match &object {
                ObjectKey::Member(name) => leaving(state, name).map(|(_, message)| message),
                ObjectKey::Policy(_) | ObjectKey::Shift(_) => None,
            }),
            object,
        }
    });
    RegistryReport {
        hosts: hosts.collect(),
        objects: objects.collect(),
    }
}

fn stage(state: &State, object: &ObjectKey) -> String {
    let stage = match object {
        ObjectKey::Member(name) => state.registry.stage(name),
        ObjectKey::Policy(_) | ObjectKey::Shift(_) => None,
    };
    let owned = state.registry.objects.get(object);
    match (stage, owned) {
        (Some(stage), _) => stage.to_string(),
        (None, Some(owned)) if !owned.settled => "Moved".to_owned(),
        _ => "InForce".to_owned(),
    }
}

/// What stands in this replica's host, and what there is to say of it.
fn here(state: &State, rows: &Rows, object: &ObjectKey) -> (String, Option<String>) {
    match rows.stance_of(state, object) {
        None if rows.here.is_none() => ("-".to_owned(), rows.nowhere.clone()),
        None => {
            let why = rows.unmirrored.get(object);
            ("Missing".to_owned(), why.cloned())
        }
        Some(Stance::Ours) => ("Owner".to_owned(), None),
        Some(Stance::Mirror) => ("Mirror".to_owned(), None),
        Some(Stance::Apart { reason, message }) => (reason.to_owned(), Some(message)),
    }
}

/// Another host owns an object from now on.
pub(super) async fn move_to(shared: &Shared, asked: &MoveRequest) -> Result<Done, AdminError> {
    let to = shared.consensus.read(|state| host(state, &asked.to))?;
    let command = Command::MoveObject {
        object: asked.object.clone(),
        to: to.uid.clone(),
    };
    let object = &asked.object;
    decide(
        shared,
        command,
        format!(
            "{object} is owned by host {} ({}) from now on: what stands there is put in force",
            to.name, to.uid
        ),
        format!("{object} is being moved to host {} already", to.name),
    )
    .await
}

/// A person confirms a removal.
pub(super) async fn confirm(shared: &Shared, asked: &ConfirmRequest) -> Result<Done, AdminError> {
    let object = &asked.object;
    let rows = shared.declared.rows();
    (shared.consensus).read(|state| may_confirm(state, &rows, object))?;
    let command = Command::ConfirmRemoval {
        object: object.clone(),
    };
    decide(
        shared,
        command,
        format!("{object} is removed, once it has no traffic any more"),
        format!("{object} is being removed already"),
    )
    .await
}

/// Whether a removal may be confirmed here. What stands in its host cluster was not deleted, and nobody but a replica there
/// knows; that a member is on its way out is decided, and known to all.
fn may_confirm(state: &State, rows: &Rows, object: &ObjectKey) -> Result<(), AdminError> {
    let Some(owned) = state.registry.objects.get(object) else {
        return Ok(());
    };
    if rows
        .here
        .as_ref()
        .is_some_and(|here| here.uid == owned.host)
    {
        return was_deleted(rows, object);
    }
    if matches!(object, ObjectKey::Member(member) if state.registry.leaving.contains_key(member)) {
        return Ok(());
    }
    let (kind, name) = (object.kind(), object.name());
    Err(AdminError::new(
        ErrorKind::BadRequest,
        format!(
            "{object} is owned by host {}, and only a replica there sees whether it was deleted",
            state.registry.host_name(&owned.host)
        ),
        format!(
            "ask one of its replicas, which causeway registry list names; where that host is gone for good, another one takes it \
             over first: causeway registry move {kind} {name} --to HOST"
        ),
    ))
}

/// Whether an object of this host is known to be gone: a list was made that lacks it, or nothing of its kind is defined here any
/// more.
fn was_deleted(rows: &Rows, object: &ObjectKey) -> Result<(), AdminError> {
    let kind = Kind::of(object);
    if rows.object(object).is_some() {
        return Err(AdminError::new(
            ErrorKind::BadRequest,
            format!("{object} stands in its host cluster: it was not deleted"),
            "delete the object; this verb confirms what is held back of a deletion",
        ));
    }
    if rows.listed.contains(&kind) || rows.undefined.contains(&kind) {
        return Ok(());
    }
    let trouble = rows.trouble.get(&kind);
    Err(AdminError::unavailable(
        format!("whether {object} was deleted is unknown: the {kind}s of this host cluster were not listed yet"),
        trouble.cloned().unwrap_or_else(|| {
            "ask again in a few seconds; causeway registry list tells what keeps them from being read".to_owned()
        }),
    ))
}

/// A host by its name or UID.
fn host(state: &State, wanted: &str) -> Result<Host, AdminError> {
    let hosts = &state.registry.hosts;
    let found: Vec<Host> = hosts
        .iter()
        .filter(|(uid, name)| uid.0 == wanted || *name == wanted)
        .map(|(uid, name)| Host {
            uid: uid.clone(),
            name: name.clone(),
        })
        .collect();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let known: Vec<&str> = hosts.values().map(String::as_str).collect();
            Err(AdminError::not_found(
                format!("no host cluster is called {wanted:?}, and none has that UID"),
                format!(
                    "known are {}: a host is known once a replica stands in it (causeway registry list)",
                    if known.is_empty() {
                        "none".to_owned()
                    } else {
                        known.join(", ")
                    }
                ),
            ))
        }
        several => {
            let uids: Vec<String> = several.iter().map(|host| host.uid.to_string()).collect();
            Err(AdminError::new(
                ErrorKind::BadRequest,
                format!("{} host clusters are called {wanted:?}", several.len()),
                format!("name one by its UID: {}", uids.join(", ")),
            ))
        }
    }
}

async fn decide(
    shared: &Shared,
    command: Command,
    done: String,
    already: String,
) -> Result<Done, AdminError> {
    match shared.propose(command).await {
        Ok(Outcome::Accepted { .. } | Outcome::Duplicate) => Ok(Done {
            changed: true,
            message: done,
        }),
        Ok(Outcome::Unchanged) => Ok(Done {
            changed: false,
            message: already,
        }),
        Ok(Outcome::Refused(refusal)) => Err(AdminError::new(
            match refusal {
                Refusal::UnknownObject(_) | Refusal::UnknownHost(_) => ErrorKind::NotFound,
                _ => ErrorKind::BadRequest,
            },
            refusal.to_string(),
            "see `causeway registry list`",
        )),
        Err(error) => Err(AdminError::unavailable(
            error,
            "a decision needs a majority of the replicas: see `causeway status`, and ask again",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_host_is_found_by_name_or_uid_and_one_of_two_names_is_asked_for() {
        let mut state = State::default();
        for (uid, name) in [("u1", "eu"), ("u2", "us"), ("u3", "us")] {
            let hosts = &mut state.registry.hosts;
            hosts.insert(HostUid(uid.to_owned()), name.to_owned());
        }
        assert_eq!(host(&state, "eu").unwrap().uid.0, "u1");
        assert_eq!(host(&state, "u3").unwrap().name, "us");
        let two = host(&state, "us").unwrap_err();
        assert!(two.remedy.contains("u2, u3"), "{}", two.remedy);
        let none = host(&state, "asia").unwrap_err();
        assert!(none.remedy.contains("eu, us, us"), "{}", none.remedy);
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod confirm_tests;
