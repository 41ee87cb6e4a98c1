//! A generated fleet as it is decided: members, policies and plans go through the log's commands, as a replica sends them.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::domain::Domain;
use causeway_api::facts::{Change as Row, FactDelta, GatewayAddress, NamespaceFact};
use causeway_api::ids::{Locality, Name, ReplicaId, ServiceKey};
use causeway_api::plan::{PlanInputs, Rate, Withdrawal};
use causeway_api::rules::{FailoverMode, OnOverload, PolicyRules, Priority, Strategy, WhenUnknown};
use causeway_api::shift::{Shift, ShiftAction, Urgency};
use causeway_api::spec::{DeclaredGateway, Detection, MemberSpec, PolicySpec};
use causeway_api::verdict::{Ballot, ObserverId, Subject, VerdictState, Vote};
use causeway_api::{FactVersion, MemberName};
use causeway_core::proposal::planned;
use causeway_core::ties::Ties;
use causeway_core::{inputs, placement};
use causeway_failover::contingency::{Fall, Prepared};
use causeway_index::FactStore;
use causeway_state::{Command, Outcome, PlanProposal, Refusal, State, apply_next};

use super::between::failback;
use super::generated::{Careful, Case, Change, REGIONS, Service};
use super::world;

/// Rounds after which a fleet is settled, or is none of ours.
const ROUNDS: usize = 8;

pub(crate) struct Fleet {
    case: Case,
    pub(crate) state: State,
    pub(crate) facts: FactStore,
    /// Of the replica that leads.
    pub(crate) ties: Ties,
    told: u64,
}

impl Fleet {
    /// Of a case, all planned, before anything is lost; `None` where something keeps plans and inputs apart for good, such as
    /// a plan that a rule refuses.
    pub(crate) fn of(case: &Case) -> Option<Self> {
        let mut fleet = Self {
            case: case.clone(),
            state: State::default(),
            facts: FactStore::new(),
            ties: Ties::default(),
            told: 0,
        };
        fleet.apply(Command::Bootstrap { incarnation: 1 });
        fleet.apply(Command::RaiseLevel { level: 2 });
        fleet.apply(Command::PutPolicy(quick()));
        for (name, spec) in fleet.specs() {
            fleet.apply(Command::PutMember(spec.clone()));
            fleet.tell(&BTreeSet::new());
            let owner = fleet.facts.owner(&name).unwrap();
            let placement = placement::placement(&spec, owner).unwrap();
            let member = name;
            fleet.apply(Command::PlaceMember { member, placement });
        }
        let members: Vec<MemberName> = fleet.state.members.keys().cloned().collect();
        fleet.reach(&members);
        for group in ["shop", "pay"] {
            let rules = PolicyRules {
                move_together: Some(true),
                ..PolicyRules::default()
            };
            let key = format!("{group}/all");
            fleet.apply(Command::PutPolicy(policy(&key, BTreeSet::new(), rules)));
        }
        fleet.put_policies(false);
        fleet.settle();
        for change in case.changes.clone() {
            fleet.change(&change);
            fleet.settle();
        }
        fleet.stand_between(&case.between);
        fleet.put_policies(true);
        fleet.settle();
        let settled = fleet.is_settled();
        settled.then_some(fleet)
    }

    /// Each member, with what it declares.
    fn specs(&self) -> Vec<(MemberName, MemberSpec)> {
        let mut specs = Vec::new();
        for (at, region) in self.case.regions.iter().enumerate() {
            for (of, member) in region.members.iter().enumerate() {
                let name: MemberName = format!("m{at}{of}").parse().unwrap();
                let mut spec = MemberSpec::minimal(name.clone());
                let network = if region.one_network { 0 } else { of };
                spec.network = Some(format!("n{at}{network}").parse().unwrap());
                if member.power {
                    spec.failure_domains = ["power".parse().unwrap()].into();
                }
                for (gateway, stands) in member.gateways.iter().enumerate() {
                    let declared = DeclaredGateway {
                        addresses: vec![GatewayAddress::Host(format!("{name}-{gateway}.example"))],
                        port: 15443,
                        max_rate: stands.carries.map(Rate::from_rps),
                    };
                    spec.gateways
                        .insert(format!("east{gateway}").parse().unwrap(), declared);
                }
                specs.push((name, spec));
            }
        }
        specs
    }

