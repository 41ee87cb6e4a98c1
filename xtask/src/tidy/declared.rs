//! Rule: every Rust file is compiled, because a crate's root leads to it by `mod`.
//!
//! A test in a file that nothing declares passes for ever. Cargo's own conventions say what a root is:
//! `src/lib.rs`, `src/main.rs`, `src/bin/*`, `build.rs`, and what lies in `tests`, `benches`, `examples`.

use std::collections::BTreeSet;

use super::Finding;
use super::code::without_text;
use super::tree::{Tree, folder, join};

/// Finds the Rust files that no root leads to.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for root in roots(tree) {
        walk(tree, &root, true, &mut reached);
    }
    tree.rust()
        .filter(|(path, _)| !reached.contains(*path))
        .map(|(path, _)| {
            Finding::of(
                path,
                "no `mod` leads here, so it is never compiled: declare or delete it",
            )
        })
        .collect()
}

/// The files where Cargo starts compiling.
fn roots(tree: &Tree) -> Vec<String> {
    let mut roots = Vec::new();
    for (manifest, text) in tree
        .files()
        .filter(|(path, _)| path.ends_with("Cargo.toml"))
    {
        let package = folder(manifest);
        for (path, _) in tree.rust() {
            let inner = if package.is_empty() {
                Some(path)
            } else {
                path.strip_prefix(&format!("{package}/"))
            };
            if inner.is_some_and(is_root) {
                roots.push(path.to_owned());
            }
        }
        // Targets with a path of their own.
        for line in text
            .lines()
            .filter(|line| line.trim_start().starts_with("path = "))
        {
            if let Some(path) = line.split('"').nth(1).and_then(|path| join(package, path)) {
                roots.push(path);
            }
        }
    }
    roots
}

/// Whether Cargo takes `path`, relative to the package, for a target's root.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
        ["src", "bin", rest @ ..] | ["tests" | "benches" | "examples", rest @ ..] => {
            matches!(rest, [_] | [_, "main.rs"])
        }
        _ => false,
    }
}

/// Follows the declarations in `path`. `is_owner` says that its modules lie beside it and not in a
/// folder of its own name: true of roots and of `mod.rs`.
fn walk(tree: &Tree, path: &str, is_owner: bool, reached: &mut BTreeSet<String>) {
    let Some(text) = tree.text(path) else { return };
    if !reached.insert(path.to_owned()) {
        return;
    }
    let beside = folder(path).to_owned();
    let own = if is_owner {
        beside.clone()
    } else {
        path.trim_end_matches(".rs").to_owned()
    };
    for declaration in declarations(text) {
        if let Some(given) = &declaration.path {
            if let Some(target) = join(&beside, given) {
                walk(tree, &target, true, reached);
            }
            continue;
        }
        let Some(base) = join(&own, &declaration.name) else {
            continue;
        };
        walk(tree, &format!("{base}.rs"), false, reached);
        walk(tree, &format!("{base}/mod.rs"), true, reached);
    }
}

/// `mod name;` or `include!("path")`.
#[derive(Debug, PartialEq, Eq)]
struct Declaration {
    /// The module with the inline modules around it: `outer/inner`.
    name: String,
    /// From `#[path = "…"]` or `include!`, relative to the file's folder.
    path: Option<String>,
}

/// What `text` declares, in order.
fn declarations(text: &str) -> Vec<Declaration> {
    let code = without_text(text);
    let mut found = Vec::new();
    // The names of the blocks that are open: empty for a block that is no module.
    let mut open: Vec<String> = Vec::new();
    let mut statement = 0;
    for (at, character) in code.char_indices() {
        if !matches!(character, ';' | '{' | '}') {
            continue;
        }
        let written = code.get(statement..at).unwrap_or_default();
        let module = module_name(written);
        match (character, module) {
            (';', Some(name)) => {
                let mut parts: Vec<&str> = open
                    .iter()
                    .map(String::as_str)
                    .filter(|name| !name.is_empty())
                    .collect();
                parts.push(&name);
                let path = text
                    .get(statement..at)
                    .filter(|_| written.contains("#[path"))
                    .and_then(in_quotes);
                found.push(Declaration {
                    name: parts.join("/"),
                    path,
                });
            }
            (';', None) if written.contains("include!") => {
                let path = text.get(statement..at).and_then(in_quotes);
                found.push(Declaration {
                    name: String::new(),
                    path,
                });
            }
            ('{', module) => open.push(module.unwrap_or_default()),
            ('}', _) => {
                open.pop();
            }
            _ => {}
        }
        statement = at + 1;
    }
    found.retain(|declaration| declaration.path.is_some() || !declaration.name.is_empty());
    found
}

/// The name in `pub(crate) mod name`, where the statement ends with that.
fn module_name(statement: &str) -> Option<String> {
    let mut words = statement.split_whitespace().rev();
    let name = words.next()?;
    (words.next() == Some("mod")).then(|| name.trim_start_matches("r#").to_owned())
}

/// The first string in `text`.
fn in_quotes(text: &str) -> Option<String> {
    text.split('"').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nothing_declares_is_found() {
        let tree = Tree::of(&[
            ("a/Cargo.toml", ""),
            ("a/src/lib.rs", "mod used;\n// mod stray;\n"),
            ("a/src/used.rs", ""),
            ("a/src/stray.rs", ""),
        ]);
        let findings = check(&tree);
        assert_eq!(
            findings
                .iter()
                .map(|finding| finding.place.as_str())
                .collect::<Vec<_>>(),
            ["a/src/stray.rs"]
        );
    }

    #[test]
    fn every_way_to_declare_is_followed() {
        let tree = Tree::of(&[
            (
                "a/Cargo.toml",
                "[[bench]]\nname = \"x\"\npath = \"odd/place.rs\"",
            ),
            ("a/odd/place.rs", ""),
            ("a/build.rs", ""),
            (
                "a/src/main.rs",
                "pub(crate) mod folder;\nmod inline { mod deep; }\n#[path = \"other.rs\"]\nmod named;",
            ),
            ("a/src/folder/mod.rs", "#[cfg(test)]\nmod tests;"),
            ("a/src/folder/tests.rs", ""),
            ("a/src/inline/deep.rs", "mod below;"),
            ("a/src/inline/deep/below.rs", ""),
            ("a/src/other.rs", ""),
            ("a/src/bin/tool/main.rs", ""),
            ("a/tests/one.rs", "mod common;"),
            ("a/tests/common/mod.rs", ""),
            ("a/examples/e.rs", ""),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_helper_that_no_test_uses_is_found() {
        let tree = Tree::of(&[
            ("a/Cargo.toml", ""),
            ("a/tests/one.rs", ""),
            ("a/tests/common/mod.rs", ""),
        ]);
        assert_eq!(check(&tree).len(), 1);
    }
}
