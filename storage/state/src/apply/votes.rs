//! Votes are cast.

use causeway_api::verdict::{ObserverId, Subject, Vote};
use causeway_api::{Generation, ReplicaId};

use super::{Applied, bounded, conclude};
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// The most votes that one command may carry.
pub const VOTES: usize = 1_024;

/// Enters votes and draws the conclusions. A vote that cannot count is left out and listed; the others are entered.
pub(super) fn cast(state: &mut State, generation: Generation, votes: &[Vote]) -> Applied {
    bounded("CastVotes", votes.len(), VOTES)?;
    let now = state.cluster_time;
    let mut effect = Effect::default();
    let mut entered = Vec::with_capacity(votes.len());
    for vote in votes {
        match votable(state, vote) {
            Ok(()) => entered.push(vote),
            Err(refusal) => effect.ignored.push((vote.subject.clone(), refusal)),
        }
    }
    if entered.is_empty() && effect.ignored.is_empty() {
        return Ok(None);
    }
    let touched = state.votes.cast_all(entered, now);
    effect.verdicts = conclude::after(state, generation, &touched);
    Ok(Some(effect))
}

/// A replica that left the clusterset for good: it is no observer any more.
pub(super) fn forget(state: &mut State, generation: Generation, replica: ReplicaId) -> Applied {
    if !state.votes.forget(&ObserverId::Replica(replica)) {
        return Ok(None);
    }
    Ok(Some(Effect {
        verdicts: conclude::conclude(state, generation),
        ..Effect::default()
    }))
}

/// A replica's votes count as abstentions until it votes again.
pub(super) fn silence(state: &mut State, generation: Generation, replica: ReplicaId) -> Applied {
    if !state.votes.silence(replica) {
        return Ok(None);
    }
    Ok(Some(Effect {
        verdicts: conclude::conclude(state, generation),
        ..Effect::default()
    }))
}

/// Votes are about gateways that a member has, and about its session. An agent votes on gateways of other members alone: it
/// hears no sessions, and that it reaches its own gateway says nothing of how others do.
fn votable(state: &State, vote: &Vote) -> Result<(), Refusal> {
    let subject = &vote.subject;
    let member = match subject {
        Subject::Gateway { member, .. } | Subject::Session { member } => member,
        Subject::Member { .. } | Subject::Zone { .. } | Subject::Region { .. } => {
            return Err(Refusal::NotVotable(subject.clone()));
        }
    };
    let registered = state.members.get(member);
    let registered = registered.ok_or_else(|| Refusal::UnknownMember(member.clone()))?;
    if let ObserverId::Agent(agent) = &vote.observer {
        if !state.members.contains_key(agent) {
            return Err(Refusal::UnknownMember(agent.clone()));
        }
        if agent == member || matches!(subject, Subject::Session { .. }) {
            return Err(Refusal::NotVotable(subject.clone()));
        }
    }
    match subject {
        Subject::Gateway { gateway, .. } if !registered.has_gateway(gateway) => {
            Err(Refusal::UnknownGateway(subject.clone()))
        }
        _ => Ok(()),
    }
}
