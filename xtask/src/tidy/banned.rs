//! Rule: crates that we decided against don't come in by the back door.
//!
//! `deny.toml` says the same for those who use cargo-deny; this list is the one that `verify` checks.

use super::Finding;
use super::tree::Tree;

/// What may not be locked, and why.
const BANNED: &[(&str, &str)] = &[
    (
        "aws-lc-rs",
        "a second rustls provider: rustls panics at first use",
    ),
    ("aws-lc-sys", "a second rustls provider, and a C build"),
    ("backoff", "unmaintained: backon"),
    ("bincode", "unmaintained: postcard"),
    ("fxhash", "unmaintained"),
    ("instant", "unmaintained"),
    ("madsim", "needs a patched runtime"),
    ("native-tls", "the system's TLS: rustls"),
    ("openssl", "the system's TLS: rustls"),
    ("openssl-sys", "the system's TLS: rustls"),
    ("rkyv", "a history of unsound releases: postcard"),
    ("serde_yaml", "unmaintained: serde-saphyr"),
    ("serde_yml", "unsound: serde-saphyr"),
    ("sled", "loses acknowledged data at power loss: redb"),
    ("trust-dns-resolver", "renamed: hickory-resolver"),
    ("xds-api", "an older tonic: envoy-types"),
    ("zstd-sys", "a C build"),
];

/// Finds banned crates in the lock file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.text("Cargo.lock") else {
        return vec![Finding::of(
            "Cargo.lock",
            "is missing: commit it, so that everybody builds the same",
        )];
    };
    let mut findings = Vec::new();
    for (number, line) in lock.lines().enumerate() {
        let Some(name) = line.strip_prefix("name = ") else {
            continue;
        };
        let name = name.trim_matches('"');
        for (banned, why) in BANNED.iter().filter(|(banned, _)| *banned == name) {
            let ask = format!("`cargo tree --workspace --invert {banned}` says who wants it");
            findings.push(Finding::at(
                "Cargo.lock",
                number + 1,
                format!("`{banned}` is banned ({why}); {ask}"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_crate_is_found_by_its_whole_name() {
        let lock = "[[package]]\nname = \"sled\"\n\n[[package]]\nname = \"sledge\"\n";
        let lines: Vec<_> = check(&Tree::of(&[("Cargo.lock", lock)]))
            .into_iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [Some(2)]);
    }

    #[test]
    fn cargo_deny_is_told_the_same() {
        let deny = include_str!("../../../deny.toml");
        let told = deny
            .lines()
            .filter(|line| line.contains("{ crate = "))
            .count();
        assert_eq!(told, BANNED.len());
        for (name, _) in BANNED {
            assert!(deny.contains(&format!("{{ crate = \"{name}\",")), "{name}");
        }
    }

    #[test]
    fn a_missing_lock_file_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
