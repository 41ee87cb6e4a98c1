//! What the failover brain holds beyond votes, verdicts and plans: people's overrides, what waits for a person, how much
//! moved, how traffic returns, the brake, and who did what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use causeway_api::domain::Domain;
use causeway_api::plan::Rate;
use causeway_api::shift::{Shift, ShiftKey};
use causeway_api::spec::PolicyKey;
use causeway_api::verdict::ClusterTime;
use causeway_api::{Generation, MemberName, NetworkName, ServiceKey};
use causeway_failover::safety::{Rule, SafetyRefusal, Waits};
use serde::{Deserialize, Serialize};

use crate::contingency::Contingencies;
use crate::state::CommittedPlan;

pub mod ramps;

use ramps::Ramps;

/// How many acts the audit remembers, the newest last.
pub const AUDIT_ROWS: usize = 1_024;

/// What people override, what waits for them, what moved and how it returns. Empty below level 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Brain {
    /// Overrides, by namespace and name.
    pub shifts: BTreeMap<ShiftKey, ShiftRow>,
    /// Plans that wait for a person, by service.
    pub pending: BTreeMap<ServiceKey, Pending>,
    /// Plans that a safety rule refused, by service, until one is accepted.
    pub refused: BTreeMap<ServiceKey, RefusedPlan>,
    /// How much moved lately, by the policy whose `maxTrafficMoved` counts it, the newest last.
    pub moves: BTreeMap<PolicyKey, VecDeque<Moved>>,
    /// Traffic that returns in steps, by service and by what it returns to.
    pub ramps: Ramps,
    /// Members that are out by verdict: when one leaves this set its traffic returns.
    pub out: BTreeSet<MemberName>,
    /// Automation stands still because too much was lost at once.
    pub brake: Option<Brake>,
    /// Members whose loss a person acknowledged when the brake was released: they no longer count towards it.
    pub acknowledged: BTreeSet<MemberName>,
    /// Who did what, the newest last, at most [`AUDIT_ROWS`].
    pub audit: VecDeque<AuditRow>,
    /// What is prepared for losses.
    pub contingencies: Contingencies,
    /// Networks whose gateways services keep to their parts of, though all that they want fits: plans that went on from those
    /// before sent more, and were refused.
    pub kept: BTreeSet<NetworkName>,
}

/// An override that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftRow {
    /// What was asked for.
    pub shift: Shift,
    /// When it was accepted, or since its start time came, in cluster time: it expires so long after.
    pub at: ClusterTime,
    /// Its start time has not come.
    pub ahead: bool,
    /// The decision that accepted it.
    pub generation: Generation,
    /// Who approved it, in order.
    pub approvals: Vec<Approval>,
    /// Since when it is in effect; `None` while it waits for approvals, and for a dry run.
    pub effective_at: Option<ClusterTime>,
    /// Its time is over, and `onExpiry: Hold` keeps it until a person decides.
    pub expired: bool,
    /// Members that were out by verdict while it evacuated them: they are left whole, whatever step it is at, until it ends.
    pub lost: BTreeSet<MemberName>,
    /// Services for which a safety rule refused it: for these it goes no further until it is asked for again, or time lets
    /// it be tried again.
    pub refused: BTreeMap<ServiceKey, ShiftRefused>,
}

/// An override that a safety rule refused for a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftRefused {
    /// Why.
    pub refusal: SafetyRefusal,
    /// How far it had come for the service when it was refused, in percent of what it leaves: there it stays.
    pub left_percent: u8,
}

/// One person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who, as authenticated.
    pub by: String,
    /// When, in cluster time.
    pub at: ClusterTime,
    /// Why.
    pub reason: String,
}

/// A plan that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What was proposed; `None`: that the service is no longer federated.
    pub plan: Option<Arc<CommittedPlan>>,
    /// Why it waits.
    pub waits: Waits,
    /// Since when something has waited for this service, in cluster time.
    pub since: ClusterTime,
    /// The decision that noted it as it is: another once something else would be done, so that nobody approves what they
    /// have not seen.
    pub generation: Generation,
    /// How much would move.
    pub moved: Rate,
}

