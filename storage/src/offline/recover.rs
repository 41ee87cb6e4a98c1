//! Quorum lost for good: one replica goes on alone.

use causeway_api::ReplicaId;
use causeway_seam::Disk;

use super::inspect::{FENCED, Folder, fenced};
use super::{Begun, OfflineError, begin, log_id, position, write_snapshot};
use crate::error::StorageError;

/// Makes the replica of this folder the only member of its clusterset, in a new incarnation: all entries of its log are in
/// force from then on, those included of which it did not know whether they were decided. Decisions that it never heard
/// of are lost. The incarnation is one above its own, or `incarnation_at_least`.
///
/// The replica must be stopped, and the others must never come back as they were: they hear of the new incarnation from
/// whomever they meet, and stop.
///
/// A replica that a newer incarnation has shut out goes on above that one.
///
/// # Errors
/// [`OfflineError`]; the folder is then as it was.
pub fn recover(disk: &dyn Disk, incarnation_at_least: u64) -> Result<Begun, OfflineError> {
    let folder = Folder::open(disk)?;
    let replica = folder.log.replica();
    let Folder { state, .. } = &folder;
    let replicas = folder.replicas();
    if state.incarnation == 0 {
        return Err(OfflineError::Empty {
            path: disk.location().display().to_string(),
        });
    }
    let fenced = fenced(disk)?;
    let incarnation_at_least =
        incarnation_at_least.max(fenced.map_or(0, |by| by.saturating_add(1)));
    let alone = replicas.iter().all(|member| member.replica == replica);
    if alone && fenced.is_none() && incarnation_at_least <= state.incarnation {
        return Err(OfflineError::Alone {
            replica,
            incarnation: state.incarnation,
        });
    }
    let mine = replicas.iter().find(|member| member.replica == replica);
    let node = mine.map(|member| member.node.clone()).unwrap_or_default();
    let (from, last) = (state.last_applied, folder.last());
    let committed = position(folder.log.committed())
        .index
        .max(folder.snapshot());
    let mut state = state.clone();
    let generation = begin(&mut state, incarnation_at_least, replica)?;
    write_snapshot(disk, &state, log_id(last), replica, node)?;
    folder.log.conclude(log_id(last))?;
    // Last: until here the folder is refused, or recovered once more.
    disk.remove(FENCED).map_err(StorageError::from)?;
    let gone = replicas.iter().map(|member| member.replica);
    Ok(Begun {
        replica,
        from,
        generation,
        last,
        undecided: last.index.saturating_sub(committed),
        gone: gone.filter(|other: &ReplicaId| *other != replica).collect(),
    })
}
