//! Rule: every module begins with `//!` lines that a newcomer can read.

use super::Finding;
use super::tree::Tree;

/// Finds the Rust files that don't begin with a module comment.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(_, text)| !begins_well(text))
        .map(|(path, _)| {
            Finding::of(
                path,
                "begin the file with `//!` and say what the module is for",
            )
        })
        .collect()
}

/// Whether the first line that isn't blank or an inner attribute is a `//!` with words behind it.
fn begins_well(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!["))
        .and_then(|line| line.strip_prefix("//!"))
        .is_some_and(|words| words.split_whitespace().count() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_module_comment_is_found() {
        let tree = Tree::of(&[
            ("a.rs", "//! What it is.\nuse b::c;"),
            ("attribute.rs", "#![allow(x)]\n\n//! What it is."),
            ("bare.rs", "use b::c;"),
            ("empty.rs", "//!\nuse b::c;"),
            ("item.rs", "/// Of the item.\nfn f() {}"),
        ]);
        let places: Vec<String> = check(&tree)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["bare.rs", "empty.rs", "item.rs"]);
    }
}
