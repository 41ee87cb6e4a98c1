//! Objects of a mesh, as far as we write them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use causeway_api::{Generation, ServiceKey, WriterStamp};
use serde_json::{Value, json};

/// Annotation: the generation of the object's own last change ([`Generation`]'s text).
pub const GENERATION: &str = "causeway.dev/generation";
/// Annotation: who wrote it ([`WriterStamp`]'s text).
pub const WRITER: &str = "causeway.dev/writer";
/// Label: ours to write and to remove.
pub const OWNER: &str = "causeway.dev/owner";
/// Label: the name of the service that the object serves, in the object's own namespace.
pub const SERVICE: &str = "causeway.dev/service";
/// The recommended label for tools.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`OWNER`] and [`MANAGED_BY`], and our field manager.
pub const CAUSEWAY: &str = "causeway";
/// Istio's label for the network of a gateway or a namespace.
pub const NETWORK_LABEL: &str = "topology.istio.io/network";

/// The kinds that we read and write, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `gateway.networking.k8s.io/v1` Gateway, of class `istio-remote`.
    Gateway,
    /// `networking.istio.io/v1` DestinationRule.
    DestinationRule,
    /// `networking.istio.io/v1` ServiceEntry.
    ServiceEntry,
    /// `networking.istio.io/v1` WorkloadEntry.
    WorkloadEntry,
}

impl Kind {
    /// All kinds, in the order in which they are written.
    pub const ALL: [Self; 4] = [
        Self::Gateway,
        Self::DestinationRule,
        Self::ServiceEntry,
        Self::WorkloadEntry,
    ];

    /// The API group.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::Gateway => "gateway.networking.k8s.io",
            _ => "networking.istio.io",
        }
    }

    /// The version: served by Istio since 1.22, by Gateway API since 1.0.
    #[must_use]
    pub fn version(self) -> &'static str {
        "v1"
    }

    /// The kind's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "Gateway",
            Self::DestinationRule => "DestinationRule",
            Self::ServiceEntry => "ServiceEntry",
            Self::WorkloadEntry => "WorkloadEntry",
        }
    }

    /// The plural, as in URLs and RBAC rules.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Gateway => "gateways",
            Self::DestinationRule => "destinationrules",
            Self::ServiceEntry => "serviceentries",
            Self::WorkloadEntry => "workloadentries",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// `Kind namespace/name`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}/{}", self.kind, self.namespace, self.name))
    }
}

/// An object as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredObject {
    /// Which.
    pub key: ObjectKey,
    /// The decision that its content comes from.
    pub generation: Generation,
    /// Its labels, [`OWNER`] among them.
    pub labels: BTreeMap<String, String>,
    /// Its `spec`.
    pub spec: Value,
}

impl DesiredObject {
    /// Whole, as sent to the API server, with both annotations.
    #[must_use]
    pub fn body(&self, stamp: WriterStamp) -> Value {
        json!({
            "apiVersion": format!("{}/{}", self.key.kind.group(), self.key.kind.version()),
            "kind": self.key.kind.as_str(),
            "metadata": {
                "name": self.key.name,
                "namespace": self.key.namespace,
                "labels": self.labels,
                "annotations": {
                    GENERATION: self.generation.to_string(),
                    WRITER: stamp.to_string(),
                },
            },
            "spec": self.spec,
        })
    }

    /// For people: what [`crate::text`] prints in a difference. Without the writer's stamp, which is no content.
    #[must_use]
    pub fn shown(&self) -> Value {
        shown(&self.key, &self.labels, Some(self.generation), &self.spec)
    }
}

fn shown(
    key: &ObjectKey,
    labels: &BTreeMap<String, String>,
    generation: Option<Generation>,
    spec: &Value,
) -> Value {
    json!({
        "apiVersion": format!("{}/{}", key.kind.group(), key.kind.version()),
        "kind": key.kind.as_str(),
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": labels,
            "annotations": {GENERATION: generation.map(|generation| generation.to_string())},
        },
        "spec": spec,
    })
}

/// An object of ours as it is in the mesh, or another owner's object under a name of ours.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveObject {
    /// Which.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The annotation [`GENERATION`], where it is there and well formed.
    pub generation: Option<Generation>,
    /// The annotation [`WRITER`], likewise.
    pub writer: Option<WriterStamp>,
    /// Its `spec`.
    pub spec: Value,
}

impl LiveObject {
    /// Out of the JSON of the API server; `None` where name, uid or resourceVersion are missing.
    #[must_use]
    pub fn from_json(kind: Kind, object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let text = |field: &str| metadata.get(field).and_then(Value::as_str);
        let annotation = |name: &str| metadata.get("annotations")?.get(name)?.as_str();
        Some(Self {
            key: ObjectKey {
                kind,
                namespace: text("namespace").unwrap_or_default().to_owned(),
                name: text("name")?.to_owned(),
            },
            uid: text("uid")?.to_owned(),
            resource_version: text("resourceVersion")?.to_owned(),
            labels: texts(metadata.get("labels")),
            generation: annotation(GENERATION).and_then(|text| Generation::from_str(text).ok()),
            writer: annotation(WRITER).and_then(|text| WriterStamp::from_str(text).ok()),
            spec: object.get("spec").cloned().unwrap_or(Value::Null),
        })
    }

    /// Whether it carries our owner label: only such objects are ever changed or removed.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.labels.get(OWNER).map(String::as_str) == Some(CAUSEWAY)
    }

    /// The service that it serves, by its label.
    #[must_use]
    pub fn service(&self) -> Option<ServiceKey> {
        let name = self.labels.get(SERVICE)?;
        ServiceKey::new(&self.key.namespace, name).ok()
    }

    /// For people, as [`DesiredObject::shown`].
    #[must_use]
    pub fn shown(&self) -> Value {
        shown(&self.key, &self.labels, self.generation, &self.spec)
    }

    /// As desired content again: for objects that are kept as they are.
    #[must_use]
    pub fn kept(&self) -> DesiredObject {
        DesiredObject {
            key: self.key.clone(),
            generation: self.generation.unwrap_or_default(),
            labels: self.labels.clone(),
            spec: self.spec.clone(),
        }
    }
}

/// The labels of an object of ours.
#[must_use]
pub fn our_labels(service: Option<&ServiceKey>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (MANAGED_BY.to_owned(), CAUSEWAY.to_owned()),
        (OWNER.to_owned(), CAUSEWAY.to_owned()),
    ]);
    if let Some(service) = service {
        labels.insert(SERVICE.to_owned(), service.name.to_string());
    }
    labels
}

fn texts(object: Option<&Value>) -> BTreeMap<String, String> {
    object
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