/// A plan that a safety rule refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPlan {
    /// Why.
    pub refusal: SafetyRefusal,
    /// Since when, in cluster time, this rule has refused it.
    pub since: ClusterTime,
    /// The decision that refused it last.
    pub generation: Generation,
}

/// Traffic that moved in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The stretch begins here.
    pub from: ClusterTime,
    /// The last move in it.
    pub until: ClusterTime,
    /// How much, all services and causes together.
    pub rate: Rate,
}

/// Traffic of one service that returns to a domain in steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ramp {
    /// What it waits for.
    pub stage: RampStage,
    /// Shares of full admission, in percent, rising, the last 100.
    pub step_percents: Vec<u8>,
    /// How long each step is watched.
    pub interval_ms: u64,
    /// Which step is admitted now; meaningful while climbing.
    pub step: u32,
    /// Since when the stage or the step, in cluster time.
    pub since: ClusterTime,
    /// The share of ready endpoints that is healthy enough for the next step, in percent.
    pub healthy_percent: u8,
    /// Whether too few endpoints were ready when it was last heard.
    pub unhealthy: bool,
    /// How often it went back a step because health fell.
    pub backoffs: u32,
}

/// How far a return is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RampStage {
    /// The service's own hold-down is longer than the verdict's, and not over before this.
    HoldDown {
        /// When it is.
        until: ClusterTime,
        /// What comes then.
        then: AfterHoldDown,
    },
    /// A person must approve it.
    Approval,
    /// It does not return by itself: a person restores it.
    Never,
    /// It climbs.
    Climbing,
}

/// What follows a service's own hold-down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AfterHoldDown {
    /// The ramp.
    Climb,
    /// A person's approval.
    Approval,
}

/// Automation stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// Since when, in cluster time.
    pub since: ClusterTime,
    /// The decision that pulled it.
    pub generation: Generation,
    /// `regions` or `percent of members`.
    pub what: String,
    /// The field of the root policy.
    pub field: String,
    /// The limit.
    pub limit: u32,
    /// What was found when it was pulled.
    pub found: u32,
}

/// What can be approved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Approvable {
    /// An override that needs approvals.
    Shift(ShiftKey),
    /// The plan that waits for a service.
    Plan(ServiceKey),
    /// The return of traffic to a domain, for all services whose policy asks first, or for one.
    Failback {
        /// To what.
        domain: Domain,
        /// For which service alone; `None`: all.
        service: Option<ServiceKey>,
    },
}

impl std::fmt::Display for Approvable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shift(key) => write!(f, "TrafficShift {key}"),
            Self::Plan(service) => write!(f, "the plan of {service}"),
            Self::Failback {
                domain,
                service: None,
            } => write!(f, "the return to {domain}"),
            Self::Failback {
                domain,
                service: Some(service),
            } => write!(f, "the return of {service} to {domain}"),
        }
    }
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The decision.
    pub generation: Generation,
    /// When, in cluster time.
    pub at: ClusterTime,
    /// Who, as authenticated; empty: Causeway itself.
    pub by: String,
    /// What was done.
    pub act: Act,
    /// To what.
    pub object: String,
    /// Why.
    pub reason: String,
    /// Safety rules that it overrides.
    pub overrides: BTreeSet<Rule>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Act {
    /// An override was set.
    Shifted,
    /// An override was ended.
    Ended,
    /// An override's time was over.
    Expired,
    /// Something was approved.
    Approved,
    /// The brake was pulled.
    Braked,
    /// The brake was released.
    Released,
    /// A safety rule refused an override for a service.
    Refused,
    /// An override's start time came.
    Began,
}

impl Brain {
    /// Notes an act.
    pub(crate) fn note(&mut self, row: AuditRow) {
        self.audit.push_back(row);
        while self.audit.len() > AUDIT_ROWS {
            self.audit.pop_front();
        }
    }
}
