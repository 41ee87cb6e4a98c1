//! What is decided, and the facts that it rests on: the state machine and the fact store of one replica, with commands
//! that a scenario makes up.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{
    ApiFact, Change, EndpointCounts, EndpointKey, FactDelta, GatewayAddress, GatewayFact,
    MemberFact, MeshFact, NamespaceFact, Protocol, ServiceFact, ServicePort, TargetPort,
};
use causeway_api::ids::{Locality, MemberName, NetworkName, ServiceKey};
use causeway_api::verdict::{Subject, VerdictState};
use causeway_api::{FactVersion, plan::PlanInputs, plan::ServicePlan};
use causeway_core::proposal::proposal;
use causeway_core::ties::Ties;
use causeway_core::{inputs, placement};
use causeway_failover::explain::PlanReport;
use causeway_failover::plan;
use causeway_failover::safety::Waits;
use causeway_index::FactStore;
use causeway_state::{Command, Outcome, PlanProposal, Refusal, State, apply_next};

use crate::fault::{Fault, spoil};
use crate::scenario::{Member, Service};

/// Plans in one command, as the leader commits them: services that share something move in one decision.
const BATCH: usize = 256;

/// What is decided, and what it rests on.
pub struct World {
    /// The replicated state.
    pub state: State,
    facts: FactStore,
    /// What services share, as the leader's planner knows it.
    ties: Ties,
    members: BTreeMap<MemberName, Member>,
    services: BTreeMap<ServiceKey, Service>,
    ejected: BTreeMap<MemberName, BTreeMap<ServiceKey, BTreeSet<NetworkName>>>,
    /// What came of commands since it was last taken.
    news: Vec<News>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A verdict changed.
    Verdict(Subject, VerdictState, VerdictState),
    /// A service has another plan.
    Planned(ServiceKey),
    /// Something was refused.
    Refused(Refusal),
    /// A plan waits for a person.
    Waits(ServiceKey, Waits),
    /// What plans rest on changed, though no verdict did.
    Changed,
}

