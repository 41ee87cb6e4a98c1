//! Prometheus metrics, as OpenMetrics text. Cheap to clone; every clone writes to the same series.
//!
//! Labels are bounded by members, subjects and rules: never by services, pods or people.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use causeway_api::contingency::Readiness;
use causeway_api::domain::Domain;
use causeway_api::ids::MemberName;
use causeway_api::verdict::{Subject, VerdictState};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::readiness::ReadinessMetrics;
use super::replicas::ReplicaSeries;
use crate::admin::api::{Condition, ConditionStatus, LogSight, Quorum, ReplicaSight};

pub(super) type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    member: String,
    r#type: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    subject: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MemberLabels {
    member: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: DecisionOutcome,
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MoveLabels {
    kind: &'static str,
    state: &'static str,
}

/// What became of a proposed decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum DecisionOutcome {
    /// Accepted.
    Accepted,
    /// Changed nothing.
    Unchanged,
    /// Refused; the rule says by what.
    Refused,
    /// Not decided: no quorum, or a disk that does not take it. It may still be committed.
    Failed,
}

const STATES: [(&str, VerdictState); 6] = [
    ("Unknown", VerdictState::Unknown),
    ("Serving", VerdictState::Serving),
    ("Degraded", VerdictState::Degraded),
    ("Lost", VerdictState::Lost),
    ("Recovering", VerdictState::Recovering),
    ("Away", VerdictState::Away),
];

const STATUSES: [(&str, ConditionStatus); 3] = [
    ("true", ConditionStatus::True),
    ("false", ConditionStatus::False),
    ("unknown", ConditionStatus::Unknown),
];

/// A process's metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    condition: Family<ConditionLabels, Gauge>,
    verdict: Family<VerdictLabels, Gauge>,
    lag: Family<MemberLabels, Seconds>,
    conflicts: Family<MemberLabels, Gauge>,
    decisions: Family<DecisionLabels, Counter>,
    planned: Counter,
    moves: Family<MoveLabels, Counter>,
    sessions: Family<Vec<(String, String)>, Gauge>,
    /// No labels; a family, so that there is no series before it is set: an agent has no quorum.
    quorum: Family<Vec<(String, String)>, Gauge>,
    diverged: Family<Vec<(String, String)>, Gauge>,
    disk: Family<Vec<(String, String)>, Seconds>,
    waiting: Family<Vec<(String, String)>, Gauge>,
    brake: Family<Vec<(String, String)>, Gauge>,
    doubted: Family<Vec<(String, String)>, Gauge>,
    impaired: Family<Vec<(String, String)>, Gauge>,
    readiness: ReadinessMetrics,
    replicas: ReplicaSeries,
}

impl Metrics {
    /// For one process; `role` is `controller` or `agent`.
    #[must_use]
    pub fn new(role: &'static str) -> Self {
        let mut registry = Registry::with_prefix("causeway");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION")), ("role", role)]);
        registry.register("build", "The version and role of the process", build);
        let (condition, verdict, lag) = (Family::default(), Family::default(), Family::default());
        let diverged = Family::default();
        let (conflicts, decisions, quorum) =
            (Family::default(), Family::default(), Family::default());
        registry.register(
            "member_condition",
            "A condition of a MemberCluster: 1 for the status that it has, 0 for the others",
            condition.clone(),
        );
        registry.register(
            "verdict_state",
            "The verdict on a gateway, session, member, zone or region: 1 for the state that it has, 0 for the others",
            verdict.clone(),
        );
        registry.register(
            "view_lag_seconds",
            "How long a member's agent has been behind its view; 0: it is not",
            lag.clone(),
        );
        registry.register(
            "foreign_conflicts",
            "Objects in a member's mesh that other owners' rules keep us from writing",
            conflicts.clone(),
        );
        registry.register(
            "decisions",
            "Proposed decisions by what became of them, and the rule that refused them",
            decisions.clone(),
        );
        let (planned, moves, sessions) = (Counter::default(), Family::default(), Family::default());
        registry.register(
            "plans_computed",
            "Plans that this replica computed, whether or not they differed from the committed ones",
            planned.clone(),
        );
        registry.register(
            "verdict_changes",
            "Changes of verdicts, by the kind of their subject and the state that they came to",
            moves.clone(),
        );
        registry.register(
            "sessions",
            "Agents that have a session with this replica",
            sessions.clone(),
        );
        registry.register(
            "quorum_reachable",
            "Whether this replica has heard a majority of voters within its lease: 1 or 0",
            quorum.clone(),
        );
        registry.register(
            "state_diverged",
            "Whether this replica's state was found to differ from the leader's: 1 or 0",
            diverged.clone(),
        );
        let disk = Family::<_, Seconds>::default();
        registry.register(
            "disk_write_seconds",
            "How long the disk takes to make a write of the decision log durable: the median of the last ones, or for how long \
             the one that is under way has been if that is longer",
            disk.clone(),
        );
        let (waiting, brake, doubted) = (Family::default(), Family::default(), Family::default());
        registry.register(
            "approvals_waiting",
            "Overrides, plans and returns that wait for a person",
            waiting.clone(),
        );
        registry.register(
            "brake",
            "Whether automation stands still because too much was lost at once: 1 or 0",
            brake.clone(),
        );
        registry.register(
            "plans_doubted",
            "Committed plans that this replica's own facts have not borne out for a while",
            doubted.clone(),
        );
        let impaired = Family::default();
        registry.register(
            "observers_impaired",
            "Replicas and agents that abstain on everything because they suspect their own network",
            impaired.clone(),
        );
        let readiness = ReadinessMetrics::register(&mut registry);
        let replicas = ReplicaSeries::register(&mut registry);
        Self {
            registry: Arc::new(registry),
            condition,
            verdict,
            lag,
            conflicts,
            decisions,
            planned,
            moves,
            sessions,
            quorum,
            diverged,
            disk,
            waiting,
            brake,
            doubted,
            impaired,
            readiness,
            replicas,
        }
    }

