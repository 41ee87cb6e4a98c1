//! What a machine remembers: contents and names, each as the process sees them and as they are on the platter.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_seam::Random;

use crate::operation::{Inode, Operation, SECTOR_BYTES};
use crate::random::Seeded;

/// What of the unsynced changes has reached the platter when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survival {
    /// Nothing: the cache was never written.
    Nothing,
    /// All of it.
    Everything,
    /// The first so many, chosen by the seed, and of the next one some of its sectors.
    Prefix,
    /// Each change whole or not, chosen by the seed: disks reorder.
    Some,
    /// Each sector of each write or not, chosen by the seed.
    Torn,
}

impl Survival {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Everything,
        Self::Prefix,
        Self::Some,
        Self::Torn,
    ];
}

/// A change of a content that was not synced.
#[derive(Debug, Clone)]
struct Unsynced {
    change: Change,
    /// A sync failed after it: no later one makes it durable.
    in_doubt: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Arc<[u8]> },
    SetLen(usize),
}

#[derive(Debug, Clone, Default)]
struct Content {
    /// As the process reads it.
    seen: Vec<u8>,
    /// As it was at the last sync.
    durable: Vec<u8>,
    unsynced: Vec<Unsynced>,
}

/// A change of names that was not synced.
#[derive(Debug, Clone)]
enum Naming {
    Give(Arc<str>, Inode),
    /// From, to, what it was then.
    Move(Arc<str>, Arc<str>, Inode),
    Take(Arc<str>),
}

type Names = BTreeMap<Arc<str>, Inode>;

/// A machine's memory of one folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Platter {
    contents: BTreeMap<Inode, Content>,
    names: Names,
    durable_names: Names,
    unsynced_names: Vec<Naming>,
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Change {
    fn make(&self, content: &mut Vec<u8>, mut keeps: impl FnMut() -> bool) {
        match self {
            Self::SetLen(len) => content.resize(*len, 0),
            Self::Write { offset, data } => {
                let mut at = *offset;
                let mut rest: &[u8] = data;
                while !rest.is_empty() {
                    // Up to the next border between sectors.
                    let len = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
                    let (sector, after) = rest.split_at(len);
                    if keeps() {
                        let end = at.saturating_add(len);
                        if content.len() < end {
                            content.resize(end, 0);
                        }
                        if let Some(place) = content.get_mut(at..end) {
                            place.copy_from_slice(sector);
                        }
                    }
                    at = at.saturating_add(len);
                    rest = after;
                }
            }
        }
    }
}

impl Content {
    fn change(&mut self, change: Change) {
        change.make(&mut self.seen, || true);
        self.unsynced.push(Unsynced {
            change,
            in_doubt: false,
        });
    }

    fn sync(&mut self) {
        let (doubted, clean): (Vec<_>, Vec<_>) =
            self.unsynced.drain(..).partition(|change| change.in_doubt);
        for written in &clean {
            written.change.make(&mut self.durable, || true);
        }
        self.unsynced = doubted;
    }

    /// The power went and came back.
    fn lose(&mut self, survival: Survival, random: &Seeded) {
        let count = u64::try_from(self.unsynced.len()).unwrap_or(u64::MAX);
        let prefix = random.below(count.saturating_add(1));
        for (number, unsynced) in (0_u64..).zip(self.unsynced.drain(..)) {
            let change = unsynced.change;
            let durable = &mut self.durable;
            let resizes = matches!(change, Change::SetLen(_));
            match survival {
                Survival::Nothing => {}
                Survival::Everything => change.make(durable, || true),
                Survival::Prefix if number < prefix => change.make(durable, || true),
                Survival::Prefix if number == prefix && !resizes => {
                    change.make(durable, || random.coin());
                }
                Survival::Prefix => {}
                Survival::Some => {
                    if random.coin() {
                        change.make(durable, || true);
                    }
                }
                Survival::Torn if resizes => {
                    if random.coin() {
                        change.make(durable, || true);
                    }
                }
                Survival::Torn => change.make(durable, || random.coin()),
            }
        }
        self.seen.clone_from(&self.durable);
    }
}

impl Naming {
    fn make(&self, names: &mut Names) {
        match self {
            Self::Give(name, inode) => {
                names.insert(Arc::clone(name), *inode);
            }
            Self::Move(from, to, inode) => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(Arc::clone(to), *inode);
            }
            Self::Take(name) => {
                names.remove(name);
            }
        }
    }
}

