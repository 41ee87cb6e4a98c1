//! What is published: conditions of all jobs, of the watches, and of the writer itself.

use std::collections::BTreeMap;

use causeway_api::view::MeshCondition;
use causeway_render::Kind;
use causeway_render::condition::of_mesh;

use crate::live::store::{KindState, Store};
use crate::writer::job::{JobKey, Outcome};

/// At most so many conditions are published; beyond it their number is.
const MOST: usize = 500;

/// What jobs came to, as far as it is worth keeping.
#[derive(Default)]
pub(crate) struct Results {
    of: BTreeMap<JobKey, (Vec<MeshCondition>, u64)>,
    would_change: u64,
    /// Rises with each change of a condition: most jobs change none, and the list is long.
    version: u64,
}

impl Results {
    /// Takes over what a job came to, in place of what it came to before.
    pub(crate) fn set(&mut self, key: &JobKey, outcome: &Outcome) {
        let (old, old_count) = self.of.remove(key).unwrap_or_default();
        self.version += u64::from(old != outcome.conditions);
        self.would_change += outcome.would_change;
        self.would_change -= old_count;
        if !outcome.conditions.is_empty() || outcome.would_change > 0 {
            let new = (outcome.conditions.clone(), outcome.would_change);
            self.of.insert(key.clone(), new);
        }
    }

    /// What the conditions rest on; the same again where none has changed.
    pub(crate) fn version(&self, store: &Store) -> (u64, u64) {
        (self.version, store.states_version())
    }

    /// Objects that differ and were not written.
    pub(crate) fn would_change(&self) -> u64 {
        self.would_change
    }

    /// All conditions: the writer's own, those of the watches, those of the jobs.
    pub(crate) fn conditions(&self, store: &Store, own: &[MeshCondition]) -> Vec<MeshCondition> {
        let jobs = self.of.values().flat_map(|(conditions, _)| conditions);
        let watches = Kind::ALL
            .into_iter()
            .filter_map(|kind| watching(kind, store));
        let mut all: Vec<_> = own.iter().chain(jobs).cloned().chain(watches).collect();
        all.sort();
        all.dedup();
        if all.len() > MOST {
            let more = all.len() - MOST;
            all.truncate(MOST);
            let message = format!("{more} more are not listed here");
            all.push(of_mesh("MoreConditions", "", message));
        }
        all
    }
}

/// What is in the way of following a kind.
fn watching(kind: Kind, store: &Store) -> Option<MeshCondition> {
    let resource = format!("{}.{}", kind.plural(), kind.group());
    let (reason, message) = match store.state(kind) {
        KindState::Listing | KindState::Synced => return None,
        KindState::Missing => (
            "MissingCrd",
            format!(
                "the API server does not serve {resource}/{}: nothing is written without it. {}",
                kind.version(),
                match kind {
                    Kind::Gateway => "Install the CRDs of Gateway API 1.0 or later.",
                    _ => "Install Istio 1.22 or later.",
                }
            ),
        ),
        KindState::Forbidden(why) => (
            "Forbidden",
            format!(
                "may not list and watch {resource}, and nothing is written without it: {why}. Grant the agent get, \
                 list, watch, create, patch and delete on it."
            ),
        ),
        KindState::Interrupted(why) => (
            "WatchInterrupted",
            format!("{resource} are not followed now, what was seen of them holds: {why}"),
        ),
        KindState::Failing(why) => (
            "NotListed",
            format!("{resource} could not be listed yet, and nothing is written before: {why}"),
        ),
    };
    Some(of_mesh(reason, &resource, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_made_anew_only_where_a_condition_changed() {
        let store = Store::default();
        let mut results = Results::default();
        let condition = |message: &str| of_mesh("Reason", "", message.to_owned());
        let outcome = |conditions, would_change| Outcome {
            conditions,
            would_change,
            ..Outcome::default()
        };
        results.set(&JobKey::Networks, &outcome(vec![condition("a")], 2));
        let version = results.version(&store);
        results.set(&JobKey::Networks, &outcome(vec![condition("a")], 5));
        assert_eq!(
            (results.version(&store), results.would_change()),
            (version, 5)
        );
        results.set(&JobKey::Networks, &outcome(Vec::new(), 0));
        assert_ne!(results.version(&store), version);
        assert_eq!(results.would_change(), 0);
        assert!(results.conditions(&store, &[]).is_empty());
    }

    #[test]
    fn a_flood_of_conditions_is_cut_and_counted() {
        let own: Vec<_> = (0..MOST + 7)
            .map(|at| of_mesh("Reason", &format!("{at:04}"), String::new()))
            .collect();
        let all = Results::default().conditions(&Store::default(), &own);
        assert_eq!(all.len(), MOST + 1);
        assert!(
            all.last()
                .is_some_and(|last| last.message.starts_with("7 more"))
        );
    }
}
