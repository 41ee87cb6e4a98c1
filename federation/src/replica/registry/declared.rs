//! All declarations as they were seen last, for whoever tells people about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use causeway_api::registry::{Host, ObjectKey};
use causeway_api::shift::{Shift, ShiftKey};
use causeway_api::spec::{MemberSpec, PolicyKey, PolicySpec};
use causeway_api::{MemberName, Name};
use causeway_state::State;
use kube::core::DynamicObject;

use super::super::sessions::lock;
use super::kind::Kind;
use super::row::{self, Row};
use super::stance::{Stance, stance};

/// The declarations.
#[derive(Default)]
pub(crate) struct Declared {
    rows: Mutex<Rows>,
}

/// The declarations at one moment. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// MemberClusters, by name.
    pub(crate) members: BTreeMap<String, Arc<Row<MemberSpec>>>,
    /// FailoverPolicies, by `namespace/name`.
    pub(crate) policies: BTreeMap<String, Arc<Row<PolicySpec>>>,
    /// TrafficShifts, by `namespace/name`.
    pub(crate) shifts: BTreeMap<String, Arc<Row<Shift>>>,
    /// The kinds of which a list was made since this process began.
    pub(crate) listed: BTreeSet<Kind>,
    /// The kinds that the host cluster did not define any more when they were to be listed last: with its definition every object
    /// of a kind is gone.
    pub(crate) undefined: BTreeSet<Kind>,
    /// Why a kind cannot be read now.
    pub(crate) trouble: BTreeMap<Kind, String>,
    /// What is in force though its object is gone, and why.
    pub(crate) kept: BTreeMap<(Kind, String), String>,
    /// The host cluster, once it is known.
    pub(crate) here: Option<Host>,
    /// Why it is not known.
    pub(crate) nowhere: Option<String>,
    /// Mirrors that could not be written, and why.
    pub(crate) unmirrored: BTreeMap<ObjectKey, String>,
}

impl Rows {
    /// An object of this host, as it was seen last.
    pub(crate) fn object(&self, key: &ObjectKey) -> Option<&Arc<DynamicObject>> {
        match key {
            ObjectKey::Member(name) => self.members.get(name.as_str()).map(|row| &row.object),
            ObjectKey::Policy(key) => self.policies.get(&key.to_string()).map(|row| &row.object),
            ObjectKey::Shift(key) => self.shifts.get(&key.to_string()).map(|row| &row.object),
        }
    }

    /// What a MemberCluster of this host is to the registry.
    pub(crate) fn member_stance(&self, state: &State, name: &MemberName) -> Option<Stance> {
        let row = self.members.get(name.as_str())?;
        let held = state.member(name).map(|held| &held.spec);
        let key = ObjectKey::Member(name.clone());
        let says = row.declared.as_ref().ok();
        let here = self.here.as_ref();
        Some(stance(state, here, &key, &row.object, says, held))
    }

    /// What a FailoverPolicy of this host is to the registry.
    pub(crate) fn policy_stance(&self, state: &State, key: &PolicyKey) -> Option<Stance> {
        let row = self.policies.get(&key.to_string())?;
        let held = state.policies.get(key);
        let says = row.declared.as_ref().ok();
        let here = self.here.as_ref();
        let object = ObjectKey::Policy(key.clone());
        Some(stance(state, here, &object, &row.object, says, held))
    }

    /// What a TrafficShift of this host is to the registry.
    pub(crate) fn shift_stance(&self, state: &State, key: &ShiftKey) -> Option<Stance> {
        let row = self.shifts.get(&key.to_string())?;
        let held = state.brain.shifts.get(key).map(|held| &held.shift);
        let says = row.declared.as_ref().ok();
        let here = self.here.as_ref();
        let object = ObjectKey::Shift(key.clone());
        Some(stance(state, here, &object, &row.object, says, held))
    }

    /// What an object of this host is to the registry.
    pub(crate) fn stance_of(&self, state: &State, object: &ObjectKey) -> Option<Stance> {
        match object {
            ObjectKey::Member(name) => self.member_stance(state, name),
            ObjectKey::Policy(key) => self.policy_stance(state, key),
            ObjectKey::Shift(key) => self.shift_stance(state, key),
        }
    }
}