    /// Counts into `causeway_plans_computed_total`.
    pub fn count_planned(&self) {
        self.planned.inc();
    }

    /// Counts into `causeway_verdict_changes_total`.
    pub fn count_move(&self, subject: &Subject, to: VerdictState) {
        let kind = match subject {
            Subject::Gateway { .. } => "gateway",
            Subject::Session { .. } => "session",
            Subject::Member { .. } => "member",
            Subject::Zone { .. } => "zone",
            Subject::Region { .. } => "region",
        };
        let state = STATES.iter().find(|(_, state)| *state == to);
        let state = state.map_or("Unknown", |(name, _)| name);
        self.moves.get_or_create(&MoveLabels { kind, state }).inc();
    }

    /// Sets `causeway_sessions`.
    pub fn set_sessions(&self, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.sessions.get_or_create(&Vec::new()).set(count);
    }

    /// Sets `causeway_member_condition`.
    pub fn set_condition(&self, member: &MemberName, condition: &Condition) {
        for (status, value) in STATUSES {
            let labels = ConditionLabels {
                member: member.to_string(),
                r#type: condition.kind.clone(),
                status,
            };
            self.condition
                .get_or_create(&labels)
                .set(i64::from(condition.status == value));
        }
    }

    /// Sets `causeway_verdict_state`.
    pub fn set_verdict(&self, subject: &Subject, state: VerdictState) {
        for (name, value) in STATES {
            let labels = VerdictLabels {
                subject: subject.to_string(),
                state: name,
            };
            self.verdict
                .get_or_create(&labels)
                .set(i64::from(state == value));
        }
    }

    /// Sets `causeway_readiness_score`, `causeway_readiness_outcome` and `causeway_readiness_writes` of a domain.
    pub fn set_readiness(&self, readiness: &Readiness) {
        self.readiness.set(readiness);
    }

    /// Removes the series of a domain that is not prepared for any more.
    pub fn forget_readiness(&self, domain: &Domain) {
        self.readiness.forget(domain);
    }

    /// Removes the series of a subject that is no more.
    pub fn forget_subject(&self, subject: &Subject) {
        for (name, _) in STATES {
            self.verdict.remove(&VerdictLabels {
                subject: subject.to_string(),
                state: name,
            });
        }
    }

