//! Times of day at which overrides begin and end: whoever leads says so to the log when its clock has come to them.
//!
//! The log knows no time of day, and a clock may be hours off. So the leader compares its own with those of the replicas that
//! it reaches: while no majority of them, itself included, agrees with it within [`BOUND_MS`], nothing begins and nothing ends
//! at a time of day, and the TrafficShift and `causeway status` say why. What has begun lives in cluster time, and safety rules
//! judge what it moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::ReplicaId;
use causeway_state::State;
use causeway_state::command::Command;

use super::shared::Shared;
use crate::cli::text::duration;

/// While something is due at some time the clock is looked at this often at least, since it may be set.
const LOOK: Duration = Duration::from_secs(1);

/// Clocks that differ by no more, in milliseconds, agree: far above what NTP leaves, and far below what matters to a person
/// who plans a move.
const BOUND_MS: u64 = 60_000;

/// Proposes what is due, until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut decided = shared.consensus.position();
    let mut told = None;
    loop {
        decided.mark_unchanged();
        let (next, due) = shared.consensus.read(|state| {
            let now = u64::try_from(shared.env.wall().0).unwrap_or(0);
            (state.next_shift_due_ms(), due(state, now))
        });
        if next.is_none() {
            if decided.changed().await.is_err() {
                return;
            }
            continue;
        }
        if shared.consensus.is_leader() {
            let doubt = doubt(&shared);
            if doubt.is_some() != told.is_some() {
                match &doubt {
                    Some(why) => {
                        tracing::error!(%why, "no override begins or ends at a time of day");
                    }
                    None => {
                        tracing::info!("the clocks of replicas agree: times of day count again");
                    }
                }
                shared.any_status_changed();
            }
            let believed = doubt.is_none();
            told = doubt;
            for command in due.into_iter().filter(|_| believed) {
                let what = format!("{command:?}");
                match shared.propose(command).await {
                    Ok(_) => tracing::info!(what, "a time of day has come"),
                    Err(error) => tracing::warn!(%error, what, "it is tried again"),
                }
            }
        }
        shared.env.sleep(LOOK).await;
    }
}

fn due(state: &State, wall_ms: u64) -> Vec<Command> {
    let due = state.shifts_due(wall_ms);
    due.map(|(shift, due)| Command::ShiftDue {
        shift: shift.clone(),
        due,
    })
    .collect()
}

/// Why the leader's clock is not believed, as far as this replica can tell from the clocks that it reaches.
pub(crate) fn doubt(shared: &Shared) -> Option<String> {
    let status = shared.consensus.status();
    let seen = shared.links.get().map(|links| links.seen());
    let seen = seen.unwrap_or_default();
    let mut clocks = BTreeMap::from([(shared.id, 0)]);
    for member in &status.members {
        let seen = seen.get(&member.replica).filter(|seen| seen.reachable());
        if let Some(offset) = seen.and_then(|seen| seen.clock_offset_ms) {
            clocks.insert(member.replica, offset);
        }
    }
    judge(status.leader?, &clocks)
}

/// Why a leader's clock is not believed: no majority of `clocks` agrees with it. They are in milliseconds, and compared with
/// each other alone.
fn judge(leader: ReplicaId, clocks: &BTreeMap<ReplicaId, i64>) -> Option<String> {
    let own = *clocks.get(&leader)?;
    let agree = clocks
        .values()
        .filter(|other| other.abs_diff(own) <= BOUND_MS)
        .count();
    if agree * 2 > clocks.len() {
        return None;
    }
    let apart = |(replica, other): (&ReplicaId, &i64)| {
        let by = other.abs_diff(own);
        let way = if *other < own { "behind" } else { "ahead" };
        (by > BOUND_MS).then(|| format!("that of replica {replica} is {} {way}", duration(by)))
    };
    let others: Vec<String> = clocks.iter().filter_map(apart).collect();
    Some(format!(
        "the clock of replica {leader}, which leads, agrees with no majority of those that can be compared within {}: {} of it. \
         Set the clocks of the replicas' machines right (NTP), or let another lead: causeway replica transfer ID",
        duration(BOUND_MS),
        others.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn judged(leader: u64, clocks: &[(u64, i64)]) -> Option<String> {
        let clocks = clocks.iter().map(|(id, ms)| (ReplicaId(*id), *ms));
        judge(ReplicaId(leader), &clocks.collect())
    }

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_leader_that_stands_alone_with_its_clock_is_not_believed() {
        let why = judged(1, &[(1, 0), (2, -3 * HOUR), (3, -3 * HOUR + 40)]).unwrap();
        assert!(
            why.contains("replica r1, which leads")
                && why.contains("that of replica r2 is 3h00m behind"),
            "{why}"
        );
        // As others see it, who measure by their own clocks.
        assert!(judged(1, &[(1, 3 * HOUR), (2, 0), (3, 40)]).is_some());
        assert!(judged(2, &[(1, 3 * HOUR), (2, 0), (3, 40)]).is_none());
        // Of two that disagree nobody can tell which is right.
        assert!(judged(1, &[(1, 0), (2, HOUR)]).is_some());
        assert!(judged(1, &[(1, 0), (2, i64::MIN)]).is_some());
    }

    #[test]
    fn one_that_most_agree_with_is_believed_and_so_is_one_that_is_alone() {
        assert_eq!(judged(1, &[(1, 0)]), None);
        assert_eq!(judged(1, &[(1, 0), (2, 59_000), (3, HOUR)]), None);
        assert_eq!(judged(1, &[(1, 0), (2, -60_000)]), None);
        assert_eq!(judged(1, &[(2, 0), (3, HOUR)]), None, "it is out of reach");
    }
}
