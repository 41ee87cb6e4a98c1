//! What there is to build, and a name for exactly that.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// One entry of `components.yaml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Component {
    /// Unique; what tests ask for.
    pub name: String,
    /// The version that its authors gave it.
    pub version: String,
    /// How long a cold build takes on two cores, in seconds. Shown only.
    pub typical_s: u64,
    /// Whether only `verify --long` needs it.
    #[serde(default)]
    pub long_only: bool,
    /// How to make it.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Hash over everything that decides what comes out; filled in by [`recipes`].
    #[serde(skip)]
    pub recipe_hash: String,
}

/// How a component is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// A command compiled from a Go module.
    GoBuild {
        /// Folder with the go.mod and go.sum to build with, beside `components.yaml`.
        module: String,
        /// Import path of the command.
        package: String,
        /// File name to give to the result.
        binary: String,
        /// Build tags.
        #[serde(default)]
        tags: Vec<String>,
        /// Variables that the linker sets: import path and name → value.
        #[serde(default)]
        stamp: BTreeMap<String, String>,
    },
    /// Files copied out of a module that the Go toolchain downloaded and checked.
    GoFiles {
        /// Folder with the go.mod and go.sum that pin it, beside `components.yaml`.
        module: String,
        /// Path of the module that has the files.
        of: String,
        /// Paths inside it; the last part may be `*` with a suffix.
        files: Vec<String>,
    },
    /// One file out of a Python wheel.
    PythonWheel {
        /// pip's requirements file, with hashes, beside `components.yaml`.
        requirements: String,
        /// Path of the file in the wheel.
        file: String,
        /// File name to give to the result.
        binary: String,
    },
}

impl Recipe {
    /// The files, relative to the folder of `components.yaml`, that pin what goes in.
    fn inputs(&self) -> Vec<String> {
        match self {
            Self::GoBuild { module, .. } | Self::GoFiles { module, .. } => {
                vec![format!("{module}/go.mod"), format!("{module}/go.sum")]
            }
            Self::PythonWheel { requirements, .. } => vec![requirements.clone()],
        }
    }
}

/// The folder of `components.yaml`.
#[must_use]
pub(super) fn components_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("components")
}

/// All components, in the order in which they're to be built.
///
/// # Errors
/// If `components.yaml` or a file that it names can't be read, or a name is given twice.
pub fn recipes() -> anyhow::Result<Vec<Component>> {
    read(&components_folder())
}

fn read(folder: &Path) -> anyhow::Result<Vec<Component>> {
    let path = folder.join("components.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut components: Vec<Component> =
        serde_saphyr::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
    let mut names = std::collections::BTreeSet::new();
    for component in &mut components {
        ensure!(
            names.insert(component.name.clone()),
            "{} names {} twice",
            path.display(),
            component.name
        );
        component.recipe_hash = hash(component, folder)?;
    }
    Ok(components)
}

/// The platform counts as well, for a cache on a shared disk. The Go release doesn't: the
/// result must behave the same, and a new toolchain shouldn't cost everybody a rebuild.
fn hash(component: &Component, folder: &Path) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    add(std::env::consts::OS.as_bytes());
    add(std::env::consts::ARCH.as_bytes());
    add(component.name.as_bytes());
    add(component.version.as_bytes());
    add(&serde_json::to_vec(&component.recipe)?);
    for input in component.recipe.inputs() {
        let path = folder.join(&input);
        add(&fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
    }
    Ok(hex(&hasher.finalize()))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn the_committed_file_is_readable_and_every_hash_differs() {
        let components = recipes().unwrap();
        let hashes: std::collections::BTreeSet<_> =
            components.iter().map(|c| c.recipe_hash.clone()).collect();
        assert_eq!(hashes.len(), components.len());
        assert!(components.iter().any(|c| c.name == "istiod"));
    }

    #[test]
    fn a_change_of_a_pinned_source_gives_a_new_hash_and_a_new_build_time_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let yaml = |seconds: u32| {
            format!(
                "- name: a\n  version: '1'\n  typical_s: {seconds}\n  go_build: {{module: m, package: p, binary: b}}\n"
            )
        };
        fs::create_dir(folder.path().join("m")).unwrap();
        write("m/go.mod", "module m");
        write("m/go.sum", "one");
        write("components.yaml", &yaml(1));
        let first = read(folder.path()).unwrap()[0].recipe_hash.clone();
        write("components.yaml", &yaml(2));
        assert_eq!(read(folder.path()).unwrap()[0].recipe_hash, first);
        write("m/go.sum", "two");
        assert_ne!(read(folder.path()).unwrap()[0].recipe_hash, first);
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("r.txt"), "").unwrap();
        let entry = "- name: a\n  version: '1'\n  typical_s: 1\n  python_wheel: {requirements: r.txt, file: f, binary: b}\n";
        fs::write(folder.path().join("components.yaml"), entry.repeat(2)).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("names a twice"), "{error}");
    }
}
