//! Sets of fields. A field is a path of steps; an item of a keyed list is a step with its keys.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kinds::Kind;

/// How lists and maps at one place are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As a whole.
    Atomic,
    /// A list of objects that these fields tell apart.
    MapList(&'static [&'static str]),
    /// A list of scalars, each an element of its own.
    SetList,
}

/// A path: steps, each closed by a separator that no field name contains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Path(String);

const CLOSE: char = '\u{1f}';

impl Path {
    /// The path of a field below this.
    pub(crate) fn field(&self, name: &str) -> Self {
        Self(format!("{}.{name}{CLOSE}", self.0))
    }

    /// The path of an item below this.
    pub(crate) fn item(&self, key: &str) -> Self {
        Self(format!("{}[{key}]{CLOSE}", self.0))
    }

    /// Whether this is `other` or below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// As messages of conflicts write it.
impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .chars()
            .filter(|c| *c != CLOSE)
            .try_for_each(|c| write!(f, "{c}"))
    }
}

/// Fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Set(pub(crate) BTreeSet<Path>);

impl Set {
    /// Whether it holds the path or something below it.
    pub(crate) fn reaches(&self, path: &Path) -> bool {
        self.0
            .range(path.clone()..)
            .next()
            .is_some_and(|found| found.is_within(path))
    }

    pub(crate) fn contains(&self, path: &Path) -> bool {
        self.0.contains(path)
    }
}

/// A place in an object: its path, and by which schema it is merged.
#[derive(Debug, Clone)]
pub(crate) struct Place<'k> {
    pub(crate) path: Path,
    kind: &'k Kind,
    dotted: String,
}

impl<'k> Place<'k> {
    /// The whole object.
    pub(crate) fn root(kind: &'k Kind) -> Self {
        Self {
            path: Path::default(),
            kind,
            dotted: String::new(),
        }
    }

    /// A field below this.
    pub(crate) fn field(&self, name: &str) -> Self {
        let dotted = if self.dotted.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.dotted)
        };
        Self {
            path: self.path.field(name),
            kind: self.kind,
            dotted,
        }
    }

    /// An item below this.
    pub(crate) fn item(&self, key: &str) -> Self {
        Self {
            path: self.path.item(key),
            kind: self.kind,
            dotted: self.dotted.clone(),
        }
    }

    /// How a value here is merged.
    pub(crate) fn form(&self, value: &Value) -> Form {
        let metadata = match self.dotted.as_str() {
            "metadata.finalizers" => Some(Shape::SetList),
            "metadata.ownerReferences" => Some(Shape::MapList(&["uid"])),
            _ => None,
        };
        let declared = self
            .kind
            .shapes
            .iter()
            .find(|(path, _)| *path == self.dotted)
            .map(|(_, shape)| *shape);
        match (value, metadata.or(declared)) {
            (Value::Array(_), Some(Shape::MapList(keys))) => Form::MapList(keys),
            (Value::Array(_), Some(Shape::SetList)) => Form::SetList,
            (Value::Object(_), None) => Form::Map,
            // The items of a keyed list are maps themselves.
            (Value::Object(_), Some(Shape::MapList(_) | Shape::SetList)) => Form::Map,
            _ => Form::Whole,
        }
    }
}

/// How one value is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Field by field.
    Map,
    /// Item by item.
    MapList(&'static [&'static str]),
    /// Element by element.
    SetList,
    /// As a whole.
    Whole,
}

/// The key of an item: its key fields as JSON, with the defaults that keys of served kinds have.
pub(crate) fn key_of(item: &Value, keys: &[&str]) -> String {
    let parts = keys.iter().map(|key| {
        let value = item.get(key).cloned().unwrap_or_else(|| match *key {
            "protocol" => Value::from("TCP"),
            "group" => Value::from("multicluster.x-k8s.io"),
            "kind" => Value::from("ServiceExport"),
            _ => Value::Null,
        });
        format!("{key}={value}")
    });
    parts.collect::<Vec<_>>().join(",")
}

/// Every field that `value` has, into `set`, and every map and list that holds them: what comes or goes with it. Nobody
/// owns the whole object, nor its metadata.
pub(crate) fn collect_all(value: &Value, place: &Place<'_>, set: &mut Set) {
    if !matches!(place.dotted.as_str(), "" | "metadata") {
        set.0.insert(place.path.clone());
    }
    match (place.form(value), value) {
        (Form::Map, Value::Object(fields)) => {
            for (name, value) in fields {
                collect_all(value, &place.field(name), set);
            }
        }
        (Form::MapList(keys), Value::Array(items)) => {
            for item in items {
                collect_all(item, &place.item(&key_of(item, keys)), set);
            }
        }
        (Form::SetList, Value::Array(items)) => {
            let items = items.iter().map(|item| place.path.item(&item.to_string()));
            set.0.extend(items);
        }
        _ => {}
    }
}

/// Every field that `value` has, into `set`.
pub(crate) fn collect(value: &Value, place: &Place<'_>, set: &mut Set) {
    match (place.form(value), value) {
        (Form::Map, Value::Object(fields)) if !fields.is_empty() => {
            for (name, value) in fields {
                collect(value, &place.field(name), set);
            }
        }
        (Form::MapList(keys), Value::Array(items)) if !items.is_empty() => {
            for item in items {
                let place = place.item(&key_of(item, keys));
                set.0.insert(place.path.clone());
                collect(item, &place, set);
            }
        }
        (Form::SetList, Value::Array(items)) if !items.is_empty() => {
            for item in items {
                set.0.insert(place.path.item(&item.to_string()));
            }
        }
        _ => {
            set.0.insert(place.path.clone());
        }
    }
}
