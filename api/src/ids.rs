//! Identifiers: parsed once at the border, cheap to clone, ordered.
//!
//! Behind these types nothing is malformed: code that holds a [`Name`] need not check it again.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text::{TextError, serde_by_text};

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("{what} is empty: give a DNS label or subdomain (RFC 1123)")]
    Empty {
        /// What was being parsed, such as `member name`.
        what: &'static str,
    },
    /// Longer than Kubernetes allows.
    #[error("{what} {found:?} has {len} characters: at most {max} are allowed")]
    TooLong {
        /// What was being parsed.
        what: &'static str,
        /// The text, cut to 80 characters.
        found: String,
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A character that the kind of name does not allow.
    #[error("{what} {found:?} has the character {bad:?} at {at}: {hint}")]
    BadCharacter {
        /// What was being parsed.
        what: &'static str,
        /// The text, cut to 80 characters.
        found: String,
        /// The offending character.
        bad: char,
        /// Its position, in characters.
        at: usize,
        /// What is allowed.
        hint: &'static str,
    },
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Lower-case letters, digits, `-` and `.`, as names of Kubernetes objects are (RFC 1123 subdomain).
fn check_dns(what: &'static str, text: &str, max: usize) -> Result<(), NameError> {
    const HINT: &str =
        "use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";
    check_len(what, text, max)?;
    let bad = |at, bad| NameError::BadCharacter {
        what,
        found: cut(text),
        bad,
        at,
        hint: HINT,
    };
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        let alnum = c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = (c == '-' || c == '.') && at != 0 && at != last;
        if !(alnum || inner) {
            return Err(bad(at, c));
        }
    }
    Ok(())
}

/// Letters, digits, `-`, `_` and `.`, as values of Kubernetes labels are.
fn check_label_value(what: &'static str, text: &str, max: usize) -> Result<(), NameError> {
    const HINT: &str =
        "use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
    check_len(what, text, max)?;
    let last = text.chars().count().saturating_sub(1);
    let bad = text.chars().enumerate().find(|&(at, c)| {
        let inner = matches!(c, '-' | '_' | '.') && at != 0 && at != last;
        !(c.is_ascii_alphanumeric() || inner)
    });
    match bad {
        Some((at, bad)) => Err(NameError::BadCharacter {
            what,
            found: cut(text),
            bad,
            at,
            hint: HINT,
        }),
        None => Ok(()),
    }
}

fn check_len(what: &'static str, text: &str, max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > max {
        return Err(NameError::TooLong {
            what,
            found: cut(text),
            len: text.len(),
            max,
        });
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses and checks.
            ///
            /// # Errors
            /// [`NameError`] says what was found and what is allowed.
            pub fn new(text: &str) -> Result<Self, NameError> {
                $check($what, text, $max)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.to_string()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

identifier!(
    /// The name of a Kubernetes object or namespace.
    Name, "name", check_dns, 253
);
identifier!(
    /// The name of a member cluster: the name of its MemberCluster, and the identity in its agent's certificate.
    /// At most 63 characters, since it becomes a label value and part of object names.
    MemberName, "member name", check_dns, 63
);
identifier!(
    /// A network (`topology.istio.io/network`): pods of one network reach each other without a gateway.
    NetworkName, "network name", check_label_value, 63
);
identifier!(
    /// A region, as in `topology.kubernetes.io/region`.
    Region, "region", check_label_value, 63
);
identifier!(
    /// A zone, as in `topology.kubernetes.io/zone`. Unique within its region only.
    Zone, "zone", check_label_value, 63
);
identifier!(
    /// The name of a Service's port; [`PortName::unnamed`] where a Service with a single port leaves it out.
    PortNameText, "port name", check_dns, 63
);
identifier!(
    /// A declared failure domain: what may be lost at one stroke (a power feed, a carrier, a region).
    FailureDomain, "failure domain", check_label_value, 63
);

/// The name of a Service port; `None` is the single unnamed port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct PortName(pub Option<PortNameText>);

impl PortName {
    /// The single port of a Service that gives it no name.
    #[must_use]
    pub fn unnamed() -> Self {
        Self(None)
    }

    /// Parses; the empty text is the unnamed port.
    ///
    /// # Errors
    /// [`NameError`] where the text is no port name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            Ok(Self(None))
        } else {
            Ok(Self(Some(PortNameText::new(text)?)))
        }
    }

    /// The name, or the empty text for the unnamed port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", PortNameText::as_str)
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Namespace and name of a service: the same in each member (namespace sameness, KEP-1645).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl ServiceKey {
    /// From namespace and name.
    ///
    /// # Errors
    /// [`NameError`] where either is malformed.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        Ok(Self {
            namespace: Name::new(namespace)?,
            name: Name::new(name)?,
        })
    }

    /// `name.namespace.svc.cluster.local`: what clients inside a cluster call.
    #[must_use]
    pub fn cluster_local_host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }

    /// `name.namespace.svc.clusterset.local` (KEP-1645).
    #[must_use]
    pub fn clusterset_host(&self) -> String {
        format!("{}.{}.svc.clusterset.local", self.name, self.namespace)
    }
}

