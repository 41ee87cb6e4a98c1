//! The voters of the decision log.

use causeway_storage::{Role, Status};

use crate::admin::api::{Quorum, ReplicaSight};

/// A leader whom no majority has confirmed for longer than this may have been replaced.
const LEASE_MS: u64 = 5_000;

/// Whether decisions can be made, as this replica sees it.
pub(crate) fn quorum(status: &Status) -> Quorum {
    let voters = u32::try_from(status.members.iter().filter(|member| member.voter).count())
        .unwrap_or(u32::MAX);
    let leads = status.role == Role::Leader;
    let alone = voters == 1 && leads;
    let reachable = match status.role {
        Role::Leader => alone || status.quorum_heard_ms.is_some_and(|ms| ms <= LEASE_MS),
        Role::Follower | Role::Learner => status.leader.is_some(),
        Role::Candidate | Role::Stopped => false,
    };
    // Which of the others answer is known to the leader alone, and not asked here: a majority does, or not even that.
    let answering = match (reachable, voters) {
        (true, 1) => 1,
        (true, voters) => voters / 2 + 1,
        (false, voters) => voters.min(u32::from(status.role != Role::Stopped)),
    };
    Quorum {
        reachable,
        voters,
        answering,
        leader: status.leader.map(|leader| leader.to_string()),
        leader_for_ms: status.leader.map(|_| status.leader_for_ms),
    }
}

/// The same, with what is reached from here: a follower whose leader is out of reach cannot decide either.
pub(crate) fn seen_from_here(
    quorum: Quorum,
    replicas: &[ReplicaSight],
    me: causeway_api::ReplicaId,
) -> Quorum {
    if quorum.voters < 2 {
        return quorum;
    }
    let reached = replicas.iter().filter(|row| row.voter && row.reachable);
    let answering = u32::try_from(reached.count()).unwrap_or(u32::MAX);
    let led = replicas
        .iter()
        .any(|row| row.leader && (row.reachable || row.replica == me.to_string()));
    Quorum {
        reachable: quorum.reachable && led && answering > quorum.voters / 2,
        answering,
        ..quorum
    }
}

#[cfg(test)]
mod tests {
    use causeway_api::ReplicaId;
    use causeway_storage::ReplicaNode;
    use causeway_storage::status::Member;

    use super::*;

    fn status(role: Role, voters: u64) -> Status {
        Status {
            replica: ReplicaId(1),
            role,
            stopped: None,
            term: 1,
            leader: (role == Role::Leader).then_some(ReplicaId(1)),
            leader_for_ms: 0,
            quorum_heard_ms: None,
            last_index: 1,
            committed: 1,
            applied: 1,
            snapshot: 0,
            purged: 0,
            members: (1..=voters)
                .map(|id| Member {
                    replica: ReplicaId(id),
                    node: ReplicaNode::default(),
                    voter: true,
                })
                .collect(),
        }
    }

    #[test]
    fn one_voter_alone_is_its_own_quorum() {
        let one = quorum(&status(Role::Leader, 1));
        assert!(one.reachable && one.voters == 1 && one.answering == 1);
        assert_eq!(one.leader.as_deref(), Some("r1"));
    }

    #[test]
    fn a_leader_whom_nobody_confirms_has_no_quorum() {
        assert!(!quorum(&status(Role::Leader, 3)).reachable);
        let mut confirmed = status(Role::Leader, 3);
        confirmed.quorum_heard_ms = Some(300);
        assert!(quorum(&confirmed).reachable);
        assert!(!quorum(&status(Role::Candidate, 3)).reachable);
        assert!(
            !quorum(&status(Role::Follower, 3)).reachable,
            "no leader is known"
        );
    }
}
