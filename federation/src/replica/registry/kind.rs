//! The kinds of declarations.

use causeway_api::registry::ObjectKey;
use causeway_crds::{FailoverPolicy, MemberCluster, TrafficShift};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client, ResourceExt as _};

/// A kind of declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// MemberCluster.
    Member,
    /// FailoverPolicy.
    Policy,
    /// TrafficShift.
    Shift,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Member, Self::Policy, Self::Shift];

    /// The kind of an object.
    pub(crate) fn of(object: &ObjectKey) -> Self {
        match object {
            ObjectKey::Member(_) => Self::Member,
            ObjectKey::Policy(_) => Self::Policy,
            ObjectKey::Shift(_) => Self::Shift,
        }
    }

    /// The object of this kind that goes by a name in messages and keys.
    pub(super) fn object(self, name: &str) -> Option<ObjectKey> {
        match self {
            Self::Member => name.parse().ok().map(ObjectKey::Member),
            Self::Policy => name.parse().ok().map(ObjectKey::Policy),
            Self::Shift => name.parse().ok().map(ObjectKey::Shift),
        }
    }

    /// The kind's resource.
    pub(crate) fn resource(self) -> ApiResource {
        match self {
            Self::Member => ApiResource::erase::<MemberCluster>(&()),
            Self::Policy => ApiResource::erase::<FailoverPolicy>(&()),
            Self::Shift => ApiResource::erase::<TrafficShift>(&()),
        }
    }

    /// The name of its definition.
    pub(super) fn definition(self) -> String {
        let resource = self.resource();
        format!("{}.{}", resource.plural, resource.group)
    }

    /// An object's name in messages and keys: `name`, or `namespace/name`.
    pub(super) fn key(self, object: &DynamicObject) -> String {
        let name = object.name_any();
        match self {
            Self::Member => name,
            Self::Policy | Self::Shift => {
                format!("{}/{name}", object.namespace().unwrap_or_default())
            }
        }
    }

    /// The API for one object of this kind.
    pub(crate) fn api(self, host: &Client, object: &DynamicObject) -> Api<DynamicObject> {
        let resource = self.resource();
        match (self, object.namespace()) {
            (Self::Policy | Self::Shift, Some(namespace)) => {
                Api::namespaced_with(host.clone(), &namespace, &resource)
            }
            _ => Api::all_with(host.clone(), &resource),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Member => "MemberCluster",
            Self::Policy => "FailoverPolicy",
            Self::Shift => "TrafficShift",
        })
    }
}
