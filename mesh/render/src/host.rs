//! ServiceEntries: names that the mesh would not know by itself.
//!
//! `svc.ns.svc.clusterset.local` is needed where clients call it and where the service is exported: the gateway of the
//! far side has a chain for each host that its own istiod knows, and for no other. `svc.ns.svc.cluster.local` is
//! needed where there is no Service, or one without a selector, which picks no entries.

use std::collections::BTreeMap;

use causeway_api::facts::TargetPort;
use causeway_api::view::MeshCondition;
use causeway_api::{Generation, ServiceKey};
use serde_json::{Map, Value, json};

use crate::condition::{of_service, reason};
use crate::input::LocalService;
use crate::object::{DesiredObject, Kind, ObjectKey, SERVICE, our_labels};
use crate::ports::CarriedPort;

/// The labels that pick our entries and, where there is a Service with a selector, its pods.
#[must_use]
pub fn workload_selector(service: &ServiceKey, local: &LocalService) -> BTreeMap<String, String> {
    if local.exists && !local.selector.is_empty() {
        local.selector.clone()
    } else {
        BTreeMap::from([(SERVICE.to_owned(), service.name.to_string())])
    }
}

/// One host.
#[must_use]
pub fn host(
    service: &ServiceKey,
    name: String,
    host: &str,
    generation: Generation,
    local: &LocalService,
    ports: &[CarriedPort],
) -> DesiredObject {
    DesiredObject {
        key: ObjectKey {
            kind: Kind::ServiceEntry,
            namespace: service.namespace.to_string(),
            name,
        },
        generation,
        labels: our_labels(Some(service)),
        spec: json!({
            "hosts": [host],
            // The default, MESH_EXTERNAL, has no chain at a gateway.
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": ports.iter().map(port).collect::<Vec<_>>(),
            "workloadSelector": {"labels": workload_selector(service, local)},
        }),
    }
}

fn port(port: &CarriedPort) -> Value {
    let mut object = Map::new();
    object.insert("number".to_owned(), json!(port.port));
    object.insert("name".to_owned(), json!(port.entry_name()));
    if let Some(protocol) = port.protocol {
        object.insert("protocol".to_owned(), json!(protocol));
    }
    if let Some(target) = port.target.as_ref().and_then(target_number)
        && target != port.port
    {
        object.insert("targetPort".to_owned(), json!(target));
    }
    Value::Object(object)
}

/// The number where pods listen, where it is known.
#[must_use]
pub fn target_number(target: &TargetPort) -> Option<u16> {
    match target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name { resolved, .. } => *resolved,
    }
}

/// Named target ports whose number is unknown: a ServiceEntry can only give numbers.
#[must_use]
pub fn unknown_targets(service: &ServiceKey, ports: &[CarriedPort]) -> Option<MeshCondition> {
    let port = ports.iter().find(|port| {
        port.target
            .as_ref()
            .is_some_and(|target| target_number(target).is_none())
    })?;
    Some(of_service(
        reason::TARGET_PORT,
        service,
        "",
        format!(
            "port {} has a named target port that is not one number in all pods: by the clusterset.local name, local \
             pods are called at {}. Give the target port as a number, or the same one in all pods.",
            port.port, port.port
        ),
    ))
}
