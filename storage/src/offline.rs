//! What is done to the data folder of a replica that is stopped: look at it, make its replica the only one, begin it from a
//! backup.
//!
//! [`recover()`] and [`restore()`] end an incarnation and begin the next. Both leave a snapshot in which this replica is the only
//! member, and a log that begins behind it; the snapshot is written first, so that a loss of power in between leaves
//! either what was there or the new incarnation.

mod inspect;
mod recover;
mod restore;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::{Generation, ReplicaId};
use causeway_seam::Disk;
use causeway_state::{LogPosition, State, snapshot as state_form};
use openraft::vote::leader_id_std::CommittedLeaderId;

use crate::error::StorageError;
use crate::peers::ReplicaNode;
use crate::snapshot;
use crate::types::{LogId, Membership, SnapshotMeta, StoredMembership};

pub use inspect::{Inspection, inspect};
pub use recover::recover;
pub use restore::{Restore, restore};

/// A new incarnation that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The only replica.
    pub replica: ReplicaId,
    /// The last decision that it has, in its old incarnation.
    pub from: Generation,
    /// The same in the new one.
    pub generation: Generation,
    /// The last entry of the log that is in force.
    pub last: LogPosition,
    /// Entries that this replica did not know to be decided, and that are in force now.
    pub undecided: u64,
    /// The replicas that have no part in it any more.
    pub gone: BTreeSet<ReplicaId>,
}

/// Why a data folder was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The folder cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nothing was ever decided there.
    #[error(
        "{path} belongs to no clusterset: there is nothing to recover. Recover the replica with the longest log (causeway replica \
         inspect), or restore a backup"
    )]
    Empty {
        /// The folder.
        path: String,
    },
    /// The replica is the only member already.
    #[error(
        "replica {replica} is the only member of its clusterset already (incarnation {incarnation}): there is nothing to recover; \
         start it"
    )]
    Alone {
        /// The replica.
        replica: ReplicaId,
        /// Its incarnation.
        incarnation: u64,
    },
    /// The folder holds something.
    #[error(
        "{path} is not empty: it holds {found}. Give an empty folder; nothing is ever restored over decisions that are there"
    )]
    NotEmpty {
        /// The folder.
        path: String,
        /// A file in it.
        found: String,
    },
    /// A newer version wrote what is there.
    #[error("{0}. Use the version of Causeway that the replicas had")]
    TooNew(String),
    /// The state cannot be read or written, or does not go on.
    #[error("{0}")]
    State(String),
}

impl From<state_form::SnapshotError> for OfflineError {
    fn from(error: state_form::SnapshotError) -> Self {
        Self::State(error.to_string())
    }
}

fn log_id(position: LogPosition) -> LogId {
    LogId {
        leader_id: CommittedLeaderId::new(position.term),
        index: position.index,
    }
}

fn position(id: Option<LogId>) -> LogPosition {
    id.map_or_else(LogPosition::default, |id| LogPosition {
        term: id.leader_id.term,
        index: id.index,
    })
}

/// Writes the snapshot from which the new incarnation goes on.
fn write_snapshot(
    disk: &dyn Disk,
    state: &State,
    last: LogId,
    replica: ReplicaId,
    node: ReplicaNode,
) -> Result<(), OfflineError> {
    let voters = vec![BTreeSet::from([replica.0])];
    let membership = Membership::new(voters, BTreeMap::from([(replica.0, node)]))
        .map_err(|error| OfflineError::State(error.to_string()))?;
    let meta = SnapshotMeta {
        last_log_id: Some(last),
        last_membership: StoredMembership::new(Some(last), membership),
    };
    let encode = |bytes| state_form::encode_behind(bytes, state).map_err(std::io::Error::other);
    Ok(snapshot::write(disk, meta, encode)?)
}

/// The next incarnation of a state, in which `replica` is alone: one more than it has, or `at_least`.
fn begin(state: &mut State, at_least: u64, replica: ReplicaId) -> Result<Generation, OfflineError> {
    let next = state.incarnation.saturating_add(1).max(at_least);
    let begun = state.begin_incarnation(next).map_err(OfflineError::State);
    begun.inspect(|generation| state.only_member(replica, *generation))
}
