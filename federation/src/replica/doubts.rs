//! Committed plans that this replica's own facts do not bear out: looked for by every replica, told to people, and nothing
//! else. Facts arrive at different times, so only what lasts is told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::ServiceKey;
use causeway_core::doubt::{Doubt, Look};
use causeway_seam::Monotonic;
use causeway_state::State;

use super::sessions::lock;
use super::shared::Shared;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// Services that are looked at in one go, besides those in doubt already: all of 10,000 within a few minutes.
const SAMPLE: usize = 256;
/// How long a doubt must last.
const LASTING: Duration = Duration::from_secs(20);
/// Doubts that are kept; beyond it something is wrong with all of them.
const KEPT: usize = 256;

/// What is in doubt here.
#[derive(Default)]
pub(crate) struct Doubts {
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    /// Since when, of which decision, and what.
    held: BTreeMap<ServiceKey, (Monotonic, causeway_api::Generation, Doubt)>,
    /// Up to which service it was looked last.
    cursor: Option<ServiceKey>,
}

impl Doubts {
    /// The doubts that last, each as a sentence.
    pub(crate) fn lasting(&self, now: Monotonic) -> BTreeMap<ServiceKey, String> {
        let rows = lock(&self.rows);
        let lasting = rows
            .held
            .iter()
            .filter(|(_, (since, ..))| now.since(*since) >= LASTING);
        lasting
            .map(|(service, (.., doubt))| (service.clone(), doubt.to_string()))
            .collect()
    }

    /// Looks at the next services, and again at those in doubt.
    fn look(&self, state: &State, now: Monotonic, doubt: &dyn Fn(&ServiceKey) -> Option<Doubt>) {
        let mut rows = lock(&self.rows);
        let after = match rows.cursor.take() {
            Some(cursor) => Bound::Excluded(cursor),
            None => Bound::Unbounded,
        };
        let next = state.plans.range((after, Bound::Unbounded)).take(SAMPLE);
        let mut due: Vec<ServiceKey> = next.map(|(service, _)| service.clone()).collect();
        // At the end it begins anew.
        rows.cursor = due.last().cloned().filter(|_| due.len() == SAMPLE);
        due.extend(rows.held.keys().cloned());
        for service in due {
            let generation = state.plan(&service).map(|row| row.generation);
            match (doubt(&service), generation) {
                (Some(found), Some(generation)) => {
                    let held = rows.held.get(&service);
                    let since = held.filter(|(_, of, _)| *of == generation);
                    let since = since.map_or(now, |(since, ..)| *since);
                    if held.is_some() || rows.held.len() < KEPT {
                        rows.held.insert(service, (since, generation, found));
                    }
                }
                _ => drop(rows.held.remove(&service)),
            }
        }
    }
}

/// Looks until it is dropped.
pub(crate) async fn watch(shared: Arc<Shared>) {
    loop {
        shared.env.sleep(shared.env.random().jittered(EVERY)).await;
        let now = shared.env.now();
        shared.consensus.read(|state| {
            let facts = shared.facts();
            let eyes = RefCell::new(Look::new(state, &facts));
            let look = |service: &ServiceKey| eyes.borrow_mut().doubt(service);
            shared.doubts.look(state, now, &look);
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use causeway_api::Generation;
    use causeway_state::PlanRow;

    use super::*;

    fn state(services: usize) -> State {
        let mut state = State::default();
        for number in 0..services {
            let key: ServiceKey = format!("shop/s{number:04}").parse().unwrap();
            let row = PlanRow::new(Generation::default(), None);
            state.plans.insert(key, Arc::new(row));
        }
        state
    }

    fn doubtful(service: &ServiceKey) -> Option<Doubt> {
        (service.name.as_str() == "s0299").then(|| Doubt {
            service: service.clone(),
            differs: vec!["a has 2 ready, and the plan counts on 0".to_owned()],
        })
    }

    #[test]
    fn only_what_lasts_is_told_and_all_are_looked_at() {
        let (doubts, state) = (Doubts::default(), state(300));
        let at = |s: u64| Monotonic::default().plus(Duration::from_secs(s));
        doubts.look(&state, at(0), &doubtful);
        assert!(lock(&doubts.rows).held.is_empty(), "not looked at yet");
        doubts.look(&state, at(5), &doubtful);
        assert!(doubts.lasting(at(24)).is_empty());
        assert_eq!(doubts.lasting(at(25)).len(), 1);
        doubts.look(&state, at(30), &doubtful);
        assert_eq!(doubts.lasting(at(30)).len(), 1, "since the first time");
        doubts.look(&state, at(35), &|_| None);
        assert!(doubts.lasting(at(60)).is_empty());
    }
}
