//! ServiceExport: the Service of the same name may be called from other members (KEP-1645). The definition serves
//! v1alpha1 and v1beta1, which have one shape, and stores v1beta1, as upstream's since v0.5 does; where upstream's
//! is installed already, it is as good.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// All of an export but its metadata and status: its spec may be left out altogether.
#[derive(CustomResource, Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "multicluster.x-k8s.io",
    version = "v1beta1",
    kind = "ServiceExport",
    namespaced,
    no_spec,
    shortname = "svcex",
    shortname = "svcexport",
    status = "ServiceExportStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "The Service of this name and namespace may be called from other clusters of the clusterset.",
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct ServiceExportBody {
    /// What is exported with the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<ServiceExportSpec>,
}

/// What is exported with a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceExportSpec {
    /// Labels. Optional to implement.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exported_labels: BTreeMap<String, String>,
    /// Annotations. Optional to implement.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exported_annotations: BTreeMap<String, String>,
}

/// What came of an export.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServiceExportStatus {
    /// Valid, Ready, Conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// The definition.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    schema::multi_cluster(schema::finish(ServiceExport::crd()))
}
