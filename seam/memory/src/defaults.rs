//! The defaults that the API server fills in and that facts depend on. The rest of its defaults is not offered.

use serde_json::Value;

use crate::kinds::Kind;
use crate::object::{self, Fields};

/// Fills in what the API server would.
pub(crate) fn fill(kind: &Kind, object: &mut Fields) {
    object::change_meta(object, |metadata| {
        for field in ["labels", "annotations"] {
            if metadata.get(field).is_some_and(is_empty) {
                metadata.remove(field);
            }
        }
    });
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
