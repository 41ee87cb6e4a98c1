//! The plan: for each service and source, the shares of each destination.
//!
//! A plan is computed from [`PlanInputs`] and nothing else; both are committed together, so that any replica can judge
//! a plan, explain it and recompute it byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{MemberName, NetworkName, PortName, Region, ServiceKey, Zone};
use crate::rules::{OnOverload, Priority, Strategy, WhenUnknown};
use crate::spec::{HostKind, PolicyKey};

/// A rate, in thousandths of a request per second.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Rate(pub u64);

impl Rate {
    /// Whole requests per second.
    #[must_use]
    pub fn from_rps(rps: u64) -> Self {
        Self(rps.saturating_mul(1000))
    }

    /// Sum, at most the greatest rate.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference, at least zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `percent` of it, rounded down.
    #[must_use]
    pub fn percent(self, percent: u8) -> Self {
        let part = u128::from(self.0) * u128::from(percent) / 100;
        Self(u64::try_from(part).unwrap_or(u64::MAX))
    }
}

/// Requests per second, such as `1840/s` or `0.5/s`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, milli) = (self.0 / 1000, self.0 % 1000);
        if milli == 0 {
            f.pad(&format!("{whole}/s"))
        } else {
            let fraction = format!("{milli:03}");
            f.pad(&format!("{whole}.{}/s", fraction.trim_end_matches('0')))
        }
    }
}

/// Where requests come from: the callers in one zone of a member; `zone == None` where its nodes name none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The member.
    pub member: MemberName,
    /// The zone.
    pub zone: Option<Zone>,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Destination {
    /// A zone of the source's own network.
    Zone {
        /// The member.
        member: MemberName,
        /// The zone.
        zone: Option<Zone>,
    },
    /// A remote network, through its gateways, which choose the zone inside.
    Network(NetworkName),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone { member, zone } => f.pad(&format!(
                "{member}/{}",
                zone.as_ref().map_or("-", Zone::as_str)
            )),
            Self::Network(network) => f.pad(&format!("network {network}")),
        }
    }
}

/// All that the plan of one service is computed from, quantised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanInputs {
    /// The service.
    pub service: ServiceKey,
    /// Its ports, merged over the exporting members (KEP-1645: the oldest export wins a conflict; here the first by
    /// member name), by name.
    pub ports: Vec<PortName>,
    /// Who calls.
    pub sources: Vec<SourceInput>,
    /// Who can serve, by member and zone.
    pub destinations: Vec<DestinationInput>,
    /// What the shared gateways of remote networks still carry for this service; a network that is left out is no limit.
    pub gateways: Vec<GatewayInput>,
    /// The policy in force for the service.
    pub policy: EffectivePolicy,
}

/// A shared bottleneck on the way into a remote network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayInput {
    /// The network.
    pub network: NetworkName,
    /// What of its gateways' capacity this service may use, all sources together.
    pub limit: Rate,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInput {
    /// Which.
    pub source: Source,
    /// Its region.
    pub region: Option<Region>,
    /// Its network.
    pub network: NetworkName,
    /// Its demand; `None` where nothing tells it. Unknown demand is not zero demand.
    pub demand: Option<Rate>,
    /// Where the demand comes from.
    pub demand_source: DemandSource,
    /// Remote networks that cannot be reached from here, though a quorum reaches them: this place alone is rerouted.
    pub unreachable: BTreeSet<NetworkName>,
    /// Remote networks that the proxies of this place's callers leave out for this service by themselves, for some time
    /// already ([`crate::facts::MemberFact::ejected`]): it is sent elsewhere while there is somewhere else.
    pub ejected: BTreeSet<NetworkName>,
    /// Weights by region that bind this source, because its service moves as one with others; empty: nothing binds it.
    pub together: BTreeMap<Region, u32>,
}

/// Where a demand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum DemandSource {
    /// Nobody says.
    #[default]
    Unknown,
    /// The policy declares it.
    Declared,
    /// Measured.
    Measured,
}

/// One zone of a member that can serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationInput {
    /// The member.
    pub member: MemberName,
    /// The zone.
    pub zone: Option<Zone>,
    /// Its region.
    pub region: Option<Region>,
    /// Its network.
    pub network: NetworkName,
    /// Whether the member exports the service: else only its own callers may use it.
    pub exported: bool,
    /// Ready endpoints, the least over the ports.
    pub ready: u32,
    /// All endpoints, the most over the ports.
    pub total: u32,
    /// What all ready endpoints serve together; `None` where unknown.
    pub capacity: Option<Rate>,
    /// Where the capacity comes from.
    pub capacity_source: CapacitySource,
    /// The share of it that the plan may use, in percent.
    pub max_utilization_percent: u8,
    /// The share of what the plan may use of it that callers of other members may take while it ramps up, in percent: 100
    /// where nothing holds it back. Its own member's callers are not held back, except where `withdrawn` is
    /// [`Withdrawal::Evacuated`]: then 1 to 99 says that it is being left in steps, and binds all callers together; any
    /// other value says that it is left.
    pub admitted_percent: u8,
    /// Why it must not be sent traffic from elsewhere, where that is so.
    pub withdrawn: Option<Withdrawal>,
    /// A person evacuates all of it, though `withdrawn` gives a stronger reason (a verdict): its own callers leave it all the
    /// same. False where `withdrawn` is [`Withdrawal::Evacuated`], which says so itself.
    pub vacated: bool,
    /// Its member exports the service and is leaving: `exported` says whether it serves others all the same, which it does
    /// while nobody else can.
    pub draining: bool,
}

