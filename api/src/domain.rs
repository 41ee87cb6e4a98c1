//! A failure domain that is lost, evacuated or prepared for, as people name it.

use std::fmt;
use std::str::FromStr;

use crate::ids::{FailureDomain, MemberName, Name, Region, Zone};
use crate::text::{TextError, serde_by_text};
use crate::verdict::Subject;

/// What fails or is left as one: `region/NAME`, `zone/REGION/ZONE`, `member/NAME`, `gateway/MEMBER/NAME`, or
/// `domain/NAME` for a domain that members declare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A region, with all members in it.
    Region(Region),
    /// A zone of a region.
    Zone {
        /// The region.
        region: Region,
        /// The zone.
        zone: Zone,
    },
    /// A member.
    Member(MemberName),
    /// One east-west gateway of a member.
    Gateway {
        /// The member.
        member: MemberName,
        /// The gateway's name.
        gateway: Name,
    },
    /// All members that declare this domain.
    Declared(FailureDomain),
}

impl Domain {
    /// The subject whose loss is the loss of this domain; `None` for a declared one, on which nobody votes.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        Some(match self {
            Self::Region(region) => Subject::Region {
                region: region.clone(),
            },
            Self::Zone { region, zone } => Subject::Zone {
                region: region.clone(),
                zone: zone.clone(),
            },
            Self::Member(member) => Subject::Member {
                member: member.clone(),
            },
            Self::Gateway { member, gateway } => Subject::Gateway {
                member: member.clone(),
                gateway: gateway.clone(),
            },
            Self::Declared(_) => return None,
        })
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject() {
            Some(subject) => fmt::Display::fmt(&subject, f),
            None => match self {
                Self::Declared(name) => f.pad(&format!("domain/{name}")),
                _ => Ok(()),
            },
        }
    }
}

impl FromStr for Domain {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        const FORM: &str =
            "region/NAME, zone/REGION/ZONE, member/NAME, gateway/MEMBER/NAME or domain/NAME";
        let error = || TextError::new("failure domain", text, FORM);
        if let Some(name) = text.strip_prefix("domain/") {
            return Ok(Self::Declared(
                FailureDomain::new(name).map_err(|_| error())?,
            ));
        }
        match text.parse().map_err(|_| error())? {
            Subject::Region { region } => Ok(Self::Region(region)),
            Subject::Zone { region, zone } => Ok(Self::Zone { region, zone }),
            Subject::Member { member } => Ok(Self::Member(member)),
            Subject::Gateway { member, gateway } => Ok(Self::Gateway { member, gateway }),
            Subject::Session { .. } => Err(error()),
        }
    }
}

serde_by_text!(Domain);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn domains_read_back() {
        for text in [
            "region/r1",
            "zone/r1/z1",
            "member/ack",
            "gateway/ack/eastwest",
            "domain/power-b",
        ] {
            assert_eq!(text.parse::<Domain>().unwrap().to_string(), text);
        }
        for bad in ["", "session/ack", "planet/earth", "domain/", "region/a/b"] {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
    }
}
