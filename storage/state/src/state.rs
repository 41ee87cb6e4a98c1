//! What every replica holds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use causeway_api::ids::{Name, NetworkName, Region};
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::spec::{MemberSpec, Placement, PolicyKey, PolicySpec};
use causeway_api::verdict::{ClusterTime, Evidence, Grounds, Subject, VerdictState};
use causeway_api::view::{NetworkView, Versioned};
use causeway_api::{Generation, MemberName, ServiceKey};
use causeway_failover::verdict::{Verdicts, VoteBook};
use serde::{Deserialize, Serialize};

use crate::brain::Brain;
use crate::clients::Clients;
use crate::derived::Derived;
use crate::digest::Seal;
use crate::level::BASE_LEVEL;
use crate::registry::Registry;
use crate::replicas::Replicas;
use crate::staging::Stagings;

/// How many changes of verdicts the state remembers, the newest last.
pub const HISTORY_ROWS: usize = 256;

/// All that is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The level of behaviour in force, at most [`FEATURE_LEVEL`](crate::level::FEATURE_LEVEL).
    pub feature_level: u32,
    /// Rises with each recovery or restore; 0: not bootstrapped.
    pub incarnation: u64,
    /// The generation of the last request that was applied, whatever became of it.
    pub last_applied: Generation,
    /// Cluster time.
    pub cluster_time: ClusterTime,
    /// Members, by name.
    pub members: BTreeMap<MemberName, RegisteredMember>,
    /// Policies, by namespace and name.
    pub policies: BTreeMap<PolicyKey, PolicySpec>,
    /// The generation of the last change to any policy.
    pub policies_changed: Generation,
    /// The last votes.
    pub votes: VoteBook,
    /// What is concluded from them.
    pub verdicts: Verdicts,
    /// How each network is reached; a row without a value is a tombstone.
    pub networks: BTreeMap<NetworkName, Versioned<NetworkView>>,
    /// Plans, by service; a row without a plan is a tombstone.
    pub plans: BTreeMap<ServiceKey, Arc<PlanRow>>,
    /// Which requests were applied, so that none is applied twice.
    pub clients: Clients,
    /// Changes of verdicts, the newest last, at most [`HISTORY_ROWS`].
    pub history: VecDeque<Move>,
    /// Which host cluster owns which declaration, and who is leaving. Empty below level 2.
    pub registry: Registry,
    /// Large changes on their way. Empty below level 2.
    pub stagings: Stagings,
    /// Which clusterset this is: drawn when level 2 was reached; 0 below it. It stays over recoveries and restores.
    pub clusterset: u64,
    /// What people override, what moved, what is prepared. Empty below level 2.
    pub brain: Brain,
    /// Which replicas there are and were. Empty below level 2.
    pub replicas: Replicas,
    /// What follows from plans and policies, once it was asked for.
    #[serde(skip)]
    pub(crate) derived: Derived,
}

impl Default for State {
    fn default() -> Self {
        Self {
            feature_level: BASE_LEVEL,
            incarnation: 0,
            last_applied: Generation::default(),
            cluster_time: ClusterTime::default(),
            members: BTreeMap::new(),
            policies: BTreeMap::new(),
            policies_changed: Generation::default(),
            votes: VoteBook::default(),
            verdicts: Verdicts::default(),
            networks: BTreeMap::new(),
            plans: BTreeMap::new(),
            clients: Clients::default(),
            history: VecDeque::new(),
            registry: Registry::default(),
            stagings: Stagings::default(),
            clusterset: 0,
            brain: Brain::default(),
            replicas: Replicas::default(),
            derived: Derived::default(),
        }
    }
}

/// A member of the clusterset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredMember {
    /// What was declared.
    pub spec: MemberSpec,
    /// Where it is, once its agent has reported it.
    pub placement: Option<Placement>,
    /// The generation of the last change to either.
    pub generation: Generation,
}

impl RegisteredMember {
    /// Its region: as placed, which declarations are joined into; until then as declared.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        match &self.placement {
            Some(placement) => placement.region.as_ref(),
            None => self.spec.region.as_ref(),
        }
    }

    /// Its network: as placed, until then as declared; `None` for a member without an agent yet.
    #[must_use]
    pub fn network(&self) -> Option<&NetworkName> {
        let placed = self.placement.as_ref().map(|placement| &placement.network);
        placed.or(self.spec.network.as_ref())
    }

    /// Whether it has a gateway of this name.
    #[must_use]
    pub fn has_gateway(&self, gateway: &Name) -> bool {
        match &self.placement {
            Some(placement) => placement.gateways.contains_key(gateway),
            None => self.spec.gateways.contains_key(gateway),
        }
    }
}

/// The plan of one service, or its tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRow {
    /// The decision that the plan comes from: unchanged while the plan is.
    pub generation: Generation,
    /// `None`: the service is no longer federated.
    pub value: Option<CommittedPlan>,
    #[serde(skip)]
    pub(crate) seal: Seal,
}

impl PlanRow {
    /// A row.
    #[must_use]
    pub fn new(generation: Generation, value: Option<CommittedPlan>) -> Self {
        Self {
            generation,
            value,
            seal: Seal::default(),
        }
    }
}

/// A plan, with all that it was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedPlan {
    /// What it was computed from, the last time that it was proposed.
    pub inputs: PlanInputs,
    /// The plan.
    pub plan: ServicePlan,
    /// The plan before, where it is a part of what this one was computed from: so that it can be computed again.
    pub previous: Option<PreviousPlan>,
}

/// The plan that another was planned on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousPlan {
    /// Its generation.
    pub generation: Generation,
    /// The plan.
    pub plan: Arc<ServicePlan>,
}

/// A verdict that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The decision that changed it.
    pub generation: Generation,
    /// When, in cluster time.
    pub at: ClusterTime,
    /// About what.
    pub subject: Subject,
    /// From what.
    pub from: VerdictState,
    /// To what.
    pub to: VerdictState,
    /// What it rested on.
    pub evidence: Vec<Evidence>,
    /// How that was counted, and how many votes are left out of it.
    pub grounds: Grounds,
}
