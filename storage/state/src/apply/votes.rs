//! Votes are cast.

use causeway_api::verdict::{Subject, Vote};
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
    let mut entered = false;
    for vote in votes {
        match votable(state, &vote.subject) {
            Ok(()) => {
                state.votes.cast(vote, now);
                entered = true;
            }
            Err(refusal) => effect.ignored.push((vote.subject.clone(), refusal)),
        }
    }
    if !entered && effect.ignored.is_empty() {
        return Ok(None);
    }
    effect.verdicts = conclude::conclude(state, generation);
    Ok(Some(effect))
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

/// Votes are about gateways that a member has, and about its session.
fn votable(state: &State, subject: &Subject) -> Result<(), Refusal> {
    let member = match subject {
        Subject::Gateway { member, .. } | Subject::Session { member } => member,
        Subject::Member { .. } | Subject::Zone { .. } | Subject::Region { .. } => {
            return Err(Refusal::NotVotable(subject.clone()));
        }
    };
    let registered = state.members.get(member);
    let registered = registered.ok_or_else(|| Refusal::UnknownMember(member.clone()))?;
    match subject {
        Subject::Gateway { gateway, .. } if !registered.has_gateway(gateway) => {
            Err(Refusal::UnknownGateway(subject.clone()))
        }
        _ => Ok(()),
    }
}
