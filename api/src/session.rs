//! What an agent and a replica say to each other, as values. The wire form (protobuf) is in `causeway-wire`.
//!
//! The agent dials out and says [`Hello`]; the replica answers [`Welcome`] (or [`FromReplica::Refused`], and closes).
//! Then facts and applied views go up, view deltas come down, and either side sends a heartbeat when it has been quiet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::FactDelta;
use crate::generation::{FactVersion, Generation};
use crate::ids::{MemberName, NetworkName, ReplicaId, ServiceKey};
use crate::probe::Observed;
use crate::verdict::Vote;
use crate::view::{Applied, ViewDelta};

/// The version of this protocol that this build speaks. A minor difference is negotiated by absent fields; an agent of
/// a protocol outside [`PROTOCOL_OLDEST`]`..=`[`PROTOCOL`] is refused with both numbers.
pub const PROTOCOL: u32 = 1;

/// The oldest protocol that this build still speaks.
pub const PROTOCOL_OLDEST: u32 = 1;

/// An agent whose protocol this build does not speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the agent speaks protocol {found}, and this replica {PROTOCOL_OLDEST} to {PROTOCOL}: upgrade the {}",
    if *found > PROTOCOL { "controller first" } else { "agent" }
)]
pub struct ProtocolError {
    /// What the agent speaks.
    pub found: u32,
}

/// The protocol to speak with an agent that speaks up to `agent`.
///
/// # Errors
/// [`ProtocolError`] where this build does not speak it.
pub fn negotiate(agent: u32) -> Result<u32, ProtocolError> {
    if (PROTOCOL_OLDEST..=PROTOCOL).contains(&agent) {
        Ok(agent)
    } else {
        Err(ProtocolError { found: agent })
    }
}

/// From an agent.
#[allow(
    clippy::large_enum_variant,
    reason = "the large one is said once in a session, and none is kept"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromAgent {
    /// First, once.
    Hello(Hello),
    /// Facts: a snapshot or a delta.
    Facts(Box<FactDelta>),
    /// What became of the view.
    Applied(Box<Applied>),
    /// What the agent holds of the subjects that it observes.
    Votes(Vec<Vote>),
    /// The exact differences that were asked for by [`FromReplica::AskDiff`].
    Diff {
        /// The number of the question.
        id: u64,
        /// For each object: what would be done.
        entries: Vec<DiffEntry>,
    },
    /// Nothing to say, still there.
    Heartbeat,
}

/// From a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromReplica {
    /// The answer to [`Hello`].
    Welcome(Welcome),
    /// The session cannot be; the sentence says why and what to do. The connection is closed after it.
    Refused {
        /// Why, with the remedy.
        reason: String,
        /// Whether to try again later by itself; else a person must act, and the agent retries only slowly.
        retry: bool,
    },
    /// The answer to [`Hello`] of a replica to which too many agents come at once: come again, or go to another one.
    Busy {
        /// When to come again, in milliseconds.
        retry_after_ms: u32,
    },
    /// Facts up to this version are held.
    FactsHeld(FactVersion),
    /// The delta did not fit what is held: send a snapshot.
    FactsWanted,
    /// What changed in the view.
    View(Box<ViewDelta>),
    /// Send the exact difference between view and mesh, for `causeway diff`.
    AskDiff {
        /// The number of the question, for the answer.
        id: u64,
    },
    /// The gateways to observe from now on, and no others.
    Observe(Vec<Observed>),
    /// Which replicas there are changed since the welcome.
    Roll(Roll),
    /// Nothing to say, still there.
    Heartbeat,
}

/// An agent introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its member. Must be the one that its certificate names.
    pub member: MemberName,
    /// The protocol that it speaks.
    pub protocol: u32,
    /// Its version, for people.
    pub version: String,
    /// UID of its cluster's `kube-system` namespace.
    pub cluster_uid: String,
    /// The epoch of the Lease that it holds; 0: it holds none, and is a warm standby.
    pub epoch: u64,
    /// Counts its sessions, whichever replica they are with: of two of one epoch the higher is the newer.
    pub sequence: u64,
    /// The highest generation that it has seen, whoever sent it. A replica of a lower incarnation stops serving.
    pub highest: Generation,
    /// The version of its facts.
    pub facts: FactVersion,
    /// What it holds of a view, so that only the rest is sent.
    pub holds: Holds,
    /// The number of the clusterset whose decisions it follows; 0: it was told none.
    pub clusterset: u64,
    /// The newest that it heard of which replicas there are: one that was removed, and does not know it, learns it here.
    pub roll: Roll,
}

