//! What one place alone does not reach: its own agent's word, for that place and nobody else.

use std::collections::BTreeSet;

use causeway_api::MemberName;
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Subject};

use super::quorum::{Rules, negative_ttl_ms};
use super::votes::{VoteBook, Weight};

/// The gateways that a member's own agent has not reached for the hold time, whatever others reach: requests from there go
/// elsewhere. A vote that expired, was taken back, or whose agent is not heard says nothing, and the place is treated as
/// every other.
#[must_use]
pub fn unreachable_from(
    votes: &VoteBook,
    rules: &Rules,
    now: ClusterTime,
    member: &MemberName,
    gateways: impl Iterator<Item = Subject>,
) -> BTreeSet<Subject> {
    let agent = ObserverId::Agent(member.clone());
    let ttl_ms = negative_ttl_ms(&rules.detection);
    let held = |subject: &Subject| {
        votes.of(&agent, subject).is_some_and(|vote| {
            vote.ballot == Ballot::Unreachable
                && votes.weight(&agent, vote, now, ttl_ms) == Weight::Counts
                && now.since_ms(vote.since) >= rules.detection.hold_for_ms
        })
    };
    gateways.filter(held).collect()
}