impl World {
    /// Nothing is decided yet.
    #[must_use]
    pub fn new(members: &[Member], services: &[Service]) -> Self {
        let by_name = members.iter().map(|m| (m.spec.name.clone(), m.clone()));
        let by_key = services.iter().map(|s| (s.key.clone(), s.clone()));
        Self {
            state: State::default(),
            facts: FactStore::new(),
            ties: Ties::default(),
            members: by_name.collect(),
            services: by_key.collect(),
            ejected: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    /// What came of commands since this was last asked.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Applies a command as the next entry of the log; says whether anything follows from it.
    pub fn decide(&mut self, command: Command) -> bool {
        match apply_next(&mut self.state, command) {
            Outcome::Accepted { effect, .. } => {
                let verdicts = effect.verdicts.into_iter();
                self.news
                    .extend(verdicts.map(|(s, from, to)| News::Verdict(s, from, to)));
                self.news
                    .extend(effect.planned.into_iter().map(News::Planned));
                let waits = effect.pending.iter().filter_map(|service| {
                    let row = self.state.brain.pending.get(service)?;
                    Some(News::Waits(service.clone(), row.waits))
                });
                self.news.extend(waits);
                if effect.replan_all || !effect.replan.is_empty() {
                    self.news.push(News::Changed);
                }
                let refused = effect.refused.into_iter().map(|(_, refusal)| refusal);
                let ignored = effect.ignored.into_iter().map(|(_, refusal)| refusal);
                self.news.extend(refused.chain(ignored).map(News::Refused));
                true
            }
            Outcome::Refused(refusal) => {
                self.news.push(News::Refused(refusal));
                false
            }
            Outcome::Unchanged | Outcome::Duplicate => false,
        }
    }

    /// A member's agent says all that it sees, and where it is.
    pub fn hear(&mut self, name: &MemberName) {
        let Some(delta) = self.snapshot(name) else {
            return;
        };
        // A whole snapshot of a newer version is never refused but for its size, which reading has bounded.
        let _ = self.facts.apply(delta);
        self.place(name, None);
    }

    /// A member's agent reports where it is, under a UID of another cluster where one is given.
    pub fn place(&mut self, name: &MemberName, uid: Option<&str>) {
        let spec = self.members.get(name).map(|member| &member.spec);
        let placed = self.facts.owner(name).zip(spec);
        let Some(mut placement) =
            placed.and_then(|(facts, spec)| placement::placement(spec, facts))
        else {
            return;
        };
        if let Some(uid) = uid {
            uid.clone_into(&mut placement.cluster_uid);
        }
        self.decide(Command::PlaceMember {
            member: name.clone(),
            placement,
        });
    }

    /// Ready endpoints of one zone change.
    pub fn set_ready(
        &mut self,
        service: &ServiceKey,
        member: &MemberName,
        zone: Option<causeway_api::ids::Zone>,
        ready: u32,
    ) {
        if let Some(service) = self.services.get_mut(service) {
            let (_, zones) = service
                .members
                .entry(member.clone())
                .or_insert_with(|| (true, BTreeMap::new()));
            zones.insert(zone, ready);
        }
        self.hear(member);
    }

    /// What the callers of a member eject of a service changes.
    pub fn set_ejected(
        &mut self,
        service: &ServiceKey,
        member: &MemberName,
        networks: BTreeSet<NetworkName>,
    ) {
        let rows = self.ejected.entry(member.clone()).or_default();
        rows.insert(service.clone(), networks);
        rows.retain(|_, networks| !networks.is_empty());
        self.hear(member);
    }

    /// Plans every service anew, with what it shares with others, and proposes those plans that differ from what is
    /// committed.
    pub fn plan(&mut self) {
        let all: BTreeSet<ServiceKey> = self.services.keys().cloned().collect();
        let found = self.ties.inputs(&self.state, &self.facts, &all);
        let proposals = found.into_iter();
        let proposals: Vec<PlanProposal> = proposals
            .filter_map(|(service, inputs)| proposal(&self.state, &service, inputs))
            .collect();
        for batch in proposals.chunks(BATCH) {
            self.decide(Command::CommitPlans(batch.to_vec()));
        }
    }

    /// The leader proposes a spoilt plan.
    pub fn propose(&mut self, service: &ServiceKey, fault: Fault) {
        let Some(mut inputs) = inputs::plan_inputs(&self.state, &self.facts, service) else {
            return;
        };
        let mut plan = plan::plan(&inputs);
        // What was to be refused is then missing, and the scenario fails.
        if !spoil(fault, &mut inputs, &mut plan) {
            return;
        }
        self.decide(Command::CommitPlans(vec![PlanProposal {
            service: service.clone(),
            plan: Some((inputs, plan)),
            previous: None,
        }]));
    }

    /// What is committed of each service.
    pub fn committed(&self) -> impl Iterator<Item = (&PlanInputs, &ServicePlan)> {
        let rows = self
            .state
            .plans
            .values()
            .filter_map(|row| row.value.as_ref());
        rows.map(|held| (&held.inputs, &held.plan))
    }

    /// Why each service's traffic goes where it goes: the committed plans, with today's facts where they give the very
    /// same plan.
    #[must_use]
    pub fn reports(&self) -> Vec<PlanReport> {
        let verdicts = |subject: &Subject| self.state.verdict(subject);
        let planned = self.state.plans.iter().filter_map(|(key, row)| {
            let plan = &row.value.as_ref()?.plan;
            let inputs = inputs::in_force(&self.state, &self.facts, key)?;
            Some(causeway_failover::explain::report(&inputs, plan, &verdicts))
        });
        planned.collect()
    }

    fn snapshot(&self, name: &MemberName) -> Option<FactDelta> {
        let member = self.members.get(name)?;
        let held = self
            .facts
            .owner(name)
            .map_or(0, |facts| facts.version.sequence);
        let version = FactVersion {
            epoch: 1,
            sequence: held + 1,
        };
        let mut delta = FactDelta::empty(name.clone(), None, version);
        let locality = |zone: &Option<causeway_api::ids::Zone>| Locality {
            region: member.region.clone(),
            zone: zone.clone(),
        };
        delta.member = Some(MemberFact {
            cluster_uid: format!("uid-of-{name}"),
            kubernetes_version: "v1.36.3".to_owned(),
            agent_version: "scenario".to_owned(),
            network: Some(member.network.clone()),
            region: member.region.clone(),
            nodes: member
                .zones
                .iter()
                .map(|zone| (locality(zone), 1))
                .collect(),
            mesh: MeshFact::Istio,
            api: ApiFact::Reachable,
            problems: Vec::new(),
            ejected: self.ejected.get(name).cloned().unwrap_or_default(),
        });
        for gateway in &member.gateways {
            let fact = GatewayFact {
                network: member.network.clone(),
                addresses: vec![GatewayAddress::Host(format!(
                    "{gateway}.{}",
                    member.network
                ))],
                port: 15443,
            };
            delta.gateways.push(Change::set(gateway.clone(), fact));
        }
        for service in self.services.values() {
            let namespace = service.key.namespace.clone();
            if delta.namespaces.iter().all(|row| row.key != namespace) {
                delta
                    .namespaces
                    .push(Change::set(namespace, NamespaceFact {}));
            }
            let Some((exported, zones)) = service.members.get(name) else {
                continue;
            };
            let fact = service_fact(service, *exported);
            delta.services.push(Change::set(service.key.clone(), fact));
            for (zone, ready) in zones {
                for port in &service.ports {
                    let key = EndpointKey {
                        service: service.key.clone(),
                        port: port.clone(),
                        locality: locality(zone),
                    };
                    let counts = EndpointCounts {
                        ready: *ready,
                        serving: *ready,
                        total: *ready,
                    };
                    delta.endpoints.push(Change::set(key, counts));
                }
            }
        }
        Some(delta)
    }
}

fn service_fact(service: &Service, exported: bool) -> ServiceFact {
    let port = |name: &causeway_api::ids::PortName| ServicePort {
        name: name.clone(),
        port: 80,
        protocol: Protocol::Tcp,
        app_protocol: None,
        target: TargetPort::Number(8080),
    };
    ServiceFact {
        exported,
        selector: BTreeMap::from([("app".to_owned(), service.key.name.to_string())]),
        headless: false,
        ports: service.ports.iter().map(port).collect(),
        service_accounts: Vec::new(),
    }
}
