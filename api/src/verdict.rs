//! Votes, and the verdicts that a quorum of observers supports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{FailureDomain, MemberName, Name, Region, ReplicaId, Zone};
use crate::text::{TextError, serde_by_text};

/// Cluster time, in milliseconds since the state machine's first tick.
///
/// It advances only by what the leader's commands carry from its monotonic clock; a change of leader adds nothing, so
/// holds can only lengthen. It is no time of day, and no two machines' clocks are ever compared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct ClusterTime(pub u64);

impl ClusterTime {
    /// Milliseconds from `earlier` until this; zero where `earlier` is later.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This plus `ms`, at most the greatest time.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// What a vote or a verdict is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One east-west gateway of a member.
    Gateway {
        /// The member.
        member: MemberName,
        /// The gateway's name in the member's facts.
        gateway: Name,
    },
    /// The session of a member's agent.
    Session {
        /// The member.
        member: MemberName,
    },
    /// A member: lost when all its gateways are and its session is silent.
    Member {
        /// The member.
        member: MemberName,
    },
    /// A zone, concluded from its members.
    Zone {
        /// Its region.
        region: Region,
        /// The zone.
        zone: Zone,
    },
    /// A region, concluded from its members.
    Region {
        /// The region.
        region: Region,
    },
}

/// `gateway/member/name`, `session/member`, `member/name`, `zone/region/zone`, `region/name`: as people type it.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Gateway { member, gateway } => format!("gateway/{member}/{gateway}"),
            Self::Session { member } => format!("session/{member}"),
            Self::Member { member } => format!("member/{member}"),
            Self::Zone { region, zone } => format!("zone/{region}/{zone}"),
            Self::Region { region } => format!("region/{region}"),
        };
        f.pad(&text)
    }
}

/// Who observes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObserverId {
    /// A replica.
    Replica(ReplicaId),
    /// A member's agent.
    Agent(MemberName),
}

impl fmt::Display for ObserverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(id) => write!(f, "replica/{id}"),
            Self::Agent(member) => write!(f, "agent/{member}"),
        }
    }
}

impl FromStr for Subject {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        const FORM: &str =
            "gateway/MEMBER/NAME, session/MEMBER, member/NAME, zone/REGION/ZONE or region/NAME";
        let error = || TextError::new("subject", text, FORM);
        let mut parts = text.splitn(3, '/');
        let kind = parts.next().ok_or_else(error)?;
        let first = parts.next().ok_or_else(error)?;
        let member = |name: &str| MemberName::new(name).map_err(|_| error());
        let region = |name: &str| Region::new(name).map_err(|_| error());
        match (kind, parts.next()) {
            ("gateway", Some(gateway)) => Ok(Self::Gateway {
                member: member(first)?,
                gateway: Name::new(gateway).map_err(|_| error())?,
            }),
            ("session", None) => Ok(Self::Session {
                member: member(first)?,
            }),
            ("member", None) => Ok(Self::Member {
                member: member(first)?,
            }),
            ("zone", Some(zone)) => Ok(Self::Zone {
                region: region(first)?,
                zone: Zone::new(zone).map_err(|_| error())?,
            }),
            ("region", None) => Ok(Self::Region {
                region: region(first)?,
            }),
            _ => Err(error()),
        }
    }
}

impl FromStr for ObserverId {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let error = || TextError::new("observer", text, "replica/rNUMBER or agent/MEMBER");
        match text.split_once('/').ok_or_else(error)? {
            ("replica", id) => {
                let id = id
                    .strip_prefix('r')
                    .and_then(|id| id.parse().ok())
                    .ok_or_else(error)?;
                Ok(Self::Replica(ReplicaId(id)))
            }
            ("agent", member) => Ok(Self::Agent(MemberName::new(member).map_err(|_| error())?)),
            _ => Err(error()),
        }
    }
}

serde_by_text!(Subject, ObserverId);

/// What an observer holds of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ballot {
    /// It reaches the subject.
    Reachable,
    /// It reached it once and does not now. Such a vote expires in cluster time unless it is renewed.
    Unreachable,
    /// It cannot tell: it never reached the subject, or suspects itself.
    Abstain,
}

