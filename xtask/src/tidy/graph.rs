//! The dependency graph, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Every package that the workspace locks, and the normal dependencies between them.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// By Cargo's package id.
    pub(crate) packages: BTreeMap<String, Package>,
}

/// One package.
#[derive(Debug, Default, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression, where the package names one.
    pub(crate) licence: Option<String>,
    /// Whether it belongs to the workspace.
    pub(crate) is_ours: bool,
    /// The ids that it depends on to run: not those of its build script and of its tests.
    pub(crate) needs: BTreeSet<String>,
}

impl Graph {
    /// Reads what `cargo metadata` wrote.
    ///
    /// # Errors
    /// When a part that Cargo promises is missing.
    pub(crate) fn from_metadata(metadata: &Value) -> Result<Self> {
        let list = |value: &Value, key: &str| {
            value
                .get(key)
                .and_then(Value::as_array)
                .cloned()
                .with_context(|| format!("`cargo metadata` has no `{key}`"))
        };
        let text = |value: &Value, key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };

        let ours: BTreeSet<String> = list(metadata, "workspace_members")?
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let mut packages = BTreeMap::new();
        for package in list(metadata, "packages")? {
            let id = text(&package, "id");
            let read = Package {
                name: text(&package, "name"),
                version: text(&package, "version"),
                licence: package
                    .get("license")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
                is_ours: ours.contains(&id),
                needs: BTreeSet::new(),
            };
            packages.insert(id, read);
        }
        let resolve = metadata
            .get("resolve")
            .context("`cargo metadata` has no `resolve`")?;
        for node in list(resolve, "nodes")? {
            let needs = list(&node, "deps")?
                .into_iter()
                .filter(is_normal)
                .map(|dep| text(&dep, "pkg"))
                .collect();
            if let Some(package) = packages.get_mut(&text(&node, "id")) {
                package.needs = needs;
            }
        }
        Ok(Self { packages })
    }

    /// The way from the crate `from` to the nearest crate that `is_wanted`, both ends included.
    pub(crate) fn way(&self, from: &str, is_wanted: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        let start = self
            .packages
            .iter()
            .find(|(_, package)| package.is_ours && package.name == from)?
            .0;
        let mut seen = BTreeSet::from([start.as_str()]);
        let mut ways = std::collections::VecDeque::from([vec![start.as_str()]]);
        while let Some(way) = ways.pop_front() {
            let package = way.last().and_then(|id| self.packages.get(*id))?;
            if way.len() > 1 && is_wanted(&package.name) {
                return Some(
                    way.iter()
                        .filter_map(|id| self.packages.get(*id))
                        .map(|step| step.name.clone())
                        .collect(),
                );
            }
            for next in package
                .needs
                .iter()
                .filter(|id| self.packages.contains_key(*id))
            {
                if seen.insert(next) {
                    ways.push_back(way.iter().copied().chain([next.as_str()]).collect());
                }
            }
        }
        None
    }

    /// A graph made up for a test: of our crates, each with its dependencies.
    #[cfg(test)]
    pub(crate) fn of(packages: &[(&str, &[&str])]) -> Self {
        let package = |name: &str, needs: &[&str]| Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: Some("MIT".to_owned()),
            is_ours: name.starts_with("causeway"),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        };
        Self {
            packages: packages
                .iter()
                .map(|(name, needs)| ((*name).to_owned(), package(name, needs)))
                .collect(),
        }
    }
}

/// Whether a dependency is one that the package needs to run.
fn is_normal(dependency: &Value) -> bool {
    let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
    kinds.is_some_and(|kinds| {
        kinds
            .iter()
            .any(|kind| kind.get("kind").is_none_or(Value::is_null))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn metadata_is_read_and_build_scripts_dont_count() {
        let metadata = serde_json::json!({
            "workspace_members": ["a"],
            "packages": [
                {"id": "a", "name": "a", "version": "0.1.0", "license": "Apache-2.0"},
                {"id": "b", "name": "b", "version": "1.0.0", "license": null},
                {"id": "c", "name": "c", "version": "1.0.0", "license": "MIT"},
            ],
            "resolve": {"nodes": [
                {"id": "a", "deps": [
                    {"pkg": "b", "dep_kinds": [{"kind": null}]},
                    {"pkg": "c", "dep_kinds": [{"kind": "build"}, {"kind": "dev"}]},
                ]},
            ]},
        });
        let graph = Graph::from_metadata(&metadata).unwrap();
        let a = graph.packages.get("a").unwrap();
        assert!(a.is_ours && a.needs == BTreeSet::from(["b".to_owned()]));
        assert_eq!(graph.packages.get("b").unwrap().licence, None);
    }

    #[test]
    fn the_shortest_way_is_found() {
        let graph = Graph::of(&[
            ("causeway-x", &["m", "n"]),
            ("m", &["n"]),
            ("n", &["tokio"]),
            ("tokio", &[]),
        ]);
        assert_eq!(
            graph.way("causeway-x", |name| name == "tokio").unwrap(),
            ["causeway-x", "n", "tokio"]
        );
        assert_eq!(graph.way("causeway-x", |name| name == "kube"), None);
    }
}
