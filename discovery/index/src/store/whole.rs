//! An owner's facts from another replica as a whole, in packed rows: read and checked before the store is touched.

use std::collections::BTreeMap;

use causeway_api::exchange::PackedFacts;
use causeway_api::facts::FactDelta;
use causeway_api::{FactVersion, MemberName, ServiceKey};

use super::owner::{OwnerFacts, ServiceRow, Tables};
use super::packed::{self, Rows};
use super::{ApplyError, DEFAULT_MAX_ROWS, FactStore, Touched};

pub use super::bytes::Damaged;

/// An owner's facts, read and not yet in a store.
#[derive(Debug, Clone)]
pub struct Whole {
    owner: MemberName,
    stated: FactVersion,
    facts: OwnerFacts,
    services: Vec<(ServiceKey, ServiceRow)>,
}

/// Packed facts that cannot be read, whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "facts of {owner}, version {version}: the packed rows are damaged ({reason}): all of them are refused, and what was held stays in force"
)]
pub struct WholeError {
    /// Whose facts.
    pub owner: MemberName,
    /// Their version.
    pub version: FactVersion,
    /// What is wrong.
    pub reason: Damaged,
}

impl Whole {
    /// Reads and checks.
    ///
    /// # Errors
    /// [`WholeError`] where anything of it is not as it has to be; nothing of it is taken then.
    pub fn read(packed: PackedFacts) -> Result<Self, WholeError> {
        let PackedFacts {
            delta,
            stated,
            rows,
        } = packed;
        let bad = |what: &str, left| WholeError {
            owner: delta.owner.clone(),
            version: delta.version,
            reason: Damaged {
                what: what.to_owned(),
                left,
            },
        };
        if delta.base.is_some() || !delta.services.is_empty() || !delta.endpoints.is_empty() {
            return Err(bad("rows stand beside them", rows.len()));
        }
        let read = packed::read(&rows, DEFAULT_MAX_ROWS);
        let Rows {
            services,
            tables,
            count,
        } = read.map_err(|reason| WholeError {
            owner: delta.owner.clone(),
            version: delta.version,
            reason,
        })?;
        let owner = delta.owner.clone();
        let facts = OwnerFacts::of(delta, stated, tables, count);
        Ok(Self {
            owner,
            stated,
            facts,
            services,
        })
    }

    /// Whose facts they are.
    #[must_use]
    pub fn owner(&self) -> &MemberName {
        &self.owner
    }

    /// The version of the member's own row, and that at which the others were stated.
    #[must_use]
    pub fn versions(&self) -> (FactVersion, FactVersion) {
        (self.facts.version, self.stated)
    }
}

impl OwnerFacts {
    /// A whole, so far without its services, of which `rows` rows are to come.
    pub(super) fn of(delta: FactDelta, stated: FactVersion, tables: Tables, rows: usize) -> Self {
        let introduced = stated != delta.version;
        let namespaces = delta.namespaces.into_iter();
        let gateways = delta.gateways.into_iter();
        Self {
            version: delta.version,
            stated,
            member: delta.member,
            namespaces: namespaces
                .filter_map(|row| Some((row.key, row.value?)))
                .collect(),
            gateways: gateways
                .filter_map(|row| Some((row.key, row.value?)))
                .collect(),
            services: BTreeMap::new(),
            tables,
            rows,
            introduced,
        }
    }

    /// The services of [`OwnerFacts::of`], under keys of the store.
    pub(super) fn put_services(&mut self, services: Vec<(ServiceKey, ServiceRow)>) {
        self.services = services.into_iter().collect();
    }

    pub(super) fn service_rows(&self) -> &BTreeMap<ServiceKey, ServiceRow> {
        &self.services
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }
}

impl FactStore {
    /// What another replica needs to hold the same of an owner, whatever it holds now, packed.
    #[must_use]
    pub fn packed(&self, owner: &MemberName) -> Option<PackedFacts> {
        let facts = self.owners.get(owner)?;
        Some(PackedFacts {
            delta: facts.without_services(owner),
            stated: facts.stated,
            rows: facts.packed_rows(),
        })
    }

    /// Merges what was read, as [`FactStore::merge`] does, and says what differs from before.
    ///
    /// # Errors
    /// [`ApplyError::TooManyRows`] where an owner's facts would grow beyond the cap. Nothing has changed then.
    pub fn merge_packed(&mut self, whole: Whole) -> Result<Touched, ApplyError> {
        let Whole {
            owner,
            stated,
            mut facts,
            mut services,
        } = whole;
        let held = self.owners.get(&owner);
        let (version, before) = held
            .map(|facts| (facts.version, facts.stated))
            .unwrap_or_default();
        if facts.version <= version && stated <= before {
            return Ok(Touched::default());
        }
        if stated < before {
            // Its word of the member is newer, and its rows are older.
            let mut member = FactDelta::empty(owner, Some(version), facts.version);
            member.member = facts.member;
            return self.merge_change(&member, before);
        }
        let rows = facts.rows();
        if rows > self.max_rows {
            return Err(ApplyError::TooManyRows {
                owner,
                rows,
                max: self.max_rows,
                held: held.map(|facts| facts.version),
            });
        }
        if facts.version < version {
            // Its rows are newer, and its word of the member is older.
            facts.version = version;
            facts.member = held.and_then(|facts| facts.member.clone());
        }
        packed::hold_all(&mut self.services, &mut services);
        facts.put_services(services);
        Ok(self.put(&owner, facts))
    }
}
