//! What a replica sees of the others and of its own log, as metrics: what `causeway status` shows under REPLICAS, with or
//! without a quorum.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::metrics::Seconds;
use crate::admin::api::{LogSight, Quorum, ReplicaSight};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReplicaLabels {
    replica: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PositionLabels {
    position: &'static str,
}

/// No labels; a family, so that there is no series before it is set.
type Plain<M> = Family<Vec<(String, String)>, M>;

/// The series.
#[derive(Debug, Clone, Default)]
pub(super) struct ReplicaSeries {
    leads: Family<ReplicaLabels, Gauge>,
    led_for: Plain<Seconds>,
    reachable: Family<ReplicaLabels, Gauge>,
    round_trip: Family<ReplicaLabels, Seconds>,
    clock: Family<ReplicaLabels, Seconds>,
    term: Plain<Gauge>,
    index: Family<PositionLabels, Gauge>,
    waiting: Plain<Gauge>,
    /// The replicas that there are series of.
    shown: Arc<Mutex<BTreeSet<String>>>,
}

impl ReplicaSeries {
    /// None yet.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let series = Self::default();
        registry.register(
            "replica_leads",
            "Whether a replica leads, as far as this one knows",
            series.leads.clone(),
        );
        registry.register(
            "leader_known_seconds",
            "For how long this replica has known the leader to lead; absent while it knows of none",
            series.led_for.clone(),
        );
        registry.register(
            "replica_reachable",
            "Whether a replica is reached from this one",
            series.reachable.clone(),
        );
        registry.register(
            "replica_round_trip_seconds",
            "The median of the last round trips from this replica to another",
            series.round_trip.clone(),
        );
        registry.register(
            "replica_clock_offset_seconds",
            "A replica's time of day less that of this one; nothing relies on it",
            series.clock.clone(),
        );
        registry.register(
            "log_term",
            "The term of the decision log",
            series.term.clone(),
        );
        registry.register(
            "log_index",
            "How far this replica's decision log is: the last entry that is held, known to be decided, in force here, and in the \
             newest snapshot",
            series.index.clone(),
        );
        registry.register(
            "waiting_for",
            "How many things this replica waits for: causeway status says what",
            series.waiting.clone(),
        );
        series
    }

    /// Sets all of them.
    pub(super) fn set(
        &self,
        quorum: &Quorum,
        replicas: &[ReplicaSight],
        log: &LogSight,
        waiting: usize,
    ) {
        let none = Vec::new();
        match quorum.leader_for_ms {
            Some(ms) => {
                let seconds = std::time::Duration::from_millis(ms).as_secs_f64();
                self.led_for.get_or_create(&none).set(seconds);
            }
            None => drop(self.led_for.remove(&none)),
        }
        self.term.get_or_create(&none).set(number(log.term));
        for (position, at) in [
            ("held", log.last),
            ("decided", log.committed),
            ("in_force", log.applied),
            ("snapshot", log.snapshot),
        ] {
            let index = self.index.get_or_create(&PositionLabels { position });
            index.set(number(at));
        }
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.waiting.get_or_create(&none).set(waiting);
        for row in replicas {
            self.set_one(row);
        }
        let now: BTreeSet<String> = replicas.iter().map(|row| row.replica.clone()).collect();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.difference(&now) {
            let labels = ReplicaLabels {
                replica: gone.clone(),
            };
            self.leads.remove(&labels);
            self.reachable.remove(&labels);
            self.round_trip.remove(&labels);
            self.clock.remove(&labels);
        }
        *shown = now;
    }

    fn set_one(&self, row: &ReplicaSight) {
        let labels = ReplicaLabels {
            replica: row.replica.clone(),
        };
        self.leads.get_or_create(&labels).set(i64::from(row.leader));
        self.reachable
            .get_or_create(&labels)
            .set(i64::from(row.reachable));
        // What is not reached is not measured either: an old figure would look like a new one.
        match row.round_trip_us.filter(|_| row.reachable) {
            Some(us) => {
                let seconds = std::time::Duration::from_micros(us).as_secs_f64();
                self.round_trip.get_or_create(&labels).set(seconds);
            }
            None => drop(self.round_trip.remove(&labels)),
        }
        match row.clock_offset_ms.filter(|_| row.reachable) {
            Some(ms) => {
                let away = std::time::Duration::from_millis(ms.unsigned_abs()).as_secs_f64();
                let seconds = if ms < 0 { -away } else { away };
                self.clock.get_or_create(&labels).set(seconds);
            }
            None => drop(self.clock.remove(&labels)),
        }
    }
}

fn number(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::telemetry::Metrics;

    use super::*;

    fn row(replica: &str, leader: bool, reachable: bool) -> ReplicaSight {
        ReplicaSight {
            replica: replica.to_owned(),
            domain: String::new(),
            address: String::new(),
            voter: true,
            leader,
            reachable,
            round_trip_us: Some(1_500),
            disk_us: None,
            heard_ago_ms: None,
            highest: None,
            clock_offset_ms: Some(-20),
            facts: true,
            version: None,
            trouble: None,
        }
    }

    #[test]
    fn what_is_seen_of_replicas_is_shown_for_as_long_as_it_is_so() {
        let metrics = Metrics::new("controller");
        let mut quorum = Quorum {
            reachable: true,
            voters: 3,
            answering: 2,
            leader: Some("r1".to_owned()),
            leader_for_ms: Some(2_500),
        };
        let log = LogSight {
            term: 4,
            last: 12,
            committed: 11,
            applied: 10,
            snapshot: 5,
            disk_us: None,
        };
        let rows = [row("r1", true, true), row("r2", false, false)];
        metrics.set_replicas(&quorum, &rows, &log, 2);
        let text = metrics.text();
        for line in [
            "causeway_replica_leads{replica=\"r1\"} 1",
            "causeway_replica_leads{replica=\"r2\"} 0",
            "causeway_leader_known_seconds{} 2.5",
            "causeway_replica_reachable{replica=\"r1\"} 1",
            "causeway_replica_reachable{replica=\"r2\"} 0",
            "causeway_replica_round_trip_seconds{replica=\"r1\"} 0.0015",
            "causeway_replica_clock_offset_seconds{replica=\"r1\"} -0.02",
            "causeway_log_term{} 4",
            "causeway_log_index{position=\"held\"} 12",
            "causeway_log_index{position=\"decided\"} 11",
            "causeway_log_index{position=\"in_force\"} 10",
            "causeway_log_index{position=\"snapshot\"} 5",
            "causeway_waiting_for{} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(
            !text.contains("round_trip_seconds{replica=\"r2\"}"),
            "{text}"
        );
        // The leader is gone, and the other is no member any more.
        quorum.leader_for_ms = None;
        metrics.set_replicas(&quorum, &rows[..1], &log, 0);
        let text = metrics.text();
        assert!(!text.contains("\ncauseway_leader_known_seconds{"), "{text}");
        assert!(!text.contains("\"r2\""), "{text}");
    }
}
