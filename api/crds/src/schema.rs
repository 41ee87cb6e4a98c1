//! What the derived schemas lack: rules on the root, list types of conditions, and a clean-up.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
    JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use schemars::{Schema, SchemaGenerator, json_schema};

/// A value of a label: regions, zones, networks, failure domains.
pub(crate) const LABEL_VALUE: &str = "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$";

/// A name of an object (RFC 1123 subdomain).
pub(crate) const DNS_NAME: &str = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$";

/// The path of a URL.
pub(crate) const URL_PATH: &str = "^/[A-Za-z0-9._~/-]*$";

/// A duration, as Gateway API has it (GEP-2257): whole numbers with units.
pub(crate) const DURATION: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

/// A rule of CEL with its message. Only functions that a 1.30 API server accepts in a new rule, which are those of
/// 1.29: it keeps one minor version for a rollback (so there is no `isIP`).
fn rule(rule: &str, message: &str, field_path: Option<&str>) -> ValidationRule {
    ValidationRule {
        rule: rule.to_owned(),
        message: Some(message.to_owned()),
        field_path: field_path.map(str::to_owned),
        ..ValidationRule::default()
    }
}

/// Ends a derived definition: metadata of the CRD itself, clean schemas.
pub(crate) fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    // Helm deletes what a chart no longer has, and with a CRD goes every object of its kind.
    crd.metadata
        .annotations
        .get_or_insert_default()
        .insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    crd.metadata.labels.get_or_insert_default().insert(
        "app.kubernetes.io/part-of".to_owned(),
        "causeway".to_owned(),
    );
    for schema in schemas(&mut crd) {
        clean(schema);
    }
    crd
}

/// Adds the rule that names of this kind are at most 63 characters long, since they become values of labels.
pub(crate) fn with_short_name(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for schema in schemas(&mut crd) {
        schema
            .x_kubernetes_validations
            .get_or_insert_default()
            .push(rule(
                "size(self.metadata.name) <= 63",
                "metadata.name has more than 63 characters: it becomes the value of labels, so shorten it",
                None,
            ));
    }
    crd
}

/// Serves v1alpha1 next to v1beta1, which is stored: both have one shape. The labels are those by which installers of
/// the Multi-Cluster Services API know which release a definition follows, so that none replaces it by an older one.
pub(crate) fn multi_cluster(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let labels = crd.metadata.labels.get_or_insert_default();
    let follows = [("release-version", "v0.5.2"), ("crd-schema-revision", "0")];
    labels.extend(
        follows.map(|(key, value)| (format!("multicluster.x-k8s.io/{key}"), value.to_owned())),
    );
    let alpha: Vec<_> = crd
        .spec
        .versions
        .iter()
        .map(|version| CustomResourceDefinitionVersion {
            name: "v1alpha1".to_owned(),
            storage: false,
            ..version.clone()
        })
        .collect();
    crd.spec.versions.extend(alpha);
    crd
}

fn schemas(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    crd.spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
}

/// Takes out `nullable` everywhere: the API server then drops an explicit null, so that no rule meets one. Joins the
/// lines of comments that became descriptions.
fn clean(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        *description = description.replace('\n', " ");
    }
    schema.nullable = None;
    schema.title = None;
    for property in schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
    {
        clean(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => clean(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(clean),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        clean(values);
    }
}

/// Steps of a move, in percent, rising, the last 100.
pub(crate) fn step_weights(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "integer",
            "format": "int32",
            "minimum": 1,
            "maximum": 100,
        },
        "x-kubernetes-validations": [{
            "rule": "self.isSorted() && (size(self) == 0 || self[size(self) - 1] == 100)",
            "message": "stepWeights must rise and end with 100, such as 5, 25, 50, 100",
        }],
    })
}

/// Conditions as API conventions have them: a map by type, with the bounds of `metav1.Condition`.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "What holds of this object, by type. Each message names the object and the remedy.",
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {
                    "description": "What is said, in CamelCase.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
                "status": {
                    "description": "Whether it holds.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "description": "Why, as one word in CamelCase.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "Why, and what to do, as sentences.",
                    "type": "string",
                    "maxLength": 32768,
                },
                "lastTransitionTime": {
                    "description": "When the status last changed.",
                    "type": "string",
                    "format": "date-time",
                },
                "observedGeneration": {
                    "description": "The generation of the object that this was said of.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
            },
        },
    })
}
