//! What `causeway observe` found, as `-o json` prints it. Fields are only ever added.

use causeway_api::ids::{Locality, MemberName, NetworkName, Region, ServiceKey};
use causeway_api::verdict::Subject;
use serde::Serialize;

use crate::admin::api::LocalityRow;

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObserveReport {
    /// The clusters, in the order of the contexts.
    pub clusters: Vec<ClusterSeen>,
    /// Services that exist in several clusters.
    pub shared: Vec<SharedService>,
    /// How many services exist in one cluster alone.
    pub single: u64,
    /// What is in the way, fleet-wide things first.
    pub obstacles: Vec<Obstacle>,
    /// What the loss that was asked for would do.
    pub loss: Option<Loss>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterSeen {
    /// The context of the kubeconfig.
    pub context: String,
    /// The name that it would have as a member: the context's, made a DNS name.
    pub member: Option<MemberName>,
    /// Why nothing could be read, with what to do; `None`: it was read.
    pub error: Option<String>,
    /// Its API server's version.
    pub kubernetes_version: Option<String>,
    /// Its region, by most of its nodes.
    pub region: Option<Region>,
    /// The network of its pods; by its own name where nothing says otherwise.
    pub network: Option<NetworkName>,
    /// Whether Istio's kinds are served.
    pub istio: bool,
    /// Ready nodes by locality.
    pub nodes: Vec<(Locality, u32)>,
    /// Its east-west gateways, as `name address:port`.
    pub gateways: Vec<String>,
    /// How many services it has, those of the cluster's own machinery left out.
    pub services: u64,
    /// Kinds that could not be read.
    pub unread: Vec<String>,
}

/// A service that exists in several clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedService {
    /// The service.
    pub service: ServiceKey,
    /// The members that have it.
    pub present_in: Vec<MemberName>,
    /// Those that export it already.
    pub exported_by: Vec<MemberName>,
    /// Its endpoints by place.
    pub endpoints: Vec<LocalityRow>,
    /// For each member whose pods may call it: where they would be sent.
    pub failover: Vec<FailoverRow>,
    /// What is in the way of this service; also among the report's obstacles.
    pub obstacles: Vec<String>,
}

/// Where one member's callers would be sent, if every member that has the service exported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailoverRow {
    /// The callers' member.
    pub from: MemberName,
    /// Of their requests, in percent: what stays in the member.
    pub at_home_percent: u32,
    /// Remote networks that take a share at once.
    pub shares: Vec<(NetworkName, u32)>,
    /// Remote networks that stand ready, the nearest first.
    pub then: Vec<NetworkName>,
    /// Of all these networks, those that no gateway leads into yet.
    pub no_gateway: Vec<NetworkName>,
}

/// Something that is in the way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Obstacle {
    /// How much it hinders.
    pub weight: Weight,
    /// A word in CamelCase.
    pub reason: String,
    /// The cluster that it concerns, as its context; `None`: all.
    pub context: Option<String>,
    /// The object, such as `shop/cart`, or empty.
    pub object: String,
    /// What is found, and what to do.
    pub message: String,
}

/// How much an obstacle hinders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Weight {
    /// Nothing fails over there before it is solved.
    Blocks,
    /// It works, worse.
    Limits,
    /// To be known.
    Notice,
}

/// What a loss would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// What is lost.
    pub subject: Subject,
    /// The members that are lost with it.
    pub members: Vec<MemberName>,
    /// Every service that has endpoints there.
    pub services: Vec<LossRow>,
}

/// What a loss would do to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LossRow {
    /// The service.
    pub service: ServiceKey,
    /// Whether ready endpoints are left elsewhere.
    pub survives: bool,
    /// Ready endpoints that are left.
    pub ready_left: u64,
    /// Ready endpoints now.
    pub ready_now: u64,
    /// The survivors' callers that would be sent elsewhere than now.
    pub moves: Vec<FailoverRow>,
}
