//! What may stand in a scenario file. Names of fields are those of the CRDs where there are such fields.
//!
//! Unknown fields are refused, and values keep the line that they stand in.

use std::collections::BTreeMap;

use causeway_api::ids::{
    FailureDomain, MemberName, Name, NetworkName, PortName, Region, ServiceKey, Zone,
};
use causeway_api::rules::{
    FailbackMode, FailoverMode, MemberClass, Priority, Strategy, WhenUnknown,
};
use causeway_api::shift::ShiftKey;
use causeway_api::spec::PolicyKey;
use causeway_api::verdict::{Ballot, ObserverId, Subject, VerdictState};
use causeway_failover::safety::{Rule, Waits};
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::fault::Fault;

mod people;
mod rules;

pub use people::{ApproveRow, ByRow, EndShiftRow, RampRow, ShiftRow, ShiftVerb};
pub use rules::{Limits, Stateful, StatefulApproval, TrafficMoved};

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// What it is about, in one line.
    pub name: String,
    /// 1 where it is left out; 0 is refused by the state machine, as in production.
    pub incarnation: Option<u64>,
    /// The clusters.
    pub members: Vec<Spanned<MemberRow>>,
    /// The services.
    pub services: Vec<Spanned<ServiceRow>>,
    /// The policies.
    #[serde(default)]
    pub policies: Vec<Spanned<PolicyRow>>,
    /// Who observes.
    #[serde(default)]
    pub observers: Vec<Spanned<ObserverRow>>,
    /// What befalls it, in cluster time.
    #[serde(default)]
    pub events: Vec<Spanned<EventRow>>,
    /// Until when it is played; until the last event or expectation where it is left out.
    pub until: Option<Spanned<String>>,
    /// What is expected of it.
    #[serde(default)]
    pub expect: Vec<Spanned<ExpectRow>>,
}

/// A cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberRow {
    /// Its name.
    pub name: MemberName,
    /// Its region; unknown where it is left out.
    pub region: Option<Region>,
    /// Its network; its name where it is left out.
    pub network: Option<NetworkName>,
    /// The zones of its nodes; none where its nodes name none.
    #[serde(default)]
    pub zones: Vec<Spanned<Zone>>,
    /// Its east-west gateways; one called `eastwest` where they are left out.
    pub gateways: Option<Vec<Spanned<Name>>>,
    /// The share of its capacity that a plan may use.
    pub max_utilization_percent: Option<Spanned<i64>>,
    /// What its silence and its capacity mean.
    #[serde(default)]
    pub class: MemberClass,
    /// For how long it may be absent without having failed.
    pub absence: Option<AbsenceRow>,
    /// Domains that it shares with other members.
    #[serde(default)]
    pub failure_domains: Vec<Spanned<FailureDomain>>,
    /// What each of its gateways carries, all services together; no limit where it is left out.
    #[serde(default)]
    pub max_requests_per_second: BTreeMap<Name, Spanned<i64>>,
}

/// For how long a member may be absent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AbsenceRow {
    /// An absence of at most so long is as announced.
    pub tolerate_for: Spanned<String>,
}

/// A service.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceRow {
    /// `namespace/name`.
    pub name: ServiceKey,
    /// Its ports; one called `http` where they are left out.
    pub ports: Option<Vec<PortName>>,
    /// Ready endpoints by member and zone; `-` is the zone of nodes that name none. Members that are left out have none of
    /// it, and still call it.
    pub ready: BTreeMap<MemberName, BTreeMap<String, Spanned<i64>>>,
    /// Members that have it and do not export it.
    #[serde(default)]
    pub private: Vec<Spanned<MemberName>>,
}

