//! Which versions of Kubernetes are supported.

/// The oldest minor version of Kubernetes 1 that is supported.
pub(crate) const OLDEST: u32 = 30;
/// The newest that was tested.
pub(crate) const NEWEST: u32 = 36;

/// Whether a version is supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Support {
    Supported,
    /// It is not: as the rest of a sentence about the cluster.
    No(String),
    /// It cannot be told.
    Unclear(String),
}

/// Whether a version, such as `v1.33.4-eks-1234` or `1.31+`, is supported.
pub(super) fn support(version: &str) -> Support {
    let Some((major, minor)) = parse(version) else {
        let found: String = version.chars().take(40).collect();
        return Support::Unclear(format!(
            "reports the Kubernetes version {found:?}, which is none that can be read: supported are 1.{OLDEST} to 1.{NEWEST}"
        ));
    };
    match (major, minor) {
        (1, OLDEST..=NEWEST) => Support::Supported,
        (1, minor) if minor > NEWEST => Support::No(format!(
            "runs Kubernetes {version}, which is newer than what was tested (1.{OLDEST} to 1.{NEWEST}): update Causeway"
        )),
        _ => Support::No(format!(
            "runs Kubernetes {version}: supported are 1.{OLDEST} to 1.{NEWEST}, so upgrade the cluster"
        )),
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    let major = parts.next()?.parse().ok()?;
    // Some distributions write the minor version as `31+`.
    let minor: String = parts
        .next()?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Some((major, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_inclusive_and_distributions_are_understood() {
        for good in ["v1.30.0", "v1.36.3", "v1.33.4-eks-a1b2", "v1.31+", "1.32"] {
            assert_eq!(support(good), Support::Supported, "{good}");
        }
        for bad in ["v1.29.9", "v1.37.0", "v2.0.0", "v0.9.1"] {
            assert!(matches!(support(bad), Support::No(_)), "{bad}");
        }
        for unclear in ["", "latest", "v1", "v1.x"] {
            assert!(matches!(support(unclear), Support::Unclear(_)), "{unclear}");
        }
    }
}
