//! What the member tells of itself: its version, its groups, its kinds.

use serde_json::{Value, json};

use crate::kinds::{KINDS, Kind};
use crate::store::Store;

/// `/version`
pub(crate) fn version(store: &Store) -> Value {
    let text = store.config.kubernetes_version.as_str();
    let mut numbers = text.trim_start_matches('v').split('.');
    let mut next = || numbers.next().unwrap_or_default();
    json!({
        "major": next(),
        "minor": next(),
        "gitVersion": text,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    })
}

/// `/api`
pub(crate) fn core_versions() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

/// A group with the versions that any of its kinds is served in; `None` where none is.
fn group(store: &Store, name: &str) -> Option<Value> {
    let kinds = || KINDS.iter().filter(|kind| kind.group == name);
    let mut versions: Vec<&str> = kinds().flat_map(|kind| store.versions(kind)).collect();
    // The order of preference is that of any kind with all versions, since a group has one for all.
    let order = kinds().flat_map(|kind| kind.versions).collect::<Vec<_>>();
    versions.sort_by_key(|version| order.iter().position(|other| *other == version));
    versions.dedup();
    let rows: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    let preferred = rows.first()?.clone();
    Some(json!({ "name": name, "versions": rows, "preferredVersion": preferred }))
}

/// `/apis`
pub(crate) fn groups(store: &Store) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for kind in KINDS.iter().filter(|kind| !kind.group.is_empty()) {
        if !names.contains(&kind.group) {
            names.push(kind.group);
        }
    }
    let groups: Vec<Value> = names.iter().filter_map(|name| group(store, name)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`
pub(crate) fn one_group(store: &Store, name: &str) -> Option<Value> {
    let mut found = group(store, name)?;
    if let Some(fields) = found.as_object_mut() {
        fields.insert("kind".to_owned(), Value::from("APIGroup"));
        fields.insert("apiVersion".to_owned(), Value::from("v1"));
    }
    Some(found)
}

/// `/api/v1`, `/apis/GROUP/VERSION`; `None` where nothing is served in it.
pub(crate) fn resources(store: &Store, group: &str, version: &str) -> Option<Value> {
    let served: Vec<&Kind> = KINDS
        .iter()
        .filter(|kind| kind.group == group && store.serves(kind, version))
        .collect();
    let resources: Vec<Value> = served.iter().flat_map(|kind| rows(kind)).collect();
    let group_version = served.first()?.api_version(version);
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    }))
}

/// The definition of a custom kind, as an object: what readers of definitions need, without schemas.
pub(crate) fn definition(kind: &Kind, versions: &[&str]) -> Value {
    let scope = if kind.namespaced {
        "Namespaced"
    } else {
        "Cluster"
    };
    let rows = versions
        .iter()
        .enumerate()
        .map(|(at, version)| json!({ "name": version, "served": true, "storage": at == 0 }));
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": kind.qualified() },
        "spec": {
            "group": kind.group,
            "names": {
                "kind": kind.kind,
                "listKind": format!("{}List", kind.kind),
                "plural": kind.plural,
                "singular": kind.singular,
            },
            "scope": scope,
            "versions": rows.collect::<Vec<_>>(),
        },
        "status": { "conditions": [{ "type": "Established", "status": "True" }] },
    })
}

fn rows(kind: &Kind) -> Vec<Value> {
    let row = |name: String, verbs: &[&str]| -> Value {
        json!({
            "name": name,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": verbs,
        })
    };
    let verbs = [
        "create", "delete", "get", "list", "patch", "update", "watch",
    ];
    let mut rows = vec![row(kind.plural.to_owned(), &verbs)];
    if kind.status {
        let verbs = &["get", "patch", "update"];
        rows.push(row(format!("{}/status", kind.plural), verbs));
    }
    rows
}
