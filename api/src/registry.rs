//! Which host cluster owns a declaration, so that the registry outlives each of them.
//!
//! A MemberCluster, a FailoverPolicy or a TrafficShift may be declared in any host cluster that a replica stands in. One of
//! them owns it; in the others the same object is a mirror, and edits there are shown and not applied.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::MemberName;
use crate::shift::ShiftKey;
use crate::spec::PolicyKey;
use crate::text::{TextError, serde_by_text};

/// A host cluster: the UID of its `kube-system` namespace, so that a cluster that was built anew is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct HostUid(pub String);

impl fmt::Display for HostUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A host cluster and what people call it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Host {
    /// Which.
    pub uid: HostUid,
    /// Its name; two clusters may have the same one.
    pub name: String,
}

/// Where a declaration comes from: which object, and which of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Origin {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`: rises with each change of the declaration.
    pub generation: i64,
    /// `metadata.resourceVersion` as a number, 0 where it is none: rises with each change of anything in the host cluster,
    /// and falls where it comes back from an old backup (the Kubernetes API conventions let versions of one resource be
    /// compared as numbers since 1.35; etcd has always made them so).
    pub revision: u64,
    /// `metadata.creationTimestamp` in seconds since 1970, where it has one. An object is younger than the definition and the
    /// namespace that it stands under: where those are younger, they were removed meanwhile, and it went with them.
    pub created_s: Option<i64>,
}

/// A declared object: `MemberCluster/NAME`, `FailoverPolicy/NAMESPACE/NAME` or `TrafficShift/NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKey {
    /// A MemberCluster.
    Member(MemberName),
    /// A FailoverPolicy.
    Policy(PolicyKey),
    /// A TrafficShift. An override that a verb made has none, and no host.
    Shift(ShiftKey),
}

impl ObjectKey {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Member(_) => "MemberCluster",
            Self::Policy(_) => "FailoverPolicy",
            Self::Shift(_) => "TrafficShift",
        }
    }

    /// `name`, or `namespace/name`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Member(name) => name.to_string(),
            Self::Policy(key) | Self::Shift(key) => key.to_string(),
        }
    }

    /// From what people type: a kind in any case, in full, as its short name or in the plural; and a name.
    ///
    /// # Errors
    /// Where it is no such kind, or no name of one.
    pub fn of(kind: &str, name: &str) -> Result<Self, TextError> {
        let error = || {
            TextError::new(
                "declaration",
                &format!("{kind}/{name}"),
                "MemberCluster NAME (or mcl), FailoverPolicy NAMESPACE/NAME (or fop), or TrafficShift NAMESPACE/NAME (or tsh)",
            )
        };
        match kind.to_ascii_lowercase().as_str() {
            "membercluster" | "memberclusters" | "mcl" | "member" => {
                MemberName::new(name).map(Self::Member).map_err(|_| error())
            }
            "failoverpolicy" | "failoverpolicies" | "fop" | "policy" => {
                name.parse().map(Self::Policy).map_err(|_| error())
            }
            "trafficshift" | "trafficshifts" | "tsh" | "shift" => {
                name.parse().map(Self::Shift).map_err(|_| error())
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.kind(), self.name()))
    }
}

impl FromStr for ObjectKey {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        Self::of(kind, name)
    }
}

serde_by_text!(ObjectKey);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_read_back_and_kinds_may_be_short() {
        for text in [
            "MemberCluster/ack-hz",
            "FailoverPolicy/shop/p",
            "TrafficShift/shop/p",
        ] {
            assert_eq!(text.parse::<ObjectKey>().unwrap().to_string(), text);
        }
        let long = ObjectKey::of("FailoverPolicy", "shop/p").unwrap();
        assert_eq!(ObjectKey::of("fop", "shop/p").unwrap(), long);
        for bad in [
            "",
            "MemberCluster",
            "MemberCluster/",
            "FailoverPolicy/p",
            "TrafficShift/p",
            "Pod/a",
        ] {
            let error = bad.parse::<ObjectKey>().unwrap_err().to_string();
            assert!(error.contains("MemberCluster NAME"), "{error}");
        }
    }
}
