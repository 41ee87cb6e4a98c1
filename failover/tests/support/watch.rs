//! Votes cast one by one and time that passes, and what is concluded: as the state machine does it, only what was touched.
#![allow(dead_code, clippy::unwrap_used)]

use causeway_api::ReplicaId;
use causeway_api::spec::Detection;
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Subject, VerdictState, Vote};
use causeway_failover::verdict::{Place, Rules, Topology, Verdicts, VoteBook};

const GATEWAY: &str = "gateway/hz/eastwest";
const SESSION: &str = "session/hz";

/// A fleet under observation: hz and its neighbour hz2 in one region. Observer n stands in the domain given.
pub(crate) struct Watch {
    pub(crate) votes: VoteBook,
    pub(crate) verdicts: Verdicts,
    pub(crate) topology: Topology,
    pub(crate) rules: Rules,
    pub(crate) now: ClusterTime,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let place = Place {
            region: Some("hangzhou".parse().unwrap()),
            zones: ["g".parse().unwrap()].into(),
            tolerate_ms: None,
        };
        let members = ["hz", "hz2"].map(|name| (name.parse().unwrap(), place.clone()));
        Self {
            votes: VoteBook::default(),
            verdicts: Verdicts::default(),
            topology: Topology {
                members: members.into(),
            },
            rules: Rules {
                detection: Detection {
                    hold_for_ms: 10_000,
                    min_observers: 3,
                    min_failure_domains: 2,
                },
                hold_down_ms: 60_000,
            },
            now: ClusterTime(0),
        }
    }

    pub(crate) fn vote(
        &mut self,
        observer: u64,
        domain: &str,
        subject: &str,
        ballot: Ballot,
    ) -> &mut Self {
        self.says(
            ObserverId::Replica(ReplicaId(observer)),
            domain,
            subject,
            ballot,
        )
    }

    /// An agent votes, and stands in the failure domain given.
    pub(crate) fn agent(
        &mut self,
        member: &str,
        domain: &str,
        subject: &str,
        ballot: Ballot,
    ) -> &mut Self {
        self.says(
            ObserverId::Agent(member.parse().unwrap()),
            domain,
            subject,
            ballot,
        )
    }

    fn says(
        &mut self,
        observer: ObserverId,
        domain: &str,
        subject: &str,
        ballot: Ballot,
    ) -> &mut Self {
        let vote = Vote {
            evidence: format!("{observer} says so"),
            observer,
            domain: domain.parse().unwrap(),
            subject: subject.parse().unwrap(),
            ballot,
        };
        let touched = self.votes.cast_all([&vote], self.now);
        self.verdicts
            .reconsider(&touched, &self.votes, &self.topology, &self.rules, self.now);
        self
    }

    /// The leader does not hear a replica.
    pub(crate) fn silence(&mut self, replica: u64) -> &mut Self {
        self.votes.silence(ReplicaId(replica));
        self.evaluate()
    }

    /// A replica leaves the clusterset.
    pub(crate) fn forget(&mut self, replica: u64) -> &mut Self {
        self.votes.forget(&ObserverId::Replica(ReplicaId(replica)));
        self.evaluate()
    }

    /// hz may be absent for so long.
    pub(crate) fn edge(&mut self, tolerate_ms: u64) -> &mut Self {
        let hz = self.topology.members.get_mut("hz").unwrap();
        hz.tolerate_ms = Some(tolerate_ms);
        self.evaluate()
    }

    fn evaluate(&mut self) -> &mut Self {
        self.verdicts
            .evaluate(&self.votes, &self.topology, &self.rules, self.now);
        self
    }

    pub(crate) fn after(&mut self, ms: u64) -> &mut Self {
        self.now = self.now.plus_ms(ms);
        self.verdicts
            .pass_time(&self.votes, &self.topology, &self.rules, self.now);
        self
    }

    pub(crate) fn state(&self, subject: &str) -> VerdictState {
        self.verdicts.state(&subject.parse::<Subject>().unwrap())
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.verdicts
            .next_deadline(&self.votes, &self.topology, &self.rules, self.now)
            .map(|at| at.0)
    }

    /// hz loses gateway and session for long enough, seen by one observer.
    pub(crate) fn lost(&mut self) -> &mut Self {
        self.vote(1, "a", GATEWAY, Ballot::Reachable)
            .vote(1, "a", SESSION, Ballot::Reachable);
        self.vote(1, "a", GATEWAY, Ballot::Unreachable)
            .vote(1, "a", SESSION, Ballot::Unreachable)
            .after(10_000)
    }
}
