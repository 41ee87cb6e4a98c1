//! Which host cluster owns which declaration, and which members are leaving.

use std::collections::{BTreeMap, VecDeque};

use causeway_api::registry::{HostUid, ObjectKey, Origin};
use causeway_api::verdict::ClusterTime;
use causeway_api::{Generation, MemberName, ReplicaId};
use serde::{Deserialize, Serialize};

/// Owners, and stages of deletions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Registry {
    /// The host clusters in which replicas stand or stood, with what they are called.
    pub hosts: BTreeMap<HostUid, String>,
    /// In which host cluster each replica stands.
    pub attached: BTreeMap<ReplicaId, HostUid>,
    /// The declarations. What was declared below level 2 has no row until its host declares it again.
    pub objects: BTreeMap<ObjectKey, Owned>,
    /// Members that are leaving.
    pub leaving: BTreeMap<MemberName, Leaving>,
    /// When members left, the latest last: several in a short time are more likely a mistake.
    pub left: VecDeque<ClusterTime>,
    /// Objects that were deleted, by UID, the latest last: a host cluster that comes back from an old backup has them again.
    pub gone: VecDeque<(ObjectKey, String)>,
}

/// A declaration and its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// The host cluster that owns it.
    pub host: HostUid,
    /// The version of its object that is in force.
    pub origin: Origin,
    /// The object's `spec` as JSON.
    pub document: String,
    /// Whether the owner's own object declared it. Not so from a move until the new owner has it: then its absence there
    /// means nothing, and whatever stands there is put in force.
    pub settled: bool,
    /// The generation of the last change.
    pub generation: Generation,
}

/// A member that is leaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// How far it is.
    pub stage: Stage,
    /// Since when, in cluster time.
    pub since: ClusterTime,
}

/// How far a member's removal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Its object was deleted a moment ago: nothing changes yet, in case others are being deleted with it.
    Deleted,
    /// Others were deleted with it: nothing changes until a person confirms it.
    Quarantined,
    /// It is given no more traffic, and goes once it has none.
    Draining,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Deleted => "Deleted",
            Self::Quarantined => "Quarantined",
            Self::Draining => "Draining",
        })
    }
}

impl Registry {
    /// The stage of a member's removal.
    #[must_use]
    pub fn stage(&self, member: &MemberName) -> Option<Stage> {
        self.leaving.get(member).map(|leaving| leaving.stage)
    }

    /// What a host cluster is called; its UID where nobody said.
    #[must_use]
    pub fn host_name<'a>(&'a self, uid: &'a HostUid) -> &'a str {
        self.hosts.get(uid).unwrap_or(&uid.0)
    }

    /// Whether an object was deleted before.
    #[must_use]
    pub fn is_gone(&self, object: &ObjectKey, uid: &str) -> bool {
        self.gone
            .iter()
            .any(|(gone, theirs)| gone == object && theirs == uid)
    }
}
