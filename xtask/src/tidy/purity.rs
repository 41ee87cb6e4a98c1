//! Rule: the pure crates depend on nothing that does IO, reads a clock, or draws random numbers, however
//! many crates lie between.

use super::Finding;
use super::graph::Graph;

/// The crates that take values and return values, each with its folder.
pub(crate) const PURE: &[(&str, &str)] = &[
    ("causeway-api", "api"),
    ("causeway-core", "federation/core"),
    ("causeway-failover", "failover"),
    ("causeway-index", "discovery/index"),
    ("causeway-render", "mesh/render"),
    ("causeway-scenario", "failover/scenario"),
    ("causeway-state", "storage/state"),
];

/// What they may not depend on.
const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "causeway-crds",
    "causeway-memory",
    "causeway-seam",
    "causeway-wire",
    "chrono",
    "fastrand",
    "futures",
    "getrandom",
    "h2",
    "hickory-resolver",
    "hyper",
    "jiff",
    "k8s-openapi",
    "kube",
    "kube-client",
    "mio",
    "openraft",
    "prost",
    "rand",
    "rand_core",
    "redb",
    "reqwest",
    "ring",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tonic",
    "tower",
    "tracing",
    "uuid",
];

/// Finds pure crates that depend on something impure, and says by which way.
pub(crate) fn check(graph: &Graph) -> Vec<Finding> {
    PURE.iter()
        .filter_map(|(pure, _)| {
            let way = graph.way(pure, |name| IMPURE.contains(&name))?;
            Some(Finding::of(
                pure,
                format!(
                    "a pure crate depends on something impure: {}",
                    way.join(" → ")
                ),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impure_dependency_is_found_at_any_depth() {
        let graph = Graph::of(&[
            ("causeway-api", &["serde"]),
            ("causeway-state", &["causeway-api", "helper"]),
            ("causeway-seam", &["tokio"]),
            ("helper", &["tokio"]),
            ("serde", &[]),
            ("tokio", &[]),
        ]);
        let findings = check(&graph);
        assert_eq!(findings.len(), 1);
        assert!(
            findings
                .iter()
                .all(|finding| finding.message.ends_with("causeway-state → helper → tokio")),
            "{findings:?}"
        );
    }
}
