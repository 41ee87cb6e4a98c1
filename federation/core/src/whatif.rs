//! What would happen: the loss of a domain, or a command that a person thinks of. Nothing is changed: a loss is computed
//! from what is committed, as contingencies are, and a command is applied to a copy of the state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causeway_api::contingency::{LossOutcome, Readiness};
use causeway_api::domain::Domain;
use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_api::plan::{PlanInputs, Rate, ServicePlan};
use causeway_api::verdict::{Subject, Verdict};
use causeway_failover::contingency::judged::Judged;
use causeway_failover::contingency::{Fall, Place, Prepared};
use causeway_failover::explain::{self, PlanReport};
use causeway_failover::{checker, contingency};
use causeway_index::FactStore;
use causeway_state::{Command, Outcome, PlanProposal, PlanRow, State, apply_next};
use serde::{Deserialize, Serialize};

use crate::contingencies::domains;
use crate::proposal::next_from;
use crate::ties::Ties;

/// Plans in one command, as a replica proposes them.
const BATCH: usize = 256;

/// What a question about losses is answered from; cheap to take.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    places: BTreeMap<MemberName, Place>,
    plans: BTreeMap<ServiceKey, Arc<PlanRow>>,
    /// Networks that are not cut off as a whole, because services that stand outside go there.
    spared: BTreeSet<NetworkName>,
    /// Networks where services keep to their parts.
    kept: BTreeSet<NetworkName>,
}

impl Committed {
    /// What is committed now.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self {
            places: state.places(),
            plans: state.plans.clone(),
            spared: state.spared(),
            kept: state.kept_to_parts().clone(),
        }
    }

    /// The domains whose loss can be asked for, the widest first.
    #[must_use]
    pub fn domains(&self) -> Vec<Domain> {
        domains(&self.places)
    }

    /// Whether anything is lost with a domain.
    #[must_use]
    pub fn has(&self, domain: &Domain) -> bool {
        Fall::of(domain, &self.places) != Fall::default()
    }

    fn rows(&self) -> impl Iterator<Item = (&ServiceKey, &PlanInputs, &ServicePlan)> {
        self.plans.iter().filter_map(|(service, row)| {
            let held = row.value.as_ref()?;
            Some((service, &held.inputs, &held.plan))
        })
    }

    /// How well the rest would carry the loss of each domain, the widest first.
    #[must_use]
    pub fn readiness(&self) -> Vec<Readiness> {
        let one = |domain: Domain| self.prepared(&domain).readiness();
        self.domains().into_iter().map(one).collect()
    }

    /// What would be prepared for the loss of a domain.
    fn prepared(&self, domain: &Domain) -> Prepared {
        let fall = Fall::of(domain, &self.places);
        let limits = fall.limits(&self.places);
        let mut prepared = Prepared::tied(domain.clone(), fall);
        prepared.spare(!prepared.fall().networks.is_disjoint(&self.spared));
        for (service, inputs, plan) in self.rows() {
            prepared.update(service, Some((inputs, plan)));
        }
        let committed = |service: &ServiceKey| {
            let held = self.plans.get(service)?.value.as_ref()?;
            Some((&held.inputs, &held.plan))
        };
        let all = || self.plans.keys().cloned().collect();
        prepared.settle(&limits, &self.kept, &all, &committed);
        prepared
    }

    /// What the loss of a domain would do; `None` where nothing lives in it. `verdicts` tells what is concluded of a subject.
    #[must_use]
    pub fn lose(
        &self,
        domain: &Domain,
        verdicts: &dyn Fn(&Subject) -> Option<Verdict>,
    ) -> Option<Loss> {
        let fall = Fall::of(domain, &self.places);
        if fall == Fall::default() {
            return None;
        }
        let prepared = self.prepared(domain);
        let mut services = Vec::new();
        for (_, inputs, before) in self.rows() {
            let Some(after) = prepared.plan(before) else {
                continue;
            };
            let left = prepared.inputs(inputs);
            services.push(of_service(
                &fall,
                (inputs, before),
                (&left, &after),
                verdicts,
            ));
        }
        // The gravest first.
        services.sort_by(|a, b| {
            let key = |row: &ServiceLoss| (std::cmp::Reverse(row.outcome), row.service.clone());
            key(a).cmp(&key(b))
        });
        let zones = fall.zones.iter();
        Some(Loss {
            readiness: prepared.readiness(),
            members: fall.members.iter().cloned().collect(),
            zones: zones
                .map(|(member, zone)| format!("{member}/{zone}"))
                .collect(),
            networks: fall.networks.iter().map(ToString::to_string).collect(),
            services,
        })
    }
}

fn of_service(
    fall: &contingency::Fall,
    (inputs, before): (&PlanInputs, &ServicePlan),
    (left, after): (&PlanInputs, &ServicePlan),
    verdicts: &dyn Fn(&Subject) -> Option<Verdict>,
) -> ServiceLoss {
    let judged = Judged::of(fall, left, before, after);
    let findings = checker::check(left, after);
    ServiceLoss {
        service: left.service.clone(),
        outcome: judged.outcome,
        demand: judged.demand,
        served: judged.served,
        moved: judged.moved,
        over_percent: judged.over_percent,
        writes: judged.writes,
        before: explain::report(inputs, before, verdicts),
        after: explain::report(left, after, verdicts),
        findings: findings.iter().map(ToString::to_string).collect(),
    }
}

