//! `GET /v1/status`: is everything well?

use causeway_api::generation::Generation;
use causeway_api::ids::MemberName;
use causeway_api::verdict::{Subject, VerdictState};
use serde::{Deserialize, Serialize};

use super::clusters::ClusterRow;
use super::overrides::ShiftReport;
use super::sights::{LogSight, ReplicaSight};

/// The state of the whole clusterset, as one replica sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Everything below in one word; [`StatusReport::judge`] computes it.
    pub severity: Severity,
    /// The version of the replica that answers.
    pub version: String,
    /// The replica that answers.
    pub asked: String,
    /// When it answered, by its clock, in milliseconds since the Unix epoch: for people.
    pub asked_at_ms: i64,
    /// Whether decisions can be made.
    pub quorum: Quorum,
    /// The replicas, as the one that answers sees them.
    #[serde(default)]
    pub replicas: Vec<ReplicaSight>,
    /// How far the log of the replica that answers is.
    #[serde(default)]
    pub log: LogSight,
    /// What is being waited for, a sentence each.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// The newest decision that the replica has applied.
    pub generation: Generation,
    /// Age of the oldest facts among the members whose agents are connected, in milliseconds; `None`: no agent is.
    pub data_age_ms: Option<u64>,
    /// What is lost or comes back, the widest first.
    pub incidents: Vec<Incident>,
    /// What a person should look at.
    pub needs_you: Vec<Attention>,
    /// What people override now, or did and have not ended.
    #[serde(default)]
    pub overrides: Vec<ShiftReport>,
    /// The members.
    pub members: Vec<ClusterRow>,
    /// The services, counted.
    pub services: ServiceTotals,
}

/// How it stands, and the exit code of `causeway status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum Severity {
    /// Nothing to do.
    #[default]
    Fine,
    /// Nothing is lost, and a person should look.
    Attention,
    /// Something is lost.
    Incident,
    /// No decision can be made; every mesh keeps what it has.
    NoQuorum,
}

impl Severity {
    /// The exit code of `causeway status`: 1 and 2 stay failure and usage.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Attention => 3,
            Self::Incident => 4,
            Self::NoQuorum => 5,
        }
    }
}

/// The voters of the decision log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// Whether the replica that answers has heard a majority within its lease.
    pub reachable: bool,
    /// How many voters there are.
    pub voters: u32,
    /// How many of them answer.
    pub answering: u32,
    /// The leader, where one is known.
    pub leader: Option<String>,
    /// For how long the replica that answers has known it to lead, in milliseconds.
    #[serde(default)]
    pub leader_for_ms: Option<u64>,
}

/// Something that is lost or comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// What.
    pub subject: Subject,
    /// Lost or Recovering (Degraded is no incident).
    pub state: VerdictState,
    /// For how long, in milliseconds of cluster time.
    pub since_ago_ms: u64,
    /// How many observers' votes were counted as "unreachable".
    pub agreed: u32,
    /// How many were counted at all.
    pub counted: u32,
    /// In how many distinct failure domains those stand that agreed.
    pub domains: u32,
    /// Why votes were not counted, each once.
    pub not_counted: Vec<String>,
    /// How long traffic waits after the recovery, in milliseconds of cluster time that are left; only while Recovering.
    pub hold_down_left_ms: Option<u64>,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attention {
    /// The object, such as `MemberCluster ack-hangzhou` or `shop/cart`.
    pub object: String,
    /// A sentence with the remedy.
    pub message: String,
    /// The member that it concerns.
    pub member: Option<MemberName>,
    /// A command that shows more.
    pub command: Option<String>,
    /// For how long it has been so, in milliseconds by the clock of the replica that answers; `None`: not known.
    #[serde(default)]
    pub since_ago_ms: Option<u64>,
}

/// The services, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ServiceTotals {
    /// Exported by some member.
    pub exported: u64,
    /// With a committed plan.
    pub planned: u64,
    /// Whose proposed plan the checker refused.
    pub refused: u64,
    /// Whose demand exceeds all capacity.
    pub unserved: u64,
    /// Whose nearest tier cannot carry all.
    pub spilling: u64,
}

impl StatusReport {
    /// The severity that the rest of the report amounts to.
    #[must_use]
    pub fn judge(&self) -> Severity {
        let lost = |incident: &Incident| incident.state == VerdictState::Lost;
        if !self.quorum.reachable {
            Severity::NoQuorum
        } else if self.incidents.iter().any(lost) {
            Severity::Incident
        } else if !self.incidents.is_empty()
            || !self.needs_you.is_empty()
            || self.services.refused > 0
        {
            Severity::Attention
        } else {
            Severity::Fine
        }
    }

    /// The same report with [`StatusReport::severity`] set to what the rest amounts to.
    #[must_use]
    pub fn judged(mut self) -> Self {
        self.severity = self.judge();
        self
    }
}
