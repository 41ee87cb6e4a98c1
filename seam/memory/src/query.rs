//! The parameters of a request. One that is not offered is refused, never ignored.

use std::collections::BTreeMap;

use crate::selector::Selector;
use crate::status::Refusal;

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Query(BTreeMap<String, String>);

/// Every parameter that is offered, for some verb.
const OFFERED: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldManager",
    "fieldSelector",
    "force",
    "labelSelector",
    "limit",
    "resourceVersion",
    "timeoutSeconds",
    "watch",
];

impl Query {
    /// Reads the text behind the `?`.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut query = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            if !OFFERED.contains(&key.as_ref()) {
                return Err(Refusal::not_offered(&format!("the parameter {key}")));
            }
            query.insert(key.into_owned(), value.into_owned());
        }
        Ok(Self(query))
    }

    /// A parameter; `None` where absent or empty.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A switch.
    pub(crate) fn is(&self, key: &str) -> bool {
        matches!(self.text(key), Some("true" | "1"))
    }

    /// A number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                Refusal::bad_request(format!("{key}: {text:?} is no whole number, give one"))
            })
        };
        self.text(key).map(parse).transpose()
    }

    /// What labels and fields select.
    pub(crate) fn selector(&self) -> Result<Selector, Refusal> {
        Selector::parse(
            self.text("labelSelector").unwrap_or_default(),
            self.text("fieldSelector").unwrap_or_default(),
        )
    }
}
