//! Observers that suspect themselves: all their votes are abstentions, and say so.

use std::collections::BTreeMap;

use causeway_api::verdict::{Ballot, ObserverId};
use causeway_discovery::probe::SUSPECTS_ITSELF;
use causeway_state::State;

/// Who they are, and why, from the votes that are decided: the same in all replicas.
pub(crate) fn impaired(state: &State) -> BTreeMap<ObserverId, String> {
    let mut found: BTreeMap<&ObserverId, Option<&str>> = BTreeMap::new();
    let votes = state.votes.rows().values().flatten();
    for (observer, vote) in votes.filter(|(observer, _)| !state.votes.is_silent(observer)) {
        let abstains = vote.ballot == Ballot::Abstain;
        let says = Some(vote.evidence.as_str()).filter(|said| said.starts_with(SUSPECTS_ITSELF));
        let held = found.entry(observer).or_insert(says.or(Some("")));
        *held = match (*held, abstains) {
            (Some(before), true) => Some(says.unwrap_or(before)),
            // One vote that it stands by is enough.
            _ => None,
        };
    }
    let impaired = found.into_iter().filter_map(|(observer, why)| {
        let why = why.filter(|why| !why.is_empty())?;
        Some((observer.clone(), why.to_owned()))
    });
    impaired.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::ReplicaId;
    use causeway_api::verdict::Vote;
    use causeway_state::Command;

    use super::*;
    use crate::replica::status::world::World;

    fn vote(world: &mut World, observer: u64, member: &str, ballot: Ballot, evidence: &str) {
        world.run(Command::CastVotes(vec![Vote {
            observer: ObserverId::Replica(ReplicaId(observer)),
            domain: format!("power-{observer}").parse().unwrap(),
            subject: format!("gateway/{member}/eastwest").parse().unwrap(),
            ballot,
            evidence: evidence.to_owned(),
        }]));
    }

    #[test]
    fn who_abstains_on_everything_because_it_suspects_itself_is_named() {
        let mut world = World::new();
        world.member("a");
        world.member("b");
        let why =
            format!("{SUSPECTS_ITSELF}: 2 of 2 places that it reached before fail at once (a, b)");
        for member in ["a", "b"] {
            vote(&mut world, 2, member, Ballot::Abstain, "never reached");
            vote(&mut world, 3, member, Ballot::Reachable, "connected");
        }
        assert!(impaired(&world.state).is_empty());
        vote(&mut world, 3, "a", Ballot::Abstain, &why);
        assert!(impaired(&world.state).is_empty(), "it votes on b");
        vote(&mut world, 3, "b", Ballot::Abstain, &why);
        let found = impaired(&world.state);
        let found: Vec<_> = found
            .iter()
            .map(|(who, why)| (who.to_string(), why))
            .collect();
        assert_eq!(found, [("replica/r3".to_owned(), &why)]);
        vote(&mut world, 3, "b", Ballot::Unreachable, "timed out");
        assert!(impaired(&world.state).is_empty());
    }
}
