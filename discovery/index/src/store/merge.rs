//! Facts from another replica: the newest of each, whatever the order in which they come.
//!
//! An owner's facts are two registers, each with a version: the member's own row, and all others. They rise together,
//! except while an agent that began anew has spoken of the member alone. Of each register the newest counts, so that
//! replicas that heard the same in different orders hold the same.

use causeway_api::FactVersion;
use causeway_api::exchange::GivenFacts;
use causeway_api::facts::FactDelta;

use super::owner::OwnerFacts;
use super::{ApplyError, FactStore, Touched, too_many};

impl FactStore {
    /// Merges what another replica holds of an owner, and says what differs from before. What is not newer than what is
    /// held changes nothing.
    ///
    /// # Errors
    /// [`ApplyError::NeedSnapshot`] where a delta does not follow what is held, [`ApplyError::TooManyRows`] where an
    /// owner's facts would grow beyond the cap. Nothing has changed then.
    pub fn merge(&mut self, given: GivenFacts) -> Result<Touched, ApplyError> {
        let GivenFacts { delta, stated } = given;
        let held = self.owners.get(&delta.owner);
        let versions = held.map(|facts| (facts.version, facts.stated));
        let (version, before) = versions.unwrap_or_default();
        if delta.version <= version && stated <= before {
            return Ok(Touched::default());
        }
        let Some(base) = delta.base else {
            return self.merge_whole(delta, stated);
        };
        if delta.version <= version {
            return Ok(Touched::default());
        }
        // Rows of another version than the giver's are no ground for its changes.
        let ground = if stated == delta.version {
            base
        } else {
            stated
        };
        if versions != Some((base, ground)) {
            return Err(ApplyError::NeedSnapshot {
                owner: delta.owner,
                base,
                held: versions.map(|(version, _)| version),
            });
        }
        self.merge_change(&delta, stated)
    }

    pub(super) fn merge_change(
        &mut self,
        delta: &FactDelta,
        stated: FactVersion,
    ) -> Result<Touched, ApplyError> {
        let Some(facts) = self.owners.get_mut(&delta.owner) else {
            return Ok(Touched::default());
        };
        let rows = facts.rows_after(delta);
        if rows > self.max_rows {
            return Err(too_many(delta, rows, self.max_rows, Some(facts.version)));
        }
        Ok(facts.apply_as(delta, stated != delta.version, &mut self.services))
    }

    fn merge_whole(
        &mut self,
        mut delta: FactDelta,
        stated: FactVersion,
    ) -> Result<Touched, ApplyError> {
        let held = self.owners.get(&delta.owner);
        let (version, before) = held
            .map(|facts| (facts.version, facts.stated))
            .unwrap_or_default();
        if stated < before {
            // Its word of the member is newer, and its rows are older.
            let mut member = FactDelta::empty(delta.owner, Some(version), delta.version);
            member.member = delta.member;
            return self.merge_change(&member, before);
        }
        if delta.version < version {
            // Its rows are newer, and its word of the member is older.
            delta.version = version;
            delta.member = held.and_then(|facts| facts.member.clone());
        }
        let rows = delta.rows();
        if rows > self.max_rows {
            return Err(too_many(
                &delta,
                rows,
                self.max_rows,
                held.map(|facts| facts.version),
            ));
        }
        let mut fresh = OwnerFacts::new();
        fresh.apply_as(&delta, stated != delta.version, &mut self.services);
        fresh.stated = stated;
        Ok(self.put(&delta.owner, fresh))
    }

    /// What another replica needs to hold the same of an owner, whatever it holds now.
    #[must_use]
    pub fn given(&self, owner: &causeway_api::MemberName) -> Option<GivenFacts> {
        let facts = self.owners.get(owner)?;
        Some(GivenFacts {
            delta: facts.snapshot(owner),
            stated: facts.stated,
        })
    }
}
