//! The facts of all members, as every replica holds them.
//!
//! Each owner's facts have their own version. A delta applies to exactly the version that it names; what is older than
//! what is held is ignored, whatever its way here; a gap asks for a snapshot. Nothing ever expires: only its owner
//! withdraws a row, and only a decision of ours ([`FactStore::drop_owner`]) forgets an owner.

mod bytes;
mod digest;
mod introduction;
mod merge;
mod owner;
mod pack;
mod packed;
mod touched;
mod whole;

use std::collections::BTreeMap;

use causeway_api::facts::FactDelta;
use causeway_api::{FactVersion, MemberName, Name, ServiceKey};

pub use owner::OwnerFacts;
pub(crate) use pack::{pack, unpack};
pub use touched::Touched;
pub use whole::{Damaged, Whole, WholeError};

/// Rows that one owner may have, unless [`FactStore::with_max_rows`] says otherwise: ten times the largest cluster
/// that Kubernetes supports, so that what exceeds it is a fault.
pub const DEFAULT_MAX_ROWS: usize = 2_000_000;

/// Why a delta was not applied. What was held before is still held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The delta applies to another version than the one that is held: ask the owner for a snapshot.
    #[error(
        "facts of {owner}: a delta on version {base} came while {held} is held: a snapshot is needed",
        held = held.map_or_else(|| "nothing".to_owned(), |v| format!("version {v}"))
    )]
    NeedSnapshot {
        /// Whose facts.
        owner: MemberName,
        /// The version that the delta applies to.
        base: FactVersion,
        /// The version that is held.
        held: Option<FactVersion>,
    },
    /// It would make an owner's facts larger than allowed. The last good ones stay.
    #[error(
        "facts of {owner}: {rows} rows, at most {max} are allowed: the last good facts{held} stay in force. \
         Look in {owner} for what creates so many Services or ports",
        held = held.map_or_else(String::new, |v| format!(" (version {v})"))
    )]
    TooManyRows {
        /// Whose facts.
        owner: MemberName,
        /// How many rows there would be.
        rows: usize,
        /// How many are allowed.
        max: usize,
        /// The version that stays.
        held: Option<FactVersion>,
    },
}

/// The facts of all members.
#[derive(Debug, Clone)]
pub struct FactStore {
    owners: BTreeMap<MemberName, OwnerFacts>,
    /// Every service that any owner has a row of, with the number of those owners. Its keys are the ones that the
    /// owners' maps share, so that a name is in memory once.
    services: BTreeMap<ServiceKey, u32>,
    max_rows: usize,
}

impl Default for FactStore {
    fn default() -> Self {
        Self {
            owners: BTreeMap::new(),
            services: BTreeMap::new(),
            max_rows: DEFAULT_MAX_ROWS,
        }
    }
}

