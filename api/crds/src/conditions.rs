//! Status conditions: one for each type, whose time of transition moves only when its status does.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Types of conditions of a MemberCluster.
pub mod member {
    /// Its declaration was accepted and it belongs to the clusterset.
    pub const REGISTERED: &str = "Registered";
    /// Its agent has a session.
    pub const AGENT_CONNECTED: &str = "AgentConnected";
    /// Its API server answers its own agent.
    pub const API_REACHABLE: &str = "APIReachable";
    /// Others reach its gateways.
    pub const GATEWAY_REACHABLE: &str = "GatewayReachable";
    /// Its mesh holds what the view says.
    pub const MESH_SYNCED: &str = "MeshSynced";
    /// Versions of agent, protocol, Kubernetes and mesh are supported.
    pub const COMPATIBLE: &str = "Compatible";
    /// All of the above, for kstatus and `kubectl wait`.
    pub const READY: &str = "Ready";
    /// The rest would carry its loss. No part of `Ready`.
    pub const LOSS_SURVIVABLE: &str = "LossSurvivable";
}

/// Types of conditions of a FailoverPolicy.
pub mod policy {
    /// Its declaration was accepted and is in force.
    pub const ACCEPTED: &str = "Accepted";
    /// What its targets name exists.
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    /// Both of the above, for kstatus and `kubectl wait`.
    pub const READY: &str = "Ready";
    /// It is declared what its services' endpoints take, wherever there are any. No part of `Ready`.
    pub const CAPACITY_PROVEN: &str = "CapacityProven";
    /// The rest would carry any one loss, as far as its services go. No part of `Ready`.
    pub const LOSS_SURVIVABLE: &str = "LossSurvivable";
}

/// Types of conditions of a TrafficShift.
pub mod shift {
    /// It was accepted, and no safety rule refuses it.
    pub const ACCEPTED: &str = "Accepted";
    /// As many people have approved it as must.
    pub const APPROVED: &str = "Approved";
    /// It is in force.
    pub const ACTIVE: &str = "Active";
    /// All of the above, for kstatus and `kubectl wait`.
    pub const READY: &str = "Ready";
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

impl Status {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Status {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// The longest message that is written, in characters. The API allows 32,768; nobody reads that.
pub const LONGEST_MESSAGE: usize = 1024;

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired<'a> {
    /// The type, such as [`member::READY`].
    pub type_: &'a str,
    /// Whether it holds.
    pub status: Status,
    /// Why, as one word in CamelCase.
    pub reason: &'a str,
    /// Why, with the object and the remedy; cut to [`LONGEST_MESSAGE`].
    pub message: &'a str,
    /// `metadata.generation` of the object that was looked at.
    pub observed_generation: Option<i64>,
}

/// Says it: `now` becomes the time of transition only where the status is another one than before. Returns whether
/// anything changed, so that nothing is written for nothing.
pub fn set(conditions: &mut Vec<Condition>, desired: &Desired<'_>, now: &Time) -> bool {
    let message: String = desired.message.chars().take(LONGEST_MESSAGE).collect();
    let next = |last_transition_time| Condition {
        type_: desired.type_.to_owned(),
        status: desired.status.as_str().to_owned(),
        reason: desired.reason.to_owned(),
        message,
        observed_generation: desired.observed_generation,
        last_transition_time,
    };
    match conditions
        .iter_mut()
        .find(|condition| condition.type_ == desired.type_)
    {
        Some(found) => {
            let since = if found.status == desired.status.as_str() {
                found.last_transition_time.clone()
            } else {
                now.clone()
            };
            let next = next(since);
            let changed = *found != next;
            *found = next;
            changed
        }
        None => {
            conditions.push(next(now.clone()));
            true
        }
    }
}

/// The condition of that type, where it was said.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Milliseconds since the Unix epoch as the API's time, which has whole seconds; the epoch where out of range.
#[must_use]
pub fn time(unix_ms: i64) -> Time {
    let second = k8s_openapi::jiff::Timestamp::from_second(unix_ms.div_euclid(1000));
    Time(second.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn ready(status: Status, message: &str) -> Desired<'_> {
        Desired {
            type_: member::READY,
            status,
            reason: "Because",
            message,
            observed_generation: Some(1),
        }
    }

    #[test]
    fn time_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        assert!(set(
            &mut conditions,
            &ready(Status::False, "a"),
            &time(1_000)
        ));
        assert!(!set(
            &mut conditions,
            &ready(Status::False, "a"),
            &time(2_000)
        ));
        assert!(set(
            &mut conditions,
            &ready(Status::False, "b"),
            &time(3_000)
        ));
        assert_eq!(conditions[0].last_transition_time, time(1_000));
        assert!(set(
            &mut conditions,
            &ready(Status::True, "b"),
            &time(4_999)
        ));
        assert_eq!(conditions[0].last_transition_time, time(4_000));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let mut conditions = Vec::new();
        set(
            &mut conditions,
            &ready(Status::True, &"ä".repeat(5000)),
            &time(0),
        );
        assert_eq!(conditions[0].message.chars().count(), LONGEST_MESSAGE);
    }
}
