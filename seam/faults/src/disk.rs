//! A process's folder on a machine whose power can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_seam::disk::steps::{self, Steps};
use causeway_seam::{Disk, DiskError};

use crate::file::File;
use crate::history::History;
use crate::operation::{Inode, Operation};
use crate::platter::{Platter, Survival};
use crate::random::Seeded;
use crate::trouble::{self, Bug, Trouble};

const REMEDY: &str = "Check that the folder exists, is writable by this user and has free space.";
const IN_USE: &str =
    "Another process has it open: stop that one, or give this one a data folder of its own.";

/// A folder of one process on a machine of its own. Clones are the same process; [`FaultyDisk::restart`] and
/// [`FaultyDisk::kill`] give the folder to the next one, and everything of the one before fails from then on.
#[derive(Clone)]
pub struct FaultyDisk {
    pub(crate) machine: Arc<Machine>,
    pub(crate) process: u64,
    location: PathBuf,
}

/// What the processes that follow each other on one folder share.
pub(crate) struct Machine {
    state: Mutex<State>,
    random: Seeded,
}

pub(crate) struct State {
    pub(crate) platter: Platter,
    process: u64,
    power: bool,
    cut_at: Option<u64>,
    operations: u64,
    next_inode: Inode,
    pub(crate) open: BTreeSet<Inode>,
    capacity: Option<u64>,
    /// Each with the number of the operation from which on it is in force.
    troubles: BTreeMap<Trouble, u64>,
    bugs: BTreeSet<Bug>,
    history: Option<(Platter, Vec<Operation>)>,
}

impl std::fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyDisk")
            .field("location", &self.location)
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

impl FaultyDisk {
    /// An empty folder. `location` is for messages; the seed chooses what survives a loss of power.
    #[must_use]
    pub fn new(location: impl Into<PathBuf>, seed: u64) -> Self {
        Self::with(location.into(), Platter::default(), seed)
    }

