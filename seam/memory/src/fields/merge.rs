//! Putting one value over another, taking fields out, comparing two.

use serde_json::Value;

use super::set::{Form, Place, Set, collect_all, key_of};

/// `config` over `live`.
pub(crate) fn merge(live: Option<&Value>, config: &Value, place: &Place<'_>) -> Value {
    match (place.form(config), live, config) {
        (Form::Map, Some(Value::Object(live)), Value::Object(config)) => {
            let mut merged = live.clone();
            for (name, value) in config {
                let value = merge(live.get(name), value, &place.field(name));
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Form::MapList(keys), Some(Value::Array(live)), Value::Array(config)) => {
            let mut merged = live.clone();
            for item in config {
                let key = key_of(item, keys);
                match merged.iter_mut().find(|old| key_of(old, keys) == key) {
                    Some(old) => *old = merge(Some(old), item, &place.item(&key)),
                    None => merged.push(item.clone()),
                }
            }
            Value::Array(merged)
        }
        (Form::SetList, Some(Value::Array(live)), Value::Array(config)) => {
            let mut merged = live.clone();
            for item in config.iter().filter(|item| !live.contains(item)) {
                merged.push(item.clone());
            }
            Value::Array(merged)
        }
        _ => config.clone(),
    }
}

/// Takes the fields of `kill` out, but for those of `keep`. Returns whether anything is left: a map or list that
/// becomes empty goes too, unless it is itself in `keep`.
pub(crate) fn remove(value: &mut Value, place: &Place<'_>, kill: &Set, keep: &Set) -> bool {
    if !kill.reaches(&place.path) {
        return true;
    }
    let form = place.form(value);
    let left = match (form, &mut *value) {
        (Form::Map, Value::Object(fields)) if !fields.is_empty() => {
            fields.retain(|name, value| remove(value, &place.field(name), kill, keep));
            !fields.is_empty()
        }
        (Form::MapList(keys), Value::Array(items)) if !items.is_empty() => {
            items.retain_mut(|item| {
                let key = key_of(item, keys);
                let place = place.item(&key);
                // An item goes with the last who named it, whoever has changed a field of it since.
                let dies = kill.contains(&place.path) && !keep.contains(&place.path);
                if dies {
                    return false;
                }
                // An item that others have a part in keeps the fields that tell it apart.
                let names: Vec<(&str, Value)> = keys
                    .iter()
                    .filter_map(|key| Some((*key, item.get(key)?.clone())))
                    .collect();
                remove(item, &place, kill, keep);
                if let Value::Object(fields) = item {
                    for (name, value) in names {
                        fields.insert(name.to_owned(), value);
                    }
                }
                true
            });
            !items.is_empty()
        }
        (Form::SetList, Value::Array(items)) if !items.is_empty() => {
            items.retain(|item| {
                let path = place.path.item(&item.to_string());
                !kill.contains(&path) || keep.contains(&path)
            });
            !items.is_empty()
        }
        _ => !kill.contains(&place.path),
    };
    left || keep.contains(&place.path)
}

/// What changed from `old` to `new`: fields that are other or new, and fields that are gone.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(crate) changed: Set,
    pub(crate) removed: Set,
}

/// Compares two values.
pub(crate) fn compare(
    old: Option<&Value>,
    new: Option<&Value>,
    place: &Place<'_>,
    difference: &mut Difference,
) {
    let (old, new) = match (old, new) {
        (None, None) => return,
        (Some(old), None) => return collect_all(old, place, &mut difference.removed),
        (None, Some(new)) => return collect_all(new, place, &mut difference.changed),
        (Some(old), Some(new)) if old == new => return,
        (Some(old), Some(new)) => (old, new),
    };
    match (place.form(new), old, new) {
        (Form::Map, Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                compare(Some(value), after.get(name), &place.field(name), difference);
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                compare(None, Some(value), &place.field(name), difference);
            }
        }
        (Form::MapList(keys), Value::Array(before), Value::Array(after)) => {
            let by_key = |items: &[Value], key: &str| {
                items.iter().find(|item| key_of(item, keys) == key).cloned()
            };
            for item in before {
                let key = key_of(item, keys);
                let after = by_key(after, &key);
                compare(Some(item), after.as_ref(), &place.item(&key), difference);
            }
            for item in after {
                let key = key_of(item, keys);
                if by_key(before, &key).is_none() {
                    compare(None, Some(item), &place.item(&key), difference);
                }
            }
        }
        (Form::SetList, Value::Array(before), Value::Array(after)) => {
            let path = |item: &Value| place.path.item(&item.to_string());
            let gone = before.iter().filter(|item| !after.contains(item));
            difference.removed.0.extend(gone.map(path));
            let come = after.iter().filter(|item| !before.contains(item));
            difference.changed.0.extend(come.map(path));
        }
        _ if std::mem::discriminant(old) == std::mem::discriminant(new) => {
            difference.changed.0.insert(place.path.clone());
        }
        _ => {
            collect_all(old, place, &mut difference.removed);
            collect_all(new, place, &mut difference.changed);
            difference
                .removed
                .0
                .retain(|path| !difference.changed.0.contains(path));
        }
    }
}
