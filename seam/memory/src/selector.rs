//! Selectors of labels (all of the API's operators) and of fields (name and namespace).

use std::collections::{BTreeMap, BTreeSet};

use crate::object::{self, Fields};
use crate::status::Refusal;

/// What an object must meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    Exists,
    Absent,
    In(BTreeSet<String>),
    /// Absent labels meet it too.
    NotIn(BTreeSet<String>),
}

impl Selector {
    pub(crate) fn parse(labels: &str, fields: &str) -> Result<Self, Refusal> {
        let mut selector = Self::default();
        for part in split(labels) {
            selector.labels.push(requirement(part)?);
        }
        for part in fields
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (key, equal, value) = match (part.split_once("!="), part.split_once('=')) {
                (Some((key, value)), _) => (key, false, value),
                (None, Some((key, value))) => (key, true, value.trim_start_matches('=')),
                (None, None) => {
                    let message = format!("invalid field selector: {part:?}");
                    return Err(Refusal::bad_request(message));
                }
            };
            if !matches!(key, "metadata.name" | "metadata.namespace") {
                return Err(Refusal::not_offered(&format!("the field selector {key}")));
            }
            selector
                .fields
                .push((key.to_owned(), equal, value.to_owned()));
        }
        Ok(selector)
    }

    /// Whether everything is selected.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Fields) -> bool {
        self.matches_labels(&object::labels(object))
            && self.fields.iter().all(|(key, equal, value)| {
                let found = object::meta(object, key.trim_start_matches("metadata."));
                (found == value) == *equal
            })
    }

    fn matches_labels(&self, labels: &BTreeMap<&str, &str>) -> bool {
        self.labels.iter().all(|requirement| {
            let found = labels.get(requirement.key.as_str());
            match &requirement.operator {
                Operator::Exists => found.is_some(),
                Operator::Absent => found.is_none(),
                Operator::In(values) => found.is_some_and(|value| values.contains(*value)),
                Operator::NotIn(values) => !found.is_some_and(|value| values.contains(*value)),
            }
        })
    }
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0u32;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

fn requirement(part: &str) -> Result<Requirement, Refusal> {
    let one = |key: &str, operator: Operator| {
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(Refusal::bad_request(format!(
                "unable to parse requirement: {part:?}"
            )));
        }
        let key = key.to_owned();
        Ok(Requirement { key, operator })
    };
    let single = |value: &str| BTreeSet::from([value.trim().to_owned()]);
    if let Some((head, values)) = part.split_once('(') {
        let values = values.trim_end_matches(')').split(',');
        let values = values.map(|value| value.trim().to_owned()).collect();
        let head = head.trim();
        return match (head.strip_suffix(" notin"), head.strip_suffix(" in")) {
            (Some(key), _) => one(key, Operator::NotIn(values)),
            (None, Some(key)) => one(key, Operator::In(values)),
            (None, None) => one("", Operator::Exists),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return one(key, Operator::NotIn(single(value)));
    }
    if let Some((key, value)) = part.split_once('=') {
        return one(key, Operator::In(single(value.trim_start_matches('='))));
    }
    match part.strip_prefix('!') {
        Some(key) => one(key, Operator::Absent),
        None => one(part, Operator::Exists),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn labels_are_selected_as_the_api_says() {
        let labels = BTreeMap::from([("app", "web"), ("tier", "front")]);
        for (text, expected) in [
            ("", true),
            ("app", true),
            ("!app", false),
            ("!zone", true),
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app!=web", false),
            ("zone!=a", true),
            ("app in (web, api)", true),
            ("app notin (web,api),tier", false),
            ("zone notin (a)", true),
        ] {
            let selector = Selector::parse(text, "").unwrap();
            assert_eq!(selector.matches_labels(&labels), expected, "{text}");
        }
        assert!(Selector::parse("a b", "").is_err());
        assert!(Selector::parse("", "spec.nodeName=n").is_err());
    }
}
