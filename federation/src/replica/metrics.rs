//! What a replica counts and shows to Prometheus, and the plans that were refused last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::domain::Domain;
use causeway_api::verdict::Subject;
use causeway_api::{MemberName, ServiceKey};
use causeway_crds::conditions::member as condition;
use causeway_state::State;
use causeway_state::outcome::{Effect, Outcome, Refusal};

use super::sessions::lock;
use super::shared::Shared;
use super::status::conditions::conditions;
use super::status::counts;
use super::status::look::{Known, Look};
use super::status::mesh::in_the_way;
use super::status::scope::Scope;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::DecisionOutcome;

/// At most one look in this time.
const PACE: Duration = Duration::from_secs(1);
/// A look although nothing changed: what is behind grows by itself.
const LOOK: Duration = Duration::from_secs(5);
/// Refused plans that are remembered; beyond it something is wrong with all of them.
const REFUSED: usize = 1_000;
/// The types of conditions that a member has.
const CONDITIONS: [&str; 8] = [
    condition::REGISTERED,
    condition::AGENT_CONNECTED,
    condition::API_REACHABLE,
    condition::GATEWAY_REACHABLE,
    condition::MESH_SYNCED,
    condition::COMPATIBLE,
    condition::READY,
    condition::LOSS_SURVIVABLE,
];

/// A replica's metrics.
pub(crate) struct ReplicaMetrics {
    pub(crate) metrics: Metrics,
    refused: Mutex<BTreeMap<ServiceKey, String>>,
    shown: Mutex<Shown>,
}

/// Of what series exist.
#[derive(Default)]
struct Shown {
    members: BTreeSet<MemberName>,
    subjects: BTreeSet<Subject>,
    domains: BTreeSet<Domain>,
}

impl ReplicaMetrics {
    /// Over a process's registry.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            refused: Mutex::default(),
            shown: Mutex::default(),
        }
    }

    /// A plan was computed.
    pub(crate) fn planned(&self) {
        self.metrics.count_planned();
    }

    /// A plan was refused.
    pub(crate) fn plan_refused(&self, refusal: &Refusal) {
        self.metrics
            .count_decision(DecisionOutcome::Refused, rule(refusal));
        let service = match refusal {
            Refusal::PlanCheck { service, .. }
            | Refusal::VerdictIgnored { service, .. }
            | Refusal::StalePolicy { service, .. }
            | Refusal::InputContradicted { service, .. } => service,
            _ => return,
        };
        let mut refused = lock(&self.refused);
        if refused.len() < REFUSED || refused.contains_key(service) {
            refused.insert(service.clone(), refusal.to_string());
        }
    }

    /// Services are planned again: what was refused of them before is of the past.
    pub(crate) fn reconsidered(&self, services: &[ServiceKey]) {
        let mut refused = lock(&self.refused);
        for service in services {
            refused.remove(service);
        }
    }

    /// The plans that were refused last, and were not accepted since.
    pub(crate) fn refused_plans(&self) -> BTreeMap<ServiceKey, String> {
        lock(&self.refused).clone()
    }

    /// Something was proposed.
    pub(crate) fn proposed(&self, outcome: &Result<Outcome, String>) {
        match outcome {
            Ok(Outcome::Accepted { effect, .. }) => {
                self.metrics.count_decision(DecisionOutcome::Accepted, "");
                let mut refused = lock(&self.refused);
                for service in &effect.planned {
                    refused.remove(service);
                }
            }
            Ok(Outcome::Unchanged | Outcome::Duplicate) => {
                self.metrics.count_decision(DecisionOutcome::Unchanged, "");
            }
            Ok(Outcome::Refused(refusal)) => self
                .metrics
                .count_decision(DecisionOutcome::Refused, rule(refusal)),
            Err(_) => self.metrics.count_decision(DecisionOutcome::Failed, ""),
        }
    }

    /// Verdicts changed.
    pub(crate) fn verdicts(&self, effect: &Effect) {
        for (subject, _, to) in &effect.verdicts {
            self.metrics.count_move(subject, *to);
            self.metrics.set_verdict(subject, *to);
        }
    }

    /// Shows what is in scope as it is, and forgets what is no more.
    fn show(&self, look: &Look<'_>, scope: &Scope) {
        let metrics = &self.metrics;
        metrics.set_brake(look.state.brain.brake.is_some());
        let waiting = super::backend::overrides::waiting(look.state).len();
        metrics.set_waiting(counts::count(waiting));
        metrics.set_impaired(counts::count(super::impaired::impaired(look.state).len()));
        for member in look
            .state
            .members
            .keys()
            .filter(|name| scope.has(name.as_str()))
        {
            self.show_member(look, member);
        }
        if !scope.is_everything() {
            return;
        }
        let here = look
            .sessions
            .values()
            .filter(|session| session.home.is_none());
        metrics.set_sessions(counts::count(here.count()));
        let mut shown = lock(&self.shown);
        let members: BTreeSet<MemberName> = look.state.members.keys().cloned().collect();
        for gone in shown.members.difference(&members) {
            metrics.forget_member(gone, CONDITIONS);
        }
        let subjects: BTreeSet<Subject> = self.verdict_states(look.state);
        for gone in shown.subjects.difference(&subjects) {
            metrics.forget_subject(gone);
        }
        let prepared = &look.state.brain.contingencies.rows;
        for row in prepared.values() {
            metrics.set_readiness(&row.readiness);
        }
        let domains: BTreeSet<Domain> = prepared.keys().cloned().collect();
        for gone in shown.domains.difference(&domains) {
            metrics.forget_readiness(gone);
        }
        *shown = Shown {
            members,
            subjects,
            domains,
        };
    }

    fn show_member(&self, look: &Look<'_>, member: &MemberName) {
        let metrics = &self.metrics;
        for condition in conditions(&look.member(member)) {
            metrics.set_condition(member, &condition);
        }
        let session = look.sessions.get(member);
        // What other replicas have sessions with is in their metrics.
        let Some(session) = session.filter(|session| session.home.is_none()) else {
            return;
        };
        metrics.set_view_lag_ms(member, session.behind_ms.unwrap_or(0));
        let conflicts = session.applied.as_ref().map_or(0, |applied| {
            applied.conditions.iter().filter(|c| in_the_way(c)).count()
        });
        metrics.set_foreign_conflicts(member, counts::count(conflicts));
    }

    fn verdict_states(&self, state: &State) -> BTreeSet<Subject> {
        let standings = state.verdicts.iter();
        let shown = standings.map(|(subject, standing)| {
            self.metrics.set_verdict(subject, standing.state);
            subject.clone()
        });
        shown.collect()
    }
}