    /// All members say what they are; of zones that are `gone` no endpoint is ready.
    fn tell(&mut self, gone: &BTreeSet<(MemberName, causeway_api::ids::Zone)>) {
        self.told += 1;
        for (at, region) in self.case.regions.iter().enumerate() {
            for (of, member) in region.members.iter().enumerate() {
                let name = format!("m{at}{of}");
                let zones: Vec<Locality> = (0..member.zones)
                    .map(|zone| format!("r{at}/z{zone}").parse().unwrap())
                    .collect();
                let version = FactVersion {
                    epoch: 1,
                    sequence: self.told,
                };
                let mut delta = FactDelta::empty(name.parse().unwrap(), None, version);
                let mut fact = world::member_fact(&name, &zones[0]);
                fact.nodes = zones.iter().map(|zone| (zone.clone(), 1)).collect();
                delta.member = Some(fact);
                let namespaces = ["shop", "pay"].map(|name| name.parse().unwrap());
                delta.namespaces = namespaces
                    .map(|name| Row::set(name, NamespaceFact {}))
                    .into();
                for (nth, service) in self.case.services.iter().enumerate() {
                    let Some(ready) = service.ready[2 * at + of] else {
                        continue;
                    };
                    let key = key(nth, service);
                    let row = world::service_fact(&key, true);
                    delta.services.push(Row::set(key.clone(), row));
                    for (zone, ready) in zones.iter().zip(ready) {
                        let mut row = world::endpoints(&key, zone, ready);
                        let here = (name.parse().unwrap(), zone.zone.clone().unwrap());
                        if let (true, Some(counts)) = (gone.contains(&here), &mut row.value) {
                            (counts.ready, counts.serving) = (0, 0);
                        }
                        delta.endpoints.push(row);
                    }
                }
                self.facts.apply(delta).unwrap();
            }
        }
    }

    /// What people declare of each service; who moves by their word alone is said once the fleet is as it is to be.
    fn put_policies(&mut self, careful: bool) {
        for (nth, service) in self.case.services.clone().iter().enumerate() {
            let key = key(nth, service);
            let mut rules = rules(service);
            rules.failback = failback(self.case.between.returns);
            if careful {
                match service.careful {
                    Careful::Stateful => rules.stateful = Some(true),
                    Careful::Approve => rules.mode = Some(FailoverMode::Approve),
                    Careful::Observe => rules.mode = Some(FailoverMode::Observe),
                    Careful::No | Careful::Frozen | Careful::Pinned => {}
                }
            }
            let mut spec = policy(&key.to_string(), [key.clone()].into(), rules);
            for (region, rate) in service.demand.iter().enumerate() {
                let rate = rate.map(|rate| (region_name(region), Rate::from_rps(rate)));
                spec.demand.extend(rate);
            }
            spec.capacity_per_endpoint = service.per_endpoint.map(Rate::from_rps);
            if service.strategy == 2 {
                let order = [1, 0, 3, 2].map(region_name);
                spec.failover = (0..REGIONS)
                    .map(|from| (region_name(from), order.to_vec()))
                    .collect();
            }
            self.apply(Command::PutPolicy(spec));
        }
        // A plan that is held is not brought to other inputs any more: last.
        self.settle();
        for (nth, service) in self.case.services.clone().iter().enumerate() {
            let action = match service.careful {
                Careful::Frozen => ShiftAction::Freeze,
                Careful::Pinned => ShiftAction::Pin,
                _ => continue,
            };
            if careful {
                let target = key(nth, service);
                let name = format!("{}/hold-{nth}", target.namespace);
                self.apply(Command::PutShift(Shift {
                    targets: [target].into(),
                    urgency: Urgency::Emergency,
                    requested_by: "ann".to_owned(),
                    ..Shift::new(name.parse().unwrap(), action, 3_600_000, "look first")
                }));
            }
        }
    }

    fn change(&mut self, change: &Change) {
        let services = &mut self.case.services;
        match change {
            Change::Demand(at, region, rate) => {
                let at = at.index(services.len());
                services[at].demand[*region] = *rate;
                self.put_policies(false);
            }
            Change::Ready(at, member, ready) => {
                let at = at.index(services.len());
                if let Some(here) = &mut services[at].ready[*member] {
                    *here = *ready;
                }
                self.tell(&BTreeSet::new());
            }
            Change::Carries(at, carries) => {
                let members = self
                    .case
                    .regions
                    .iter_mut()
                    .flat_map(|region| &mut region.members);
                let mut gateways: Vec<_> =
                    members.flat_map(|member| &mut member.gateways).collect();
                if !gateways.is_empty() {
                    let at = at.index(gateways.len());
                    gateways[at].carries = *carries;
                }
                for (_, spec) in self.specs() {
                    self.apply(Command::PutMember(spec));
                }
            }
        }
    }

    pub(crate) fn services(&self) -> BTreeSet<ServiceKey> {
        let services = self.case.services.iter().enumerate();
        services.map(|(nth, service)| key(nth, service)).collect()
    }

