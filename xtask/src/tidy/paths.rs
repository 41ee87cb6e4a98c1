//! The paths that code names, with the trees of `use` spelled out.

use super::code::line_of;

/// A path such as `std::fs::read`, and the line that it stands on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    /// Its segments.
    pub(crate) segments: Vec<String>,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Every path in `code` (which has no comments and strings any more). The branches of `use a::{b, c}`
/// count as `a::b` and `a::c`, so that a name can't hide in a group.
pub(crate) fn named(code: &str) -> Vec<NamedPath> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    // The prefixes of the groups that are open, and the path being read.
    let mut open: Vec<Vec<String>> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut joined = false;
    for (token, position) in tokens {
        match token {
            Token::Word(word) => {
                if !joined {
                    path = open.last().cloned().unwrap_or_default();
                }
                path.push(word.to_owned());
                joined = false;
                // Recorded as it grows: only the longest one of a path is kept below.
                found.push(NamedPath {
                    segments: path.clone(),
                    line: line_of(code, position),
                });
            }
            Token::Join => joined = true,
            Token::Open if joined => {
                open.push(path.clone());
                joined = false;
            }
            Token::Open => open.push(Vec::new()),
            Token::Close => {
                open.pop();
                joined = false;
                path.clear();
            }
            Token::Other => joined = false,
        }
    }
    longest(found)
}

/// Drops the paths that the next one continues.
fn longest(found: Vec<NamedPath>) -> Vec<NamedPath> {
    let mut kept: Vec<NamedPath> = Vec::new();
    for path in found {
        let continues = kept.last().is_some_and(|last| {
            path.segments.len() == last.segments.len() + 1
                && path.segments.starts_with(&last.segments)
        });
        if continues {
            kept.pop();
        }
        kept.push(path);
    }
    kept
}

enum Token<'a> {
    Word(&'a str),
    Join,
    Open,
    Close,
    Other,
}

/// Splits code into words, `::`, braces, and the rest; turbofish brackets are `Other`.
fn tokens(code: &str) -> Vec<(Token<'_>, usize)> {
    let mut tokens = Vec::new();
    let mut rest = code.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        if character.is_alphanumeric() || character == '_' {
            let mut end = at + character.len_utf8();
            while let Some((next, more)) = rest.peek().copied() {
                if !(more.is_alphanumeric() || more == '_') {
                    break;
                }
                end = next + more.len_utf8();
                rest.next();
            }
            tokens.push((Token::Word(code.get(at..end).unwrap_or_default()), at));
        } else if character == ':' && rest.peek().is_some_and(|(_, next)| *next == ':') {
            rest.next();
            tokens.push((Token::Join, at));
        } else if character == '{' {
            tokens.push((Token::Open, at));
        } else if character == '}' {
            tokens.push((Token::Close, at));
        } else if !character.is_whitespace() {
            tokens.push((Token::Other, at));
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> Vec<String> {
        named(code)
            .into_iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn paths_are_found_whole() {
        assert_eq!(
            of("let a = std::fs::read(x);"),
            ["let", "a", "std::fs::read", "x"]
        );
    }

    #[test]
    fn groups_are_spelled_out() {
        assert_eq!(
            of("use tokio::{time::{sleep, timeout}, spawn};\nfn f() { g::h() }"),
            [
                "use",
                "tokio::time::sleep",
                "tokio::time::timeout",
                "tokio::spawn",
                "fn",
                "f",
                "g::h"
            ]
        );
    }

    #[test]
    fn lines_are_counted() {
        let paths = named("a::b\n\nc::d");
        assert_eq!(
            paths.iter().map(|path| path.line).collect::<Vec<_>>(),
            [1, 3]
        );
    }
}
