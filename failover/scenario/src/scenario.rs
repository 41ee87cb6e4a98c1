//! A scenario that is in order: whatever it names exists, and every number is one that can be.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{
    FailureDomain, MemberName, Name, NetworkName, PortName, Region, ServiceKey, Zone,
};
use causeway_api::plan::Source;
use causeway_api::shift::{Shift, ShiftKey};
use causeway_api::spec::{MemberSpec, PolicyKey, PolicySpec};
use causeway_api::verdict::{Ballot, ObserverId, Subject, VerdictState};

use causeway_failover::safety::{Rule, Waits};
use causeway_state::brain::Approvable;

use crate::fault::Fault;
use crate::file::ShiftStage;

/// What is played.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about.
    pub name: String,
    /// With which the clusterset is bootstrapped.
    pub incarnation: u64,
    /// The clusters.
    pub members: Vec<Member>,
    /// The services.
    pub services: Vec<Service>,
    /// The policies.
    pub policies: Vec<PolicySpec>,
    /// Who observes.
    pub observers: Vec<Observer>,
    /// What befalls it, in order of time.
    pub events: Vec<Event>,
    /// When it ends, in milliseconds of cluster time.
    pub until_ms: u64,
    /// What is expected, in order of time.
    pub expectations: Vec<Expectation>,
}

/// A cluster.
#[derive(Debug, Clone)]
pub struct Member {
    /// What is declared of it.
    pub spec: MemberSpec,
    /// Its region.
    pub region: Option<Region>,
    /// Its network.
    pub network: NetworkName,
    /// Zones of its nodes; `None` where they name none.
    pub zones: Vec<Option<Zone>>,
    /// Its gateways.
    pub gateways: Vec<Name>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub key: ServiceKey,
    /// Its ports.
    pub ports: Vec<PortName>,
    /// In each member that has it: whether it is exported, and ready endpoints by zone.
    pub members: BTreeMap<MemberName, (bool, BTreeMap<Option<Zone>, u32>)>,
}

/// Who observes.
#[derive(Debug, Clone)]
pub struct Observer {
    /// Its name.
    pub id: ObserverId,
    /// Where its votes are counted.
    pub domain: FailureDomain,
    /// With which region it is lost.
    pub region: Option<Region>,
}

/// What befalls the clusterset.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, in milliseconds of cluster time.
    pub at_ms: u64,
    /// What.
    pub action: Action,
}

/// One thing that befalls it.
#[derive(Debug, Clone)]
pub enum Action {
    /// Nobody outside reaches it.
    Lose(Subject),
    /// It can be reached again.
    Restore(Subject),
    /// Single votes.
    Votes(Vec<(ObserverId, Subject, Ballot)>),
    /// Observers fall silent.
    Silence(Vec<ObserverId>),
    /// Ready endpoints change.
    Ready(ServiceKey, MemberName, Option<Zone>, u32),
    /// What the callers of a member eject of a service.
    Ejected(ServiceKey, MemberName, BTreeSet<NetworkName>),
    /// A policy is set.
    Policy(Box<PolicySpec>),
    /// A policy is removed.
    RemovePolicy(PolicyKey),
    /// A member is removed.
    RemoveMember(MemberName),
    /// An agent reports from a cluster.
    Report(MemberName, String),
    /// The clusterset is bootstrapped again.
    Bootstrap(u64),
    /// The leader proposes a plan that breaks a rule.
    Propose(ServiceKey, Fault),
    /// A person overrides automation.
    Shift(Box<Shift>),
    /// A person ends an override.
    EndShift(ShiftKey, String),
    /// A person approves.
    Approve(Approvable, String),
    /// A person releases the brake.
    ReleaseBrake(String),
}

/// What is expected at a time.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// When; at the end where `None`.
    pub at_ms: Option<u64>,
    /// Its line in the file.
    pub line: u64,
    /// What.
    pub wishes: Vec<Wish>,
}

/// One thing that is expected.
#[derive(Debug, Clone)]
pub enum Wish {
    /// A subject's state.
    Verdict(Subject, VerdictState),
    /// Shares of one source, in percent, by destination as text.
    Shares(ServiceKey, Source, BTreeMap<String, u32>),
    /// Unserved requests per second of all services, at most.
    UnservedAtMost(u64),
    /// Use of any destination, in percent of its capacity, at most.
    PeakAtMost(u64),
    /// A kind of refusal has happened.
    Refused(String),
    /// What waits for a person.
    Waits(BTreeMap<ServiceKey, Waits>),
    /// What a safety rule holds back.
    HeldBack(BTreeMap<ServiceKey, Rule>),
    /// Whether the brake is on.
    Brake(bool),
    /// Overrides.
    Shifts(BTreeMap<ShiftKey, ShiftStage>),
    /// Members that have become Lost, at most.
    LostAtMost(u64),
}
