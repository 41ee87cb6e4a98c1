//! Owners and merges on small objects; the conformance suite holds the rules against a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "literals are shorter to read so"
)]

use serde_json::{Value, json};

use super::{Manager, Owners, apply, write};
use crate::kinds;
use crate::object::Fields;

fn fields(value: Value) -> Fields {
    value.as_object().expect("an object").clone()
}

fn manager(name: &str) -> Manager {
    Manager {
        name: name.to_owned(),
        apply: true,
        status: false,
    }
}

struct Live {
    object: Fields,
    owners: Owners,
}

impl Live {
    fn new() -> Self {
        Self {
            object: Fields::new(),
            owners: Owners::new(),
        }
    }

    fn apply(
        &mut self,
        name: &str,
        config: Value,
        force: bool,
    ) -> Result<(), Vec<(String, String)>> {
        let kind = kinds::find("", "services").unwrap();
        let config = fields(config);
        let applied = apply(
            kind,
            &self.owners,
            &manager(name),
            &self.object,
            &config,
            force,
        )?;
        self.object = applied.object;
        self.owners = applied.owners;
        Ok(())
    }

    fn write(&mut self, name: &str, object: Value) {
        let kind = kinds::find("", "services").unwrap();
        let mut who = manager(name);
        who.apply = false;
        let new = fields(object);
        self.owners = write(kind, &self.owners, &who, Some(&self.object), &new);
        self.object = new;
    }

    fn is(&self, expected: Value) {
        assert_eq!(Value::Object(self.object.clone()), expected);
    }
}

#[test]
fn what_a_later_apply_leaves_out_is_removed_unless_shared() {
    let mut live = Live::new();
    live.apply("a", json!({ "metadata": { "labels": { "x": "1", "y": "1" } }, "spec": { "type": "ClusterIP" } }), false).unwrap();
    live.apply(
        "b",
        json!({ "metadata": { "labels": { "y": "1", "z": "1" } } }),
        false,
    )
    .unwrap();
    live.apply("a", json!({ "spec": {} }), false).unwrap();
    live.is(json!({ "metadata": { "labels": { "y": "1", "z": "1" } }, "spec": {} }));
    live.apply("b", json!({}), false).unwrap();
    live.is(json!({ "spec": {} }));
}

#[test]
fn a_changed_field_of_another_is_a_conflict_that_force_wins() {
    let mut live = Live::new();
    live.apply("a", json!({ "spec": { "type": "ClusterIP" } }), false)
        .unwrap();
    let conflicts = live
        .apply("b", json!({ "spec": { "type": "NodePort" } }), false)
        .unwrap_err();
    assert_eq!(conflicts, [("a".to_owned(), ".spec.type".to_owned())]);
    live.apply("b", json!({ "spec": { "type": "NodePort" } }), true)
        .unwrap();
    // Now it is b's alone: a may leave it out, and nothing happens.
    live.apply("a", json!({}), false).unwrap();
    live.is(json!({ "spec": { "type": "NodePort" } }));
}

#[test]
fn equal_values_are_shared_without_conflict() {
    let mut live = Live::new();
    live.apply(
        "a",
        json!({ "spec": { "selector": { "app": "x" } } }),
        false,
    )
    .unwrap();
    live.apply(
        "b",
        json!({ "spec": { "selector": { "app": "x" } } }),
        false,
    )
    .unwrap();
    assert_eq!(live.owners.len(), 2);
    let atomic = live.apply("b", json!({ "spec": { "selector": { "v": "2" } } }), true);
    atomic.unwrap();
    live.is(json!({ "spec": { "selector": { "v": "2" } } }));
}

#[test]
fn keyed_lists_are_merged_by_item() {
    let mut live = Live::new();
    live.apply(
        "a",
        json!({ "spec": { "ports": [{ "name": "http", "port": 80 }] } }),
        false,
    )
    .unwrap();
    live.apply(
        "b",
        json!({ "spec": { "ports": [{ "name": "https", "port": 443 }] } }),
        false,
    )
    .unwrap();
    live.is(json!({ "spec": { "ports": [{ "name": "http", "port": 80 }, { "name": "https", "port": 443 }] } }));
    live.apply(
        "a",
        json!({ "spec": { "ports": [{ "name": "web", "port": 80 }] } }),
        false,
    )
    .unwrap();
    live.is(json!({ "spec": { "ports": [{ "name": "web", "port": 80 }, { "name": "https", "port": 443 }] } }));
    live.apply("a", json!({}), false).unwrap();
    live.is(json!({ "spec": { "ports": [{ "name": "https", "port": 443 }] } }));
}

#[test]
fn a_plain_write_takes_what_it_changes() {
    let mut live = Live::new();
    live.apply(
        "a",
        json!({ "spec": { "type": "ClusterIP", "externalName": "x" } }),
        false,
    )
    .unwrap();
    live.write(
        "editor",
        json!({ "spec": { "type": "NodePort", "externalName": "x" } }),
    );
    assert!(
        live.apply(
            "a",
            json!({ "spec": { "type": "ClusterIP", "externalName": "x" } }),
            false
        )
        .is_err()
    );
    live.apply("a", json!({ "spec": { "externalName": "x" } }), false)
        .unwrap();
    live.is(json!({ "spec": { "type": "NodePort", "externalName": "x" } }));
}
