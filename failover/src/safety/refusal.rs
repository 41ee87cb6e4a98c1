//! What a safety rule says when it refuses: the object, the limit, what was found, and what to do.

use std::fmt;
use std::str::FromStr;

use causeway_api::ServiceKey;
use causeway_api::domain::Domain;
use causeway_api::plan::Rate;
use causeway_api::shift::ShiftKey;
use causeway_api::spec::PolicyKey;
use causeway_api::verdict::ClusterTime;
use serde::{Deserialize, Serialize};

/// A safety rule, by the name with which a TrafficShift overrides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// Survivors can carry it.
    Headroom,
    /// The fewest serving regions.
    MinServingRegions,
    /// The most traffic moved in a window.
    MaxTrafficMoved,
    /// The most regions or members lost at once: the fleet-wide brake.
    MaxLostAtOnce,
    /// What has just recovered waits.
    HoldDown,
    /// A stateful service needs a person's word.
    Stateful,
    /// Automation is armed by a passing drill.
    Armed,
    /// A freeze or a pin is in force.
    InForce,
    /// Never an empty set of destinations.
    NeverEmpty,
}

impl Rule {
    /// All rules, in the order in which they are judged.
    pub const ALL: [Self; 9] = [
        Self::InForce,
        Self::MaxLostAtOnce,
        Self::NeverEmpty,
        Self::MinServingRegions,
        Self::Headroom,
        Self::MaxTrafficMoved,
        Self::HoldDown,
        Self::Stateful,
        Self::Armed,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Headroom => "Headroom",
            Self::MinServingRegions => "MinServingRegions",
            Self::MaxTrafficMoved => "MaxTrafficMoved",
            Self::MaxLostAtOnce => "MaxLostAtOnce",
            Self::HoldDown => "HoldDown",
            Self::Stateful => "Stateful",
            Self::Armed => "Armed",
            Self::InForce => "InForce",
            Self::NeverEmpty => "NeverEmpty",
        }
    }

    /// Whether a person may override it. An empty set of destinations serves nobody, and what people froze they thaw
    /// themselves.
    #[must_use]
    pub fn may_be_overridden(self) -> bool {
        !matches!(self, Self::NeverEmpty | Self::InForce)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Rule {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|rule| rule.name() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL
                .into_iter()
                .filter(|rule| rule.may_be_overridden())
                .map(Self::name)
                .collect();
            format!(
                "{text:?} is no safety rule: those that may be overridden are {}",
                names.join(", ")
            )
        })
    }
}

