//! Rule: no Rust file over 800 lines; and a report of the median and of the files over 500.

use super::Finding;
use super::tree::Tree;

/// No file may be longer, in lines.
const MOST: usize = 800;
/// A file that is longer is named in the report, in lines.
const LONG: usize = 500;
/// What the median should stay below, in lines.
const MEDIAN: usize = 150;

/// Finds the Rust files that are too long.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    sizes(tree)
        .into_iter()
        .filter(|(lines, _)| *lines > MOST)
        .map(|(lines, path)| {
            Finding::of(
                path,
                format!("{lines} lines, at most {MOST} are allowed: split it by stages"),
            )
        })
        .collect()
}

/// The median, the 90th percentile, and the files that grow long.
pub(crate) fn report(tree: &Tree) -> String {
    let sizes = sizes(tree);
    let at = |percent: usize| {
        sizes
            .get((sizes.len().saturating_sub(1)) * percent / 100)
            .map_or(0, |(lines, _)| *lines)
    };
    let mut report = format!(
        "{} Rust files: median {} lines (aim {MEDIAN}), 90th percentile {} (aim {LONG}), longest {}",
        sizes.len(),
        at(50),
        at(90),
        at(100),
    );
    for (lines, path) in sizes.iter().rev().filter(|(lines, _)| *lines > LONG) {
        report.push_str(&format!("\n    {path}: {lines} lines, over {LONG}"));
    }
    report
}

/// The Rust files' lengths in lines, shortest first.
fn sizes(tree: &Tree) -> Vec<(usize, &str)> {
    let mut sizes: Vec<_> = tree
        .rust()
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    sizes.sort_unstable();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_too_long_is_found_and_what_grows_long_is_named() {
        let (long, longer) = ("x\n".repeat(LONG + 1), "x\n".repeat(MOST + 1));
        let tree = Tree::of(&[
            ("a.rs", "x\n"),
            ("b.rs", &long),
            ("c.rs", &longer),
            ("d.md", &longer),
        ]);
        assert_eq!(
            check(&tree)
                .iter()
                .map(|finding| finding.place.as_str())
                .collect::<Vec<_>>(),
            ["c.rs"]
        );
        let report = report(&tree);
        assert!(
            report.contains("median 501")
                && report.contains("b.rs: 501")
                && report.contains("c.rs: 801"),
            "{report}"
        );
    }
}
