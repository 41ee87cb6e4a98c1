//! Every state of a platter during one run: the power is cut at each operation in turn, and the workload runs once.

use std::path::PathBuf;

use crate::disk::FaultyDisk;
use crate::operation::Operation;
use crate::platter::{Platter, Survival};
use crate::random::Seeded;

/// The operations of one process, from an empty or a given folder on.
#[derive(Debug, Clone)]
pub struct History {
    location: PathBuf,
    start: Platter,
    operations: Vec<Operation>,
}

impl History {
    pub(crate) fn new(location: PathBuf, start: Platter, operations: Vec<Operation>) -> Self {
        Self {
            location,
            start,
            operations,
        }
    }

    /// How many operations there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The moments after each operation, and the one before the first: in between, and in the middle of an operation,
    /// a loss of power leaves nothing that it could not leave at one of these.
    pub fn moments(&self) -> impl Iterator<Item = Moment> {
        let mut platter = self.start.clone();
        let mut operations = self.operations.iter();
        let mut done = 0;
        let mut first = true;
        std::iter::from_fn(move || {
            if !std::mem::take(&mut first) {
                platter.apply(operations.next()?);
                done += 1;
            }
            Some(Moment {
                location: self.location.clone(),
                platter: platter.clone(),
                operations: done,
            })
        })
    }
}

/// A moment at which the power may go.
#[derive(Debug, Clone)]
pub struct Moment {
    location: PathBuf,
    platter: Platter,
    operations: u64,
}

impl Moment {
    /// How many operations of the history were done.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// The folder that the next process finds if the power goes now; and a number that is the same for the same names
    /// and contents.
    #[must_use]
    pub fn cut(&self, survival: Survival, seed: u64) -> (FaultyDisk, u64) {
        let mut platter = self.platter.clone();
        platter.lose(survival, &Seeded::new(seed));
        let fingerprint = platter.fingerprint();
        let disk = FaultyDisk::with(self.location.clone(), platter, seed);
        (disk, fingerprint)
    }
}
