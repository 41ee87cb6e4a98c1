//! One object's status, written by server-side apply, only where it differs.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::replica::registry::Kind;

/// The field manager of everything that Causeway writes.
const MANAGER: &str = "causeway";

/// A status that is to be written.
#[derive(Debug, Clone)]
pub(super) struct StatusPatch {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) object: Arc<DynamicObject>,
    pub(super) status: Value,
}

/// The status that an object has; an empty one where it has none or one of another form.
pub(super) fn of<S: DeserializeOwned + Default>(status: Option<&Value>) -> S {
    status
        .and_then(|status| S::deserialize(status).ok())
        .unwrap_or_default()
}

/// A status as JSON, with the fields that are empty left out.
pub(super) fn json(status: &impl Serialize) -> Value {
    serde_json::to_value(status).unwrap_or(Value::Null)
}

impl StatusPatch {
    /// Writes it. An API server looks at no UID in an apply of a status, so an object that was created anew a moment ago
    /// may be given its predecessor's; the next look, within a second, puts that right.
    pub(super) async fn write(&self, host: &kube::Client) -> Result<(), kube::Error> {
        let resource = self.kind.resource();
        let metadata = &self.object.metadata;
        let patch = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": { "name": metadata.name },
            "status": self.status,
        });
        let api = self.kind.api(host, &self.object);
        let name = metadata.name.as_deref().unwrap_or_default();
        api.patch_status(
            name,
            &PatchParams::apply(MANAGER).force(),
            &Patch::Apply(patch),
        )
        .await?;
        Ok(())
    }
}