    /// Plans as who leads does until nothing is left to do, and commits inputs that drifted under plans that stayed.
    pub(crate) fn settle(&mut self) {
        let all = self.services();
        for _ in 0..ROUNDS {
            let found = self.ties.inputs(&self.state, &self.facts, &all);
            let changed = found.into_iter().filter_map(|(service, inputs)| {
                let held = self.state.plan(&service).and_then(|row| row.value.as_ref());
                let same = held.map(|held| &held.inputs) == inputs.as_ref();
                let proposal = |inputs| planned(&self.state, &service, inputs);
                inputs.filter(|_| !same).map(proposal)
            });
            let proposals: Vec<PlanProposal> = changed.collect();
            if proposals.is_empty() {
                return;
            }
            self.decide(Command::CommitPlans(proposals));
        }
    }

    /// Cluster time passes until something is so, or for a minute.
    pub(crate) fn pass(&mut self, done: impl Fn(&State) -> bool) {
        for _ in 0..60 {
            if done(&self.state) {
                return;
            }
            self.decide(Command::Tick { elapsed_ms: 1_000 });
        }
    }

    /// Members are reached, as far as they ever are.
    pub(crate) fn reach(&mut self, members: &[MemberName]) {
        let reached: Vec<String> = self.subjects(members, true).collect();
        self.vote(&reached, Ballot::Reachable);
    }

    /// What can be voted on of members; what was never reached where it is not to be `observed`.
    pub(crate) fn subjects(
        &self,
        members: &[MemberName],
        observed: bool,
    ) -> impl Iterator<Item = String> {
        let regions = self.case.regions.iter().enumerate();
        let all = regions.flat_map(|(at, region)| {
            let of = region.members.iter().enumerate();
            of.map(move |(of, member)| (format!("m{at}{of}"), member))
        });
        let these = all.filter(|(name, _)| members.iter().any(|one| one.as_str() == name));
        let subjects = these.flat_map(|(name, member)| {
            let session = (member.heard, format!("session/{name}"));
            let gateways = member.gateways.iter().enumerate();
            let gateways = gateways
                .map(|(nth, gateway)| (gateway.observed, format!("gateway/{name}/east{nth}")));
            let all: Vec<_> = [session].into_iter().chain(gateways).collect();
            all
        });
        let subjects: Vec<String> = subjects
            .filter(|(was, _)| *was || !observed)
            .map(|(_, subject)| subject)
            .collect();
        subjects.into_iter()
    }

    /// Whether each plan that is committed rests on the inputs as they are, and is what they give.
    fn is_settled(&mut self) -> bool {
        let all = self.services();
        let now = self.ties.inputs(&self.state, &self.facts, &all);
        now.iter().all(|(service, now)| {
            let held = self.state.plan(service).and_then(|row| row.value.as_ref());
            held.map(|held| &held.inputs) == now.as_ref()
        })
    }

    /// A domain is lost: what it takes is voted out, and endpoints of zones whose members have others are gone.
    pub(crate) fn lose(&mut self, domain: &Domain, fall: &Fall) {
        if !fall.zones.is_empty() {
            self.tell(&fall.zones);
        }
        let mut lost = Vec::new();
        for (member, place) in self.state.places() {
            let hit = match domain {
                Domain::Region(region) => place.region.as_ref() == Some(region),
                Domain::Member(this) => *this == member,
                Domain::Declared(this) => place.domains.contains(this),
                Domain::Zone { region, zone } => {
                    let only = place.zones.len() == 1 && place.zones.contains(zone);
                    only && place.region.as_ref() == Some(region)
                }
                Domain::Gateway { .. } => false,
            };
            if hit {
                lost.extend(self.subjects(&[member], false));
            }
        }
        if let Domain::Gateway { member, gateway } = domain {
            lost.push(format!("gateway/{member}/{gateway}"));
        }
        self.vote(&lost, Ballot::Unreachable);
        self.pass(|state| {
            let out = |(member, gateway): &(MemberName, Name)| {
                let (member, gateway) = (member.clone(), gateway.clone());
                let subject = Subject::Gateway { member, gateway };
                let stands = state.verdicts.state(&subject);
                matches!(stands, VerdictState::Lost | VerdictState::Unknown)
            };
            let mut members = fall.members.iter();
            fall.gateways.iter().all(out) && members.all(|one| state.withdrawal(one).is_some())
        });
        for (member, _) in self.state.places() {
            let lost = fall.members.contains(&member).then_some(Withdrawal::Lost);
            assert_eq!(self.state.withdrawal(&member), lost, "{member} of {domain}");
        }
    }

    pub(crate) fn vote(&mut self, subjects: &[String], ballot: Ballot) {
        let vote = |subject: &String| Vote {
            observer: ObserverId::Replica(ReplicaId(1)),
            domain: "here".parse().unwrap(),
            subject: subject.parse().unwrap(),
            ballot,
            evidence: "as probed".to_owned(),
        };
        self.decide(Command::CastVotes(subjects.iter().map(vote).collect()));
    }

