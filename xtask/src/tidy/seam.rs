//! Rule: clock, network, disk, tasks and randomness enter through `causeway-seam` alone.
//!
//! That is what lets whole clustersets run on virtual time. Clippy's `disallowed-methods` judges
//! resolved names; this rule judges names as written and so also sees what a feature switches off, and
//! imports. Test code is free, because tests run outside the simulator as well.

use super::Finding;
use super::code::{without_tests, without_text};
use super::paths::named;
use super::tree::Tree;

/// Folders and files that may reach past the seam, each with its reason.
const ALLOWED: &[(&str, &str)] = &[
    ("seam/", "it is the seam"),
    ("xtask/", "development only"),
    ("chaos-tests/", "drives real processes"),
    ("federation/src/main.rs", "starts the runtime"),
    ("federation/src/cli/", "a person's terminal and files"),
    ("federation/src/sandbox/terminal", "a person's terminal"),
];

/// A name that code outside the seam may not use.
struct Ban {
    /// Its segments, which must follow each other.
    name: &'static str,
    /// Whether the path must begin with it: for names too common to be matched anywhere.
    only_first: bool,
    /// What to use.
    instead: &'static str,
}

const fn ban(name: &'static str, instead: &'static str) -> Ban {
    Ban {
        name,
        only_first: false,
        instead,
    }
}

const fn ban_first(name: &'static str, instead: &'static str) -> Ban {
    Ban {
        name,
        only_first: true,
        instead,
    }
}

const BANS: &[Ban] = &[
    ban("tokio::spawn", "the seam's spawner"),
    ban("tokio::task", "the seam's spawner"),
    ban("tokio::runtime", "the seam's spawner"),
    ban("std::thread", "the seam's spawner"),
    ban_first("thread::spawn", "the seam's spawner"),
    ban_first("thread::sleep", "the seam's clock"),
    ban("JoinSet::new", "the seam's spawner"),
    ban("tokio::time", "the seam's clock"),
    ban("Instant::now", "the seam's clock"),
    ban("SystemTime::now", "the seam's clock"),
    ban("Timestamp::now", "the seam's clock"),
    ban("Zoned::now", "the seam's clock"),
    ban("std::fs", "the seam's disk"),
    ban("tokio::fs", "the seam's disk"),
    ban_first("rand", "the seam's randomness"),
    ban_first("fastrand", "the seam's randomness"),
    ban_first("getrandom", "the seam's randomness"),
    ban("RandomState::new", "an ordered map"),
    ban("tokio::net", "the seam's transport"),
    ban("std::net::TcpStream", "the seam's transport"),
    ban("std::net::TcpListener", "the seam's transport"),
    ban("std::net::UdpSocket", "the seam's transport"),
    ban("std::net::ToSocketAddrs", "the seam's transport"),
    ban("TcpListener::bind", "the seam's transport"),
    ban("TcpStream::connect", "the seam's transport"),
    ban("tokio::process", "nothing: the product starts no processes"),
    ban(
        "std::process::Command",
        "nothing: the product starts no processes",
    ),
];

/// Finds what reaches past the seam.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(path, _)| is_bound(path))
        .flat_map(|(path, text)| of_file(path, text))
        .collect()
}

/// Whether the rule binds the file.
fn is_bound(path: &str) -> bool {
    let is_test = path.split('/').any(|part| {
        matches!(
            part,
            "tests" | "tests.rs" | "benches" | "examples" | "build.rs"
        )
    }) || path.ends_with("_tests.rs");
    !is_test && !ALLOWED.iter().any(|(allowed, _)| path.starts_with(allowed))
}

/// What one file names past the seam.
fn of_file(path: &str, text: &str) -> Vec<Finding> {
    let code = without_tests(&without_text(text));
    let mut findings = Vec::new();
    for named in named(&code) {
        for ban in BANS.iter().filter(|ban| matches(&named.segments, ban)) {
            let written = named.segments.join("::");
            findings.push(Finding::at(
                path,
                named.line,
                format!("`{written}` reaches past the seam: use {}", ban.instead),
            ));
        }
    }
    findings
}

fn matches(segments: &[String], ban: &Ban) -> bool {
    let banned: Vec<&str> = ban.name.split("::").collect();
    let mut places = segments.windows(banned.len());
    let is_it = |place: &[String]| place.iter().map(String::as_str).eq(banned.iter().copied());
    if ban.only_first {
        // A lone word is a variable or a field; a path goes on behind the crate's name.
        segments.len() > 1 && places.next().is_some_and(is_it)
    } else {
        places.any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .filter_map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn what_reaches_past_the_seam_is_found() {
        let text = "\
use std::time::Instant;
use tokio::{sync::mpsc, time::sleep};
fn f() { tokio::spawn(async {}); }
fn g() -> Instant { Instant::now() }
fn h() { std::fs::read(\"x\"); rand::random::<u8>(); }
";
        assert_eq!(lines("discovery/src/a.rs", text), [2, 3, 4, 5, 5]);
    }

    #[test]
    fn text_tests_and_innocent_names_are_not() {
        let text = "\
//! Never `tokio::spawn` here.
use std::net::IpAddr;
use std::time::Duration;
fn f(rand: u8, spawner: &S) { spawner.spawn(\"std::fs::read\", rand); self::time::now(); }
#[cfg(test)]
mod tests { fn t() { std::fs::read(\"x\"); } }
";
        assert_eq!(lines("discovery/src/a.rs", text), Vec::<usize>::new());
    }

    #[test]
    fn the_rule_binds_product_code_only() {
        let text = "fn f() { std::fs::read(\"x\"); }";
        for path in [
            "seam/src/disk.rs",
            "xtask/src/main.rs",
            "a/tests/t.rs",
            "a/build.rs",
            "a/src/b/tests.rs",
            "federation/src/cli/mod.rs",
        ] {
            assert_eq!(lines(path, text), Vec::<usize>::new(), "{path}");
        }
        for path in [
            "federation/src/replica/mod.rs",
            "federation/src/sandbox/mod.rs",
            "storage/src/log.rs",
        ] {
            assert_eq!(lines(path, text), [1], "{path}");
        }
    }
}