impl FactStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that refuses an owner's facts beyond `max_rows` rows.
    #[must_use]
    pub fn with_max_rows(max_rows: usize) -> Self {
        Self {
            max_rows,
            ..Self::default()
        }
    }

    /// Applies a delta or a snapshot, and says what differs from before. What is not newer than what is held changes
    /// nothing and is no error: it is a duplicate, or came late.
    ///
    /// # Errors
    /// [`ApplyError::NeedSnapshot`] where the delta does not follow what is held, [`ApplyError::TooManyRows`] where an
    /// owner's facts would grow beyond the cap. Nothing has changed then.
    pub fn apply(&mut self, delta: FactDelta) -> Result<Touched, ApplyError> {
        let held = self.owners.get(&delta.owner).map(|facts| facts.version);
        if held.is_some_and(|held| delta.version <= held) {
            return Ok(Touched::default());
        }
        match delta.base {
            // No data is no withdrawal: what an earlier agent stated holds until this one states it anew.
            None if introduction::is_introduction(&delta)
                && let Some(stated) = self.stated(&delta.owner) =>
            {
                self.merge_change(&delta, stated)
            }
            None => self.replace(&delta, held),
            Some(base) if held == Some(base) => self.change(&delta, held),
            Some(base) => Err(ApplyError::NeedSnapshot {
                owner: delta.owner,
                base,
                held,
            }),
        }
    }

    /// When an owner that has spoken of more than itself did so last.
    fn stated(&self, owner: &MemberName) -> Option<FactVersion> {
        let held = self.owners.get(owner).filter(|facts| facts.is_whole());
        held.map(|facts| facts.stated)
    }

    fn change(
        &mut self,
        delta: &FactDelta,
        held: Option<FactVersion>,
    ) -> Result<Touched, ApplyError> {
        let Some(facts) = self.owners.get_mut(&delta.owner) else {
            return Ok(Touched::default());
        };
        // Counts removals as nothing, so it refuses at worst a little early.
        let rows = facts.rows_after(delta);
        if rows > self.max_rows {
            return Err(too_many(delta, rows, self.max_rows, held));
        }
        let touched = facts.apply(delta, &mut self.services);
        Ok(touched)
    }

    fn replace(
        &mut self,
        delta: &FactDelta,
        held: Option<FactVersion>,
    ) -> Result<Touched, ApplyError> {
        let rows = delta.rows();
        if rows > self.max_rows {
            return Err(too_many(delta, rows, self.max_rows, held));
        }
        let mut fresh = OwnerFacts::new();
        fresh.apply(delta, &mut self.services);
        Ok(self.put(&delta.owner, fresh))
    }

    /// Puts an owner's facts, whose keys are held already, in the place of what was held of it.
    fn put(&mut self, owner: &MemberName, fresh: OwnerFacts) -> Touched {
        let old = self
            .owners
            .insert(owner.clone(), fresh)
            .unwrap_or_else(OwnerFacts::new);
        let touched = self
            .owners
            .get(owner)
            .map_or_else(Touched::default, |fresh| fresh.differs_from(&old));
        old.release(&mut self.services);
        touched
    }

    /// Forgets an owner, and says what was known of it. For a member that was removed from the clusterset; never
    /// because of silence.
    pub fn drop_owner(&mut self, owner: &MemberName) -> Touched {
        let Some(old) = self.owners.remove(owner) else {
            return Touched::default();
        };
        let touched = OwnerFacts::new().differs_from(&old);
        old.release(&mut self.services);
        touched
    }

    /// The owners of which something is held, with what is held, in the order of their names.
    pub fn owners(&self) -> impl Iterator<Item = (&MemberName, &OwnerFacts)> {
        self.owners.iter()
    }

    /// What is held of one owner; `None`: nothing ever came.
    #[must_use]
    pub fn owner(&self, owner: &MemberName) -> Option<&OwnerFacts> {
        self.owners.get(owner)
    }

    /// Every service of which any owner has a row, in order.
    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// The services of one namespace, over all owners, in order.
    pub fn services_in_namespace<'a>(
        &'a self,
        namespace: &'a Name,
    ) -> impl Iterator<Item = &'a ServiceKey> {
        first_of(namespace)
            .into_iter()
            .flat_map(|first| self.services.range(first..))
            .map(|(key, _)| key)
            .take_while(move |key| key.namespace == *namespace)
    }

    /// The owners that export a service (KEP-1645: a ServiceExport of its name exists there, beside the Service).
    pub fn exporters<'a>(&'a self, key: &'a ServiceKey) -> impl Iterator<Item = &'a MemberName> {
        self.owners
            .iter()
            .filter(move |(_, facts)| facts.exports(key))
            .map(|(owner, _)| owner)
    }

    /// All that is held of one owner, as a snapshot for another replica or for disk.
    #[must_use]
    pub fn snapshot(&self, owner: &MemberName) -> Option<FactDelta> {
        Some(self.owners.get(owner)?.snapshot(owner))
    }

    /// A fingerprint of one owner's facts (version left out), the same wherever the same facts are held, whatever the
    /// deltas they came by. For finding differences between replicas; it protects from accidents, not from malice.
    #[must_use]
    pub fn digest(&self, owner: &MemberName) -> Option<u64> {
        Some(digest::of(self.owners.get(owner)?))
    }
}

/// A key that no service of the namespace sorts before.
pub(crate) fn first_of(namespace: &Name) -> Option<ServiceKey> {
    // No name is empty, hence none sorts before this digit, the first character that a name may begin with.
    let name = Name::new("0").ok()?;
    Some(ServiceKey {
        namespace: namespace.clone(),
        name,
    })
}

fn too_many(delta: &FactDelta, rows: usize, max: usize, held: Option<FactVersion>) -> ApplyError {
    ApplyError::TooManyRows {
        owner: delta.owner.clone(),
        rows,
        max,
        held,
    }
}
