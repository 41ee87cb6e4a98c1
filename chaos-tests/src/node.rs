//! Who a proxy says it is when it asks istiod for its configuration.

use std::collections::BTreeMap;

use envoy_types::pb::{
    envoy::config::core::v3::{Locality, Node},
    google::protobuf::{ListValue, Struct, Value as ProtoValue, value::Kind},
};
use serde_json::{Map, Value, json};

use crate::json::{at, text};

/// A proxy of Istio's. The defaults are a sidecar on loopback in the namespace `default`.
#[derive(Debug, Clone)]
pub struct ProxyNode {
    /// A gateway (`router`) instead of a sidecar.
    pub router: bool,
    /// The address that istiod is to know it by.
    pub address: String,
    /// Its Pod; needn't exist.
    pub pod: String,
    /// The Pod's namespace.
    pub namespace: String,
    /// The Pod's service account.
    pub service_account: String,
    /// The Pod's labels.
    pub labels: BTreeMap<String, String>,
    /// istiod's name of the cluster it runs in.
    pub cluster: String,
    /// Its network; empty for the one without a name.
    pub network: String,
    /// Its region.
    pub region: String,
    /// Its zone.
    pub zone: String,
}

impl Default for ProxyNode {
    fn default() -> Self {
        Self {
            router: false,
            address: "127.0.0.1".to_owned(),
            pod: "client-0".to_owned(),
            namespace: "default".to_owned(),
            service_account: "default".to_owned(),
            labels: [("app".to_owned(), "client".to_owned())].into(),
            cluster: "Kubernetes".to_owned(),
            network: String::new(),
            region: String::new(),
            zone: String::new(),
        }
    }
}

impl ProxyNode {
    /// A sidecar in that cluster and place.
    #[must_use]
    pub fn sidecar(cluster: &str, region: &str, zone: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            zone: zone.to_owned(),
            ..Self::default()
        }
    }

    /// `sidecar~IP~pod.ns~ns.svc.cluster.local`, as istiod reads it.
    #[must_use]
    pub fn id(&self) -> String {
        let kind = if self.router { "router" } else { "sidecar" };
        let (address, pod, namespace) = (&self.address, &self.pod, &self.namespace);
        format!("{kind}~{address}~{pod}.{namespace}~{namespace}.svc.cluster.local")
    }

    /// The SPIFFE id that its service account has in the trust domain `cluster.local`.
    #[must_use]
    pub fn spiffe_id(&self) -> String {
        format!(
            "spiffe://cluster.local/ns/{}/sa/{}",
            self.namespace, self.service_account
        )
    }

    /// As in the bootstrap configuration of an Envoy.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id(),
            "cluster": format!("{}.{}", self.pod, self.namespace),
            "locality": { "region": self.region, "zone": self.zone },
            "metadata": {
                // No iptables here: listeners bind to their ports.
                "INTERCEPTION_MODE": "NONE",
                "ISTIO_VERSION": "1.31.0",
                "CLUSTER_ID": self.cluster,
                "NETWORK": self.network,
                "NAMESPACE": self.namespace,
                "MESH_ID": "cluster.local",
                "INSTANCE_IPS": self.address,
                "NAME": self.pod,
                "WORKLOAD_NAME": self.pod,
                "SERVICE_ACCOUNT": self.service_account,
                "LABELS": self.labels,
            },
        })
    }

    /// As in a discovery request.
    #[must_use]
    pub fn to_proto(&self) -> Node {
        let json = self.to_json();
        let metadata = match proto_value(at(&json, "/metadata")).kind {
            Some(Kind::StructValue(metadata)) => Some(metadata),
            _ => None,
        };
        Node {
            id: self.id(),
            cluster: text(&json, "/cluster"),
            locality: Some(Locality {
                region: self.region.clone(),
                zone: self.zone.clone(),
                ..Locality::default()
            }),
            metadata,
            ..Node::default()
        }
    }
}

fn proto_value(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => Kind::ListValue(ListValue {
            values: items.iter().map(proto_value).collect(),
        }),
        Value::Object(fields) => Kind::StructValue(proto_struct(fields)),
    };
    ProtoValue { kind: Some(kind) }
}

fn proto_struct(fields: &Map<String, Value>) -> Struct {
    Struct {
        fields: fields
            .iter()
            .map(|(name, value)| (name.clone(), proto_value(value)))
            .collect(),
    }
}
