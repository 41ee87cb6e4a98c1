//! A filter by callers: `--from`.

use std::fmt;
use std::str::FromStr;

use causeway_api::ids::{MemberName, Region, Zone};
use causeway_api::plan::Source;
use serde::{Deserialize, Serialize};

/// Callers in a member, in a zone of a member, or in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    /// A member or a region: the names decide which.
    place: String,
    /// A zone of the member.
    zone: Option<Zone>,
}

impl Origin {
    /// Whether a source, whose region is known or not, lies in it.
    #[must_use]
    pub fn matches(&self, source: &Source, region: Option<&Region>) -> bool {
        let in_member = source.member.as_str() == self.place;
        match &self.zone {
            Some(zone) => in_member && source.zone.as_ref() == Some(zone),
            None => in_member || region.is_some_and(|region| region.as_str() == self.place),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}/{zone}", self.place),
            None => f.write_str(&self.place),
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("{text:?} is no place of callers: expected MEMBER, MEMBER/ZONE or REGION");
        let (place, zone) = match text.split_once('/') {
            Some(("member" | "region", place)) => (place, None),
            Some((place, zone)) => (place, Some(Zone::new(zone).map_err(|_| error())?)),
            None => (text, None),
        };
        if MemberName::new(place).is_err() && Region::new(place).is_err() {
            return Err(error());
        }
        Ok(Self {
            place: place.to_owned(),
            zone,
        })
    }
}

impl TryFrom<String> for Origin {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}