    /// Sets `causeway_view_lag_seconds`.
    #[allow(
        clippy::cast_precision_loss,
        reason = "milliseconds of a lag are far below 2^52"
    )]
    pub fn set_view_lag_ms(&self, member: &MemberName, lag_ms: u64) {
        let labels = MemberLabels {
            member: member.to_string(),
        };
        self.lag.get_or_create(&labels).set(lag_ms as f64 / 1000.0);
    }

    /// Sets `causeway_foreign_conflicts`.
    pub fn set_foreign_conflicts(&self, member: &MemberName, count: u64) {
        let labels = MemberLabels {
            member: member.to_string(),
        };
        self.conflicts
            .get_or_create(&labels)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Removes the series of a member that is no more; `conditions` are the types that it had.
    pub fn forget_member<'a>(
        &self,
        member: &MemberName,
        conditions: impl IntoIterator<Item = &'a str>,
    ) {
        let labels = MemberLabels {
            member: member.to_string(),
        };
        self.lag.remove(&labels);
        self.conflicts.remove(&labels);
        for kind in conditions {
            for (status, _) in STATUSES {
                let labels = ConditionLabels {
                    member: member.to_string(),
                    r#type: kind.to_owned(),
                    status,
                };
                self.condition.remove(&labels);
            }
        }
    }

    /// Counts into `causeway_decisions_total`; `rule` is the rule that refused, else empty.
    pub fn count_decision(&self, outcome: DecisionOutcome, rule: &str) {
        self.decisions
            .get_or_create(&DecisionLabels {
                outcome,
                rule: rule.to_owned(),
            })
            .inc();
    }

    /// Sets what is seen of the replicas and of the own log: `causeway_replica_…`, `causeway_leader_known_seconds`,
    /// `causeway_log_…` and `causeway_waiting_for`.
    pub fn set_replicas(
        &self,
        quorum: &Quorum,
        replicas: &[ReplicaSight],
        log: &LogSight,
        waiting: usize,
    ) {
        self.replicas.set(quorum, replicas, log, waiting);
    }

    /// Sets `causeway_quorum_reachable`.
    pub fn set_quorum_reachable(&self, reachable: bool) {
        self.quorum
            .get_or_create(&Vec::new())
            .set(i64::from(reachable));
    }

    /// Sets `causeway_state_diverged`.
    pub fn set_state_diverged(&self, diverged: bool) {
        self.diverged
            .get_or_create(&Vec::new())
            .set(i64::from(diverged));
    }

    /// Sets `causeway_disk_write_seconds`.
    pub fn set_disk(&self, takes: Duration) {
        self.disk
            .get_or_create(&Vec::new())
            .set(takes.as_secs_f64());
    }

    /// Sets `causeway_approvals_waiting`.
    pub fn set_waiting(&self, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.get_or_create(&Vec::new()).set(count);
    }

    /// Sets `causeway_brake`.
    pub fn set_brake(&self, on: bool) {
        self.brake.get_or_create(&Vec::new()).set(i64::from(on));
    }

    /// Sets `causeway_plans_doubted`.
    pub fn set_doubted(&self, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.doubted.get_or_create(&Vec::new()).set(count);
    }

    /// Sets `causeway_observers_impaired`.
    pub fn set_impaired(&self, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.impaired.get_or_create(&Vec::new()).set(count);
    }

    /// Everything, as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a String cannot fail; an empty page would look like a process without metrics.
            Err(error) => format!("# cannot encode: {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn member() -> MemberName {
        MemberName::new("ack").unwrap()
    }

    #[test]
    fn names_labels_and_values_are_what_dashboards_expect() {
        let metrics = Metrics::new("controller");
        let connected = Condition {
            kind: "AgentConnected".to_owned(),
            status: ConditionStatus::False,
            reason: "Silent".to_owned(),
            message: String::new(),
        };
        metrics.set_condition(&member(), &connected);
        metrics.set_verdict(&"region/r1".parse().unwrap(), VerdictState::Lost);
        metrics.set_view_lag_ms(&member(), 180);
        metrics.set_foreign_conflicts(&member(), 3);
        metrics.count_decision(DecisionOutcome::Accepted, "");
        metrics.count_decision(DecisionOutcome::Refused, "capacity");
        metrics.set_quorum_reachable(true);
        metrics.set_state_diverged(false);
        metrics.set_impaired(2);
        let text = metrics.text();
        for line in [
            "causeway_build_info{version=\"",
            "causeway_member_condition{member=\"ack\",type=\"AgentConnected\",status=\"false\"} 1",
            "causeway_member_condition{member=\"ack\",type=\"AgentConnected\",status=\"true\"} 0",
            "causeway_verdict_state{subject=\"region/r1\",state=\"Lost\"} 1",
            "causeway_view_lag_seconds{member=\"ack\"} 0.18",
            "causeway_foreign_conflicts{member=\"ack\"} 3",
            "causeway_decisions_total{outcome=\"Accepted\",rule=\"\"} 1",
            "causeway_decisions_total{outcome=\"Refused\",rule=\"capacity\"} 1",
            "causeway_quorum_reachable{} 1",
            "causeway_state_diverged{} 0",
            "causeway_observers_impaired{} 2",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_is_gone_leaves_no_series() {
        let metrics = Metrics::new("controller");
        let ready = Condition {
            kind: "Ready".to_owned(),
            status: ConditionStatus::True,
            reason: "Ready".to_owned(),
            message: String::new(),
        };
        metrics.set_condition(&member(), &ready);
        metrics.set_view_lag_ms(&member(), 1);
        metrics.set_verdict(&"member/ack".parse().unwrap(), VerdictState::Serving);
        metrics.forget_member(&member(), ["Ready"]);
        metrics.forget_subject(&"member/ack".parse().unwrap());
        assert!(!metrics.text().contains("ack"), "{}", metrics.text());
    }
}
