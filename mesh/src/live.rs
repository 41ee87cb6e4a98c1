//! What is in the mesh: our objects whole, other owners' as far as they decide what we may write.
//!
//! [`store`] holds it and says what an event touches; [`watch`] feeds it, one task for each kind.

pub(crate) mod store;
pub(crate) mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};

use causeway_render::{Kind, LiveObject, ObjectKey};

use store::Store;

/// The store, shared between watches and writer. Never locked across an await.
#[derive(Default)]
pub(crate) struct Live(Mutex<Store>);

impl Live {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Store> {
        // A panic elsewhere leaves single maps whole; going on beats stopping.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the client asks for a kind.
pub(crate) fn resource(kind: Kind) -> ApiResource {
    let gvk = GroupVersionKind::gvk(kind.group(), kind.version(), kind.as_str());
    ApiResource::from_gvk_with_plural(&gvk, kind.plural())
}

/// Which object.
pub(crate) fn key(kind: Kind, object: &DynamicObject) -> ObjectKey {
    ObjectKey {
        kind,
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        name: object.metadata.name.clone().unwrap_or_default(),
    }
}

/// An object of the API server, cut to what we use; `None` where it lacks what every object has.
pub(crate) fn live_object(kind: Kind, object: DynamicObject) -> Option<LiveObject> {
    let key = key(kind, &object);
    let annotations = object.metadata.annotations.unwrap_or_default();
    let annotation = |name: &str| annotations.get(name).map(String::as_str);
    let mut data = object.data;
    Some(LiveObject {
        key,
        uid: object.metadata.uid?,
        resource_version: object.metadata.resource_version?,
        labels: object.metadata.labels.unwrap_or_default(),
        generation: annotation(causeway_render::object::GENERATION).and_then(|t| t.parse().ok()),
        writer: annotation(causeway_render::object::WRITER).and_then(|t| t.parse().ok()),
        spec: data
            .get_mut("spec")
            .map_or(serde_json::Value::Null, serde_json::Value::take),
    })
}
