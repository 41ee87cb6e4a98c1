//! What is published: conditions of all jobs, of the watches, and of the writer itself.

use std::collections::BTreeMap;

use causeway_api::view::{Applied, MeshCondition};
use causeway_render::Kind;
use causeway_render::condition::of_mesh;

use crate::live::store::{KindState, Store};
use crate::source::Versions;
use crate::writer::job::{JobKey, Outcome};

/// At most so many conditions are published; beyond it their number is.
const MOST: usize = 500;

/// What jobs came to, as far as it is worth keeping.
#[derive(Default)]
pub(crate) struct Results {
    of: BTreeMap<JobKey, (Vec<MeshCondition>, u64)>,
    would_change: u64,
}

impl Results {
    /// Takes over what a job came to, in place of what it came to before.
    pub(crate) fn set(&mut self, key: &JobKey, outcome: &Outcome) {
        let old = if outcome.conditions.is_empty() && outcome.would_change == 0 {
            self.of.remove(key)
        } else {
            let new = (outcome.conditions.clone(), outcome.would_change);
            self.of.insert(key.clone(), new)
        };
        self.would_change += outcome.would_change;
        self.would_change -= old.map_or(0, |(_, count)| count);
    }

    /// What is published now.
    pub(crate) fn applied(
        &self,
        versions: &Versions,
        store: &Store,
        own: &[MeshCondition],
    ) -> Applied {
        let jobs = self.of.values().flat_map(|(conditions, _)| conditions);
        let mut conditions: Vec<_> = own
            .iter()
            .cloned()
            .chain(
                Kind::WATCHED
                    .into_iter()
                    .filter_map(|kind| watching(kind, store)),
            )
            .chain(jobs.cloned())
            .collect();
        conditions.sort();
        conditions.dedup();
        if conditions.len() > MOST {
            let more = conditions.len() - MOST;
            conditions.truncate(MOST);
            conditions.push(of_mesh(
                "MoreConditions",
                "",
                format!("{more} more are not listed here"),
            ));
        }
        Applied {
            generation: versions.generation,
            owners: versions.owners.clone(),
            objects: u64::try_from(store.count()).unwrap_or(u64::MAX),
            would_change: self.would_change,
            conditions,
        }
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
