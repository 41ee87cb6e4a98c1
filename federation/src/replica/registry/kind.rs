//! The two kinds of declarations.

use causeway_crds::{FailoverPolicy, MemberCluster};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client, ResourceExt as _};

/// A kind of declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// MemberCluster.
    Member,
    /// FailoverPolicy.
    Policy,
}

impl Kind {
    /// The kind's resource.
    pub(crate) fn resource(self) -> ApiResource {
        match self {
            Self::Member => ApiResource::erase::<MemberCluster>(&()),
            Self::Policy => ApiResource::erase::<FailoverPolicy>(&()),
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
            Self::Policy => format!("{}/{name}", object.namespace().unwrap_or_default()),
        }
    }

    /// The API for one object of this kind.
    pub(crate) fn api(self, host: &Client, object: &DynamicObject) -> Api<DynamicObject> {
        let resource = self.resource();
        match (self, object.namespace()) {
            (Self::Policy, Some(namespace)) => {
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
        })
    }
}