    pub(crate) fn with(location: PathBuf, platter: Platter, seed: u64) -> Self {
        let state = State {
            next_inode: platter.highest(),
            platter,
            process: 0,
            power: true,
            cut_at: None,
            operations: 0,
            open: BTreeSet::new(),
            capacity: None,
            troubles: BTreeMap::new(),
            bugs: BTreeSet::new(),
            history: None,
        };
        let machine = Arc::new(Machine {
            state: Mutex::new(state),
            random: Seeded::new(seed),
        });
        Self {
            machine,
            process: 0,
            location,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.machine.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations changed or synced something so far, over all processes.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Cuts the power in the middle of the operation of this number (the first is 0): it fails, having perhaps done a
    /// part of its work, and so does everything after it.
    pub fn cut_power_at(&self, operation: u64) {
        self.lock().cut_at = Some(operation);
    }

    /// Cuts the power now. What was not synced is in doubt until [`FaultyDisk::restart`].
    pub fn cut_power(&self) {
        self.lock().power = false;
    }

    /// Whether this process still has a machine under it.
    #[must_use]
    pub fn has_power(&self) -> bool {
        let state = self.lock();
        state.power && state.process == self.process
    }

    /// The power went and is back: the folder of the next process, with what survived. Troubles and planned cuts are
    /// over; capacity and planted bugs stay.
    #[must_use]
    pub fn restart(&self, survival: Survival) -> Self {
        let mut state = self.lock();
        state.platter.lose(survival, &self.machine.random);
        self.next(&mut state)
    }

    /// The process was killed and the machine lives on: the next process finds everything that was written, synced or
    /// not.
    #[must_use]
    pub fn kill(&self) -> Self {
        self.next(&mut self.lock())
    }

    fn next(&self, state: &mut State) -> Self {
        state.process += 1;
        state.power = true;
        state.cut_at = None;
        state.open.clear();
        state.troubles.clear();
        state.platter.collect();
        // It tells the story of one process.
        state.history = None;
        Self {
            machine: Arc::clone(&self.machine),
            process: state.process,
            location: self.location.clone(),
        }
    }

    /// From now on the folder holds at most so many bytes; `None`: any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Bytes in the folder.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.lock().platter.used()
    }

    /// From now on the disk gives this error.
    pub fn fail(&self, trouble: Trouble) {
        self.fail_from(trouble, 0);
    }

    /// From the operation of this number on the disk gives this error.
    pub fn fail_from(&self, trouble: Trouble, operation: u64) {
        self.lock().troubles.insert(trouble, operation);
    }

    /// All troubles are over.
    pub fn heal(&self) {
        self.lock().troubles.clear();
    }

    /// Plants a bug, to show that a test sees it.
    pub fn plant(&self, bug: Bug) {
        self.lock().bugs.insert(bug);
    }

    /// Flips one bit of a file, on the platter and in the cache. Returns whether there is such a bit.
    pub fn flip(&self, name: &str, bit: u64) -> bool {
        let (byte, mask) = (
            usize::try_from(bit / 8).unwrap_or(usize::MAX),
            1 << (bit % 8),
        );
        self.alter(name, |content| {
            content.get_mut(byte).map(|byte| *byte ^= mask).is_some()
        })
    }

    /// Cuts a file to a length, behind the back of whoever has it open. Returns whether it was longer.
    pub fn cut(&self, name: &str, len: usize) -> bool {
        self.alter(name, |content| {
            let longer = content.len() > len;
            content.truncate(len);
            longer
        })
    }

    fn alter(&self, name: &str, alter: impl Fn(&mut Vec<u8>) -> bool) -> bool {
        let mut state = self.lock();
        let Some(inode) = state.platter.find(name) else {
            return false;
        };
        let done = std::cell::Cell::new(false);
        state
            .platter
            .alter(inode, |content| done.set(alter(content) || done.get()));
        done.get()
    }

    /// Remembers every operation from now on, for [`FaultyDisk::history`].
    pub fn record(&self) {
        let mut state = self.lock();
        state.history = Some((state.platter.clone(), Vec::new()));
    }

    /// What was recorded, up to now.
    #[must_use]
    pub fn history(&self) -> History {
        let (start, operations) = self.lock().history.clone().unwrap_or_default();
        History::new(self.location.clone(), start, operations)
    }

    /// Does something that changes or syncs something.
    pub(crate) fn operate(&self, make: impl FnOnce(&mut State) -> Operation) -> io::Result<()> {
        self.lock().operate(self.process, make)
    }

    /// Whether this process may read.
    pub(crate) fn readable(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        state.alive(self.process)?;
        if state.in_trouble(Trouble::Reads) {
            return Err(trouble::broken());
        }
        Ok(state)
    }

    fn error(&self, action: &'static str, name: &str, source: io::Error) -> DiskError {
        DiskError {
            action,
            path: self.location.join(name).display().to_string(),
            remedy: REMEDY,
            source,
        }
    }
}

impl State {
    fn alive(&self, process: u64) -> io::Result<()> {
        if self.power && self.process == process {
            return Ok(());
        }
        Err(trouble::off())
    }

    fn in_trouble(&self, trouble: Trouble) -> bool {
        let from = self.troubles.get(&trouble);
        from.is_some_and(|from| *from <= self.operations)
    }

    pub(crate) fn new_inode(&mut self) -> Inode {
        self.next_inode += 1;
        self.next_inode
    }

    fn operate(
        &mut self,
        process: u64,
        make: impl FnOnce(&mut Self) -> Operation,
    ) -> io::Result<()> {
        self.alive(process)?;
        let operation = make(self);
        let syncs = matches!(operation, Operation::Sync { .. } | Operation::SyncFolder);
        let removes = matches!(operation, Operation::Remove { .. });
        if self.cut_at == Some(self.operations) {
            self.power = false;
            // A write may have got through; a sync had not told that it was done.
            if !syncs {
                self.apply(operation);
            }
            return Err(trouble::off());
        }
        if self.in_trouble(Trouble::ReadOnly) {
            return Err(trouble::read_only());
        }
        if syncs && self.in_trouble(Trouble::Syncs) {
            if let Operation::Sync { inode } = operation {
                self.apply(Operation::SyncFailed { inode });
            }
            return Err(trouble::broken());
        }
        if !syncs && self.in_trouble(Trouble::Writes) {
            return Err(trouble::broken());
        }
        if !syncs && !removes && self.grows(&operation) > self.room() {
            return Err(trouble::full());
        }
        let skipped = match &operation {
            Operation::Sync { inode } => {
                self.bugs.contains(&Bug::SyncSkipped) && self.open.contains(inode)
            }
            Operation::SyncFolder => self.bugs.contains(&Bug::FolderSyncSkipped),
            _ => false,
        };
        if !skipped {
            self.apply(operation);
        }
        Ok(())
    }