impl Declared {
    /// The host cluster became known, or why it is not.
    pub(crate) fn set_here(&self, here: Result<Host, String>) {
        let mut rows = lock(&self.rows);
        match here {
            Ok(host) => {
                rows.here = Some(host);
                rows.nowhere = None;
            }
            Err(why) => rows.nowhere = Some(why),
        }
    }

    /// A mirror was written, or why it could not be; returns whether that is news.
    pub(super) fn set_mirrored(&self, key: &ObjectKey, result: Result<(), String>) -> bool {
        let mut rows = lock(&self.rows);
        match result {
            Ok(()) => rows.unmirrored.remove(key).is_some(),
            Err(why) => rows.unmirrored.insert(key.clone(), why.clone()) != Some(why),
        }
    }

    /// Forgets mirrors that could not be written and are not wanted any more.
    pub(super) fn keep_unmirrored(&self, wanted: impl Fn(&ObjectKey) -> bool) {
        lock(&self.rows).unmirrored.retain(|key, _| wanted(key));
    }

    /// The declarations now.
    pub(crate) fn rows(&self) -> Rows {
        lock(&self.rows).clone()
    }

    /// What keeps the registry from being read, as a sentence.
    pub(crate) fn trouble(&self) -> Option<String> {
        let rows = lock(&self.rows);
        let all: Vec<&str> = rows
            .trouble
            .values()
            .chain(&rows.nowhere)
            .map(String::as_str)
            .collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// The names of a kind's objects.
    pub(super) fn names(&self, kind: Kind) -> BTreeSet<String> {
        let rows = lock(&self.rows);
        match kind {
            Kind::Member => rows.members.keys().cloned().collect(),
            Kind::Policy => rows.policies.keys().cloned().collect(),
            Kind::Shift => rows.shifts.keys().cloned().collect(),
        }
    }

    /// A fresh list of a kind.
    pub(super) fn listed(&self, kind: Kind, objects: Vec<DynamicObject>, root: &Name) {
        let mut rows = lock(&self.rows);
        rows.listed.insert(kind);
        rows.undefined.remove(&kind);
        match kind {
            Kind::Member => {
                let fresh = objects
                    .into_iter()
                    .map(|object| (kind.key(&object), row::member(object)));
                replace(&mut rows.members, fresh);
            }
            Kind::Policy => {
                let fresh = objects
                    .into_iter()
                    .map(|object| (kind.key(&object), row::policy(object, root)));
                replace(&mut rows.policies, fresh);
            }
            Kind::Shift => {
                let fresh = objects
                    .into_iter()
                    .map(|object| (kind.key(&object), row::shift(object, root)));
                replace(&mut rows.shifts, fresh);
            }
        }
    }

    /// The host cluster does not define a kind.
    pub(super) fn undefined(&self, kind: Kind) {
        lock(&self.rows).undefined.insert(kind);
    }

    /// An object came or changed; returns its key.
    pub(crate) fn applied(&self, kind: Kind, object: DynamicObject, root: &Name) -> String {
        let key = kind.key(&object);
        let mut rows = lock(&self.rows);
        match kind {
            Kind::Member => put(&mut rows.members, key.clone(), row::member(object)),
            Kind::Policy => put(&mut rows.policies, key.clone(), row::policy(object, root)),
            Kind::Shift => put(&mut rows.shifts, key.clone(), row::shift(object, root)),
        }
        key
    }

    /// An object was deleted; returns its key.
    pub(super) fn deleted(&self, kind: Kind, object: &DynamicObject) -> String {
        let key = kind.key(object);
        let mut rows = lock(&self.rows);
        match kind {
            Kind::Member => drop(rows.members.remove(&key)),
            Kind::Policy => drop(rows.policies.remove(&key)),
            Kind::Shift => drop(rows.shifts.remove(&key)),
        }
        key
    }

    /// The decision log refused a declaration.
    pub(crate) fn refuse(&self, kind: Kind, key: &str, why: String) {
        let mut rows = lock(&self.rows);
        match kind {
            Kind::Member => set_refused(&mut rows.members, key, Some(why)),
            Kind::Policy => set_refused(&mut rows.policies, key, Some(why)),
            Kind::Shift => set_refused(&mut rows.shifts, key, Some(why)),
        }
    }

    /// What was refused is to be tried again.
    pub(super) fn forgive(&self, kind: Kind, key: &str) {
        let mut rows = lock(&self.rows);
        match kind {
            Kind::Member => set_refused(&mut rows.members, key, None),
            Kind::Policy => set_refused(&mut rows.policies, key, None),
            Kind::Shift => set_refused(&mut rows.shifts, key, None),
        }
    }

    /// Why a kind cannot be read now; returns whether that is news.
    pub(super) fn set_trouble(&self, kind: Kind, trouble: Option<&str>) -> bool {
        let mut rows = lock(&self.rows);
        let old = match trouble {
            Some(text) => rows.trouble.insert(kind, text.to_owned()),
            None => rows.trouble.remove(&kind),
        };
        old.as_deref() != trouble
    }

    /// What is in force though its object is gone; returns whether that is news.
    pub(super) fn set_kept(&self, kind: Kind, kept: Vec<(String, String)>) -> bool {
        let mut rows = lock(&self.rows);
        let mut all: BTreeMap<(Kind, String), String> = rows
            .kept
            .iter()
            .filter(|((of, _), _)| *of != kind)
            .map(|(key, why)| (key.clone(), why.clone()))
            .collect();
        all.extend(kept.into_iter().map(|(name, why)| ((kind, name), why)));
        let news = all != rows.kept;
        rows.kept = all;
        news
    }
}

fn replace<S>(
    rows: &mut BTreeMap<String, Arc<Row<S>>>,
    fresh: impl Iterator<Item = (String, Row<S>)>,
) {
    let mut old = std::mem::take(rows);
    for (key, row) in fresh {
        if let Some(before) = old.remove(&key) {
            rows.insert(key.clone(), before);
        }
        put(rows, key, row);
    }
}

/// A refusal stays with the declaration that was refused, not with the object.
fn put<S>(rows: &mut BTreeMap<String, Arc<Row<S>>>, key: String, mut row: Row<S>) {
    let before = rows
        .get(&key)
        .filter(|before| before.same_declaration(&row));
    row.refused = before.and_then(|before| before.refused.clone());
    rows.insert(key, Arc::new(row));
}

fn set_refused<S: Clone>(rows: &mut BTreeMap<String, Arc<Row<S>>>, key: &str, why: Option<String>) {
    if let Some(row) = rows.get_mut(key) {
        Arc::make_mut(row).refused = why;
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::needless_pass_by_value,
        clippy::semicolon_if_nothing_returned,
        clippy::indexing_slicing
    )]
    use serde_json::json;