/// A policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRow {
    /// `namespace/name`; in `causeway-system` it is for all namespaces.
    pub name: PolicyKey,
    /// The services that it is about; all of its namespace where they are left out.
    #[serde(default)]
    pub targets: Vec<Spanned<ServiceKey>>,
    /// Who moves traffic.
    pub mode: Option<FailoverMode>,
    /// Which services are served first.
    pub priority: Option<Priority>,
    /// Whether its services move as one.
    pub move_together: Option<bool>,
    /// How far automation may go.
    #[serde(default)]
    pub limits: Limits,
    /// That its services keep state.
    pub stateful: Option<Stateful>,
    /// Where traffic may go.
    #[serde(default)]
    pub destinations: Destinations,
    /// Declared demand by region of the callers.
    #[serde(default)]
    pub demand: Vec<Spanned<DemandRow>>,
    /// What endpoints carry.
    #[serde(default)]
    pub capacity: Capacity,
    /// How losses are detected; in the root policy alone.
    pub detection: Option<Detection>,
    /// How traffic returns.
    #[serde(default)]
    pub failback: Failback,
}

/// Where traffic may go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destinations {
    /// Ordered regions to fail over to, by region of the callers.
    #[serde(default)]
    pub failover: Vec<Spanned<FailoverRow>>,
    /// Regions that traffic may go to at all.
    #[serde(default)]
    pub allowed_regions: Vec<Spanned<Region>>,
    /// How destinations are chosen.
    pub strategy: Option<Strategy>,
    /// For the strategy Weighted: weights by region.
    #[serde(default)]
    pub weights: BTreeMap<Region, Spanned<i64>>,
    /// The share of ready endpoints below which a zone takes nothing from elsewhere.
    pub min_healthy_percent: Option<Spanned<i64>>,
}

/// The order of one region.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailoverRow {
    /// Where callers are.
    pub from: Spanned<Region>,
    /// Where they go, in order.
    pub to: Vec<Spanned<Region>>,
}

/// The demand of one region.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DemandRow {
    /// Where callers are.
    pub from: Spanned<Region>,
    /// How much they ask for.
    pub requests_per_second: Spanned<i64>,
}

/// What endpoints carry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capacity {
    /// What one ready endpoint serves; unknown where it is left out.
    pub requests_per_second_per_endpoint: Option<Spanned<i64>>,
    /// The share of it that a plan may use.
    pub max_utilization_percent: Option<Spanned<i64>>,
    /// What becomes of traffic that only unknown capacity could take.
    pub when_unknown: Option<WhenUnknown>,
}

/// How losses are detected.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Detection {
    /// How long a quorum must hold a subject unreachable.
    pub hold_for: Option<Spanned<String>>,
    /// How many observers must agree, at most.
    pub min_observers: Option<Spanned<i64>>,
    /// In how many failure domains, at most.
    pub min_failure_domains: Option<Spanned<i64>>,
}

/// How traffic returns.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failback {
    /// How long what recovered waits.
    pub hold_down: Option<Spanned<String>>,
    /// Who lets traffic return.
    pub mode: Option<FailbackMode>,
    /// Steps in which it returns, in percent.
    #[serde(default)]
    pub step_weights: Vec<Spanned<i64>>,
    /// How long each step is watched.
    pub interval: Option<Spanned<String>>,
}

/// Who observes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObserverRow {
    /// `replica/r1` or `agent/MEMBER`.
    pub name: ObserverId,
    /// The failure domain that it stands in.
    pub failure_domain: FailureDomain,
    /// The region that it stands in: it is lost with it.
    pub region: Option<Spanned<Region>>,
}

/// What befalls the clusterset: a time, and one thing.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventRow {
    /// When, such as `1m30s` after the beginning.
    pub at: Spanned<String>,
    /// `region/NAME`, `member/NAME` or `gateway/MEMBER/NAME` can no longer be reached by anybody outside it.
    pub lose: Option<Spanned<Subject>>,
    /// It can be reached again.
    pub restore: Option<Spanned<Subject>>,
    /// Single votes.
    pub votes: Option<Vec<Spanned<VoteRow>>>,
    /// Observers that say nothing any more: their negative votes expire.
    pub silence: Option<Vec<Spanned<ObserverId>>>,
    /// Ready endpoints change.
    pub ready: Option<Spanned<ReadyRow>>,
    /// What the callers of a member eject.
    pub ejected: Option<Spanned<EjectedRow>>,
    /// A policy is set.
    pub policy: Option<Spanned<PolicyRow>>,
    /// A policy is removed.
    pub remove_policy: Option<Spanned<PolicyKey>>,
    /// A member is removed.
    pub remove_member: Option<Spanned<MemberName>>,
    /// An agent reports under the name of a member from a cluster of this UID.
    pub report: Option<Spanned<ReportRow>>,
    /// The clusterset is bootstrapped again.
    pub bootstrap: Option<Spanned<u64>>,
    /// The leader proposes a plan that breaks a rule.
    pub propose: Option<Spanned<ProposeRow>>,
    /// A person overrides automation.
    pub shift: Option<Spanned<ShiftRow>>,
    /// A person ends an override.
    pub end_shift: Option<Spanned<EndShiftRow>>,
    /// A person approves what waits.
    pub approve: Option<Spanned<ApproveRow>>,
    /// A person releases the fleet-wide brake.
    pub release_brake: Option<Spanned<ByRow>>,
}