/// One observer's vote on one subject. Only a change of vote (or a renewal of a negative one) is a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who votes.
    pub observer: ObserverId,
    /// The failure domain in which the observer stands: votes are counted by distinct domains.
    pub domain: FailureDomain,
    /// About what.
    pub subject: Subject,
    /// What it holds.
    pub ballot: Ballot,
    /// One sentence of evidence, such as `connect to 203.0.113.7:15443: timed out after 1 s, 3 times`.
    pub evidence: String,
}

/// What is concluded of a subject.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum VerdictState {
    /// Nothing is known yet; nothing moves because of it.
    #[default]
    Unknown,
    /// It serves.
    Serving,
    /// Some observers cannot reach it, or a part of it is lost.
    Degraded,
    /// A quorum of observers in distinct failure domains could not reach it for the hold time: traffic moves.
    Lost,
    /// It is reached again, and waits out the hold-down before traffic returns.
    Recovering,
    /// Absent as announced: not a failure, and nothing is sent to it.
    Away,
}

impl fmt::Display for VerdictState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "Unknown",
            Self::Serving => "Serving",
            Self::Degraded => "Degraded",
            Self::Lost => "Lost",
            Self::Recovering => "Recovering",
            Self::Away => "Away",
        })
    }
}

impl VerdictState {
    /// Whether traffic may be sent to it from elsewhere: not where it is `Lost`, `Recovering` or `Away`. No data is never "no
    /// endpoints": what nobody ever reached is `Unknown`, and receives.
    #[must_use]
    pub fn may_receive(self) -> bool {
        !matches!(self, Self::Lost | Self::Recovering | Self::Away)
    }
}

/// A verdict, with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// About what.
    pub subject: Subject,
    /// What is concluded.
    pub state: VerdictState,
    /// Since when, in cluster time.
    pub since: ClusterTime,
    /// Who voted what, and who was not counted and why.
    pub evidence: Vec<Evidence>,
    /// How the votes were counted, and how many are left out of `evidence`.
    pub grounds: Grounds,
}

/// What a conclusion rests on beside the votes that are kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grounds {
    /// Observers whose vote on any of it counted.
    pub counted: u32,
    /// Those of them that held any of it unreachable.
    pub against: u32,
    /// In how many failure domains these stand.
    pub against_domains: u32,
    /// What a gateway or a session had to be held unreachable by: whatever else is concluded follows from these.
    pub quorum: Option<Quorum>,
    /// For a region: whether a replica that stands in it was heard, so that it is not dark whatever became of its members.
    pub replica_heard: Option<bool>,
    /// Votes that were counted like the others, and are not kept: of a region of a hundred members there are thousands.
    pub left_out: u32,
}

/// How many must agree that a gateway or a session is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quorum {
    /// So many observers.
    pub observers: u32,
    /// In so many failure domains.
    pub domains: u32,
    /// And in more failure domains than reach it, which are so many.
    pub reached_from: u32,
}

/// One vote as it was counted in a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who voted.
    pub observer: ObserverId,
    /// In which failure domain.
    pub domain: FailureDomain,
    /// What.
    pub ballot: Ballot,
    /// When it was cast, in cluster time.
    pub at: ClusterTime,
    /// The observer's sentence.
    pub evidence: String,
    /// `None` where it was counted, else why not.
    pub not_counted: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn subjects_and_observers_read_back() {
        for text in [
            "gateway/ack/eastwest",
            "session/ack",
            "member/ack",
            "zone/r1/z1",
            "region/r1",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in ["replica/r3", "agent/ack"] {
            assert_eq!(text.parse::<ObserverId>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "member",
            "member/a/b",
            "zone/r1",
            "planet/earth",
            "replica/3",
        ] {
            assert!(
                bad.parse::<Subject>().is_err() && bad.parse::<ObserverId>().is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_unknown_still_receives() {
        assert!(VerdictState::Unknown.may_receive());
        assert!(!VerdictState::Lost.may_receive() && !VerdictState::Recovering.may_receive());
    }
}