    fn apply(&mut self, operation: Operation) {
        self.operations += 1;
        self.platter.apply(&operation);
        if let Some((_, operations)) = &mut self.history {
            operations.push(operation);
        }
    }

    fn room(&self) -> u64 {
        let capacity = self.capacity.unwrap_or(u64::MAX);
        capacity.saturating_sub(self.platter.used())
    }

    /// By how many bytes the folder would grow.
    fn grows(&self, operation: &Operation) -> u64 {
        let bytes = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let beyond =
            |inode: &Inode, end: u64| end.saturating_sub(bytes(self.platter.seen(*inode).len()));
        match operation {
            Operation::Write {
                inode,
                offset,
                data,
            } => beyond(inode, offset.saturating_add(bytes(data.len()))),
            Operation::SetLen { inode, len } => beyond(inode, *len),
            _ => 0,
        }
    }
}

impl Steps for FaultyDisk {
    fn create(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut created = 0;
        self.operate(|state| {
            created = state.new_inode();
            Operation::Create {
                name: name.into(),
                inode: created,
            }
        })?;
        self.operate(|_| Operation::Write {
            inode: created,
            offset: 0,
            data: content.into(),
        })
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let inode = self
            .lock()
            .platter
            .find(name)
            .ok_or(io::ErrorKind::NotFound)?;
        self.operate(|_| Operation::Sync { inode })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|_| Operation::Rename {
            from: from.into(),
            to: to.into(),
        })
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.operate(|_| Operation::Remove { name: name.into() })
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.operate(|_| Operation::SyncFolder)
    }
}

impl Disk for FaultyDisk {
    fn create_database(&self, name: &str, content: &[u8]) -> Result<(), DiskError> {
        let found = self.readable();
        let found = found.map_err(|source| self.error("open", name, source))?;
        if found.platter.find(name).is_some() {
            return Ok(());
        }
        drop(found);
        self.replace(name, content)
    }

    fn database(&self, name: &str) -> Result<Box<dyn redb::StorageBackend>, DiskError> {
        let failed = |source| self.error("open", name, source);
        let found = self.readable().map_err(failed)?.platter.find(name);
        let inode = match found {
            Some(inode) => inode,
            None => {
                let mut created = 0;
                self.operate(|state| {
                    created = state.new_inode();
                    Operation::Create {
                        name: name.into(),
                        inode: created,
                    }
                })
                .and_then(|()| self.sync_folder())
                .map_err(failed)?;
                created
            }
        };
        if !self.lock().open.insert(inode) {
            let source = io::Error::new(io::ErrorKind::WouldBlock, "it is locked");
            return Err(DiskError {
                remedy: IN_USE,
                ..failed(source)
            });
        }
        Ok(Box::new(File::new(self.clone(), inode)))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DiskError> {
        let state = self.readable();
        let state = state.map_err(|source| self.error("read", name, source))?;
        let inode = state.platter.find(name);
        Ok(inode.map(|inode| state.platter.seen(inode).to_vec()))
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<(), DiskError> {
        let early = self.lock().bugs.contains(&Bug::RenameBeforeSync);
        let replaced = if early {
            let temporary = format!("{name}{}", steps::TEMPORARY_SUFFIX);
            self.create(&temporary, content)
                .and_then(|()| self.rename(&temporary, name))
                .and_then(|()| self.sync_folder())
                .and_then(|()| self.sync(name))
        } else {
            steps::replace(self, name, content)
        };
        replaced.map_err(|source| self.error("replace", name, source))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        if self.lock().platter.find(name).is_none() {
            return Ok(());
        }
        self.unlink(name)
            .and_then(|()| self.sync_folder())
            .map_err(|source| self.error("remove", name, source))
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let state = self.readable();
        let state = state.map_err(|source| self.error("list", "", source))?;
        Ok(state.platter.names().map(ToString::to_string).collect())
    }

    fn location(&self) -> &Path {
        &self.location
    }
}
