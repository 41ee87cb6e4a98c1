//! What an object of this host cluster is to the registry: the declaration itself, the mirror of one that another host owns,
//! or something else that is shown and not applied.

use causeway_api::registry::{Host, HostUid, ObjectKey, Origin};
use causeway_state::State;
use causeway_state::apply::hosts::judge;
use causeway_state::outcome::Refusal;
use kube::core::DynamicObject;

/// Names the owner of an object that is a mirror.
pub(crate) const OWNER: &str = "causeway.dev/owner-host";
/// The owner's UID.
pub(crate) const OWNER_UID: &str = "causeway.dev/owner-host-uid";

/// The level from which on declarations have owners.
pub(crate) const LEVEL: u32 = 2;

/// What an object is to the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stance {
    /// This host owns it, or nobody does yet: what it says is to be in force.
    Ours,
    /// Another host owns it, and it says what is in force.
    Mirror,
    /// What it says is not applied.
    Apart {
        /// A word in CamelCase.
        reason: &'static str,
        /// Object, finding and remedy.
        message: String,
    },
}

/// What an object of the host `here` is. `says` is what it declares, `in_force` what is declared.
pub(crate) fn stance<S: PartialEq>(
    state: &State,
    here: Option<&Host>,
    key: &ObjectKey,
    object: &DynamicObject,
    says: Option<&S>,
    in_force: Option<&S>,
) -> Stance {
    let Some(here) = here.filter(|_| state.feature_level >= LEVEL) else {
        return Stance::Ours;
    };
    let unowned = !state.registry.objects.contains_key(key);
    if let Some(owner) = mirror_of(object).filter(|owner| unowned && *owner != here.uid) {
        let name = annotation(object, OWNER).unwrap_or(&owner.0);
        return Stance::Apart {
            reason: "OwnerGone",
            message: format!(
                "{key} is the mirror of an object of host {name} that is not in the registry: delete it, or remove the \
                 annotation {OWNER_UID} to declare it here"
            ),
        };
    }
    let reason = match judge(state, &here.uid, &origin(object), key) {
        Ok(()) => return Stance::Ours,
        Err(Refusal::NotOwner { .. }) if says.is_some() && says == in_force => {
            return Stance::Mirror;
        }
        Err(refusal) => refusal,
    };
    Stance::Apart {
        message: reason.to_string(),
        reason: match reason {
            Refusal::OlderDeclaration { .. } => "OlderDeclaration",
            Refusal::CameBack { .. } => "CameBack",
            _ => "NotOwner",
        },
    }
}

/// The host that a mirror names as its object's owner.
pub(crate) fn mirror_of(object: &DynamicObject) -> Option<HostUid> {
    annotation(object, OWNER_UID).map(|uid| HostUid(uid.to_owned()))
}

pub(super) fn annotation<'a>(object: &'a DynamicObject, name: &str) -> Option<&'a str> {
    let annotations = object.metadata.annotations.as_ref()?;
    annotations.get(name).map(String::as_str)
}

/// Which object it is, and which version of it.
pub(crate) fn origin(object: &DynamicObject) -> Origin {
    let metadata = &object.metadata;
    let revision = metadata.resource_version.as_ref();
    Origin {
        uid: metadata.uid.clone().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        revision: revision.and_then(|text| text.parse().ok()).unwrap_or(0),
        created_s: metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0.as_second()),
    }
}

/// An object's `spec`, as mirrors repeat it.
pub(crate) fn document(object: &DynamicObject) -> String {
    let spec = object.data.get("spec");
    spec.map_or_else(|| "{}".to_owned(), ToString::to_string)
}
