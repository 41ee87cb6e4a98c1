//! A member and a service from the samples, with inputs for the renderer: net3 is in many zones of r3.

#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::spec::Mode;
use causeway_api::view::{ServiceView, Versioned};
use causeway_api::{ServiceKey, WriterStamp};
use causeway_render::{DesiredObject, LiveObject, MemberInputs, Rendered, ServiceInputs};
#[allow(unused_imports, reason = "each test takes of them what it needs")]
pub(crate) use causeway_render_samples::*;

pub(crate) fn stamp(epoch: u64) -> WriterStamp {
    WriterStamp {
        incarnation: 1,
        epoch,
    }
}

pub(crate) fn service() -> ServiceKey {
    ServiceKey::new("app", "echo").unwrap()
}

pub(crate) fn versioned<T>(index: u64, value: T) -> Versioned<T> {
    Versioned {
        generation: generation(index),
        value: Some(value),
    }
}

pub(crate) fn member() -> MemberInputs {
    MemberInputs {
        settings: settings(Mode::Federate),
        generation: generation(3),
        seen: generation(1_000),
        networks: BTreeMap::from([
            (
                network("net2"),
                versioned(5, network_view(&["203.0.113.2"], "r2/z1")),
            ),
            (
                network("net3"),
                versioned(
                    6,
                    network_view(&["203.0.113.3", "gw.net3.example"], "net3/net3"),
                ),
            ),
        ]),
        mesh_namespace: "istio-system".to_owned(),
    }
}

pub(crate) fn inputs(view: ServiceView) -> ServiceInputs {
    ServiceInputs {
        plan: Some(versioned(10, view)),
        owners: vec![
            owner("two", "net2", 4),
            owner("three-a", "net3", 5),
            owner("three-b", "net3", 2),
        ],
        unheard: BTreeSet::new(),
        local: local("echo"),
    }
}

/// An object as it stands in the mesh once it was written.
pub(crate) fn written(desired: &DesiredObject, by: WriterStamp) -> LiveObject {
    let mut body = desired.body(by);
    body["metadata"]["uid"] = "00000000-0000-4000-8000-000000000001".into();
    body["metadata"]["resourceVersion"] = "7".into();
    LiveObject::from_json(desired.key.kind, &body).unwrap()
}

/// For golden files: the objects as YAML documents, and the conditions.
pub(crate) fn shown(rendered: &Rendered) -> String {
    let mut out = String::new();
    for object in &rendered.objects {
        out.push_str(&causeway_render::text::yaml(&object.shown()));
        out.push_str("---\n");
    }
    for condition in &rendered.conditions {
        out.push_str(&format!("# {}: {}\n", condition.reason, condition.message));
    }
    out
}