/// Where a capacity comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum CapacitySource {
    /// Nobody says.
    #[default]
    Unknown,
    /// Ready endpoints × the declared rate of one.
    Declared,
    /// Ready endpoints × the highest rate that one was seen to serve: throughput seen, a floor and not a limit.
    Learned,
    /// What the autoscaler may add counts too: it does not run yet.
    Elastic,
    /// Ready endpoints × the declared rate of one, in a cluster whose nodes come with the pods
    /// ([`crate::rules::MemberClass::Serverless`]): what runs is proven, and that more would come with more traffic is not.
    Running,
}

impl CapacitySource {
    /// Whether so much can be served, and nobody says that more cannot: what finds no known room goes there too where policy
    /// sends to the unknown.
    #[must_use]
    pub fn is_floor(self) -> bool {
        matches!(self, Self::Learned | Self::Running)
    }
}

/// Why a destination is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Withdrawal {
    /// Its member, or every gateway of its network, is Lost.
    Lost,
    /// It is back and waits out its hold-down.
    Recovering,
    /// No gateway leads into its network.
    NoGateway,
    /// The policy's `allowedRegions` leave it out.
    NotAllowed,
    /// Several members of its network declare different gateways.
    ConflictingGateways,
    /// A person evacuates it: its own callers leave it too, where they have another way (see
    /// [`DestinationInput::admitted_percent`] for steps).
    Evacuated,
    /// Absent as announced.
    Away,
    /// Fewer of its endpoints are ready than the policy's `minHealthyPercent`.
    Unhealthy,
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "Lost",
            Self::Recovering => "recovering: hold-down",
            Self::NoGateway => "no gateway leads into its network",
            Self::NotAllowed => "not in allowedRegions",
            Self::ConflictingGateways => "members of its network declare different gateways",
            Self::Evacuated => "evacuated",
            Self::Away => "away as announced",
            Self::Unhealthy => "too few endpoints are ready",
        })
    }
}

/// The policy in force for one service, merged from root, namespace and service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct EffectivePolicy {
    /// The policies that it was merged from, the most general first.
    pub from: Vec<PolicyKey>,
    /// The names by which clients call; empty: both.
    pub hosts: BTreeSet<HostKind>,
    /// Ordered regions to fail over to, by source region.
    pub failover: BTreeMap<Region, Vec<Region>>,
    /// Where traffic may go; empty: anywhere, unless `nowhere` is set.
    pub allowed_regions: BTreeSet<Region>,
    /// The limits of several policies leave no region in common: traffic may leave its member for nowhere.
    pub nowhere: bool,
    /// What comes first.
    pub priority: Priority,
    /// How destinations are chosen.
    pub strategy: Strategy,
    /// For [`Strategy::Weighted`], or by a person's override: weights by region.
    pub weights: BTreeMap<Region, u32>,
    /// The share of ready endpoints below which a zone takes nothing from elsewhere, in percent; 0: no such share.
    pub min_healthy_percent: u8,
    /// What becomes of traffic that only unknown capacity could take.
    pub when_unknown: WhenUnknown,
    /// What is done where demand exceeds all capacity.
    pub on_overload: OnOverload,
    /// The policy whose services move as one with this one, where one says so.
    pub together: Option<PolicyKey>,
}

/// A committed plan of one service. Its generation is that of the log entry that carried it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlan {
    /// The service.
    pub service: ServiceKey,
    /// By source, in order.
    pub sources: Vec<SourcePlan>,
    /// Remote networks that are out, and why.
    pub withdrawn: BTreeMap<NetworkName, Withdrawal>,
}

/// The plan of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePlan {
    /// The source.
    pub source: Source,
    /// How a mesh is to carry it out.
    pub kind: PlanKind,
    /// The shares, the nearest first; they sum to [`WHOLE`]. Never empty where any destination has ready endpoints.
    pub shares: Vec<Share>,
    /// Remote networks that stand ready behind the shares, the nearest first (data-plane failover by priorities).
    pub standby: Vec<NetworkName>,
    /// Demand beyond all capacity, said and not hidden.
    pub unserved: Rate,
    /// The part of [`Self::unserved`] that is shed on purpose, for services of a higher class.
    pub shed: Rate,
}

/// All of a source's demand, in the unit of [`Share::parts`].
pub const WHOLE: u32 = 10_000;

/// How a mesh is to carry a source's plan out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PlanKind {
    /// The nearest tier carries all: priorities by locality, the rest on standby.
    Nearest,
    /// The nearest tier cannot carry all: exact shares.
    Spill,
}

/// A destination's share of a source's demand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Where.
    pub destination: Destination,
    /// How far away: 0 own zone, 1 own region and network, 2 own region in another network, 3 and on other regions in
    /// the order of policy.
    pub tier: u8,
    /// Of [`WHOLE`].
    pub parts: u32,
    /// The rate that was assigned; zero where demand is unknown.
    pub rate: Rate,
}
