//! Rule: everything that is linked may be given on under Apache-2.0.

use super::Finding;
use super::graph::Graph;

/// Licences that ask for no more than their notice to be kept. `deny.toml` repeats them.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Finds packages whose licence isn't allowed, or not stated.
pub(crate) fn check(graph: &Graph) -> Vec<Finding> {
    graph
        .packages
        .values()
        .filter_map(|package| {
            let place = format!("{} {}", package.name, package.version);
            match &package.licence {
                None => Some(Finding::of(&place, "states no licence")),
                Some(licence) if allows(licence) => None,
                Some(licence) => Some(Finding::of(
                    &place,
                    format!("`{licence}` is not among the licences that we allow"),
                )),
            }
        })
        .collect()
}

/// Whether an SPDX expression can be met by allowed licences alone: `OR` lets us choose, `AND` binds
/// tighter and needs all. `/` is the old way to write `OR`.
fn allows(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let tokens = tokens(&expression);
    let mut rest = tokens.as_slice();
    let verdict = any(&mut rest);
    verdict && rest.is_empty()
}

/// Words and brackets; `WITH` and what is around it become one word.
fn tokens(expression: &str) -> Vec<String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "\u{1}");
    spaced
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| word.replace('\u{1}', " WITH "))
        .collect()
}

fn any(rest: &mut &[String]) -> bool {
    let mut verdict = all(rest);
    while take(rest, "OR") {
        verdict |= all(rest);
    }
    verdict
}

fn all(rest: &mut &[String]) -> bool {
    let mut verdict = one(rest);
    while take(rest, "AND") {
        verdict &= one(rest);
    }
    verdict
}

fn one(rest: &mut &[String]) -> bool {
    if take(rest, "(") {
        let verdict = any(rest);
        return take(rest, ")") && verdict;
    }
    let Some((word, behind)) = rest.split_first() else {
        return false;
    };
    *rest = behind;
    ALLOWED.contains(&word.as_str())
}

fn take(rest: &mut &[String], word: &str) -> bool {
    match rest.split_first() {
        Some((first, behind)) if first == word => {
            *rest = behind;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn expressions_are_judged() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "Apache-2.0 AND ISC",
            "(MIT OR GPL-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(allows(good), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR ISC) AND LGPL-2.1",
            "",
            "MIT MIT",
            "(MIT",
        ] {
            assert!(!allows(bad), "{bad}");
        }
    }

    #[test]
    fn cargo_deny_is_told_the_same() {
        let deny = include_str!("../../../deny.toml");
        let list = deny
            .split("\nallow = [")
            .nth(1)
            .and_then(|rest| rest.split(']').next())
            .unwrap();
        let told: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(told, ALLOWED);
    }

    #[test]
    fn a_foreign_licence_and_a_missing_one_are_found() {
        let mut graph = Graph::of(&[("a", &[]), ("b", &[]), ("c", &[])]);
        graph.packages.get_mut("a").unwrap().licence = Some("AGPL-3.0".to_owned());
        graph.packages.get_mut("b").unwrap().licence = None;
        let places: Vec<_> = check(&graph)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["a 1.0.0", "b 1.0.0"]);
    }
}