/// `namespace/name`.
impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.namespace, self.name))
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ServiceKey {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let error = || TextError::new("service", text, "namespace/name");
        let (namespace, name) = text.split_once('/').ok_or_else(error)?;
        Self::new(namespace, name).map_err(|_| error())
    }
}

/// Region and zone. `None` where nothing says it: an unknown is kept as such, never guessed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Locality {
    /// The region.
    pub region: Option<Region>,
    /// The zone inside the region.
    pub zone: Option<Zone>,
}

/// `region/zone`, with `-` for an unknown part.
impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region.as_ref().map_or("-", Region::as_str);
        let zone = self.zone.as_ref().map_or("-", Zone::as_str);
        f.pad(&format!("{region}/{zone}"))
    }
}

impl FromStr for Locality {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let error = || TextError::new("locality", text, "region/zone, with - for an unknown part");
        let (region, zone) = text.split_once('/').ok_or_else(error)?;
        let known = |part: &str| (part != "-").then(|| part.to_owned());
        Ok(Self {
            region: known(region)
                .map(|r| Region::new(&r))
                .transpose()
                .map_err(|_| error())?,
            zone: known(zone)
                .map(|z| Zone::new(&z))
                .transpose()
                .map_err(|_| error())?,
        })
    }
}

serde_by_text!(ServiceKey, Locality);

/// A replica's Raft id. Never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct ReplicaId(pub u64);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_follow_kubernetes() {
        for good in ["a", "shop", "a-b.c", "1a"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a_b", "a/b", "ä", &"x".repeat(254)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
        assert!(Zone::new("cn-hangzhou_H").is_ok());
    }

    #[test]
    fn an_error_names_what_was_found() {
        let text = MemberName::new("Ack").unwrap_err().to_string();
        assert!(
            text.contains("member name") && text.contains("\"Ack\"") && text.contains("'A'"),
            "{text}"
        );
    }

    #[test]
    fn deserializing_checks_too() {
        assert!(serde_json::from_str::<Name>("\"Bad Name\"").is_err());
        assert_eq!(
            serde_json::from_str::<PortName>("null").unwrap(),
            PortName::unnamed()
        );
    }

    #[test]
    fn hosts_are_those_of_the_dns_specifications() {
        let key = ServiceKey::new("shop", "cart").unwrap();
        assert_eq!(key.cluster_local_host(), "cart.shop.svc.cluster.local");
        assert_eq!(key.clusterset_host(), "cart.shop.svc.clusterset.local");
        assert_eq!(key.to_string(), "shop/cart");
    }

    #[test]
    fn composites_are_texts_in_json() {
        let key = ServiceKey::new("shop", "cart").unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"shop/cart\"");
        for text in ["r1/z1", "r1/-", "-/-"] {
            let locality: Locality = text.parse().unwrap();
            assert_eq!(locality.to_string(), text);
        }
        assert!("r1".parse::<Locality>().is_err());
        assert!(
            Region::new("-").is_err(),
            "else an unknown region would read as a known one"
        );
    }
}
