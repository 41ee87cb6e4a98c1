//! What the sandbox loses: a region, a cluster, or the replica that leads.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use causeway_api::ids::{MemberName, Region};
use causeway_api::verdict::Subject;
use serde::{Deserialize, Serialize};

use super::fleet::Fleet;

/// What is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lost {
    /// A region, with its clusters and its replica, or a single cluster.
    Place(Subject),
    /// The process of the replica that leads.
    Leader,
}

const LEADER: &str = "leader";

impl Lost {
    /// The verdict that tells that it is lost; nobody votes on replicas.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Place(subject) => Some(subject),
            Self::Leader => None,
        }
    }

    /// The region that is lost whole.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        match self {
            Self::Place(Subject::Region { region }) => Some(region),
            Self::Place(_) | Self::Leader => None,
        }
    }

    /// The clusters that are lost with it.
    ///
    /// # Errors
    /// A sentence that names what is there, where nothing of that name is in the fleet.
    pub fn members(&self, fleet: &Fleet) -> Result<BTreeSet<MemberName>, String> {
        let members: BTreeSet<MemberName> = match self {
            Self::Leader => return Ok(BTreeSet::new()),
            Self::Place(Subject::Region { region }) => fleet
                .regions()
                .remove(region)
                .into_iter()
                .flatten()
                .collect(),
            Self::Place(Subject::Member { member }) => fleet
                .members
                .get(member)
                .map(|found| found.name.clone())
                .into_iter()
                .collect(),
            Self::Place(other) => {
                return Err(format!(
                    "the sandbox loses regions, clusters and the leader, not {other}: give --lose {}",
                    choices(fleet)
                ));
            }
        };
        if members.is_empty() {
            let (seed, number) = (fleet.seed, fleet.members.len());
            return Err(format!(
                "{self} is not in the fleet of seed {seed} with {number} clusters: give --lose {}",
                choices(fleet)
            ));
        }
        Ok(members)
    }
}

/// All that can be lost.
fn choices(fleet: &Fleet) -> String {
    let regions = fleet.regions().into_keys();
    let regions = regions.map(|region| format!("region/{region}"));
    let members = fleet.members.keys().map(|name| format!("member/{name}"));
    let all: Vec<String> = regions.chain(members).chain([LEADER.to_owned()]).collect();
    all.join(", ")
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(subject) => subject.fmt(f),
            Self::Leader => f.write_str(LEADER),
        }
    }
}

impl FromStr for Lost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == LEADER {
            return Ok(Self::Leader);
        }
        let subject = text.parse::<Subject>().map_err(|error| error.to_string())?;
        Ok(Self::Place(subject))
    }
}

impl TryFrom<String> for Lost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Lost> for String {
    fn from(lost: Lost) -> Self {
        lost.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_there_is_refused_with_all_that_is() {
        let fleet = Fleet::draw(1, 3, 1).unwrap();
        let members = |text: &str| text.parse::<Lost>().unwrap().members(&fleet);
        assert_eq!(members("region/eu-west").unwrap().len(), 1);
        assert_eq!(members("member/us-east-1").unwrap().len(), 1);
        assert_eq!(members("leader").unwrap().len(), 0);
        let said = members("region/atlantis").unwrap_err();
        for word in [
            "region/atlantis",
            "region/us-east",
            "member/eu-west-1",
            "leader",
        ] {
            assert!(said.contains(word), "{said}");
        }
        assert!(members("member/us-east-2").is_err());
        assert!(members("zone/us-east/us-east-a").is_err());
        assert!("a/b/c/d".parse::<Lost>().is_err());
    }
}
