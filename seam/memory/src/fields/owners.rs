//! Managers with the fields that they own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::merge::{Difference, compare, merge, remove};
use super::owned_part;
use super::set::{Place, Set, collect, collect_all};
use crate::kinds::Kind;
use crate::object::Fields;

/// Who writes, and how: an apply of a manager and another write of it have different owners, as have its writes of
/// the status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Manager {
    /// `fieldManager`.
    pub(crate) name: String,
    /// Whether by server-side apply.
    pub(crate) apply: bool,
    /// Whether through the status subresource.
    pub(crate) status: bool,
}

/// The managers of one object.
pub(crate) type Owners = BTreeMap<Manager, Set>;

fn value(object: &Fields) -> Value {
    Value::Object(owned_part(object))
}

/// What becomes of the owners when `manager` writes `new` where `old` was, other than by an apply: what it changed is
/// its own from now on. Where an object has lost all its owners, nobody becomes one until the next apply.
pub(crate) fn write(
    kind: &Kind,
    owners: &Owners,
    manager: &Manager,
    old: Option<&Fields>,
    new: &Fields,
) -> Owners {
    if old.is_some() && owners.is_empty() {
        return Owners::new();
    }
    let mut difference = Difference::default();
    let old = old.map(value);
    let root = Place::root(kind);
    compare(old.as_ref(), Some(&value(new)), &root, &mut difference);
    let mut owners = owners.clone();
    take_away(&mut owners, &difference);
    let own = owners.entry(manager.clone()).or_default();
    own.0.extend(difference.changed.0);
    owners.retain(|_, set| !set.0.is_empty());
    owners
}

/// Takes what changed or went from all managers.
fn take_away(owners: &mut Owners, difference: &Difference) {
    for set in owners.values_mut() {
        set.0.retain(|path| {
            !difference.changed.contains(path) && !difference.removed.contains(path)
        });
    }
}

/// What an apply makes.
pub(crate) struct Applied {
    /// The object, without system fields.
    pub(crate) object: Fields,
    pub(crate) owners: Owners,
}

/// Applies `config` for `manager` over `live`. What the manager applied before and leaves out now is removed, unless
/// another manager owns it too.
///
/// # Errors
/// Pairs of other managers and their fields that `config` would change, where `force` is not given.
pub(crate) fn apply(
    kind: &Kind,
    owners: &Owners,
    manager: &Manager,
    live: &Fields,
    config: &Fields,
    force: bool,
) -> Result<Applied, Vec<(String, String)>> {
    let root = Place::root(kind);
    let (live, config) = (value(live), value(config));
    let mut own = Set::default();
    if config.as_object().is_some_and(|fields| !fields.is_empty()) {
        collect(&config, &root, &mut own);
    }
    let mut object = merge(Some(&live), &config, &root);
    let mut owners = owners.clone();
    if owners.is_empty() {
        let (first, set) = before_first_apply(&live, &root, manager.status);
        owners.insert(first, set);
    }

    let before = owners.remove(manager).unwrap_or_default();
    let gone = Set(before.0.difference(&own.0).cloned().collect());
    if !gone.0.is_empty() {
        let mut keep = own.clone();
        for set in owners.values() {
            keep.0.extend(set.0.iter().cloned());
        }
        if !remove(&mut object, &root, &gone, &keep) {
            object = Value::Object(Fields::new());
        }
    }

    let mut difference = Difference::default();
    compare(Some(&live), Some(&object), &root, &mut difference);
    if !force {
        let conflicts = conflicts(&owners, &difference);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
    }
    take_away(&mut owners, &difference);
    owners.insert(manager.clone(), own);
    owners.retain(|_, set| !set.0.is_empty());
    let object = match object {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    Ok(Applied { object, owners })
}

/// Fields that changed and that others own, with their owners.
fn conflicts(owners: &Owners, difference: &Difference) -> Vec<(String, String)> {
    let mut conflicts = Vec::new();
    for (manager, set) in owners {
        let theirs = set.0.iter();
        let theirs = theirs.filter(|path| difference.changed.contains(path));
        conflicts.extend(theirs.map(|path| (manager.name.clone(), path.to_string())));
    }
    conflicts
}

/// Who owns what is there already when an object without owners is first applied to.
fn before_first_apply(live: &Value, root: &Place<'_>, status: bool) -> (Manager, Set) {
    let mut set = Set::default();
    collect_all(live, root, &mut set);
    let part = root.field("status").path;
    set.0.retain(|path| path.is_within(&part) == status);
    let manager = Manager {
        name: "before-first-apply".to_owned(),
        apply: false,
        status,
    };
    (manager, set)
}
