//! What all conversions share: reading with the name of message and field at hand, and cutting what is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use crate::error::WireError;
use crate::limits::{ITEMS, ROWS, SENTENCE_BYTES};

/// The place of a field, for errors.
#[derive(Clone, Copy)]
pub(crate) struct At(pub(crate) &'static str, pub(crate) &'static str);

impl At {
    pub(crate) fn missing(self) -> WireError {
        WireError::Missing {
            message: self.0,
            field: self.1,
        }
    }

    pub(crate) fn malformed(self, reason: impl Display) -> WireError {
        WireError::Malformed {
            message: self.0,
            field: self.1,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unknown(self, found: i32) -> WireError {
        WireError::Unknown {
            message: self.0,
            field: self.1,
            found: found.to_string(),
        }
    }

    pub(crate) fn unknown_kind(self) -> WireError {
        WireError::Unknown {
            message: self.0,
            field: self.1,
            found: "absent or of a kind that was added later".into(),
        }
    }

    fn fits(self, found: usize, limit: usize, unit: &'static str) -> Result<(), WireError> {
        if found <= limit {
            return Ok(());
        }
        Err(WireError::TooLarge {
            message: self.0,
            field: self.1,
            found,
            limit,
            unit,
        })
    }

    /// A field that must be there.
    pub(crate) fn needed<W, T>(self, field: Option<W>) -> Result<T, WireError>
    where
        T: TryFrom<W, Error = WireError>,
    {
        field.ok_or_else(|| self.missing())?.try_into()
    }

    /// An identifier.
    pub(crate) fn name<T: FromStr<Err: Display>>(self, text: &str) -> Result<T, WireError> {
        text.parse().map_err(|error| self.malformed(error))
    }

    /// An identifier, or nothing for the empty text.
    pub(crate) fn known<T: FromStr<Err: Display>>(
        self,
        text: &str,
    ) -> Result<Option<T>, WireError> {
        if text.is_empty() {
            return Ok(None);
        }
        self.name(text).map(Some)
    }

    /// A port: 1 to 65535.
    pub(crate) fn port(self, number: u32) -> Result<u16, WireError> {
        match u16::try_from(number) {
            Ok(port) if port != 0 => Ok(port),
            _ => Err(self.malformed(format_args!("{number} is no port: expected 1 to 65535"))),
        }
    }

    /// A text of at most `limit` bytes.
    pub(crate) fn text(self, text: String, limit: usize) -> Result<String, WireError> {
        self.fits(text.len(), limit, "bytes")?;
        Ok(text)
    }

    /// A sentence, or another short text.
    pub(crate) fn sentence(self, text: String) -> Result<String, WireError> {
        self.text(text, SENTENCE_BYTES)
    }

    /// A list inside a row.
    pub(crate) fn items<W, T>(
        self,
        items: Vec<W>,
        read: impl FnMut(W) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        self.fits(items.len(), ITEMS, "items")?;
        items.into_iter().map(read).collect()
    }

    /// A list of identifiers inside a row.
    pub(crate) fn names<T: FromStr<Err: Display>>(
        self,
        items: Vec<String>,
    ) -> Result<Vec<T>, WireError> {
        self.items(items, |text| self.name(&text))
    }

    /// A list of identifiers inside a row whose order says nothing.
    pub(crate) fn name_set<T: FromStr<Err: Display> + Ord>(
        self,
        items: Vec<String>,
    ) -> Result<BTreeSet<T>, WireError> {
        Ok(self.names(items)?.into_iter().collect())
    }

    /// A list of rows.
    pub(crate) fn rows<W, T>(self, rows: Vec<W>) -> Result<Vec<T>, WireError>
    where
        T: TryFrom<W, Error = WireError>,
    {
        self.fits(rows.len(), ROWS, "items")?;
        rows.into_iter().map(T::try_from).collect()
    }

    /// A list of rows with a key each; of two rows with one key the later holds.
    pub(crate) fn map<W, K: Ord, V>(self, rows: Vec<W>) -> Result<BTreeMap<K, V>, WireError>
    where
        (K, V): TryFrom<W, Error = WireError>,
    {
        Ok(self.rows::<W, (K, V)>(rows)?.into_iter().collect())
    }

    /// Labels.
    pub(crate) fn labels(
        self,
        labels: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, WireError> {
        self.fits(labels.len(), ITEMS, "items")?;
        for text in labels.iter().flat_map(|(key, value)| [key, value]) {
            self.fits(text.len(), SENTENCE_BYTES, "bytes")?;
        }
        Ok(labels)
    }
}

/// An optional part.
pub(crate) fn optional<W, T>(field: Option<W>) -> Result<Option<T>, WireError>
where
    T: TryFrom<W, Error = WireError>,
{
    field.map(T::try_from).transpose()
}

/// The text of an optional identifier; empty where there is none.
pub(crate) fn or_empty<T: Display>(name: Option<&T>) -> String {
    name.map(T::to_string).unwrap_or_default()
}

/// The texts of identifiers.
pub(crate) fn texts<T: Display>(names: impl IntoIterator<Item = T>) -> Vec<String> {
    names.into_iter().map(|name| name.to_string()).collect()
}

/// The text, or as much of it as fits, with a mark that it was cut.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mark = format!("… (cut: {} bytes)", text.len());
    let room = limit.saturating_sub(mark.len());
    let end = (0..=room).rev().find(|&at| text.is_char_boundary(at));
    let mut kept = text.get(..end.unwrap_or(0)).unwrap_or("").to_owned();
    kept.push_str(&mark);
    kept
}

/// A sentence within its cap.
pub(crate) fn sentence(text: &str) -> String {
    cut(text, SENTENCE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_cut_at_a_character_and_says_so() {
        let cut = cut(&"ä".repeat(100), 51);
        assert!(
            cut.len() <= 51 && cut.ends_with("(cut: 200 bytes)"),
            "{cut}"
        );
        assert!(cut.starts_with("ää"), "{cut}");
    }
}
