//! What holds of the definitions without an API server. `chaos-tests/tests/crds.rs` proves the rest against one.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "a test reads the samples")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};

use crate::all;

/// Every schema below `schema`, with its path.
fn each(path: &str, schema: &JSONSchemaProps, see: &mut dyn FnMut(&str, &JSONSchemaProps)) {
    see(path, schema);
    for (name, property) in schema.properties.iter().flatten() {
        each(&format!("{path}.{name}"), property, see);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        each(&format!("{path}[]"), items, see);
    }
}

fn ours(see: &mut dyn FnMut(&str, &JSONSchemaProps)) {
    for crd in all().iter().filter(|crd| crd.spec.group == crate::GROUP) {
        for version in &crd.spec.versions {
            let schema = version.schema.as_ref().unwrap();
            let schema = schema.open_api_v3_schema.as_ref().unwrap();
            each(&crd.spec.names.kind, schema, see);
        }
    }
}

#[test]
fn every_field_is_explained_and_bounded_and_none_is_a_float() {
    ours(&mut |path, schema| {
        let kind = schema.type_.as_deref().unwrap_or_default();
        assert_ne!(kind, "number", "{path} is a float");
        assert!(schema.nullable.is_none(), "{path} is nullable");
        if !path.ends_with("[]") {
            assert!(schema.description.is_some(), "{path} has no description");
        }
        let in_spec = path.contains(".spec");
        if in_spec && kind == "array" {
            assert!(schema.max_items.is_some(), "{path} has no bound");
            assert!(
                schema.x_kubernetes_list_type.is_some(),
                "{path} has no list type"
            );
        }
        if in_spec && kind == "string" && schema.enum_.is_none() {
            assert!(schema.max_length.is_some(), "{path} has no bound");
        }
        if in_spec && kind == "integer" {
            assert!(
                schema.minimum.is_some() && schema.maximum.is_some(),
                "{path} has no bounds"
            );
        }
    });
}

#[test]
fn every_rule_has_a_message_that_names_a_field() {
    ours(&mut |path, schema| {
        for rule in schema.x_kubernetes_validations.iter().flatten() {
            let message = rule.message.clone().unwrap_or_default();
            let words: Vec<&str> = message.split([' ', ',', ':', '.']).collect();
            let names = schema
                .properties
                .iter()
                .flatten()
                .map(|(name, _)| name.as_str());
            let own = path.rsplit('.').next().unwrap_or_default();
            assert!(
                names
                    .chain([own, "metadata", "spec"])
                    .any(|name| words.contains(&name)),
                "{path}: {message:?} names no field"
            );
        }
    });
}

#[test]
fn the_chart_holds_what_the_code_says() {
    // `cargo xtask generate --check` compares the bytes; this holds the files together with the code's own loop.
    for crd in all() {
        let name = crd.metadata.name.unwrap();
        let file = format!(
            "{}/../../charts/causeway-crds/templates/{name}.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        assert!(
            std::path::Path::new(&file).is_file(),
            "{name}: run `cargo xtask generate`"
        );
    }
}

#[test]
fn multi_cluster_kinds_are_served_in_both_versions_and_stored_as_beta() {
    for crd in all()
        .iter()
        .filter(|crd| crd.spec.group == "multicluster.x-k8s.io")
    {
        let versions: Vec<_> = crd
            .spec
            .versions
            .iter()
            .map(|version| (version.name.as_str(), version.served, version.storage))
            .collect();
        assert_eq!(
            versions,
            [("v1beta1", true, true), ("v1alpha1", true, false)]
        );
    }
}

#[test]
fn every_valid_sample_of_ours_becomes_a_checked_value() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/valid");
    let mut converted = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
        for document in documents {
            let result = match document["kind"].as_str().unwrap() {
                "MemberCluster" => {
                    let object: crate::MemberCluster = serde_json::from_value(document).unwrap();
                    causeway_api::spec::MemberSpec::try_from(&object).map(drop)
                }
                "FailoverPolicy" => {
                    let object: crate::FailoverPolicy = serde_json::from_value(document).unwrap();
                    causeway_api::spec::PolicySpec::try_from(&object).map(drop)
                }
                "TrafficShift" => {
                    let object: crate::TrafficShift = serde_json::from_value(document).unwrap();
                    causeway_api::shift::Shift::try_from(&object).map(drop)
                }
                _ => continue,
            };
            assert_eq!(result, Ok(()), "{}", path.display());
            converted += 1;
        }
    }
    assert!(converted >= 12, "only {converted}");
}
