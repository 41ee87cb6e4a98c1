//! Prints the reference of the resources' fields for `cargo xtask generate`: one Markdown page for each kind, made from the schemas.
//! Each page follows a line `%% file: NAME.md`.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

fn main() -> Result<()> {
    for definition in causeway_crds::all() {
        let definition = serde_json::to_value(definition)?;
        let kind = text(&definition, "/spec/names/kind");
        println!("%% file: {}.md", kind.to_lowercase());
        println!("<!-- Made by `cargo xtask generate` from api/crds/src: edit that. -->\n");
        println!("# {kind}\n");
        let versions = definition
            .pointer("/spec/versions")
            .and_then(Value::as_array)
            .context("no versions")?;
        let version = versions
            .iter()
            .find(|one| one.get("storage") == Some(&Value::Bool(true)))
            .context("no storage version")?;
        let served: Vec<String> = versions
            .iter()
            .map(|one| format!("`{}`", text(one, "/name")))
            .collect();
        let schema = version
            .pointer("/schema/openAPIV3Schema")
            .context("no schema")?;
        println!("{}\n", sentence(schema));
        println!(
            "`{}`, {} ({} scope). Short names: {}.",
            text(&definition, "/spec/group"),
            served.join(", "),
            text(&definition, "/spec/scope").to_lowercase(),
            names(definition.pointer("/spec/names/shortNames")),
        );
        for part in ["spec", "status"] {
            let Some(found) = schema.pointer(&format!("/properties/{part}")) else {
                continue;
            };
            println!("\n## {part}\n\n| field | type | | |\n|---|---|---|---|");
            fields(part, found);
        }
        println!();
    }
    Ok(())
}

/// A row for each field below `at`.
fn fields(at: &str, schema: &Value) {
    let required: BTreeSet<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, field) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let path = format!("{at}.{name}");
        let mut said = bounds(field);
        if required.contains(name.as_str()) {
            said.insert(0, "required".to_owned());
        }
        println!(
            "| `{path}` | {} | {} | {} |",
            kind(field),
            said.join("; "),
            sentence(field)
        );
        // Conditions are those of every Kubernetes object.
        if name != "conditions" {
            match field.get("items") {
                Some(items) => fields(&format!("{path}[]"), items),
                None => fields(&path, field),
            }
        }
    }
}

fn kind(field: &Value) -> String {
    let of = |field: &Value| {
        field
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("any")
            .to_owned()
    };
    match field.get("items") {
        Some(items) => format!("list of {}", of(items)),
        None => of(field),
    }
}

/// Default, choice and bounds; of a list's items too.
fn bounds(field: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(default) = field.get("default") {
        said.push(format!(
            "default `{}`",
            default
                .as_str()
                .map_or_else(|| default.to_string(), str::to_owned)
        ));
    }
    for of in [Some(field), field.get("items")].into_iter().flatten() {
        if of.get("enum").is_some() {
            said.push(names(of.get("enum")));
        }
        let number = |key: &str| of.get(key).and_then(Value::as_f64);
        match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => said.push(format!("{least} to {most}")),
            (Some(least), None) => said.push(format!("at least {least}")),
            (None, Some(most)) => said.push(format!("at most {most}")),
            (None, None) => {}
        }
        if let Some(most) = number("maxItems") {
            said.push(format!("at most {most}"));
        }
        for rule in of
            .get("x-kubernetes-validations")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            said.push(
                text(rule, "/message")
                    .split(':')
                    .next()
                    .map(|rule| format!("refused: {rule}"))
                    .unwrap_or_default(),
            );
        }
    }
    said
}

fn names(list: Option<&Value>) -> String {
    let all = list
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    all.map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn sentence(field: &Value) -> String {
    text(field, "/description")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