/// What the loss of a domain would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// How well the rest would carry it.
    pub readiness: Readiness,
    /// The members that would be gone.
    pub members: Vec<MemberName>,
    /// Zones that would be gone, of members that have others, as member/zone.
    pub zones: Vec<String>,
    /// Networks that no gateway would lead into any more.
    pub networks: Vec<String>,
    /// The services whose plans would change, the gravest first.
    pub services: Vec<ServiceLoss>,
}

/// What a loss would do to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLoss {
    /// The service.
    pub service: ServiceKey,
    /// The gravest that would happen.
    pub outcome: LossOutcome,
    /// Demand of the callers that survive; unknown demand counts as one request a second.
    pub demand: Rate,
    /// The part of it that would be served.
    pub served: Rate,
    /// Known demand that would go elsewhere than now.
    pub moved: Rate,
    /// Demand beyond capacity, in percent of what would be served.
    pub over_percent: u32,
    /// Members whose shares would change.
    pub writes: u64,
    /// The plan that is in force.
    pub before: PlanReport,
    /// The plan after the loss.
    pub after: PlanReport,
    /// What the checker finds wrong with it: nothing, unless there is a fault of ours.
    pub findings: Vec<String>,
}

/// What a command would bring about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// What would become of the command itself.
    pub outcome: Outcome,
    /// The services that it would move, or may not move.
    pub services: Vec<Shifted>,
}

/// What a command would do to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shifted {
    /// The service.
    pub service: ServiceKey,
    /// Why its plan would stay as it is: what a safety rule says, or for whom it would wait.
    pub stays: Option<String>,
    /// The plan that is in force.
    pub before: Option<PlanReport>,
    /// The plan that would follow.
    pub after: PlanReport,
}

/// Applies a command to a copy of the state, plans every service whose inputs it changes, and judges these plans as they
/// would be judged in the log.
#[must_use]
pub fn dry_run(state: &State, facts: &FactStore, command: Command) -> DryRun {
    dry_run_of(state, facts, command, &|_| true)
}

/// The same, for some services alone.
#[must_use]
pub fn dry_run_of(
    state: &State,
    facts: &FactStore,
    command: Command,
    of: &dyn Fn(&ServiceKey) -> bool,
) -> DryRun {
    let mut copy = state.clone();
    let outcome = apply_next(&mut copy, command);
    if !matches!(outcome, Outcome::Accepted { .. }) {
        return DryRun {
            outcome,
            services: Vec::new(),
        };
    }
    let services: BTreeSet<ServiceKey> =
        state.plans.keys().filter(|key| of(key)).cloned().collect();
    let proposals: Vec<PlanProposal> = changed(state, &copy, facts, &services)
        .into_iter()
        .filter_map(|(service, inputs)| proposal(&copy, &service, inputs))
        .collect();
    let mut refused = BTreeMap::new();
    for batch in proposals.chunks(BATCH) {
        match apply_next(&mut copy, Command::CommitPlans(batch.to_vec())) {
            Outcome::Accepted { effect, .. } => {
                let said = effect.refused.into_iter();
                refused.extend(said.map(|(service, refusal)| (service, refusal.to_string())));
            }
            Outcome::Refused(refusal) => {
                let all = batch.iter().map(|row| row.service.clone());
                refused.extend(all.map(|service| (service, refusal.to_string())));
            }
            Outcome::Unchanged | Outcome::Duplicate => {}
        }
    }
    let verdicts = |subject: &Subject| state.verdict(subject);
    let row = |proposal: &PlanProposal| {
        let (inputs, plan) = proposal.plan.as_ref()?;
        let service = &proposal.service;
        let held = state.plan(service).and_then(|row| row.value.as_ref());
        let follows = copy.plan(service).and_then(|row| row.value.as_ref());
        let moves = follows.is_some_and(|now| now.plan == *plan);
        // Beside what moves, a loss may wait on.
        let waits = copy.brain.pending.get(service).filter(|_| !moves);
        let stays = refused.get(service).cloned();
        Some(Shifted {
            service: service.clone(),
            stays: stays.or_else(|| waits.map(|pending| pending.waits.to_string())),
            before: held.map(|held| explain::report(&held.inputs, &held.plan, &verdicts)),
            after: explain::report(inputs, plan, &verdicts),
        })
    };
    DryRun {
        outcome,
        services: proposals.iter().filter_map(row).collect(),
    }
}

/// What services are to be planned from after a command where that is not what they would be planned from before it: what
/// would be planned anew in any case is not of the command's doing. What services share is divided as whoever leads does it.
fn changed(
    before: &State,
    after: &State,
    facts: &FactStore,
    services: &BTreeSet<ServiceKey>,
) -> BTreeMap<ServiceKey, PlanInputs> {
    let mut unchanged = Ties::default().inputs(before, facts, services);
    let now = Ties::default().inputs(after, facts, services);
    let now = now.into_iter();
    now.filter_map(|(service, now)| {
        let now = now.filter(|_| services.contains(&service))?;
        let same = unchanged.remove(&service).flatten().as_ref() == Some(&now);
        (!same).then_some((service, now))
    })
    .collect()
}

/// Another plan for a service than the one that is committed.
fn proposal(after: &State, service: &ServiceKey, now: PlanInputs) -> Option<PlanProposal> {
    let held = after.plan(service)?.value.as_ref()?;
    let next = next_from(after, service, now);
    let another = |(_, plan): &(_, ServicePlan)| *plan != held.plan;
    next.plan.as_ref().is_some_and(another).then_some(next)
}
