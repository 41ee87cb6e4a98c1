//! Rule: nothing unfinished is committed under a mark; what is missing is an issue.

use super::Finding;
use super::code::without_text;
use super::tree::Tree;

/// Marks in any text. They are put together here so that this file doesn't bear them itself.
const MARKS: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("X", "XX"),
    concat!("HA", "CK"),
];
/// Macros that stand for code yet to be written.
const MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Finds marks in texts, and the macros that stand for missing code.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| is_ours(path)) {
        for (number, line) in text.lines().enumerate() {
            for mark in MARKS.iter().filter(|mark| has_word(line, mark)) {
                findings.push(Finding::at(
                    path,
                    number + 1,
                    format!("`{mark}` is no plan: finish it, or file it"),
                ));
            }
        }
        if path.ends_with(".rs") {
            for (number, line) in without_text(text).lines().enumerate() {
                for name in MACROS.iter().filter(|name| line.contains(**name)) {
                    findings.push(Finding::at(
                        path,
                        number + 1,
                        format!("`{name}` stands for missing code"),
                    ));
                }
            }
        }
    }
    findings
}

/// Everything but texts that others wrote.
fn is_ours(path: &str) -> bool {
    !matches!(path, "LICENSE" | "Cargo.lock") && !path.ends_with("go.sum")
}

/// Whether `word` stands in `line` on its own.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric())
        .any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_anywhere_and_macros_in_code() {
        let mark = concat!("FIX", "ME");
        let text = format!("fn a() {{ todo!() }}\n// {mark}: later\nlet text = \"todo!\";\n");
        let tree = Tree::of(&[
            ("a.rs", &text),
            ("b.md", mark),
            ("c.md", &format!("un{mark}d")),
        ]);
        let found: Vec<_> = check(&tree)
            .into_iter()
            .map(|finding| (finding.place, finding.line))
            .collect();
        assert_eq!(
            found,
            [
                ("a.rs".into(), Some(2)),
                ("a.rs".into(), Some(1)),
                ("b.md".into(), Some(1))
            ]
        );
    }
}
