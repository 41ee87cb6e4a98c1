//! All replicas lost: a new one begins from a backup.

use causeway_api::ReplicaId;
use causeway_seam::Disk;

use super::{Begun, OfflineError, begin, log_id, write_snapshot};
use crate::backup::Backup;
use crate::log::offline;
use crate::peers::ReplicaNode;

/// Who is to go on from a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// The replica. Its id must never have been used by another one that may come back.
    pub replica: ReplicaId,
    /// Where it will be; `None`: as the backup knows it, if it does.
    pub node: Option<ReplicaNode>,
    /// The lowest incarnation that will do, where a later one than the backup's was begun meanwhile; 0: any.
    pub incarnation_at_least: u64,
}

/// Makes the data folder of a replica that is the only member of the clusterset of a backup, in a new incarnation. Whatever
/// was decided after the backup is lost.
///
/// # Errors
/// [`OfflineError`]; a folder that holds anything is left alone.
pub fn restore(disk: &dyn Disk, backup: &Backup, restore: &Restore) -> Result<Begun, OfflineError> {
    let path = disk.location().display().to_string();
    if let Some(found) = disk.list().map_err(crate::StorageError::from)?.pop() {
        return Err(OfflineError::NotEmpty { path, found });
    }
    let Restore { replica, node, .. } = restore;
    let mut state = backup.state.clone();
    let from = state.last_applied;
    let generation = begin(&mut state, restore.incarnation_at_least, *replica)?;
    let replicas = &backup.contents.replicas;
    let known = replicas.iter().find(|known| known.replica == *replica);
    let known = known.map(|known| ReplicaNode {
        address: known.address.clone(),
        domain: known.domain.clone(),
    });
    let node = node.clone().or(known).unwrap_or_default();
    let last = backup.last();
    write_snapshot(disk, &state, log_id(last), *replica, node)?;
    offline::begin(disk, *replica, log_id(last))?;
    let gone = replicas.iter().map(|other| other.replica);
    Ok(Begun {
        replica: *replica,
        from,
        generation,
        last,
        undecided: 0,
        gone: gone.filter(|other| other != replica).collect(),
    })
}
