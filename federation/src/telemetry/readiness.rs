//! What the loss of each domain would do, as metrics: what `causeway readiness` shows.

use causeway_api::contingency::{LossOutcome, Readiness};
use causeway_api::domain::Domain;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DomainLabels {
    domain: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    domain: String,
    outcome: String,
}

const OUTCOMES: [LossOutcome; 5] = [
    LossOutcome::Survives,
    LossOutcome::Saturates,
    LossOutcome::Unproven,
    LossOutcome::Overloads,
    LossOutcome::Orphans,
];

/// The series.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadinessMetrics {
    score: Family<DomainLabels, Gauge>,
    outcome: Family<OutcomeLabels, Gauge>,
    writes: Family<DomainLabels, Gauge>,
}

impl ReadinessMetrics {
    /// None yet.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "readiness_score",
            "The share of the survivors' demand that would be served if a domain were lost, in percent",
            metrics.score.clone(),
        );
        registry.register(
            "readiness_outcome",
            "What the loss of a domain would do: 1 for the gravest that would happen to any service, 0 for the others",
            metrics.outcome.clone(),
        );
        registry.register(
            "readiness_writes",
            "Writes into meshes that would follow the loss of a domain",
            metrics.writes.clone(),
        );
        metrics
    }

    /// Sets those of a domain.
    pub(super) fn set(&self, readiness: &Readiness) {
        let domain = readiness.domain.to_string();
        for outcome in OUTCOMES {
            let labels = labels(&domain, outcome);
            let is = outcome == readiness.outcome;
            self.outcome.get_or_create(&labels).set(i64::from(is));
        }
        let labels = DomainLabels { domain };
        let score = i64::from(readiness.score);
        self.score.get_or_create(&labels).set(score);
        let writes = i64::try_from(readiness.writes).unwrap_or(i64::MAX);
        self.writes.get_or_create(&labels).set(writes);
    }

    /// Removes those of a domain.
    pub(super) fn forget(&self, domain: &Domain) {
        let domain = domain.to_string();
        for outcome in OUTCOMES {
            self.outcome.remove(&labels(&domain, outcome));
        }
        let labels = DomainLabels { domain };
        self.score.remove(&labels);
        self.writes.remove(&labels);
    }
}

fn labels(domain: &str, outcome: LossOutcome) -> OutcomeLabels {
    OutcomeLabels {
        domain: domain.to_owned(),
        outcome: outcome.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::plan::Rate;

    use crate::telemetry::Metrics;

    use super::*;

    #[test]
    fn a_domain_says_what_its_loss_would_do_until_it_is_gone() {
        let metrics = Metrics::new("controller");
        let mut readiness = Readiness {
            domain: "region/r1".parse().unwrap(),
            outcome: LossOutcome::Overloads,
            score: 93,
            services: 3,
            moved: Rate(0),
            orphans: 0,
            first_orphans: Vec::new(),
            overloads: 1,
            worst_overloads: Vec::new(),
            unproven: 0,
            peak: None,
            writes: 12,
            coarse_cut: true,
            untold: 0,
            first_untold: Vec::new(),
        };
        metrics.set_readiness(&readiness);
        readiness.outcome = LossOutcome::Survives;
        metrics.set_readiness(&readiness);
        let text = metrics.text();
        for line in [
            "causeway_readiness_score{domain=\"region/r1\"} 93",
            "causeway_readiness_outcome{domain=\"region/r1\",outcome=\"survives\"} 1",
            "causeway_readiness_outcome{domain=\"region/r1\",outcome=\"overloads\"} 0",
            "causeway_readiness_writes{domain=\"region/r1\"} 12",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        metrics.forget_readiness(&readiness.domain);
        assert!(!metrics.text().contains("region/r1"), "{}", metrics.text());
    }
}