    use super::*;

    fn object(name: &str, generation: i64, mode: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
            "metadata": { "name": name, "uid": name, "generation": generation },
            "spec": { "mode": mode },
        }))
        .unwrap()
    }

    #[test]
    fn a_malformed_object_hides_no_other() {
        let declared = Declared::default();
        let root: Name = "causeway-system".parse().unwrap();
        declared.listed(
            Kind::Member,
            vec![object("a", 1, "Fly"), object("b", 1, "Observe")],
            &root,
        );
        let rows = declared.rows();
        assert!(rows.members["a"].declared.is_err() && rows.members["b"].declared.is_ok());
    }

    #[test]
    fn a_refusal_lasts_until_the_declaration_changes() {
        let declared = Declared::default();
        let root: Name = "causeway-system".parse().unwrap();
        declared.listed(Kind::Member, vec![object("a", 1, "Observe")], &root);
        declared.refuse(Kind::Member, "a", "too large".to_owned());
        declared.listed(Kind::Member, vec![object("a", 1, "Observe")], &root);
        assert_eq!(
            declared.rows().members["a"].refused.as_deref(),
            Some("too large")
        );
        declared.applied(Kind::Member, object("a", 2, "Observe"), &root);
        assert_eq!(declared.rows().members["a"].refused, None);
    }
}
