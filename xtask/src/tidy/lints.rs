//! Rule: every crate takes the workspace's lints, and every `clippy.toml` bans what it must.
//!
//! Clippy reads the nearest `clippy.toml` alone, so one in a crate's folder replaces the root's and has
//! to repeat its bans. The crates that stand outside the seam rule may leave them out.

use super::Finding;
use super::purity::PURE;
use super::tree::{Tree, folder};

/// Folders whose `clippy.toml` frees them from the seam's bans.
const FREE: &[&str] = &["seam", "xtask", "chaos-tests", "chaos-tests/sim"];
/// What the pure crates may not use, because its order differs from run to run.
const UNORDERED: &[&str] = &["std::collections::HashMap", "std::collections::HashSet"];

/// Finds crates without the workspace's lints, and `clippy.toml` files that forgot a ban.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        if path.ends_with("/Cargo.toml") && text.contains("[package]") && !inherits(text) {
            findings.push(Finding::of(
                path,
                "takes no lints from the workspace: add `[lints]` with `workspace = true`",
            ));
        }
    }
    let shared = bans(tree.text("clippy.toml").unwrap_or_default());
    if shared.is_empty() {
        findings.push(Finding::of(
            "clippy.toml",
            "bans nothing: the seam's bans belong here",
        ));
    }
    for (path, text) in tree
        .files()
        .filter(|(path, _)| path.ends_with("/clippy.toml") && !FREE.contains(&folder(path)))
    {
        let here = bans(text);
        for missing in shared.iter().filter(|ban| !here.contains(ban)) {
            findings.push(Finding::of(
                path,
                format!("replaces the root's file and must repeat its ban of `{missing}`"),
            ));
        }
    }
    for (_, crate_folder) in PURE {
        let path = format!("{crate_folder}/clippy.toml");
        let here = bans(tree.text(&path).unwrap_or_default());
        for missing in UNORDERED
            .iter()
            .filter(|name| !here.iter().any(|ban| ban == *name))
        {
            findings.push(Finding::of(
                &path,
                format!("belongs to a pure crate and must ban `{missing}`"),
            ));
        }
    }
    findings
}

/// Whether a manifest takes the workspace's lints.
fn inherits(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    lines.next() == Some("workspace = true")
}

/// The paths that a `clippy.toml` bans.
fn bans(text: &str) -> Vec<String> {
    let paths = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once("path = \""));
    paths
        .filter_map(|(_, rest)| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNORDERED_BANS: &str =
        "{ path = \"std::collections::HashMap\" },\n{ path = \"std::collections::HashSet\" },\n";

    #[test]
    fn missing_lints_and_forgotten_bans_are_found() {
        let good = format!("{{ path = \"tokio::spawn\" }},\n{UNORDERED_BANS}");
        let forgot = format!("# {{ path = \"tokio::spawn\" }},\n{UNORDERED_BANS}");
        let tree = Tree::of(&[
            (
                "clippy.toml",
                "{ path = \"tokio::spawn\", reason = \"r\" },",
            ),
            ("api/Cargo.toml", "[package]\n[lints]\nworkspace = true"),
            ("api/clippy.toml", &good),
            ("discovery/index/clippy.toml", &good),
            ("failover/clippy.toml", &forgot),
            ("failover/scenario/clippy.toml", &good),
            ("federation/core/clippy.toml", &good),
            (
                "mesh/render/clippy.toml",
                "{ path = \"tokio::spawn\" },\n{ path = \"std::collections::HashMap\" },",
            ),
            ("storage/state/Cargo.toml", "[package]"),
            ("storage/state/clippy.toml", &good),
            ("seam/clippy.toml", ""),
        ]);
        let places: Vec<_> = check(&tree)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(
            places,
            [
                "storage/state/Cargo.toml",
                "failover/clippy.toml",
                "mesh/render/clippy.toml"
            ]
        );
    }

    #[test]
    fn an_empty_root_file_is_found() {
        assert!(
            check(&Tree::default())
                .iter()
                .any(|finding| finding.place == "clippy.toml")
        );
    }
}
