//! The view: all that one member's mesh needs, cut out of plans and facts.
//!
//! A view is a plan part for each service, ordered by [`Generation`], and a part for each owner of facts, ordered by
//! its [`FactVersion`]. An agent keeps the newest of each, whatever the session, and never refuses the whole for one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::contingency::ContentHash;
use crate::domain::Domain;
use crate::facts::{GatewayAddress, ServicePort};
use crate::generation::{FactVersion, Generation};
use crate::ids::{Locality, MemberName, Name, NetworkName, Region, ServiceKey};
use crate::plan::{SourcePlan, Withdrawal};
use crate::spec::{HostKind, Mode};

/// What an agent holds for its mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct View {
    /// How the agent is to behave.
    pub settings: Versioned<MeshSettings>,
    /// By service: the plan's part for this member's sources.
    pub services: BTreeMap<ServiceKey, Versioned<ServiceView>>,
    /// By network: how to reach it, or that it is out.
    pub networks: BTreeMap<NetworkName, Versioned<NetworkView>>,
    /// By owner: what it says of the services that are imported here.
    pub owners: BTreeMap<MemberName, OwnerView>,
    /// What is to be left at once, ahead of the plans that follow.
    #[serde(default)]
    pub coarse: Versioned<CoarseCut>,
}

/// Networks that are lost, and whose ways in stay for the few services that may not move by themselves: every other service
/// leaves them at once, each by itself, until its new plan says the same and more. Where all may move there is no such step:
/// the network's own part loses its gateways, which is one write for each mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct CoarseCut {
    /// What was lost, where something was prepared for exactly that.
    pub domain: Option<Domain>,
    /// The name of what was prepared, which is in force.
    pub contingency: Option<ContentHash>,
    /// The networks to leave.
    pub networks: BTreeSet<NetworkName>,
    /// Services that stand outside: they move by a person's word alone.
    pub stay: BTreeSet<ServiceKey>,
}

/// A part with the generation of its own last change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The decision that it comes from.
    pub generation: Generation,
    /// The part; `None` is a tombstone: the decision that it be gone.
    pub value: Option<T>,
}

impl<T> Default for Versioned<T> {
    fn default() -> Self {
        Self {
            generation: Generation::default(),
            value: None,
        }
    }
}

/// How the agent is to behave, out of its MemberCluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeshSettings {
    /// What it may do.
    pub mode: Mode,
    /// Stop writing now.
    pub suspend: bool,
    /// The network of the member's own pods.
    pub network: NetworkName,
    /// Its region.
    pub region: Option<Region>,
    /// Our name of a locality → the name that the member's nodes carry, where a mapping was declared: a mesh matches
    /// by its own names.
    pub native_localities: BTreeMap<Locality, Locality>,
}

/// The plan of one service, for the sources in this member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// The plans of this member's sources, with the source's region.
    pub sources: Vec<SourcePlan>,
    /// The names by which clients call; empty: both.
    pub hosts: BTreeSet<HostKind>,
    /// Ordered regions to fail over to from this member's region.
    pub failover: Vec<Region>,
    /// Remote networks that may receive: those in shares or on standby.
    pub offered: BTreeSet<NetworkName>,
    /// Networks that are out, and why.
    pub withdrawn: BTreeMap<NetworkName, Withdrawal>,
}

/// How one network is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkView {
    /// The addresses and ports of its gateways that are not Lost. Empty: nothing leads there now.
    pub gateways: BTreeSet<GatewayEndpoint>,
    /// The locality that its entries carry: region and zone where it has just one, else the network's name twice.
    pub locality: Locality,
}

/// One address of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GatewayEndpoint {
    /// The address.
    pub address: GatewayAddress,
    /// The port.
    pub port: u16,
}

/// What one owner says of the services that are imported here: facts, which need no decision to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerView {
    /// The version of its facts.
    pub version: FactVersion,
    /// Its network.
    pub network: NetworkName,
    /// Its services.
    pub services: BTreeMap<ServiceKey, OwnerService>,
}

/// An owner's word on one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerService {
    /// Ready endpoints, the least over the ports.
    pub ready: u32,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Labels by which it selects pods (the importing mesh's own selector goes first).
    pub selector: BTreeMap<String, String>,
    /// Service accounts of its pods.
    pub service_accounts: Vec<Name>,
}

/// What changed in a view, from a replica to an agent. Parts are merged by their own versions, so that a delta that is
/// applied twice, late or out of order does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ViewDelta {
    /// Settings, where they changed.
    pub settings: Option<Versioned<MeshSettings>>,
    /// Plan parts that changed.
    pub services: Vec<(ServiceKey, Versioned<ServiceView>)>,
    /// Networks that changed.
    pub networks: Vec<(NetworkName, Versioned<NetworkView>)>,
    /// Owners' words that changed.
    pub owners: Vec<OwnerDelta>,
    /// What is to be left at once, where that changed.
    pub coarse: Option<Versioned<CoarseCut>>,
    /// Whether this completes what the replica holds: only then does an agent that starts empty begin to write.
    pub complete: bool,
}

/// What changed in one owner's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerDelta {
    /// The owner.
    pub owner: MemberName,
    /// The version that it applies to; `None`: it replaces the part.
    pub base: Option<FactVersion>,
    /// The version after it.
    pub version: FactVersion,
    /// Its network.
    pub network: NetworkName,
    /// Services that changed; `None`: no longer there.
    pub services: Vec<(ServiceKey, Option<OwnerService>)>,
}

/// What an agent did with a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Applied {
    /// The highest generation in the view that was applied.
    pub generation: Generation,
    /// The versions of the owners' parts that it contained.
    pub owners: BTreeMap<MemberName, FactVersion>,
    /// Objects of ours in the mesh.
    pub objects: u64,
    /// Objects that differ from the view and were not written (mode Observe, suspended, refused).
    pub would_change: u64,
    /// What a renderer could not express or an applier was refused, each with the object and the remedy.
    pub conditions: Vec<MeshCondition>,
}

/// One thing about a mesh that its owner should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MeshCondition {
    /// A word in CamelCase, such as `ForeignDestinationRule`.
    pub reason: String,
    /// The object, as `Kind namespace/name`, or empty.
    pub object: String,
    /// The service that it concerns.
    pub service: Option<ServiceKey>,
    /// A sentence with the remedy.
    pub message: String,
}