/// One vote.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteRow {
    /// Who votes.
    pub observer: Spanned<ObserverId>,
    /// On what.
    pub subject: Subject,
    /// What.
    pub ballot: Ballot,
}

/// Ready endpoints of one service in one zone.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadyRow {
    /// Which service.
    pub service: ServiceKey,
    /// In which member.
    pub member: MemberName,
    /// In which zone; `-` where nodes name none.
    pub zone: String,
    /// How many from now on.
    pub endpoints: Spanned<i64>,
}

/// What the proxies of a member's callers leave out of one service, for so long that it counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EjectedRow {
    /// Which service.
    pub service: ServiceKey,
    /// Whose callers.
    pub member: MemberName,
    /// The networks from now on; none: they take all of them.
    pub networks: Vec<Spanned<NetworkName>>,
}

/// An agent's report of where it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportRow {
    /// Under which name.
    pub member: MemberName,
    /// UID of its `kube-system` namespace. Members have their own name for one.
    pub cluster_uid: String,
}

/// A plan that breaks a rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposeRow {
    /// Of which service.
    pub service: ServiceKey,
    /// Which rule.
    pub fault: Fault,
}

/// What is expected: a time, and any of these. At the end where the time is left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectRow {
    /// When.
    pub at: Option<Spanned<String>>,
    /// States of subjects.
    #[serde(default)]
    pub verdicts: BTreeMap<Subject, VerdictState>,
    /// Shares of a service.
    #[serde(default)]
    pub shares: Vec<Spanned<SharesRow>>,
    /// Demand that finds no capacity, of all services, in requests per second: at most so much.
    pub unserved_at_most: Option<Spanned<i64>>,
    /// No destination is used beyond so much of its capacity.
    pub peak_percent_at_most: Option<Spanned<i64>>,
    /// Kinds of refusals that must have happened by then, such as `PlanCheck/capacity` or `VerdictIgnored`.
    #[serde(default)]
    pub refused: Vec<String>,
    /// What waits for a person by then, by service; exactly these.
    pub waits: Option<BTreeMap<ServiceKey, Waits>>,
    /// Plans that a safety rule refuses by then, by service; exactly these.
    pub held_back: Option<BTreeMap<ServiceKey, Rule>>,
    /// Whether the fleet-wide brake is on.
    pub brake: Option<bool>,
    /// Overrides that are known by then; exactly these.
    pub shifts: Option<BTreeMap<ShiftKey, ShiftStage>>,
    /// How many verdicts of members may have become Lost by then, at most.
    pub lost_at_most: Option<Spanned<i64>>,
}

/// How far an override is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum ShiftStage {
    /// It waits for approvals.
    Waiting,
    /// It is in effect.
    Active,
    /// It is in effect, and a safety rule refuses it for some services.
    Partly,
    /// Its time is over, and it stays until a person decides.
    Expired,
    /// It changes nothing.
    DryRun,
}

/// Shares of one source.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SharesRow {
    /// The service.
    pub service: ServiceKey,
    /// `member/zone`, with `-` where nodes name no zone.
    pub from: String,
    /// By destination (`member/zone`, or `network NAME`), in percent; what is left out gets nothing.
    pub percent: BTreeMap<String, i64>,
}
