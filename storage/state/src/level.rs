//! Levels of behaviour, so that replicas of two adjacent builds run side by side and never differ.
//!
//! [`apply`](crate::apply()) branches by the level in force and by nothing else. A command raises it once every voter's build
//! knows it; it never falls. Below [`FEATURE_LEVEL`] this build writes what the previous one reads, and takes no command
//! that the previous one does not know.
//!
//! | level | brings |
//! |---|---|
//! | 1 | members, policies, votes, verdicts, plans |
//! | 2 | owners of declarations, deletions in stages, digests compared, large changes in chunks, silent observers, people's overrides, safety rules |

use causeway_api::ReplicaId;

use crate::command::{Command, Request};
use crate::state::State;

/// The highest level that this build knows.
pub const FEATURE_LEVEL: u32 = 2;

/// The level that a clusterset begins with, so that a log means the same to every build that reads it from its beginning.
pub const BASE_LEVEL: u32 = 1;

/// Why a replica must stop at an entry: to go on would be to hold another state than the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "entry {index} of the log needs feature level {needs}, and this replica knows up to {knows}: a newer version of Causeway \
     proposed it. The replica stops before it, since guessing would make its decisions differ; upgrade it to the version of \
     the others, and it goes on from here"
)]
pub struct BeyondThisBuild {
    /// The entry.
    pub index: u64,
    /// The level that it needs.
    pub needs: u32,
    /// The level that this replica knows.
    pub knows: u32,
}

/// The level that a request needs to be understood: what it is, and what it raises the level to.
#[must_use]
pub fn needs(request: &Request) -> u32 {
    match &request.command {
        Command::RaiseLevel { level } => request.command.level().max(*level),
        Command::StageChunk(chunk) => request.command.level().max(chunk.level),
        other => other.level(),
    }
}

/// Whether a replica that knows levels up to `knows` may apply the entry at `index`.
///
/// # Errors
/// [`BeyondThisBuild`] where it must stop instead.
pub fn check(request: &Request, index: u64, knows: u32) -> Result<(), BeyondThisBuild> {
    let needs = needs(request);
    if needs > knows {
        Err(BeyondThisBuild {
            index,
            needs,
            knows,
        })
    } else {
        Ok(())
    }
}

/// Whether a replica that knows levels up to `knows` may begin with a state that others hold after the entry at `index`.
///
/// # Errors
/// [`BeyondThisBuild`] where it must stop instead.
pub fn check_state(state: &State, index: u64, knows: u32) -> Result<(), BeyondThisBuild> {
    let needs = state.feature_level;
    if needs > knows {
        return Err(BeyondThisBuild {
            index,
            needs,
            knows,
        });
    }
    Ok(())
}

/// The level that a leader should raise to: the highest that every voter knows, where that is above the one in force.
/// `None` while a voter's build is unknown: it may be an old one that is away.
pub fn to_raise(
    in_force: u32,
    voters: impl IntoIterator<Item = (ReplicaId, Option<u32>)>,
) -> Option<u32> {
    let mut least = FEATURE_LEVEL;
    let mut any = false;
    for (_, knows) in voters {
        least = least.min(knows?);
        any = true;
    }
    (any && least > in_force).then_some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_rises_to_what_every_voter_knows() {
        let voters = |knows: &[Option<u32>]| {
            let rows = knows.iter().zip(1..);
            rows.map(|(knows, id)| (ReplicaId(id), *knows))
                .collect::<Vec<_>>()
        };
        assert_eq!(to_raise(1, voters(&[Some(2), Some(2)])), Some(2));
        assert_eq!(to_raise(1, voters(&[Some(2), Some(1)])), None);
        assert_eq!(to_raise(1, voters(&[Some(2), None])), None, "one is away");
        assert_eq!(to_raise(2, voters(&[Some(2)])), None, "it is in force");
        assert_eq!(to_raise(2, voters(&[Some(1)])), None, "it never falls");
        assert_eq!(
            to_raise(1, voters(&[Some(9)])),
            Some(FEATURE_LEVEL),
            "no further than this build"
        );
        assert_eq!(to_raise(1, []), None);
    }
}
