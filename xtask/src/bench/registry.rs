//! The benches that the crates declare in their manifests.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// One bench.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bench {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) target: Target,
    /// What it measures, in a few words.
    pub(crate) about: String,
    /// Whether it runs real components.
    pub(crate) needs_assets: bool,
}

/// The kind of program that a bench is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Target {
    Bench,
    Example,
}

/// What stands in a manifest below `[package.metadata.bench.NAME]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Declared {
    about: String,
    #[serde(default)]
    needs_assets: bool,
}

/// Reads the benches from what `cargo metadata` wrote, ordered by name.
///
/// # Errors
/// When a declaration can't be read or has no target of its name, or two share a name.
pub(crate) fn read(metadata: &Value) -> Result<Vec<Bench>> {
    let mut found: Vec<Bench> = Vec::new();
    for package in metadata
        .get("packages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let package_name = package
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(declared) = package
            .pointer("/metadata/bench")
            .and_then(Value::as_object)
        else {
            continue;
        };
        for (name, value) in declared {
            let place = format!("[package.metadata.bench.{name}] of {package_name}");
            let declared: Declared = serde_json::from_value(value.clone())
                .with_context(|| format!("reading {place}"))?;
            let target = target(package, name)
                .with_context(|| format!("{place}: no bench or example has that name"))?;
            if let Some(other) = found.iter().find(|bench| bench.name == *name) {
                bail!("{place}: {} has a bench of that name", other.package);
            }
            found.push(Bench {
                name: name.clone(),
                package: package_name.to_owned(),
                target,
                about: declared.about,
                needs_assets: declared.needs_assets,
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The kind of the target called `name`.
fn target(package: &Value, name: &str) -> Option<Target> {
    let targets = package.get("targets").and_then(Value::as_array)?;
    let named = targets
        .iter()
        .filter(|target| target.get("name").and_then(Value::as_str) == Some(name));
    let mut kinds = named.filter_map(|target| target.pointer("/kind/0").and_then(Value::as_str));
    kinds.find_map(|kind| match kind {
        "bench" => Some(Target::Bench),
        "example" => Some(Target::Example),
        _ => None,
    })
}

/// The benches called `names`, or all of them.
///
/// # Errors
/// When there is none of a name, or none at all.
pub(crate) fn select<'a>(all: &'a [Bench], names: &[String]) -> Result<Vec<&'a Bench>> {
    if all.is_empty() {
        bail!("no crate declares a bench");
    }
    if names.is_empty() {
        return Ok(all.iter().collect());
    }
    let known = || {
        all.iter()
            .map(|bench| bench.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    names
        .iter()
        .map(|name| {
            all.iter()
                .find(|bench| bench.name == *name)
                .with_context(|| format!("no bench `{name}`: there are {}", known()))
        })
        .collect()
}

/// The benches as `--list` prints them.
pub(crate) fn table(all: &[Bench]) -> String {
    let mut text = String::new();
    for bench in all {
        let needs = if bench.needs_assets {
            "  (real components)"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{:<16} {:<22} {}{needs}",
            bench.name, bench.package, bench.about
        );
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn metadata(bench: &Value) -> Value {
        json!({"packages": [
            {"name": "plain", "metadata": null, "targets": []},
            {"name": "a", "metadata": {"bench": bench}, "targets": [
                {"name": "heap", "kind": ["bench"]}, {"name": "wire", "kind": ["example"]}, {"name": "a", "kind": ["lib"]},
            ]},
        ]})
    }

    #[test]
    fn declared_benches_are_found_by_their_targets() {
        let all = read(&metadata(
            &json!({"wire": {"about": "w", "needs-assets": true}, "heap": {"about": "h"}}),
        ))
        .unwrap();
        let listed: Vec<_> = all
            .iter()
            .map(|bench| (bench.name.as_str(), bench.target, bench.needs_assets))
            .collect();
        assert_eq!(
            listed,
            [
                ("heap", Target::Bench, false),
                ("wire", Target::Example, true)
            ]
        );
        assert_eq!(select(&all, &[]).unwrap().len(), 2);
        assert_eq!(select(&all, &["wire".to_owned()]).unwrap().len(), 1);
        assert!(
            select(&all, &["other".to_owned()])
                .unwrap_err()
                .to_string()
                .contains("heap, wire")
        );
    }

    #[test]
    fn a_declaration_without_target_or_with_a_misspelt_key_is_refused() {
        assert!(read(&metadata(&json!({"gone": {"about": "x"}}))).is_err());
        assert!(read(&metadata(&json!({"a": {"about": "a library is no bench"}}))).is_err());
        assert!(
            read(&metadata(
                &json!({"heap": {"about": "h", "needs_assets": true}})
            ))
            .is_err()
        );
    }
}
