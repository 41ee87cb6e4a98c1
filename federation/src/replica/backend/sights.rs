//! What this replica sees of the others and of its own log; it asks nobody, and needs no quorum.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_api::ids::ReplicaId;
use causeway_seam::Monotonic;
use causeway_storage::Status;

use super::quorum::{quorum, seen_from_here};
use crate::admin::api::{LogSight, Quorum, ReplicaSight};
use crate::peers::PeerSeen;
use crate::replica::shared::Shared;

/// What is seen from here, with or without a quorum.
pub(crate) struct Here {
    /// Whether decisions can be made.
    pub(crate) quorum: Quorum,
    /// The replicas.
    pub(crate) replicas: Vec<ReplicaSight>,
    /// How far the own log is.
    pub(crate) log: LogSight,
    /// What is being waited for, a sentence each.
    pub(crate) waiting: Vec<String>,
}

/// Looks.
pub(crate) fn here(shared: &Shared) -> Here {
    let status = shared.consensus.status();
    let replicas = replicas(shared, &status);
    let quorum = seen_from_here(quorum(&status), &replicas, shared.id);
    let log = log(shared, &status);
    let waiting = waiting(&quorum, &log, &replicas, shared.exchange.pending());
    Here {
        quorum,
        replicas,
        log,
        waiting,
    }
}

/// The replicas that are members of the log, in the order of their ids.
fn replicas(shared: &Shared, status: &Status) -> Vec<ReplicaSight> {
    let seen = shared.links.get().map(|links| links.seen());
    let (facts, _) = shared.exchange.connections();
    let own = || shared.consensus.disk().takes().map(micros);
    let said = |replica| {
        let said = shared.links.get()?.said(replica)?;
        Some(u64::from(said.disk_us)).filter(|us| *us > 0)
    };
    rows(
        status,
        &seen.unwrap_or_default(),
        shared.env.now(),
        |replica| facts.contains(&replica),
        |replica| match replica == shared.id {
            true => own(),
            false => said(replica),
        },
        shared.id,
    )
}

fn rows(
    status: &Status,
    seen: &BTreeMap<ReplicaId, PeerSeen>,
    now: Monotonic,
    facts: impl Fn(ReplicaId) -> bool,
    disk_us: impl Fn(ReplicaId) -> Option<u64>,
    me: ReplicaId,
) -> Vec<ReplicaSight> {
    let row = |member: &causeway_storage::status::Member| {
        let own = member.replica == me;
        let seen = seen.get(&member.replica);
        let reachable = own || seen.is_some_and(PeerSeen::reachable);
        ReplicaSight {
            replica: member.replica.to_string(),
            domain: member.node.domain.clone(),
            address: member.node.address.clone(),
            voter: member.voter,
            leader: status.leader == Some(member.replica),
            reachable,
            round_trip_us: seen.and_then(PeerSeen::round_trip).map(micros),
            // What is not reached said it long ago.
            disk_us: disk_us(member.replica).filter(|_| reachable),
            heard_ago_ms: seen
                .and_then(|seen| seen.heard)
                .map(|at| millis(now.since(at))),
            highest: seen.map(|seen| seen.highest),
            clock_offset_ms: seen.and_then(|seen| seen.clock_offset_ms),
            facts: own || facts(member.replica),
            version: match own {
                true => Some(env!("CARGO_PKG_VERSION").to_owned()),
                false => seen
                    .and_then(|seen| seen.hello.as_ref())
                    .map(|hello| hello.version.clone()),
            },
            trouble: seen.and_then(|seen| seen.trouble.clone()),
        }
    };
    status.members.iter().map(row).collect()
}

/// How far the log is.
fn log(shared: &Shared, status: &Status) -> LogSight {
    LogSight {
        term: status.term,
        last: status.last_index,
        committed: status.committed,
        applied: status.applied,
        snapshot: status.snapshot,
        disk_us: shared.consensus.disk().takes().map(micros),
    }
}

/// What is being waited for, a sentence each; empty: nothing.
fn waiting(
    quorum: &Quorum,
    log: &LogSight,
    replicas: &[ReplicaSight],
    owners: usize,
) -> Vec<String> {
    let mut waiting = Vec::new();
    if !quorum.reachable {
        let majority = quorum.voters / 2 + 1;
        let missing: Vec<&str> = replicas
            .iter()
            .filter(|row| row.voter && !row.reachable)
            .map(|row| row.replica.as_str())
            .collect();
        let missing = match missing.is_empty() {
            true => "all of them are reached from here, and none leads yet".to_owned(),
            false => format!("out of reach from here: {}", missing.join(", ")),
        };
        waiting.push(format!(
            "decisions wait for {majority} of {} voters ({missing}); facts, sessions and meshes go on",
            quorum.voters
        ));
    }
    if log.committed > log.applied {
        waiting.push(format!(
            "{} decisions are made and not yet in force here",
            log.committed - log.applied
        ));
    }
    if owners > 0 {
        waiting.push(format!(
            "facts of {owners} members were asked of other replicas and have not come yet"
        ));
    }
    waiting
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, reachable: bool) -> ReplicaSight {
        ReplicaSight {
            replica: format!("r{id}"),
            domain: String::new(),
            address: String::new(),
            voter: true,
            leader: false,
            reachable,
            round_trip_us: None,
            disk_us: None,
            heard_ago_ms: None,
            highest: None,
            clock_offset_ms: None,
            facts: false,
            version: None,
            trouble: None,
        }
    }

    #[test]
    fn what_is_waited_for_is_named() {
        let mut quorum = Quorum {
            reachable: true,
            voters: 3,
            answering: 3,
            leader: Some("r1".to_owned()),
            leader_for_ms: Some(5),
        };
        let mut log = LogSight::default();
        let mut rows = vec![row(1, true), row(2, false), row(3, false)];
        assert!(waiting(&quorum, &log, &rows, 0).is_empty());
        quorum.reachable = false;
        log.committed = 7;
        let said = waiting(&quorum, &log, &rows, 2).join("\n");
        for part in ["2 of 3 voters", "r2, r3", "7 decisions", "2 members"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        rows.iter_mut().for_each(|row| row.reachable = true);
        let said = waiting(&quorum, &log, &rows, 0).join("\n");
        assert!(said.contains("none leads yet"), "{said}");
    }
}
