//! What people declare, parsed and checked: behind these types no declaration is malformed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::facts::{GatewayAddress, GatewayFact};
use crate::ids::{
    FailureDomain, Locality, MemberName, Name, NetworkName, Region, ServiceKey, Zone,
};
use crate::plan::Rate;
use crate::probe::GatewayProbe;
use crate::rules::{Absence, MemberClass, PolicyRules};
use crate::text::{TextError, serde_by_text};

/// What an agent may do in its member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum Mode {
    /// Write nothing, show the exact difference.
    #[default]
    Observe,
    /// Write our endpoints and gateways.
    Federate,
}

/// Which mesh a member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum MeshType {
    /// What the agent finds.
    #[default]
    Auto,
    /// Istio.
    Istio,
    /// None: facts only.
    None,
}

/// A registered member, out of a MemberCluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSpec {
    /// Its name.
    pub name: MemberName,
    /// What the agent may do.
    pub mode: Mode,
    /// Stop writing now; what is there stays.
    pub suspend: bool,
    /// The mesh, where declared.
    pub mesh: MeshType,
    /// The region, where declared; else its nodes tell.
    pub region: Option<Region>,
    /// Domains that it shares with other members or with replicas.
    pub failure_domains: BTreeSet<FailureDomain>,
    /// A cloud's names of localities → ours.
    pub locality_mappings: BTreeMap<Locality, Locality>,
    /// The network, where declared; else the agent's word, else the member's own name.
    pub network: Option<NetworkName>,
    /// Declared gateways, by name; where empty, those that the agent discovers.
    pub gateways: BTreeMap<Name, DeclaredGateway>,
    /// The share of its capacity that a plan may use, in percent.
    pub max_utilization_percent: Option<u8>,
    /// What its silence and its capacity mean.
    pub class: MemberClass,
    /// For how long it may be absent.
    pub absence: Absence,
    /// How its gateways are probed.
    pub gateway_probe: GatewayProbe,
}

impl MemberSpec {
    /// The 90 % case: `spec: {}`.
    #[must_use]
    pub fn minimal(name: MemberName) -> Self {
        Self {
            name,
            mode: Mode::Observe,
            suspend: false,
            mesh: MeshType::Auto,
            region: None,
            failure_domains: BTreeSet::new(),
            locality_mappings: BTreeMap::new(),
            network: None,
            gateways: BTreeMap::new(),
            max_utilization_percent: None,
            class: MemberClass::Standard,
            absence: Absence::default(),
            gateway_probe: GatewayProbe::default(),
        }
    }
}

/// Where a member is and how it is reached: declarations joined with what its agent reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// UID of its `kube-system` namespace.
    pub cluster_uid: String,
    /// Its region.
    pub region: Option<Region>,
    /// The zones of its nodes, mapped.
    pub zones: BTreeSet<Zone>,
    /// Its network.
    pub network: NetworkName,
    /// Its east-west gateways: those declared, else those discovered.
    pub gateways: BTreeMap<Name, GatewayFact>,
}

/// A gateway that a MemberCluster declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredGateway {
    /// Where it answers.
    pub addresses: Vec<GatewayAddress>,
    /// Its port.
    pub port: u16,
    /// What it carries, all services together; `None`: not a limit that is known.
    pub max_rate: Option<Rate>,
}

/// A FailoverPolicy. In the root namespace: defaults for all; in a namespace without targets: that namespace; with
/// targets: those services. The nearest wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySpec {
    /// Namespace and name of the policy.
    pub key: PolicyKey,
    /// Whether it stands in the root namespace.
    pub root: bool,
    /// The services that it is about; empty: all of its namespace (root: of all namespaces).
    pub targets: BTreeSet<ServiceKey>,
    /// The names by which clients call.
    pub hosts: BTreeSet<HostKind>,
    /// Ordered regions to fail over to, by source region.
    pub failover: BTreeMap<Region, Vec<Region>>,
    /// Where traffic may go at all; empty: anywhere. A refusal, never a preference.
    pub allowed_regions: BTreeSet<Region>,
    /// Declared demand by source region.
    pub demand: BTreeMap<Region, Rate>,
    /// What one ready endpoint serves.
    pub capacity_per_endpoint: Option<Rate>,
    /// The share of capacity that a plan may use, in percent.
    pub max_utilization_percent: Option<u8>,
    /// How losses are detected; in the root policy alone.
    pub detection: Option<Detection>,
    /// How long a recovered domain waits before traffic returns, in milliseconds of cluster time.
    pub hold_down_ms: Option<u64>,
    /// Who decides, what comes first, how far, and how traffic returns.
    pub rules: PolicyRules,
}

/// Namespace and name of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyKey {
    /// The namespace.
    pub namespace: Name,
    /// The name.
    pub name: Name,
}

impl std::fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}/{}", self.namespace, self.name))
    }
}

impl std::str::FromStr for PolicyKey {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let error = || TextError::new("policy", text, "namespace/name");
        let (namespace, name) = text.split_once('/').ok_or_else(error)?;
        let parse = |part: &str| Name::new(part).map_err(|_| error());
        Ok(Self {
            namespace: parse(namespace)?,
            name: parse(name)?,
        })
    }
}

serde_by_text!(PolicyKey);

/// The names by which clients call a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HostKind {
    /// `svc.ns.svc.cluster.local`.
    ClusterLocal,
    /// `svc.ns.svc.clusterset.local`.
    ClusterSet,
}

/// How losses are detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// How long a quorum must hold a subject unreachable before it is Lost, in milliseconds of cluster time.
    pub hold_for_ms: u64,
    /// How many observers must agree, at most (see [`crate::verdict`]).
    pub min_observers: u32,
    /// In how many distinct failure domains, at most.
    pub min_failure_domains: u32,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            hold_for_ms: 10_000,
            min_observers: 3,
            min_failure_domains: 2,
        }
    }
}

/// What holds where no policy says otherwise.
pub mod defaults {
    /// The share of capacity that a plan may use, in percent.
    pub const MAX_UTILIZATION_PERCENT: u8 = 80;
    /// How long a recovered domain waits, in milliseconds.
    pub const HOLD_DOWN_MS: u64 = 60_000;
    /// The port of an Istio east-west gateway.
    pub const GATEWAY_PORT: u16 = 15443;
    /// The namespace of root policies and of our own objects.
    pub const ROOT_NAMESPACE: &str = "causeway-system";
}
