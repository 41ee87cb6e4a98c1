//! Rule: nothing names the machine that it was written on: no home folders, no registry mirrors.
//!
//! A checkout builds anywhere, from the public registries by their ordinary clients.

use super::Finding;
use super::tree::Tree;

/// The beginnings of absolute paths that exist on one machine only. Put together here so that this
/// file doesn't hold them.
const FOLDERS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/workspace", "s/"),
    concat!("C:", "\\Users"),
];

/// Settings that send a package manager elsewhere.
const MIRRORS: &[&str] = &[
    concat!("index", "-url"),
    concat!("trusted", "-host"),
    concat!("GO", "PROXY="),
    concat!("GONO", "SUMDB="),
    concat!("GO", "SUMDB=off"),
    concat!("replace", "-with"),
    concat!("CARGO_", "REGISTRIES"),
];

/// Where a locked crate may come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Finds machine paths and mirrors in any text, and foreign sources in the lock file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in text.lines().enumerate() {
            for name in FOLDERS.iter().filter(|name| begins_path(line, name)) {
                findings.push(Finding::at(
                    path,
                    number + 1,
                    format!("`{name}…` exists on one machine only: use a relative path"),
                ));
            }
            for name in MIRRORS.iter().filter(|name| line.contains(**name)) {
                findings.push(Finding::at(
                    path,
                    number + 1,
                    format!("`{name}` sends a package manager elsewhere: leave that to the user"),
                ));
            }
            if path.ends_with("Cargo.lock") && foreign_source(line) {
                findings.push(Finding::at(
                    path,
                    number + 1,
                    format!("not from crates.io: {}", line.trim()),
                ));
            }
        }
    }
    findings
}

/// Whether `name` stands in `line` as the beginning of a path, and not within a longer one.
fn begins_path(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| {
            !(before.is_alphanumeric() || matches!(before, '.' | '-' | '_' | '/' | '}' | '~'))
        })
    })
}

fn foreign_source(line: &str) -> bool {
    line.strip_prefix("source = ")
        .is_some_and(|source| source.trim_matches('"') != CRATES_IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_mirrors_and_foreign_sources_are_found() {
        let home = concat!("see /ho", "me/me/x");
        let mirror = concat!("pip --index", "-url http://localhost");
        let lock = format!("source = \"{CRATES_IO}\"\nsource = \"git+https://example.org/x\"");
        let tree = Tree::of(&[("a.rs", home), ("b.sh", mirror), ("Cargo.lock", &lock)]);
        let found: Vec<_> = check(&tree)
            .into_iter()
            .map(|finding| (finding.place, finding.line))
            .collect();
        assert_eq!(
            found,
            [
                ("Cargo.lock".into(), Some(2)),
                ("a.rs".into(), Some(1)),
                ("b.sh".into(), Some(1))
            ]
        );
    }

    #[test]
    fn paths_below_something_else_are_fine() {
        for line in [
            concat!("$X/ho", "me/"),
            concat!("docs/wo", "rk/"),
            concat!("./ho", "me/x"),
        ] {
            assert_eq!(check(&Tree::of(&[("a.md", line)])), [], "{line}");
        }
    }
}
