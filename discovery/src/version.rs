//! Which versions of Kubernetes are supported.

/// Minor versions of Kubernetes 1 that are supported: what CI runs against.
const SUPPORTED: std::ops::RangeInclusive<u32> = 30..=36;

/// What is wrong with a version as `/version` reports it, such as `v1.30.4-aliyun.1`; `None`: it is supported.
pub(crate) fn unsupported(version: &str) -> Option<String> {
    let (first, last) = (SUPPORTED.start(), SUPPORTED.end());
    let range = format!("1.{first} to 1.{last} are supported");
    match parse(version) {
        Some((1, minor)) if SUPPORTED.contains(&minor) => None,
        Some((1, minor)) if minor < *first => Some(format!(
            "the API server is of Kubernetes {version}: {range}. It is observed as far as it goes; upgrade the cluster"
        )),
        _ => Some(format!(
            "the API server is of Kubernetes {version}: {range}. It is observed as far as it goes; upgrade the agent"
        )),
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?;
    let digits = minor.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((major, digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_are_read_as_clouds_write_them() {
        for good in [
            "v1.30.0",
            "v1.36.3",
            "v1.33.1-aliyun.1",
            "v1.32+",
            "1.31.2-eks-5ca49cb",
        ] {
            assert_eq!(unsupported(good), None, "{good}");
        }
        assert!(
            unsupported("v1.29.9")
                .unwrap()
                .contains("upgrade the cluster")
        );
        for odd in ["v1.37.0", "v2.0.0", "", "next"] {
            let text = unsupported(odd).unwrap();
            assert!(
                text.contains("1.30 to 1.36") && text.contains("upgrade the agent"),
                "{text}"
            );
        }
    }
}
