//! Contingencies: what is prepared for the loss of a failure domain, and how well the rest would carry it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Domain;
use crate::ids::{NetworkName, ServiceKey};
use crate::plan::Rate;
use crate::verdict::Subject;

/// The name of a contingency: SHA-256 of its content, whoever computed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(pub [u8; 32]);

/// The first twelve hexadecimal digits: enough for people.
impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: String = self.0.iter().take(6).map(|b| format!("{b:02x}")).collect();
        f.pad(&head)
    }
}

/// What the loss of a domain would do, the gravest last.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum LossOutcome {
    /// All that survives is served, with room to spare.
    #[default]
    Survives,
    /// All that survives is served, and some destination is as full as policy lets it be.
    Saturates,
    /// Each service keeps a destination, and of some it is not known what they could carry.
    Unproven,
    /// Demand of some service exceeds what is left.
    Overloads,
    /// Some service has callers left and no destination.
    Orphans,
}

impl fmt::Display for LossOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Survives => "survives",
            Self::Saturates => "saturates",
            Self::Unproven => "unproven",
            Self::Overloads => "overloads",
            Self::Orphans => "orphans",
        })
    }
}

/// How well the rest would carry the loss of a domain. Lists are bounded; the counts beside them are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// What would be lost.
    pub domain: Domain,
    /// The gravest that would happen to any service.
    pub outcome: LossOutcome,
    /// The share of the survivors' demand that would be served, in percent, rounded down; unknown demand counts as one
    /// request a second, and as served where a destination is left.
    pub score: u8,
    /// Services whose plans would change.
    pub services: u64,
    /// Known demand that would go elsewhere than now.
    pub moved: Rate,
    /// Services without a destination: how many, and the first of them.
    pub orphans: u64,
    /// The first orphans by name.
    pub first_orphans: Vec<ServiceKey>,
    /// Services with too little capacity left: how many.
    pub overloads: u64,
    /// The worst of them, each with the demand beyond capacity in percent of what is served.
    pub worst_overloads: Vec<(ServiceKey, u32)>,
    /// Services of which demand or capacity is not known.
    pub unproven: u64,
    /// The fullest network afterwards, and how full it is, in percent of its capacity; `None` where no capacity is known.
    pub peak: Option<(NetworkName, u32)>,
    /// Writes into meshes that would follow: one for each service and member whose shares change.
    pub writes: u64,
    /// Whether one write for each mesh cuts the domain off before all others, because whole networks go.
    pub coarse_cut: bool,
    /// What would be gone and no verdict would say so, because nobody ever reached it: plans count on it until facts or a
    /// person say otherwise, and so does all else that stands here. How many.
    pub untold: u64,
    /// The first of them.
    pub first_untold: Vec<Subject>,
}
