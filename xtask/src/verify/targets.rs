//! Which test programs there are, and which of them run real components.
//!
//! Each step selects its programs by name, over the whole workspace: Cargo builds a dependency once for each set of features that
//! is asked for, and what is selected by package asks for fewer. The tests would build tokio and all that stands on it three times.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::shell;

/// The package whose integration tests run real components.
const REAL: &str = "causeway-chaos-tests";

/// The names of integration tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Those that need no real component.
    pub(crate) plain: BTreeSet<String>,
    /// Those that do.
    pub(crate) real: BTreeSet<String>,
}

impl Targets {
    /// Those of this workspace.
    ///
    /// # Errors
    /// When Cargo can't say, or one name stands for both kinds: what runs without real components would need them.
    pub(crate) fn of_workspace() -> Result<Self> {
        Self::from_metadata(&shell::metadata(true)?)
    }

    fn from_metadata(metadata: &Value) -> Result<Self> {
        let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned();
        let text = |value: &Value| {
            let name = value.get("name").and_then(Value::as_str);
            name.unwrap_or_default().to_owned()
        };
        let is_test = |target: &Value| {
            let kinds = list(target, "kind").unwrap_or_default();
            kinds.iter().any(|kind| kind == "test")
        };
        let mut targets = Self::default();
        for package in list(metadata, "packages").context("`cargo metadata` names no packages")? {
            let tests = list(&package, "targets").unwrap_or_default();
            let names = tests.iter().filter(|target| is_test(target)).map(text);
            if text(&package) == REAL {
                targets.real.extend(names);
            } else {
                targets.plain.extend(names);
            }
        }
        if let Some(both) = targets.real.intersection(&targets.plain).next() {
            bail!(
                "{REAL} and another package have an integration test `{both}`, and tests are selected by name: rename one"
            );
        }
        Ok(targets)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn package(name: &str, tests: &[&str]) -> Value {
        let target = |test: &&str| json!({"name": test, "kind": ["test"]});
        let mut targets: Vec<Value> = tests.iter().map(target).collect();
        targets.push(json!({"name": name, "kind": ["lib"]}));
        json!({"name": name, "targets": targets})
    }

    #[test]
    fn tests_are_told_apart_by_their_package() {
        let metadata =
            json!({"packages": [package("a", &["z", "b"]), package(REAL, &["mesh_e2e"])]});
        let targets = Targets::from_metadata(&metadata).unwrap();
        assert_eq!(Vec::from_iter(&targets.plain), ["b", "z"]);
        assert_eq!(Vec::from_iter(&targets.real), ["mesh_e2e"]);
    }

    #[test]
    fn one_name_for_both_kinds_is_refused() {
        let metadata = json!({"packages": [package("a", &["same"]), package(REAL, &["same"])]});
        let error = Targets::from_metadata(&metadata).unwrap_err().to_string();
        assert!(error.contains("test `same`"), "{error}");
    }

    #[test]
    fn the_workspace_has_both_kinds() {
        let targets = Targets::of_workspace().unwrap();
        assert!(targets.real.iter().any(|name| name == "mesh_e2e"));
        assert!(targets.plain.iter().any(|name| name == "scenarios"));
    }
}
