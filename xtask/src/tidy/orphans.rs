//! Rule: whoever begins at the README finds every page of the documentation by following links.

use std::collections::BTreeSet;

use super::Finding;
use super::links::{links, resolve};
use super::tree::Tree;

/// Finds pages under `docs` that no chain of links from the README reaches.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec!["README.md".to_owned()];
    while let Some(path) = waiting.pop() {
        // A link to a folder shows its index.
        let path = if path.ends_with(".md") {
            path
        } else {
            format!("{path}/README.md")
        };
        let Some(text) = tree.text(&path) else {
            continue;
        };
        if reached.insert(path.clone()) {
            waiting.extend(links(text).iter().filter_map(|link| resolve(&path, link)));
        }
    }
    tree.markdown()
        .filter(|(path, _)| path.starts_with("docs/") && !reached.contains(*path))
        .map(|(path, _)| {
            Finding::of(
                path,
                "no link leads here: name it in its folder's README.md",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_no_link_reaches_is_found() {
        let tree = Tree::of(&[
            ("README.md", "[docs](docs/)"),
            ("docs/README.md", "[a](guides/a.md)"),
            ("docs/guides/a.md", ""),
            ("docs/guides/lost.md", "[a](a.md)"),
        ]);
        assert_eq!(
            check(&tree)
                .iter()
                .map(|finding| finding.place.as_str())
                .collect::<Vec<_>>(),
            ["docs/guides/lost.md"]
        );
    }
}