/// Why a move may not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SafetyRefusal {
    /// The survivors cannot carry it.
    #[error(
        "{service}: to leave {left} would leave {unserved} without capacity ({without} if it stays): the rest cannot carry it; \
         add capacity elsewhere, leave less at once, or override Headroom by name in an approved TrafficShift"
    )]
    Headroom {
        /// The service.
        service: ServiceKey,
        /// What would be left.
        left: String,
        /// What would not be served.
        unserved: Rate,
        /// What would not be served if nothing were left.
        without: Rate,
    },
    /// Too few regions would serve.
    #[error(
        "{service}: to leave {left} would leave {found} serving regions, and limits.minServingRegions is \
         {limit}: bring another region up first, or override MinServingRegions by name in an approved TrafficShift"
    )]
    MinServingRegions {
        /// The service.
        service: ServiceKey,
        /// What would be left.
        left: String,
        /// The fewest.
        limit: u32,
        /// How many there would be.
        found: u32,
    },
    /// Too much would have moved in the window.
    #[error(
        "{service}: to move {wanted} now would make {moved} in {window_s} s, and limits.maxTrafficMoved of policy {policy} is \
         {limit_percent} % of {total}: it is tried again when the window has room; move in smaller steps, or override \
         MaxTrafficMoved by name in an approved TrafficShift",
        window_s = window_ms / 1000
    )]
    MaxTrafficMoved {
        /// The service.
        service: ServiceKey,
        /// The policy that says so.
        policy: PolicyKey,
        /// The limit, in percent of all demand that the policy is about.
        limit_percent: u8,
        /// Its window.
        window_ms: u64,
        /// What would be moved now.
        wanted: Rate,
        /// What would have moved in the window, with that.
        moved: Rate,
        /// All demand that the policy is about.
        total: Rate,
        /// When the window has room for it; `None`: never, since it is more than the whole limit.
        retry_at: Option<ClusterTime>,
    },
    /// The fleet-wide brake is on.
    #[error(
        "{service}: nothing moves by itself while {found} {what} are lost at once, and {field} of the root policy is {limit}: \
         more is more likely a fault of ours than of theirs; look (causeway status), then release the brake or evacuate what \
         is truly lost"
    )]
    MaxLostAtOnce {
        /// The service.
        service: ServiceKey,
        /// Regions or percent of members.
        what: String,
        /// The field of the root policy.
        field: String,
        /// The limit.
        limit: u32,
        /// What was found.
        found: u32,
    },
    /// It has just recovered.
    #[error(
        "{domain} has just recovered and waits {remaining_s} s more (failback.holdDown): wait, or override HoldDown by name in \
         an approved TrafficShift",
        remaining_s = remaining_ms.div_ceil(1000)
    )]
    HoldDown {
        /// What has recovered.
        domain: Domain,
        /// How long it still waits.
        remaining_ms: u64,
    },
    /// The service keeps state.
    #[error(
        "{service} is stateful, and moves by a person's word alone: causeway approve {service}, once its data is on the other \
         side"
    )]
    Stateful {
        /// The service.
        service: ServiceKey,
    },
    /// No drill has proven it.
    #[error(
        "{service}: automation is not armed: policy asks for a passing drill, and there is none that is recent enough; run one, \
         or: causeway approve {service}"
    )]
    Armed {
        /// The service.
        service: ServiceKey,
    },
    /// A person froze or pinned it.
    #[error(
        "{service}: TrafficShift {shift} by {by} ({reason}) holds its plan as it is: end it (causeway restore), or evacuate by a \
         newer one"
    )]
    InForce {
        /// The service.
        service: ServiceKey,
        /// The override.
        shift: ShiftKey,
        /// Who asked for it.
        by: String,
        /// Why.
        reason: String,
    },
    /// A caller would be left with nothing.
    #[error(
        "{service}: to leave {left} would leave its callers in {source_name} without any destination: bring one up elsewhere \
         first; it keeps its last until then"
    )]
    NeverEmpty {
        /// The service.
        service: ServiceKey,
        /// Who calls.
        source_name: String,
        /// What would be left.
        left: String,
    },
}

impl SafetyRefusal {
    /// Which rule refuses.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            Self::Headroom { .. } => Rule::Headroom,
            Self::MinServingRegions { .. } => Rule::MinServingRegions,
            Self::MaxTrafficMoved { .. } => Rule::MaxTrafficMoved,
            Self::MaxLostAtOnce { .. } => Rule::MaxLostAtOnce,
            Self::HoldDown { .. } => Rule::HoldDown,
            Self::Stateful { .. } => Rule::Stateful,
            Self::Armed { .. } => Rule::Armed,
            Self::InForce { .. } => Rule::InForce,
            Self::NeverEmpty { .. } => Rule::NeverEmpty,
        }
    }

    /// When it is worth trying again, where time alone brings that about.
    #[must_use]
    pub fn retry_at(&self) -> Option<ClusterTime> {
        match self {
            Self::MaxTrafficMoved { retry_at, .. } => *retry_at,
            _ => None,
        }
    }
}

/// Why a plan waits for a person instead of taking effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Waits {
    /// The mode is Observe: what would be done is shown.
    Observe,
    /// The mode is Approve.
    Approve,
    /// The service is stateful.
    Stateful,
    /// Automation is not armed by a drill.
    Disarmed,
    /// `failback.mode` is Approve: traffic would return.
    Failback,
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Observe => "Observe: what would be done is shown",
            Self::Approve => "a person approves what moves",
            Self::Stateful => "stateful: a person's word is needed",
            Self::Disarmed => "not armed by a passing drill",
            Self::Failback => "a person approves the return",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rules_read_back_and_others_are_named() {
        for rule in Rule::ALL {
            assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
        }
        let error = "Luck".parse::<Rule>().unwrap_err();
        assert!(
            error.contains("Luck") && error.contains("HoldDown"),
            "{error}"
        );
        assert!(!error.contains("NeverEmpty"), "{error}");
    }
}
