//! EndpointSlices: what changes most often, and so is read from protobuf where the API server writes it.

use std::collections::BTreeSet;

use causeway_index::{Index, border};
use serde::Deserialize;

use super::{FromProtobuf, Labels, Meta, Watched, or_default};
use crate::protobuf;

/// The label by which a slice names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// discovery.k8s.io/v1.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EndpointSlice {
    metadata: Meta,
    address_type: String,
    #[serde(deserialize_with = "or_default")]
    endpoints: Vec<Endpoint>,
    #[serde(deserialize_with = "or_default")]
    ports: Vec<SlicePort>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Endpoint {
    #[serde(deserialize_with = "or_default")]
    addresses: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    conditions: Conditions,
    node_name: Option<String>,
    zone: Option<String>,
    target_ref: Option<TargetRef>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct TargetRef {
    kind: String,
    name: String,
    uid: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct SlicePort {
    name: Option<String>,
    port: Option<i64>,
}

impl From<protobuf::EndpointSlice> for EndpointSlice {
    fn from(slice: protobuf::EndpointSlice) -> Self {
        let mut meta = slice.meta.unwrap_or_default();
        let endpoints = slice.endpoints.into_iter().map(|endpoint| Endpoint {
            addresses: endpoint.addresses,
            conditions: endpoint
                .conditions
                .map_or_else(Conditions::default, |is| Conditions {
                    ready: is.ready,
                    serving: is.serving,
                    terminating: is.terminating,
                }),
            node_name: endpoint.node,
            zone: endpoint.zone,
            target_ref: endpoint.target.map(|target| TargetRef {
                kind: target.kind,
                name: target.name,
                uid: Some(target.uid).filter(|uid| !uid.is_empty()),
            }),
        });
        let ports = slice.ports.into_iter().map(|port| SlicePort {
            name: port.name,
            port: port.port.map(i64::from),
        });
        Self {
            endpoints: endpoints.collect(),
            ports: ports.collect(),
            metadata: Meta {
                name: meta.name,
                namespace: meta.namespace,
                resource_version: meta.resource_version,
                uid: meta.uid,
                labels: Labels {
                    service: meta.labels.remove(SERVICE_NAME),
                    ..Labels::default()
                },
                ..Meta::default()
            },
            address_type: slice.address_type,
        }
    }
}

impl Watched for EndpointSlice {
    const GROUP: &'static str = "discovery.k8s.io";
    const PLURAL: &'static str = "endpointslices";
    const PROTOBUF: Option<FromProtobuf<Self>> =
        Some(|bytes| protobuf::object(bytes).map(|slice: protobuf::EndpointSlice| slice.into()));

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn apply(self, index: &mut Index) {
        let endpoints = self.endpoints.into_iter().map(|endpoint| border::Endpoint {
            addresses: endpoint.addresses,
            ready: endpoint.conditions.ready,
            serving: endpoint.conditions.serving,
            terminating: endpoint.conditions.terminating,
            node: endpoint.node_name,
            zone: endpoint.zone,
            pod: endpoint
                .target_ref
                .filter(|target| target.kind == "Pod" && !target.name.is_empty())
                .map(|target| border::PodTarget {
                    name: target.name,
                    uid: target.uid,
                }),
        });
        let ports = self.ports.into_iter().map(|port| border::SlicePort {
            name: port.name,
            port: port.port,
        });
        index.apply_slice(&border::Slice {
            endpoints: endpoints.collect(),
            ports: ports.collect(),
            namespace: self.metadata.namespace,
            name: self.metadata.name,
            service: self.metadata.labels.service,
            address_type: self.address_type,
        });
    }

    fn delete(index: &mut Index, namespace: &str, name: &str) {
        index.delete_slice(namespace, name);
    }

    fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>) {
        index.retain_slices(listed);
    }
}
