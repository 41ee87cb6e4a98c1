//! What is in a data folder: so that the replica with the longest log is the one that is recovered.

use causeway_api::{Generation, ReplicaId};
use causeway_seam::Disk;
use causeway_state::{LogPosition, State, level, snapshot as state_form};
use openraft::EntryPayload;
use serde::Serialize;

use super::{OfflineError, position};
use crate::error::StorageError;
use crate::log::offline::Offline;
use crate::machine::{apply_request, note_members};
use crate::peers::ReplicaNode;
use crate::snapshot;
use crate::status::Member;
use crate::types::{Membership, Proposal};

/// What is in a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The folder.
    pub path: String,
    /// Whose it is.
    pub replica: ReplicaId,
    /// Names the clusterset, as sixteen hexadecimal digits; zeros: it has no number yet.
    pub clusterset: String,
    /// The last decision, with all entries of the log taken as decided.
    pub generation: Generation,
    /// The last entry of the log. Of two replicas the one with the higher term, and with equal terms the one with the higher
    /// index, has the longer log.
    pub last: LogPosition,
    /// The entry up to which it knows entries to be decided; 0: unknown.
    pub committed: u64,
    /// The entry up to which entries were removed.
    pub purged: u64,
    /// The entry up to which the newest snapshot reaches; 0: there is none.
    pub snapshot: u64,
    /// The term that it last voted in.
    pub vote_term: u64,
    /// The incarnation that has no part for this replica, if it heard of one: a newer one, or its own where it was removed.
    pub fenced: Option<u64>,
    /// The level of behaviour in force.
    pub feature_level: u32,
    /// How many members are registered.
    pub members: usize,
    /// The replicas of the clusterset, as this one knows them.
    pub replicas: Vec<Member>,
    /// The size of the database, in bytes.
    pub database_bytes: u64,
    /// So many of them are free.
    pub free_bytes: u64,
}

/// The file that says that an incarnation has no part for this replica; it ends with that one's number.
pub(super) const FENCED: &str = "fenced";

/// The incarnation that has shut this replica out.
pub(super) fn fenced(disk: &dyn Disk) -> Result<Option<u64>, StorageError> {
    let content = disk.read(FENCED)?;
    let number = |content: Vec<u8>| {
        let text = String::from_utf8_lossy(&content).trim().to_owned();
        let last = text.rsplit(' ').next().unwrap_or_default().parse();
        last.unwrap_or(0)
    };
    Ok(content.map(number))
}

/// A folder that was read whole.
pub(super) struct Folder {
    pub(super) log: Offline,
    pub(super) state: State,
    pub(super) membership: Membership,
    snapshot: u64,
}

impl Folder {
    /// Reads snapshot and log, and applies all entries.
    pub(super) fn open(disk: &dyn Disk) -> Result<Self, OfflineError> {
        // Locks the folder before anything else is read.
        let log = Offline::open(disk)?;
        let newest = snapshot::newest(disk)?;
        let (mut state, mut membership, reaches) = match newest {
            Some(found) => (
                state_form::decode(found.state())?,
                found.meta().last_membership.membership().clone(),
                found.meta().last_log_id,
            ),
            None => (State::default(), Membership::default(), None),
        };
        let from = reaches.map_or(0, |id| id.index.saturating_add(1));
        let mut beyond = None;
        log.entries(from, |entry| {
            let at = position(Some(entry.log_id));
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Membership(found) => {
                    note_members(&mut state, &found, entry.log_id);
                    membership = found;
                }
                EntryPayload::Normal(Proposal(request)) => {
                    let known = level::check(&request, at.index, level::FEATURE_LEVEL);
                    match known {
                        Ok(()) if beyond.is_none() => {
                            drop(apply_request(
                                &mut state,
                                &membership,
                                entry.log_id,
                                &request,
                            ));
                        }
                        Ok(()) => {}
                        Err(error) => beyond = beyond.take().or(Some(error)),
                    }
                }
            }
            Ok(())
        })?;
        if let Some(error) = beyond {
            return Err(OfflineError::TooNew(error.to_string()));
        }
        Ok(Self {
            log,
            state,
            membership,
            snapshot: reaches.map_or(0, |id| id.index),
        })
    }

    /// The last entry: of the log, or of the snapshot where that reaches further.
    pub(super) fn last(&self) -> LogPosition {
        let snapshot = self.state.last_applied;
        position(self.log.last()).max(LogPosition {
            term: snapshot.term,
            index: snapshot.index,
        })
    }

    /// The entry up to which the newest snapshot reaches.
    pub(super) fn snapshot(&self) -> u64 {
        self.snapshot
    }

    pub(super) fn replicas(&self) -> Vec<Member> {
        let voters: Vec<u64> = self.membership.voter_ids().collect();
        let member = |(id, node): (&u64, &ReplicaNode)| Member {
            replica: ReplicaId(*id),
            node: node.clone(),
            voter: voters.contains(id),
        };
        self.membership.nodes().map(member).collect()
    }
}

/// Looks at the data folder of a replica that is stopped; changes nothing.
///
/// # Errors
/// [`OfflineError`] where it is in use, damaged, or no data folder.
pub fn inspect(disk: &dyn Disk) -> Result<Inspection, OfflineError> {
    let folder = Folder::open(disk)?;
    let space = folder.log.space()?;
    let vote = folder.log.vote();
    Ok(Inspection {
        path: disk.location().display().to_string(),
        replica: folder.log.replica(),
        clusterset: format!("{:016x}", folder.state.clusterset),
        generation: folder.state.last_applied,
        last: folder.last(),
        committed: position(folder.log.committed()).index,
        purged: position(folder.log.purged()).index,
        snapshot: folder.snapshot,
        vote_term: vote.map_or(0, |vote| vote.leader_id.term),
        fenced: fenced(disk)?,
        feature_level: folder.state.feature_level,
        members: folder.state.members.len(),
        replicas: folder.replicas(),
        database_bytes: space.bytes,
        free_bytes: space.free,
    })
}