impl Platter {
    pub(crate) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create { name, inode } => {
                self.contents.entry(*inode).or_default();
                self.name(Naming::Give(Arc::clone(name), *inode));
            }
            Operation::Write {
                inode,
                offset,
                data,
            } => self.change(
                *inode,
                Change::Write {
                    offset: size(*offset),
                    data: Arc::clone(data),
                },
            ),
            Operation::SetLen { inode, len } => self.change(*inode, Change::SetLen(size(*len))),
            Operation::Sync { inode } => {
                if let Some(content) = self.contents.get_mut(inode) {
                    content.sync();
                }
            }
            Operation::SyncFailed { inode } => {
                if let Some(content) = self.contents.get_mut(inode) {
                    content
                        .unsynced
                        .iter_mut()
                        .for_each(|change| change.in_doubt = true);
                }
            }
            Operation::Rename { from, to } => {
                if let Some(inode) = self.names.get(from).copied() {
                    self.name(Naming::Move(Arc::clone(from), Arc::clone(to), inode));
                }
            }
            Operation::Remove { name } => self.name(Naming::Take(Arc::clone(name))),
            Operation::SyncFolder => {
                self.durable_names.clone_from(&self.names);
                self.unsynced_names.clear();
            }
        }
    }

    fn name(&mut self, naming: Naming) {
        naming.make(&mut self.names);
        self.unsynced_names.push(naming);
    }

    fn change(&mut self, inode: Inode, change: Change) {
        self.contents.entry(inode).or_default().change(change);
    }

    /// The power went: what was not synced is as `survival` says, and what nobody names is gone.
    pub(crate) fn lose(&mut self, survival: Survival, random: &Seeded) {
        for content in self.contents.values_mut() {
            content.lose(survival, random);
        }
        let count = u64::try_from(self.unsynced_names.len()).unwrap_or(u64::MAX);
        let prefix = random.below(count.saturating_add(1));
        for (number, naming) in (0_u64..).zip(self.unsynced_names.drain(..)) {
            let survives = match survival {
                Survival::Nothing => false,
                Survival::Everything => true,
                Survival::Prefix => number < prefix,
                Survival::Some | Survival::Torn => random.coin(),
            };
            if survives {
                naming.make(&mut self.durable_names);
            }
        }
        self.names.clone_from(&self.durable_names);
        self.collect();
    }

    /// Forgets what nobody names; to be called while nobody has a file open.
    pub(crate) fn collect(&mut self) {
        let named = |inode: &Inode| {
            let by = |names: &Names| names.values().any(|named| named == inode);
            by(&self.names) || by(&self.durable_names)
        };
        let unnamed: Vec<Inode> = self
            .contents
            .keys()
            .copied()
            .filter(|i| !named(i))
            .collect();
        // A move that was not synced may still give one of them a name.
        if self.unsynced_names.is_empty() {
            for inode in unnamed {
                self.contents.remove(&inode);
            }
        }
    }

    /// The highest number of a content.
    pub(crate) fn highest(&self) -> Inode {
        let highest = self.contents.keys().next_back();
        highest.copied().unwrap_or_default()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Inode> {
        self.names.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }

    /// A file's content as the process reads it.
    pub(crate) fn seen(&self, inode: Inode) -> &[u8] {
        self.contents
            .get(&inode)
            .map_or(&[], |content| content.seen.as_slice())
    }

    /// Changes a content behind everybody's back, as a failing disk does.
    pub(crate) fn alter(&mut self, inode: Inode, alter: impl Fn(&mut Vec<u8>)) {
        if let Some(content) = self.contents.get_mut(&inode) {
            alter(&mut content.seen);
            alter(&mut content.durable);
        }
    }

    /// Bytes of all files that have a name.
    pub(crate) fn used(&self) -> u64 {
        let bytes = |inode: &Inode| u64::try_from(self.seen(*inode).len()).unwrap_or(u64::MAX);
        self.names.values().map(bytes).sum()
    }

    /// A number that is the same for the same names and contents, as the process sees them.
    pub(crate) fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for (name, inode) in &self.names {
            (name, self.seen(*inode)).hash(&mut hasher);
        }
        hasher.finish()
    }
}
