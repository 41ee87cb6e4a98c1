//! What an area's outcomes depend on: the sources of its packages, of those that test it and of all that these are built from.
//! Where none of that has changed, a mutant that was tried need not be tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::areas::Area;
use super::tool;
use crate::shell;

/// Files of the root that decide how everything is built.
const ROOT: [&str; 4] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    ".cargo/config.toml",
];

/// The packages of the workspace: where each is, and on which others it is built.
pub(super) struct Packages(BTreeMap<String, (PathBuf, BTreeSet<String>)>);

impl Packages {
    /// Those of this workspace.
    ///
    /// # Errors
    /// When Cargo can't say.
    pub(super) fn of_workspace() -> Result<Self> {
        Self::from_metadata(&shell::metadata(true)?)
    }

    fn from_metadata(metadata: &Value) -> Result<Self> {
        let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned();
        let text = |value: &Value, key: &str| {
            let text = value.get(key).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        let packages = list(metadata, "packages").context("`cargo metadata` names no packages")?;
        let rows = packages.iter().filter_map(|package| {
            let manifest = PathBuf::from(text(package, "manifest_path")?);
            let needs = list(package, "dependencies").unwrap_or_default();
            let ours = needs.iter().filter(|need| text(need, "path").is_some());
            let ours = ours.filter_map(|need| text(need, "name")).collect();
            Some((
                text(package, "name")?,
                (manifest.parent()?.to_owned(), ours),
            ))
        });
        Ok(Self(rows.collect()))
    }

    /// These packages and all that they are built from.
    fn closure<'a>(&'a self, names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = names.collect();
        while let Some(name) = open.pop() {
            if found.insert(name)
                && let Some((_, needs)) = self.0.get(name)
            {
                open.extend(needs.iter().map(String::as_str));
            }
        }
        found
    }

    /// A sum over all on which an area's outcomes depend.
    ///
    /// # Errors
    /// When a file can't be read.
    pub(super) fn sum(&self, area: &Area) -> Result<String> {
        let mut sum = Sha256::new();
        let said = [tool::settings().as_slice(), area.files, area.tests].concat();
        for word in said {
            sum.update(word);
            sum.update([0]);
        }
        let names = area.packages.iter().chain(area.tested_by).copied();
        let mut files: Vec<PathBuf> = ROOT.iter().map(|file| shell::root().join(file)).collect();
        for name in self.closure(names) {
            let row = self.0.get(name);
            let (folder, _) = row.with_context(|| format!("there is no package '{name}'"))?;
            collect(folder, &mut files)?;
        }
        files.sort();
        for file in files {
            let content = std::fs::read(&file).with_context(|| file.display().to_string())?;
            sum.update(file.to_string_lossy().as_bytes());
            sum.update(content.len().to_le_bytes());
            sum.update(content);
        }
        let hex = sum.finalize();
        Ok(hex.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// All files of a package: what lies below is another package's where that has a manifest.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let rows = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for row in rows {
        let path = row?.path();
        if !path.is_dir() {
            files.push(path);
        } else if !path.join("Cargo.toml").exists() && !path.ends_with("target") {
            collect(&path, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn package(folder: &Path, name: &str, needs: &[&str]) -> Value {
        let home = folder.join(name);
        std::fs::create_dir_all(home.join("src")).unwrap();
        std::fs::write(home.join("Cargo.toml"), name).unwrap();
        std::fs::write(home.join("src/lib.rs"), name).unwrap();
        let need = |need: &&str| json!({"name": need, "path": folder.join(need)});
        let mut needs: Vec<Value> = needs.iter().map(need).collect();
        needs.push(json!({"name": "serde"}));
        json!({"name": name, "manifest_path": home.join("Cargo.toml"), "dependencies": needs})
    }

    #[test]
    fn what_an_area_is_built_from_counts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let packages = [
            package(folder.path(), "decides", &["holds"]),
            package(folder.path(), "holds", &[]),
            package(folder.path(), "decides/scenario", &["decides"]),
            package(folder.path(), "apart", &["holds"]),
        ];
        let packages = Packages::from_metadata(&json!({"packages": packages})).unwrap();
        let area = Area {
            name: "one",
            about: "",
            files: &["decides/src/**"],
            packages: &["decides"],
            tested_by: &["decides"],
            tests: &["rules"],
        };
        let sum = || packages.sum(&area).unwrap();
        let begun = sum();
        let write = |file: &str| std::fs::write(folder.path().join(file), "other").unwrap();
        write("apart/src/lib.rs");
        write("decides/scenario/src/lib.rs");
        assert_eq!(sum(), begun);
        for file in ["holds/src/lib.rs", "decides/src/new.rs"] {
            let before = sum();
            write(file);
            assert_ne!(sum(), before, "{file}");
        }
        let fewer = Area { tests: &[], ..area };
        assert_ne!(packages.sum(&fewer).unwrap(), sum());
    }
}
