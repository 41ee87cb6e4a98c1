//! The last deltas of all owners, so that a peer that missed some is sent those and not the whole.

use std::collections::{BTreeMap, VecDeque};

use causeway_api::FactVersion;
use causeway_api::MemberName;
use causeway_api::exchange::GivenFacts;
use causeway_api::facts::{Change, FactDelta};

/// At most this many rows are kept, over all owners.
const MAX_ROWS: usize = 50_000;

/// Deltas by owner, each one's base the version of the one before it. Bounded: the oldest go first.
#[derive(Debug)]
pub struct Recent {
    chains: BTreeMap<MemberName, VecDeque<Kept>>,
    /// The order in which they came; what a chain no longer has is passed over.
    order: VecDeque<(u64, MemberName)>,
    next: u64,
    rows: usize,
    max_rows: usize,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    facts: GivenFacts,
}

impl Default for Recent {
    fn default() -> Self {
        Self::with_max_rows(MAX_ROWS)
    }
}

impl Recent {
    /// With another bound.
    #[must_use]
    pub fn with_max_rows(max_rows: usize) -> Self {
        Self {
            chains: BTreeMap::new(),
            order: VecDeque::new(),
            next: 0,
            rows: 0,
            max_rows,
        }
    }

    /// Remembers a delta that was applied. One that follows nothing here begins the owner's chain anew; a whole ends it.
    pub fn push(&mut self, facts: GivenFacts) {
        let owner = facts.delta.owner.clone();
        let Some(base) = facts.delta.base else {
            self.forget(&owner);
            return;
        };
        let all_stated = facts.stated == facts.delta.version;
        let follows = self
            .chains
            .get(&owner)
            .and_then(|chain| chain.back())
            .is_some_and(|last| {
                last.facts.delta.version == base
                    && (last.facts.stated == last.facts.delta.version) == all_stated
            });
        if !follows {
            self.forget(&owner);
        }
        self.rows += cost(&facts.delta);
        self.next += 1;
        self.order.push_back((self.next, owner.clone()));
        self.chains.entry(owner).or_default().push_back(Kept {
            number: self.next,
            facts,
        });
        while self.rows > self.max_rows || self.order.len() > self.max_rows {
            let Some((number, owner)) = self.order.pop_front() else {
                return;
            };
            self.drop_first(&owner, number);
        }
    }

    /// Forgets an owner.
    pub fn forget(&mut self, owner: &MemberName) {
        for kept in self.chains.remove(owner).unwrap_or_default() {
            self.rows -= cost(&kept.facts.delta);
        }
    }

    fn drop_first(&mut self, owner: &MemberName, number: u64) {
        let Some(chain) = self.chains.get_mut(owner) else {
            return;
        };
        if chain.front().is_some_and(|kept| kept.number == number)
            && let Some(kept) = chain.pop_front()
        {
            self.rows -= cost(&kept.facts.delta);
        }
        if chain.is_empty() {
            self.chains.remove(owner);
        }
    }

    /// How many rows are kept.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All that followed `version`, as one delta; `None` where that is not known.
    #[must_use]
    pub fn since(&self, owner: &MemberName, version: FactVersion) -> Option<GivenFacts> {
        let chain = self.chains.get(owner)?;
        let start = chain
            .iter()
            .position(|kept| kept.facts.delta.base == Some(version))?;
        let mut rest = chain.iter().skip(start);
        let first = rest.next()?;
        let mut joined = Joined::new(&first.facts);
        for kept in rest {
            joined.add(&kept.facts);
        }
        Some(joined.finish())
    }
}

/// A delta without rows is held, too.
fn cost(delta: &FactDelta) -> usize {
    delta.rows().max(1)
}

/// Several deltas in a row as one: of each row the last word.
struct Joined {
    facts: GivenFacts,
    single: bool,
}

impl Joined {
    fn new(first: &GivenFacts) -> Self {
        Self {
            facts: first.clone(),
            single: true,
        }
    }

    fn add(&mut self, next: &GivenFacts) {
        self.single = false;
        let (delta, next_delta) = (&mut self.facts.delta, &next.delta);
        delta.version = next_delta.version;
        self.facts.stated = next.stated;
        if next_delta.member.is_some() {
            delta.member.clone_from(&next_delta.member);
        }
        delta
            .namespaces
            .extend(next_delta.namespaces.iter().cloned());
        delta.gateways.extend(next_delta.gateways.iter().cloned());
        delta.services.extend(next_delta.services.iter().cloned());
        delta.endpoints.extend(next_delta.endpoints.iter().cloned());
    }

    fn finish(mut self) -> GivenFacts {
        if !self.single {
            let delta = &mut self.facts.delta;
            last_words(&mut delta.namespaces);
            last_words(&mut delta.gateways);
            last_words(&mut delta.services);
            last_words(&mut delta.endpoints);
        }
        self.facts
    }
}

fn last_words<K: Ord + Clone, V>(changes: &mut Vec<Change<K, V>>) {
    let mut last = BTreeMap::new();
    for change in changes.drain(..) {
        last.insert(change.key, change.value);
    }
    changes.extend(last.into_iter().map(|(key, value)| Change { key, value }));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use causeway_api::facts::NamespaceFact;

    use super::*;

    fn at(sequence: u64) -> FactVersion {
        FactVersion { epoch: 1, sequence }
    }

    fn delta(base: u64, version: u64, namespace: &str, there: bool) -> GivenFacts {
        let mut delta = FactDelta::empty("a".parse().unwrap(), Some(at(base)), at(version));
        delta.namespaces.push(Change {
            key: namespace.parse().unwrap(),
            value: there.then(NamespaceFact::default),
        });
        GivenFacts {
            delta,
            stated: at(version),
        }
    }

    #[test]
    fn what_followed_comes_as_one_delta_with_the_last_word_of_each_row() {
        let mut recent = Recent::default();
        recent.push(delta(1, 2, "shop", true));
        recent.push(delta(2, 3, "bank", true));
        recent.push(delta(3, 4, "shop", false));
        let owner = "a".parse().unwrap();
        let all = recent.since(&owner, at(1)).unwrap().delta;
        assert_eq!((all.base, all.version), (Some(at(1)), at(4)));
        assert_eq!(all.namespaces.len(), 2);
        assert!(
            all.namespaces[1].value.is_none(),
            "shop went after it came: {all:?}"
        );
        assert_eq!(
            recent.since(&owner, at(3)).unwrap().delta.namespaces.len(),
            1
        );
        assert!(recent.since(&owner, at(4)).is_none());
        assert!(recent.since(&owner, at(0)).is_none());
    }

    #[test]
    fn a_gap_begins_anew_and_the_oldest_go_first() {
        let mut recent = Recent::with_max_rows(3);
        let owner = "a".parse().unwrap();
        recent.push(delta(1, 2, "shop", true));
        recent.push(delta(5, 6, "shop", true));
        assert!(recent.since(&owner, at(1)).is_none(), "a gap");
        for n in 6..20 {
            recent.push(delta(n, n + 1, "shop", true));
            assert!(recent.rows() <= 3);
        }
        assert!(recent.since(&owner, at(10)).is_none());
        assert_eq!(recent.since(&owner, at(17)).unwrap().delta.version, at(20));
        recent.forget(&owner);
        assert_eq!(recent.rows(), 0);
    }
}
