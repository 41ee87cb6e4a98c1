//! Composite identifiers travel as the text that people read, so that they can be keys of JSON objects too.

/// A text that is no such identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {what}: expected {expected}")]
pub struct TextError {
    /// What was being parsed.
    pub what: &'static str,
    /// What was found, cut to 80 characters.
    pub found: String,
    /// The form that is accepted.
    pub expected: &'static str,
}

impl TextError {
    pub(crate) fn new(what: &'static str, found: &str, expected: &'static str) -> Self {
        Self {
            what,
            found: found.chars().take(80).collect(),
            expected,
        }
    }
}

/// Serialises by `Display` and deserialises by `FromStr`.
macro_rules! serde_by_text {
    ($($name:ty),+ $(,)?) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_by_text;