/// Which replicas there are, as one of them knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Roll {
    /// The decision that last changed it; the default: not known.
    pub changed: Generation,
    /// Each with where it accepts sessions, as `host:port`; empty: that is not known.
    pub replicas: BTreeMap<ReplicaId, String>,
}

impl Roll {
    /// Takes over what another one says, unless it is older; what only the older of two of one age knows is kept. Says
    /// whether anything changed.
    pub fn hear(&mut self, other: &Self) -> bool {
        if other.changed < self.changed || other.replicas.is_empty() {
            return false;
        }
        let mut next = other.clone();
        for (id, address) in &mut next.replicas {
            if address.is_empty()
                && let Some(known) = self.replicas.get(id)
            {
                address.clone_from(known);
            }
        }
        let changed = *self != next;
        *self = next;
        changed
    }

    /// Where sessions are accepted.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let all = self.replicas.values();
        all.filter(|address| !address.is_empty()).cloned().collect()
    }
}

/// Which parts of a view an agent holds, by version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Holds {
    /// The generation of the settings.
    pub settings: Generation,
    /// The generation of each plan part.
    pub services: BTreeMap<ServiceKey, Generation>,
    /// The generation of each network.
    pub networks: BTreeMap<NetworkName, Generation>,
    /// The fact version of each owner's part.
    pub owners: BTreeMap<MemberName, FactVersion>,
    /// The generation of what is to be left at once.
    pub coarse: Generation,
}

/// A replica answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Who it is.
    pub replica: ReplicaId,
    /// The protocol that both speak: the lower of the two.
    pub protocol: u32,
    /// Its version, for people.
    pub version: String,
    /// The highest generation that it has seen.
    pub highest: Generation,
    /// The version of the agent's facts that it holds already, if any: the agent sends what follows.
    pub facts: Option<FactVersion>,
    /// How long either side may be silent before the other gives the session up, in milliseconds.
    pub silence_ms: u32,
    /// Which replicas there are, so that one address suffices to begin with.
    pub roll: Roll,
    /// The number of the clusterset; 0: it has none.
    pub clusterset: u64,
}

/// One object that differs between a view and a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffEntry {
    /// What would be done.
    pub action: DiffAction,
    /// The object, as `Kind namespace/name`.
    pub object: String,
    /// What is there now, as YAML-like JSON text; empty where it is absent.
    pub live: String,
    /// What would be there; empty where it would be deleted.
    pub desired: String,
    /// Why it will not be done, where that is so (mode Observe, another owner's object).
    pub held_back: Option<String>,
}

/// What would be done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DiffAction {
    /// Written anew.
    Create,
    /// Changed.
    Update,
    /// Removed.
    Delete,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll(index: u64, rows: &[(u64, &str)]) -> Roll {
        Roll {
            changed: Generation {
                incarnation: 1,
                term: 1,
                index,
            },
            replicas: rows
                .iter()
                .map(|(id, address)| (ReplicaId(*id), (*address).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn the_newest_roll_counts_and_addresses_are_kept() {
        let mut held = roll(5, &[(1, "a:1"), (2, "b:1")]);
        assert!(!held.hear(&roll(4, &[(1, "a:1"), (3, "c:1")])), "older");
        assert!(!held.hear(&Roll::default()), "it knows nothing");
        // One that has no link to the second yet.
        assert!(!held.hear(&roll(5, &[(1, "a:1"), (2, "")])));
        assert!(held.hear(&roll(6, &[(2, ""), (3, "")])));
        assert_eq!(held, roll(6, &[(2, "b:1"), (3, "")]));
        assert_eq!(held.addresses(), ["b:1"]);
    }
}
