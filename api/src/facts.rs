//! What a member says of itself.
//!
//! A fact has one writer, its *owner* (the agent that holds the member's Lease), and flows owner → home → every
//! replica as versioned deltas. Silence is never a fact: only the owner withdraws a row, by a [`Change`] without a
//! value (a tombstone), and an endpoint row with `ready == 0` is the owner's explicit zero.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::generation::FactVersion;
use crate::ids::{Locality, MemberName, Name, NetworkName, PortName, Region, ServiceKey};

/// One row that changed: its key, and its value or `None` where the owner withdrew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<K, V> {
    /// The row's key.
    pub key: K,
    /// Its new value; `None` is the owner's word that the row is gone.
    pub value: Option<V>,
}

impl<K, V> Change<K, V> {
    /// A row that was added or changed.
    pub fn set(key: K, value: V) -> Self {
        Self {
            key,
            value: Some(value),
        }
    }

    /// A row that the owner withdrew.
    pub fn gone(key: K) -> Self {
        Self { key, value: None }
    }
}

/// What changed in a member's facts between two versions.
///
/// `base == None` is a whole snapshot: it replaces everything that was known of the owner. Else the delta applies to
/// exactly the version `base`; a receiver that holds another version asks for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactDelta {
    /// Whose facts they are.
    pub owner: MemberName,
    /// The version that the delta applies to.
    pub base: Option<FactVersion>,
    /// The version after it.
    pub version: FactVersion,
    /// The member itself, where that changed.
    pub member: Option<MemberFact>,
    /// Namespaces.
    pub namespaces: Vec<Change<Name, NamespaceFact>>,
    /// East-west gateways, by the name that their owner gives them.
    pub gateways: Vec<Change<Name, GatewayFact>>,
    /// Services.
    pub services: Vec<Change<ServiceKey, ServiceFact>>,
    /// Endpoints, counted by (service, port, locality).
    pub endpoints: Vec<Change<EndpointKey, EndpointCounts>>,
}

impl FactDelta {
    /// A delta that changes nothing, to be filled.
    #[must_use]
    pub fn empty(owner: MemberName, base: Option<FactVersion>, version: FactVersion) -> Self {
        Self {
            owner,
            base,
            version,
            member: None,
            namespaces: Vec::new(),
            gateways: Vec::new(),
            services: Vec::new(),
            endpoints: Vec::new(),
        }
    }

    /// How many rows it carries.
    #[must_use]
    pub fn rows(&self) -> usize {
        usize::from(self.member.is_some())
            + self.namespaces.len()
            + self.gateways.len()
            + self.services.len()
            + self.endpoints.len()
    }
}

/// The member itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFact {
    /// UID of the `kube-system` namespace: a rebuilt cluster is not the old one.
    pub cluster_uid: String,
    /// As the API server reports it, such as `v1.36.3`.
    pub kubernetes_version: String,
    /// The agent's version.
    pub agent_version: String,
    /// The network of its pods, by declaration or by the label of its mesh's system namespace.
    pub network: Option<NetworkName>,
    /// Its region, by declaration or by most of its nodes.
    pub region: Option<Region>,
    /// Ready nodes by locality.
    pub nodes: BTreeMap<Locality, u32>,
    /// The mesh that was found.
    pub mesh: MeshFact,
    /// Whether its API server answers its own agent.
    pub api: ApiFact,
    /// What the agent needs and does not find or may not read, each as one sentence that names object and remedy.
    pub problems: Vec<String>,
    /// By service the remote networks that its callers' proxies leave out by themselves, as far as those proxies are asked:
    /// what a detector made of it, which holds it for a while both ways.
    pub ejected: BTreeMap<ServiceKey, BTreeSet<NetworkName>>,
}

/// What mesh a member runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum MeshFact {
    /// No mesh that we know.
    #[default]
    None,
    /// Istio: its CRDs are served.
    Istio,
}

/// Whether a member's API server answers its own agent; the facts stay either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum ApiFact {
    /// It answers; the facts follow it.
    #[default]
    Reachable,
    /// It does not; the facts are the last that were seen.
    Unreachable,
}

/// A namespace exists. Services are imported only where their namespace does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct NamespaceFact {}

/// An east-west gateway: how other networks reach this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayFact {
    /// The network that it leads into.
    pub network: NetworkName,
    /// Where it answers.
    pub addresses: Vec<GatewayAddress>,
    /// Its port for mTLS by SNI (Istio: 15443).
    pub port: u16,
}

/// One address of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GatewayAddress {
    /// An address.
    Ip(IpAddr),
    /// A name, as load balancers of some clouds give.
    Host(String),
}

impl std::fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => f.pad(&ip.to_string()),
            Self::Host(host) => f.pad(host),
        }
    }
}

/// A service of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFact {
    /// Whether a ServiceExport of its name exists here (KEP-1645): only then may others be sent here.
    pub exported: bool,
    /// Whether it has a selector: mesh entries join a service with a selector by its labels.
    pub selector: BTreeMap<String, String>,
    /// `clusterIP: None`.
    pub headless: bool,
    /// Its ports, by name.
    pub ports: Vec<ServicePort>,
    /// Service accounts of its pods (usually one): the identities that callers check.
    pub service_accounts: Vec<Name>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServicePort {
    /// Its name.
    pub name: PortName,
    /// The port that clients call.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// `appProtocol`, as given.
    pub app_protocol: Option<String>,
    /// Where the pods listen.
    pub target: TargetPort,
}

/// The transport protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP: not carried across networks by an Istio gateway.
    Udp,
    /// SCTP: likewise.
    Sctp,
}

/// `targetPort` of a Service's port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TargetPort {
    /// A number.
    Number(u16),
    /// The name of a container port; pods may give it different numbers. `resolved` is what the slices say.
    Name {
        /// The name.
        name: String,
        /// The number in the endpoint slices, where there is just one.
        resolved: Option<u16>,
    },
}

/// The key of a row of endpoints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointKey {
    /// The service.
    pub service: ServiceKey,
    /// The port.
    pub port: PortName,
    /// Where the endpoints are.
    pub locality: Locality,
}

/// Endpoints of one service, port and locality, counted by their conditions (EndpointSlice `conditions`, KEP-1672).
/// An address is counted once, however many slices or families it stands in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct EndpointCounts {
    /// Ready: they take new requests. A nil condition counts as ready, as the API says.
    pub ready: u32,
    /// Serving, whether or not they are terminating.
    pub serving: u32,
    /// All.
    pub total: u32,
}
