//! Rule: relative links in Markdown lead to a file of the checkout, and fragments to a heading in it.
//!
//! Links to other sites aren't followed: a check must not depend on the network.

use super::Finding;
use super::tree::{Tree, folder, join};

/// A relative link: where it stands and where it leads.
pub(crate) struct Link {
    /// Counted from 1.
    pub(crate) line: usize,
    /// As written, without the fragment.
    pub(crate) target: String,
    /// What stands behind `#`; empty where nothing does.
    pub(crate) fragment: String,
}

/// Finds links that lead nowhere.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.markdown()
        .flat_map(|(path, text)| {
            links(text)
                .into_iter()
                .filter_map(|link| judge(tree, path, &link))
        })
        .collect()
}

/// The file that a link in `path` leads to.
pub(crate) fn resolve(path: &str, link: &Link) -> Option<String> {
    if link.target.is_empty() {
        return Some(path.to_owned());
    }
    join(folder(path), &link.target)
}

fn judge(tree: &Tree, path: &str, link: &Link) -> Option<Finding> {
    let broken = |why: &str| {
        Some(Finding::at(
            path,
            link.line,
            format!("the link to `{}#{}` {why}", link.target, link.fragment),
        ))
    };
    let Some(target) = resolve(path, link) else {
        return broken("leaves the checkout");
    };
    if !tree.has(&target) {
        return broken("leads to no file");
    }
    if link.fragment.is_empty() || !target.ends_with(".md") {
        return None;
    }
    let text = tree.text(&target).unwrap_or_default();
    if headings(text).any(|heading| heading == link.fragment) {
        None
    } else {
        broken("leads to no heading")
    }
}

/// The relative links in `text`, outside code: `[words](target)`, pictures, and `[name]: target`.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        let inline = line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', ' ']).next());
        let defined = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
            .map(|(_, target)| target.trim());
        let sources = line
            .split("src=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        for target in inline.chain(defined).chain(sources) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (target, fragment) = target.split_once('#').unwrap_or((target, ""));
            found.push(Link {
                line: number,
                target: target.to_owned(),
                fragment: fragment.to_owned(),
            });
        }
    }
    found
}

/// The lines outside fenced blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((number + 1, line))
    })
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// The fragments of a page's headings, as GitHub makes them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| {
        let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
        let kept = title.chars().filter(|character| {
            character.is_alphanumeric() || matches!(character, ' ' | '-' | '_')
        });
        Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let tree = Tree::of(&[
            (
                "docs/a.md",
                "# A Page\n[b](b.md) ![p](p.svg) [up](../README.md#in-short) [me](#a-page)\n[gone](gone.md)\n[x](b.md#nowhere)\n[out](../../x)",
            ),
            ("docs/b.md", "[ref]: c.md"),
            ("docs/p.svg", ""),
            ("README.md", "## In short\n[docs](docs/)"),
        ]);
        let found: Vec<_> = check(&tree)
            .into_iter()
            .map(|finding| (finding.place, finding.line))
            .collect();
        let a = || "docs/a.md".to_owned();
        assert_eq!(
            found,
            [
                (a(), Some(3)),
                (a(), Some(4)),
                (a(), Some(5)),
                ("docs/b.md".to_owned(), Some(1))
            ]
        );
    }

    #[test]
    fn code_and_other_sites_are_left_alone() {
        let text = "`[a](b.md)` [c](https://example.org/d)\n```\n[e](f.md)\n```\n";
        assert_eq!(check(&Tree::of(&[("a.md", text)])), []);
    }
}