    /// What to plan from for these services now, and for those that are tied to them.
    pub(crate) fn inputs(
        &mut self,
        asked: &BTreeSet<ServiceKey>,
    ) -> BTreeMap<ServiceKey, Option<PlanInputs>> {
        self.ties.inputs(&self.state, &self.facts, asked)
    }

    /// Proposes what was prepared, as whoever leads; what is refused of it for another reason than a safety rule's.
    pub(crate) fn carry_out(&mut self, prepared: &Prepared) -> Vec<(ServiceKey, Refusal)> {
        let services: BTreeSet<ServiceKey> = prepared.together().into_iter().collect();
        let services = services.iter().chain(prepared.services());
        let services: BTreeSet<&ServiceKey> = services.collect();
        let proposals = services.into_iter().map(|service| {
            let row = self.state.plan(service).unwrap();
            let held = row.value.as_ref().unwrap();
            PlanProposal {
                service: service.clone(),
                plan: Some(prepared.proposed(&held.inputs, &held.plan).unwrap()),
                previous: Some(row.generation),
            }
        });
        let proposals: Vec<PlanProposal> = proposals.collect();
        let Outcome::Accepted { effect, .. } = self.decide(Command::CommitPlans(proposals)) else {
            return Vec::new();
        };
        let by_rule = |refusal: &Refusal| {
            matches!(
                refusal,
                Refusal::Safety(_) | Refusal::GatewayOverfull { .. }
            )
        };
        let refused = effect.refused.into_iter();
        refused.filter(|(_, refusal)| !by_rule(refusal)).collect()
    }

    /// The services that a loss is about.
    pub(crate) fn concerned(&self, domain: &Domain, fall: &Fall) -> BTreeSet<ServiceKey> {
        let behind = match domain {
            Domain::Gateway { member, .. } => Some(member.clone()),
            _ => None,
        };
        let zones = fall.zones.iter().map(|(member, _)| member.clone());
        let members = fall.members.iter().cloned().chain(zones).chain(behind);
        members
            .flat_map(|member| inputs::services_of(&self.state, &self.facts, &member))
            .collect()
    }

    fn apply(&mut self, command: Command) {
        let outcome = self.decide(command);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }

    pub(crate) fn decide(&mut self, command: Command) -> Outcome {
        apply_next(&mut self.state, command)
    }
}

pub(crate) fn key(nth: usize, service: &Service) -> ServiceKey {
    let namespace = if service.group == Some(1) {
        "pay"
    } else {
        "shop"
    };
    format!("{namespace}/s{nth}").parse().unwrap()
}

fn region_name(at: usize) -> causeway_api::ids::Region {
    format!("r{at}").parse().unwrap()
}

fn rules(service: &Service) -> PolicyRules {
    let mut rules = PolicyRules {
        move_together: service.group.is_none().then_some(false),
        priority: Some(match service.class {
            0 => Priority::Critical,
            1 => Priority::Standard,
            _ => Priority::Sheddable,
        }),
        strategy: Some(match service.strategy {
            2 => Strategy::Ordered,
            3 => Strategy::Weighted,
            _ => Strategy::Waterfall,
        }),
        when_unknown: service.best_effort.then_some(WhenUnknown::BestEffort),
        ..PolicyRules::default()
    };
    if service.strategy == 3 {
        rules.weights = (0..REGIONS)
            .map(|at| (region_name(at), 1 + at as u32))
            .collect();
    }
    rules.limits.on_overload = Some(match service.overload {
        0 => OnOverload::Refuse,
        1 => OnOverload::Shed,
        _ => OnOverload::BestEffort,
    });
    rules
}

/// Losses are known before anything else goes on, and more may be lost than automation usually takes.
fn quick() -> PolicySpec {
    let mut rules = PolicyRules::default();
    rules.limits.max_regions_lost = Some(100);
    rules.limits.max_members_lost_percent = Some(100);
    PolicySpec {
        root: true,
        detection: Some(Detection {
            hold_for_ms: 2_000,
            ..Detection::default()
        }),
        hold_down_ms: Some(2_000),
        ..policy("causeway-system/all", BTreeSet::new(), rules)
    }
}

fn policy(key: &str, targets: BTreeSet<ServiceKey>, rules: PolicyRules) -> PolicySpec {
    PolicySpec {
        key: key.parse().unwrap(),
        root: false,
        targets,
        hosts: BTreeSet::new(),
        failover: BTreeMap::new(),
        allowed_regions: BTreeSet::new(),
        demand: BTreeMap::new(),
        capacity_per_endpoint: None,
        max_utilization_percent: Some(100),
        detection: None,
        hold_down_ms: None,
        rules,
    }
}
