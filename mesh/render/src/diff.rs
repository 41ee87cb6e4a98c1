//! Desired and live objects → operations, in the order in which they have to be done.
//!
//! Written: the void gateway, gateways, rules, hosts, entries. Removed: the other way round. So no entry is ever
//! without its rule, and none without a gateway that istiod knows.

use std::collections::BTreeMap;

use causeway_api::WriterStamp;
use causeway_api::session::DiffAction;
use causeway_api::view::MeshCondition;

use crate::compare;
use crate::condition::reason;
use crate::name::VOID_GATEWAY;
use crate::object::{DesiredObject, Kind, LiveObject, ObjectKey};

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Write an object anew.
    Create(DesiredObject),
    /// Change an object of ours.
    Update {
        /// How it should be.
        desired: DesiredObject,
        /// How it is.
        live: LiveObject,
    },
    /// Remove an object of ours.
    Delete(LiveObject),
}

impl Operation {
    /// Which object.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Create(desired) | Self::Update { desired, .. } => &desired.key,
            Self::Delete(live) => &live.key,
        }
    }

    /// What is done to it.
    #[must_use]
    pub fn action(&self) -> DiffAction {
        match self {
            Self::Create(_) => DiffAction::Create,
            Self::Update { .. } => DiffAction::Update,
            Self::Delete(_) => DiffAction::Delete,
        }
    }

    /// Its turn: operations of a lower one are done before.
    #[must_use]
    pub fn turn(&self) -> i8 {
        let key = self.key();
        let written = match key.kind {
            Kind::Gateway if key.name == VOID_GATEWAY => 1,
            Kind::Gateway => 2,
            Kind::DestinationRule => 3,
            Kind::ServiceEntry => 4,
            Kind::WorkloadEntry => 5,
        };
        match self {
            Self::Delete(_) => 11 - written,
            _ => written,
        }
    }
}

/// Something that is not done.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What would have been done.
    pub action: DiffAction,
    /// How the object should be; `None`: it should be gone.
    pub desired: Option<DesiredObject>,
    /// How it is.
    pub live: LiveObject,
    /// Why not.
    pub condition: MeshCondition,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// What is to be done, in order.
    pub operations: Vec<Operation>,
    /// What is not.
    pub refusals: Vec<Refusal>,
}

/// Compares. `live` are all objects under our label or under one of the desired names; `stamp` is the writer that
/// asks, by which it knows its own writing.
#[must_use]
pub fn diff<'a>(
    desired: &[DesiredObject],
    live: impl IntoIterator<Item = &'a LiveObject>,
    stamp: Option<WriterStamp>,
) -> Difference {
    let mut there: BTreeMap<&ObjectKey, &LiveObject> =
        live.into_iter().map(|live| (&live.key, live)).collect();
    let mut difference = Difference::default();
    for desired in desired {
        let Some(live) = there.remove(&desired.key) else {
            difference
                .operations
                .push(Operation::Create(desired.clone()));
            continue;
        };
        if !live.is_ours() {
            difference.refusals.push(foreign(desired, live));
        } else if compare::same(desired, live) {
            // Also where the desired generation is newer: the content's own last change is older.
        } else if is_newer(live, desired, stamp) {
            difference.refusals.push(newer(desired, live));
        } else {
            difference.operations.push(Operation::Update {
                desired: desired.clone(),
                live: live.clone(),
            });
        }
    }
    let gone = there.into_values().filter(|live| live.is_ours());
    difference
        .operations
        .extend(gone.map(|live| Operation::Delete(live.clone())));
    difference
        .operations
        .sort_by(|a, b| a.turn().cmp(&b.turn()).then_with(|| a.key().cmp(b.key())));
    difference
}

/// Whether the mesh holds a later decision, written by another writer. What this writer itself wrote can only have
/// been changed by a person.
fn is_newer(live: &LiveObject, desired: &DesiredObject, stamp: Option<WriterStamp>) -> bool {
    let other = live.writer.is_some() && live.writer != stamp;
    other
        && live
            .generation
            .is_some_and(|generation| generation > desired.generation)
}

fn foreign(desired: &DesiredObject, live: &LiveObject) -> Refusal {
    let key = &live.key;
    Refusal {
        action: DiffAction::Update,
        desired: Some(desired.clone()),
        live: live.clone(),
        condition: MeshCondition {
            reason: reason::FOREIGN_OBJECT.to_owned(),
            object: key.to_string(),
            service: service_of(desired),
            message: format!(
                "{key} is there and is not ours: it is left as it is, and ours is not written. Rename or remove it; \
                 if it was ours, give it the label {}={} again.",
                crate::object::OWNER,
                crate::object::CAUSEWAY
            ),
        },
    }
}

fn newer(desired: &DesiredObject, live: &LiveObject) -> Refusal {
    let key = &live.key;
    let found = live
        .generation
        .map_or_else(String::new, |generation| generation.to_string());
    Refusal {
        action: DiffAction::Update,
        desired: Some(desired.clone()),
        live: live.clone(),
        condition: MeshCondition {
            reason: reason::NEWER_IN_MESH.to_owned(),
            object: key.to_string(),
            service: service_of(desired),
            message: format!(
                "{key} is of generation {found}, the view of {}: nothing older is written over it. It heals when the \
                 view has caught up; if the controllers were set up anew, remove the object.",
                desired.generation
            ),
        },
    }
}

fn service_of(desired: &DesiredObject) -> Option<causeway_api::ServiceKey> {
    let name = desired.labels.get(crate::object::SERVICE)?;
    causeway_api::ServiceKey::new(&desired.key.namespace, name).ok()
}
