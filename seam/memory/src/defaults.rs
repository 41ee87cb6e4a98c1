//! The defaults that the API server fills in and that facts depend on. The rest of its defaults is not offered.

use serde_json::Value;

use crate::kinds::Kind;
use crate::object::{self, Fields};

/// Fills in what the API server would.
pub(crate) fn fill(kind: &Kind, object: &mut Fields) {
    tidy(object);
    match (kind.group, kind.kind) {
        ("", "Namespace") => namespace(object),
        ("", "Service") => service(object),
        ("discovery.k8s.io", "EndpointSlice") => {
            let ports = object.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten() {
                default(port, "protocol", || Value::from("TCP"));
                default(port, "name", || Value::from(""));
            }
        }
        ("causeway.dev", "MemberCluster") => member_cluster(object),
        ("causeway.dev", "FailoverPolicy") => {
            let targets = object
                .get_mut("spec")
                .and_then(|spec| spec.get_mut("targetRefs")?.as_array_mut());
            for target in targets.into_iter().flatten() {
                default(target, "group", || Value::from("multicluster.x-k8s.io"));
                default(target, "kind", || Value::from("ServiceExport"));
            }
        }
        _ => {}
    }
}

/// Takes out empty labels and annotations, which no object has.
fn tidy(object: &mut Fields) {
    object::change_meta(object, |metadata| {
        for field in ["labels", "annotations"] {
            if metadata.get(field).is_some_and(is_empty) {
                metadata.remove(field);
            }
        }
    });
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn default(value: &mut Value, field: &str, make: impl FnOnce() -> Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.entry(field).or_insert_with(make);
    }
}

fn namespace(object: &mut Fields) {
    let name = object::meta(object, "name").to_owned();
    object::change_meta(object, |metadata| {
        let labels = metadata
            .entry("labels")
            .or_insert_with(|| Value::Object(Fields::new()));
        default(labels, "kubernetes.io/metadata.name", || Value::from(name));
    });
    let spec = object
        .entry("spec")
        .or_insert_with(|| Value::Object(Fields::new()));
    default(spec, "finalizers", || Value::from(vec!["kubernetes"]));
    let status = object
        .entry("status")
        .or_insert_with(|| Value::Object(Fields::new()));
    default(status, "phase", || Value::from("Active"));
}

/// As the definition of MemberCluster has them.
fn member_cluster(object: &mut Fields) {
    let Some(spec) = object.get_mut("spec") else {
        return;
    };
    default(spec, "class", || Value::from("Standard"));
    default(spec, "mode", || Value::from("Observe"));
    default(spec, "suspend", || Value::from(false));
    if let Some(probes) = spec.get_mut("probes") {
        default(probes, "gateway", || Value::from("TCP"));
        if let Some(page) = probes.get_mut("http") {
            default(page, "port", || Value::from(15021));
            default(page, "path", || Value::from("/healthz/ready"));
        }
    }
    if let Some(mesh) = spec.get_mut("mesh") {
        default(mesh, "type", || Value::from("Auto"));
    }
    let gateways = spec
        .get_mut("network")
        .and_then(|network| network.get_mut("gateways")?.as_array_mut());
    for gateway in gateways.into_iter().flatten() {
        default(gateway, "port", || Value::from(15443));
    }
}

fn service(object: &mut Fields) {
    let spec = object
        .entry("spec")
        .or_insert_with(|| Value::Object(Fields::new()));
    default(spec, "type", || Value::from("ClusterIP"));
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        default(port, "protocol", || Value::from("TCP"));
        let target = port.get("port").cloned();
        if let Some(target) = target {
            default(port, "targetPort", || target);
        }
    }
}
