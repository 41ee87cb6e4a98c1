//! One object, checked.

use std::sync::Arc;

use causeway_api::Name;
use causeway_api::shift::Shift;
use causeway_api::spec::{MemberSpec, PolicySpec};
use causeway_crds::convert;
use causeway_crds::{FailoverPolicy, MemberCluster, TrafficShift};
use kube::core::DynamicObject;

use super::stance::Stance;

/// An object and what it declares.
#[derive(Debug, Clone)]
pub(crate) struct Row<S> {
    /// The object as it was seen last, with the status that it had.
    pub(crate) object: Arc<DynamicObject>,
    /// The declaration, or what is wrong with it.
    pub(crate) declared: Result<S, Fault>,
    /// Why the decision log refused it, where it did.
    pub(crate) refused: Option<String>,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// A word in CamelCase.
    pub(crate) reason: &'static str,
    /// Object, field, finding and remedy.
    pub(crate) message: String,
}

/// The object does not have the form of its kind.
pub(crate) const UNREADABLE: &str = "Unreadable";
/// The object has the form of its kind and declares something impossible.
pub(crate) const INVALID: &str = "Invalid";

impl<S> Row<S> {
    fn new(object: DynamicObject, declared: Result<S, Fault>) -> Self {
        Self {
            object: Arc::new(object),
            declared,
            refused: None,
        }
    }

    /// Whether it declares the same as `other`: the same object, of the same generation.
    pub(super) fn same_declaration(&self, other: &Self) -> bool {
        let (a, b) = (&self.object.metadata, &other.object.metadata);
        a.uid == b.uid && a.generation == b.generation && a.generation.is_some()
    }

    /// What it declares, where nothing keeps that from being in force; else why not: a word and a sentence.
    pub(crate) fn sound(&self, stance: Option<Stance>) -> Result<&S, (&'static str, String)> {
        if let Some(Stance::Apart { reason, message }) = stance {
            return Err((reason, message));
        }
        match (&self.declared, &self.refused) {
            (Err(fault), _) => Err((fault.reason, fault.message.clone())),
            (Ok(_), Some(refusal)) => Err(("Refused", refusal.clone())),
            (Ok(spec), None) => Ok(spec),
        }
    }

    /// `metadata.generation`.
    pub(crate) fn generation(&self) -> Option<i64> {
        self.object.metadata.generation
    }
}

/// A MemberCluster, checked.
pub(super) fn member(object: DynamicObject) -> Row<MemberSpec> {
    let declared = read::<MemberCluster>("MemberCluster", &object)
        .and_then(|cluster| MemberSpec::try_from(&cluster).map_err(|error| invalid(&error)));
    Row::new(object, declared)
}

/// A FailoverPolicy, checked.
pub(super) fn policy(object: DynamicObject, root: &Name) -> Row<PolicySpec> {
    let declared = read::<FailoverPolicy>("FailoverPolicy", &object).and_then(|policy| {
        convert::policy_spec(&policy, root.as_str()).map_err(|error| invalid(&error))
    });
    Row::new(object, declared)
}

/// A TrafficShift, checked.
pub(super) fn shift(object: DynamicObject, root: &Name) -> Row<Shift> {
    let declared = read::<TrafficShift>("TrafficShift", &object)
        .and_then(|shift| convert::shift(&shift, root.as_str()).map_err(|error| invalid(&error)));
    Row::new(object, declared)
}

fn read<K>(kind: &str, object: &DynamicObject) -> Result<K, Fault>
where
    K: kube::Resource + serde::de::DeserializeOwned,
{
    object.clone().try_parse::<K>().map_err(|error| {
        let metadata = &object.metadata;
        let namespace = metadata.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        Fault {
            reason: UNREADABLE,
            message: format!(
                "{kind} {namespace}{name} cannot be read: {error}: correct the field, or update the controller and its definitions to \
                 the same version"
            ),
        }
    })
}

fn invalid(error: &causeway_crds::ConvertError) -> Fault {
    Fault {
        reason: INVALID,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::needless_pass_by_value,
        clippy::semicolon_if_nothing_returned
    )]
    use serde_json::json;

    use super::*;

    fn object(kind: &str, namespace: Option<&str>, spec: serde_json::Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": kind,
            "metadata": { "name": "a", "namespace": namespace, "uid": "u", "generation": 3 },
            "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn what_is_sound_is_declared() {
        let row = member(object("MemberCluster", None, json!({ "mode": "Federate" })));
        assert_eq!(row.declared.unwrap().name.as_str(), "a");
        let root: Name = "our-root".parse().unwrap();
        let row = policy(
            object(
                "FailoverPolicy",
                Some("our-root"),
                json!({ "detection": {} }),
            ),
            &root,
        );
        assert!(row.declared.unwrap().root);
    }

    #[test]
    fn what_is_not_says_what_to_do() {
        let row = member(object("MemberCluster", None, json!({ "mode": "Fly" })));
        let fault = row.declared.unwrap_err();
        assert_eq!(fault.reason, UNREADABLE);
        assert!(
            fault.message.starts_with("MemberCluster a cannot be read:")
                && fault.message.contains("Fly"),
            "{}",
            fault.message
        );

        let root: Name = "our-root".parse().unwrap();
        let row = policy(
            object("FailoverPolicy", Some("shop"), json!({ "detection": {} })),
            &root,
        );
        let fault = row.declared.unwrap_err();
        assert_eq!(fault.reason, INVALID);
        assert!(
            fault.message.contains("spec.detection") && fault.message.contains("our-root"),
            "{}",
            fault.message
        );
    }
}