/// Shows until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut changes = shared.status_changes();
    loop {
        let scope = changes.take(&shared.env, LOOK);
        let here = super::backend::sights::here(&shared);
        let metrics = &shared.metrics.metrics;
        metrics.set_quorum_reachable(here.quorum.reachable);
        metrics.set_replicas(&here.quorum, &here.replicas, &here.log, here.waiting.len());
        let diverged = shared.consensus.divergence().is_some();
        shared.metrics.metrics.set_state_diverged(diverged);
        if let Some(takes) = shared.consensus.disk().takes() {
            shared.metrics.metrics.set_disk(takes);
        }
        let doubted = shared.doubts.lasting(shared.env.now()).len();
        shared.metrics.metrics.set_doubted(counts::count(doubted));
        let known = Known::now(&shared, &scope);
        Look::now(&shared, &known, |look| shared.metrics.show(look, &scope));
        shared.env.sleep(PACE).await;
        tokio::select! {
            biased;
            changed = changes.changed() => if !changed { return },
            () = shared.env.sleep(LOOK.saturating_sub(PACE)) => {}
        }
    }
}

/// The rule that refused, as a label.
fn rule(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::PlanCheck { check, .. } => check,
        Refusal::UnknownMember(_) => "UnknownMember",
        Refusal::ForeignCluster { .. } => "ForeignCluster",
        Refusal::OneClusterTwoNames { .. } => "OneClusterTwoNames",
        Refusal::AlreadyBootstrapped { .. } => "AlreadyBootstrapped",
        Refusal::TooLarge { .. } => "TooLarge",
        Refusal::NotBootstrapped => "NotBootstrapped",
        Refusal::NoIncarnation => "NoIncarnation",
        Refusal::NotVotable(_) => "NotVotable",
        Refusal::UnknownGateway(_) => "UnknownGateway",
        Refusal::VerdictIgnored { .. } => "VerdictIgnored",
        Refusal::StalePolicy { .. } => "StalePolicy",
        Refusal::LevelTooLow { .. } => "LevelTooLow",
        Refusal::NotOwner { .. } => "NotOwner",
        Refusal::OlderDeclaration { .. } => "OlderDeclaration",
        Refusal::CameBack { .. } => "CameBack",
        Refusal::UnknownObject(_) => "UnknownObject",
        Refusal::UnknownHost(_) => "UnknownHost",
        Refusal::Chunk(_) => "Chunk",
        Refusal::Safety(refusal) => refusal.rule().name(),
        Refusal::ShiftIgnored { .. } => "ShiftIgnored",
        Refusal::Malformed { .. } => "Malformed",
        Refusal::UnknownShift(_) => "UnknownShift",
        Refusal::NothingToApprove(_) => "NothingToApprove",
        Refusal::OwnApproval { .. } => "OwnApproval",
        Refusal::NotBraked => "NotBraked",
        Refusal::StalePlan { .. } => "StalePlan",
        Refusal::InputContradicted { .. } => "InputContradicted",
        Refusal::GatewayOverfull { .. } => "GatewayOverfull",
        Refusal::NotTogether { .. } => "NotTogether",
        Refusal::ReplicaRemoved { .. } => "ReplicaRemoved",
        Refusal::ReplicaIdTaken { .. } => "ReplicaIdTaken",
        Refusal::NotPrepared { .. } => "NotPrepared",
        Refusal::ChangedSince { .. } => "ChangedSince",
        Refusal::NotSeen { .. } => "NotSeen",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_refused_plan_is_remembered_until_one_is_accepted() {
        let metrics = ReplicaMetrics::new(Metrics::new("controller"));
        let service: ServiceKey = "shop/cart".parse().unwrap();
        let refusal = Refusal::PlanCheck {
            service: service.clone(),
            check: "shares-sum".to_owned(),
            message: "9 of 10".to_owned(),
        };
        metrics.plan_refused(&refusal);
        assert!(
            metrics
                .refused_plans()
                .get(&service)
                .unwrap()
                .contains("shares-sum")
        );
        let effect = Effect {
            planned: vec![service.clone()],
            ..Effect::default()
        };
        metrics.proposed(&Ok(Outcome::Accepted {
            generation: causeway_api::Generation::default(),
            effect,
        }));
        assert!(metrics.refused_plans().is_empty());
        let text = metrics.metrics.text();
        for line in [
            "causeway_decisions_total{outcome=\"Refused\",rule=\"shares-sum\"} 1",
            "causeway_decisions_total{outcome=\"Accepted\",rule=\"\"} 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
