//! One operation → one request, fenced.
//!
//! What exists is changed under its uid and resourceVersion, so that a write decided on an older state is refused.
//! What is absent is created by POST, which is refused where it is there after all. What is removed is removed under
//! the same preconditions. Nothing is sent once the Lease has run out.

use std::time::Duration;

use causeway_api::WriterStamp;
use causeway_render::compare;
use causeway_render::object::{CAUSEWAY, GENERATION, WRITER};
use causeway_render::{DesiredObject, Kind, LiveObject, ObjectKey, Operation};
use causeway_seam::Env;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Value, json};

use crate::lease::Fence;
use crate::live::{live_object, resource};
use crate::refusal::{Refused, RefusedKind, refused};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends requests for objects of a mesh.
pub(crate) struct Applier {
    pub(crate) env: Env,
    pub(crate) client: kube::Client,
    pub(crate) fence: Fence,
}

impl Applier {
    /// Does it; the object as it is then, `None` where it is gone.
    pub(crate) async fn run(
        &self,
        operation: &Operation,
        stamp: WriterStamp,
    ) -> Result<Option<LiveObject>, Refused> {
        match operation {
            Operation::Create(desired) => self.create(desired, stamp).await.map(Some),
            Operation::Update { desired, live } => {
                self.update(desired, live, stamp).await.map(Some)
            }
            Operation::Delete(live) => self.delete(live).await.map(|()| None),
        }
    }

    /// The object as the API server has it now; `None` where it is absent.
    pub(crate) async fn read(&self, key: &ObjectKey) -> Result<Option<LiveObject>, Refused> {
        let api = self.api(key.kind, &key.namespace);
        let found = self.within(api.get_opt(&key.name)).await?;
        Ok(found.and_then(|object| live_object(key.kind, object)))
    }

    async fn create(
        &self,
        desired: &DesiredObject,
        stamp: WriterStamp,
    ) -> Result<LiveObject, Refused> {
        let kind = desired.key.kind;
        let api = self.api(kind, &desired.key.namespace);
        let object: DynamicObject =
            serde_json::from_value(desired.body(stamp)).map_err(|error| not_an_object(&error))?;
        let params = PostParams {
            field_manager: Some(CAUSEWAY.to_owned()),
            ..PostParams::default()
        };
        let answer = self.within(api.create(&params, &object)).await?;
        taken(kind, answer)
    }

    /// Server-side apply; then, where something stays that we did not say (another manager's field, an item of a
    /// list), a merge patch that says so. Where that is plain beforehand, the patch alone.
    async fn update(
        &self,
        desired: &DesiredObject,
        live: &LiveObject,
        stamp: WriterStamp,
    ) -> Result<LiveObject, Refused> {
        let stays = desired.key.kind != Kind::Gateway && compare::apply_leaves(live, desired);
        let mut now = live.clone();
        if !stays {
            now = self.server_side_apply(desired, live, stamp).await?;
            if compare::same_content(desired, &now) {
                return Ok(now);
            }
        }
        let now = self.merge(desired, &now, stamp).await?;
        if compare::same_content(desired, &now) {
            return Ok(now);
        }
        Err(Refused {
            kind: RefusedKind::Invalid,
            message: "the API server keeps it otherwise than it was written: a webhook or another controller changes \
                      it. Exempt objects labelled causeway.dev/owner=causeway"
                .to_owned(),
        })
    }

    async fn server_side_apply(
        &self,
        desired: &DesiredObject,
        live: &LiveObject,
        stamp: WriterStamp,
    ) -> Result<LiveObject, Refused> {
        let mut body = desired.body(stamp);
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("uid".to_owned(), json!(live.uid));
            metadata.insert("resourceVersion".to_owned(), json!(live.resource_version));
        }
        let kind = desired.key.kind;
        let api = self.api(kind, &desired.key.namespace);
        let params = PatchParams::apply(CAUSEWAY).force();
        let patch = Patch::Apply(&body);
        let answer = self
            .within(api.patch(&desired.key.name, &params, &patch))
            .await?;
        taken(kind, answer)
    }

    async fn merge(
        &self,
        desired: &DesiredObject,
        live: &LiveObject,
        stamp: WriterStamp,
    ) -> Result<LiveObject, Refused> {
        let body = json!({
            "metadata": {
                "uid": live.uid,
                "resourceVersion": live.resource_version,
                "labels": desired.labels,
                "annotations": {
                    GENERATION: desired.generation.to_string(),
                    WRITER: stamp.to_string(),
                },
            },
            "spec": compare::merge_patch(&live.spec, &desired.spec),
        });
        let kind = desired.key.kind;
        let api = self.api(kind, &desired.key.namespace);
        let params = PatchParams {
            field_manager: Some(CAUSEWAY.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(&body);
        let answer = self
            .within(api.patch(&desired.key.name, &params, &patch))
            .await?;
        taken(kind, answer)
    }

    async fn delete(&self, live: &LiveObject) -> Result<(), Refused> {
        let api = self.api(live.key.kind, &live.key.namespace);
        let params = DeleteParams::default().preconditions(Preconditions {
            resource_version: Some(live.resource_version.clone()),
            uid: Some(live.uid.clone()),
        });
        match self.within(api.delete(&live.key.name, &params)).await {
            Ok(_) => Ok(()),
            Err(refused) if refused.is_absent() => Ok(()),
            Err(refused) => Err(refused),
        }
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(kind))
    }

    async fn within<T>(
        &self,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Refused> {
        let left = self.fence.left_at(self.env.now());
        if left.is_zero() {
            return Err(Refused {
                kind: RefusedKind::Unreachable,
                message: "the Lease is not ours any more".to_owned(),
            });
        }
        match self.env.timeout(left.min(PATIENCE), request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(refused(&error)),
            Err(elapsed) => Err(Refused::silent(elapsed)),
        }
    }
}

fn taken(kind: Kind, object: DynamicObject) -> Result<LiveObject, Refused> {
    live_object(kind, object).ok_or_else(|| Refused {
        kind: RefusedKind::Unreachable,
        message: "the API server's answer has neither uid nor resourceVersion".to_owned(),
    })
}

fn not_an_object(error: &serde_json::Error) -> Refused {
    Refused {
        kind: RefusedKind::Invalid,
        message: format!("what was rendered is no object: {error}"),
    }
}
