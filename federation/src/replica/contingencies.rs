//! Prepares for losses while nothing is lost, and has the plans at hand when something is.
//!
//! Every replica prepares, since any may lead when it matters. The leader names the contents in the log once they have been
//! quiet for a while; when a verdict brings one into force, it proposes what was prepared, the most critical services first,
//! without planning anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::ServiceKey;
use causeway_api::contingency::{ContentHash, Readiness};
use causeway_api::domain::Domain;
use causeway_core::contingencies::Contingencies;
use causeway_core::inputs;
use causeway_failover::contingency::{Prepared, prepared};
use causeway_failover::plan::next;
use causeway_state::State;
use causeway_state::command::{Command, PlanProposal};
use causeway_state::outcome::Outcome;
use causeway_state::state::PlanRow;
use tokio::sync::Notify;

use super::sessions::lock;
use super::shared::Shared;

/// Services that are looked at before others may run.
const STEP: usize = 16;

/// What is prepared is named once nothing changed for so long.
const QUIET: Duration = Duration::from_secs(2);

/// A fleet that is never quiet is looked at all the same, so often.
const LONGEST: Duration = Duration::from_secs(15);

/// What is prepared here.
#[derive(Default)]
pub(crate) struct Preparations {
    held: Mutex<Contingencies>,
    due: Mutex<Due>,
    wake: Notify,
}

#[derive(Default)]
struct Due {
    everything: bool,
    places: bool,
    /// Plans that changed, or what they rest on.
    committed: BTreeSet<ServiceKey>,
    /// Facts that changed under plans that may have stayed.
    facts: BTreeSet<ServiceKey>,
}

impl Preparations {
    /// Plans changed, or the inputs that are held with them.
    pub(crate) fn committed(&self, services: &BTreeSet<ServiceKey>) {
        self.mark(|due| due.committed.extend(services.iter().cloned()));
    }

    /// Facts changed.
    pub(crate) fn facts_changed<'s>(&self, services: impl IntoIterator<Item = &'s ServiceKey>) {
        self.mark(|due| due.facts.extend(services.into_iter().cloned()));
    }

    /// Members came, went, or stand elsewhere.
    pub(crate) fn places_changed(&self) {
        self.mark(|due| due.places = true);
    }

    /// Decisions were missed, or were made before this process began.
    pub(crate) fn all_changed(&self) {
        self.mark(|due| due.everything = true);
    }

    fn mark(&self, change: impl FnOnce(&mut Due)) {
        change(&mut lock(&self.due));
        self.wake.notify_one();
    }

    /// Whether this very content is held here.
    pub(crate) fn holds(&self, domain: &Domain, hash: ContentHash) -> bool {
        let held = lock(&self.held);
        held.of(domain)
            .is_some_and(|prepared| prepared.hash() == hash)
    }

    /// How well the rest would carry each loss, the widest domain first; `None` while that is still being worked out, or where
    /// there are more domains than are prepared for.
    pub(crate) fn readiness(&self) -> Option<Vec<Readiness>> {
        if !self.is_settled() {
            return None;
        }
        let held = lock(&self.held);
        (held.is_settled() && held.left_out() == 0).then(|| held.readiness())
    }

    /// Whether all that changed was looked at.
    pub(crate) fn is_settled(&self) -> bool {
        {
            let due = lock(&self.due);
            if due.everything || due.places || !due.committed.is_empty() {
                return false;
            }
        }
        lock(&self.held).is_settled()
    }

    /// Calls `f` with what is prepared for a domain, where something is. It computes and returns: activations wait for it.
    pub(crate) fn see(&self, domain: &Domain, f: impl FnOnce(&Prepared)) {
        if let Some(prepared) = lock(&self.held).of(domain) {
            f(prepared);
        }
    }

    /// The next proposals of what was prepared for a domain, at most `limit` and those that share something all at once. Of a
    /// service that is prepared anew meanwhile, what is prepared now; of one whose plan, or what it rests on, is another than it
    /// was prepared from, nothing: the round that follows plans it.
    pub(crate) fn proposals(
        &self,
        state: &State,
        domain: &Domain,
        mark: &mut Mark,
        limit: usize,
    ) -> Vec<PlanProposal> {
        let held = lock(&self.held);
        let Some(prepared) = held.of(domain) else {
            return Vec::new();
        };
        let proposals = |services: &[ServiceKey]| {
            let rows = services.iter();
            rows.filter_map(|service| held.proposal(domain, service, state.plans.get(service)?))
                .collect()
        };
        if let Mark::Together = mark {
            *mark = Mark::Alone(None);
            let together: Vec<PlanProposal> = proposals(&prepared.together());
            if !together.is_empty() {
                return together;
            }
        }
        while let Mark::Alone(after) = mark {
            let next = prepared.next(after.as_ref(), limit);
            match next.last() {
                Some(last) => *after = Some(last.clone()),
                None => *mark = Mark::Done,
            }
            let services: Vec<ServiceKey> = next.into_iter().map(|(_, service)| service).collect();
            let found: Vec<PlanProposal> = proposals(&services);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }
}

/// How far the proposals of what was prepared have been taken.
#[derive(Debug, Default)]
pub(crate) enum Mark {
    /// None yet: first those that share something.
    #[default]
    Together,
    /// Those that move by themselves, up to here.
    Alone(Option<prepared::Mark>),
    /// All.
    Done,
}

/// Prepares until it is dropped.
pub(crate) async fn prepare(shared: Arc<Shared>) {
    let preparations = &shared.preparations;
    preparations.all_changed();
    loop {
        preparations.wake.notified().await;
        // What changes in a burst is looked at once.
        let began = shared.env.now();
        loop {
            work_off(&shared).await;
            if shared.env.now().since(began) >= LONGEST {
                break;
            }
            tokio::select! {
                biased;
                () = preparations.wake.notified() => {}
                () = shared.env.sleep(QUIET) => break,
            }
        }
        if shared.consensus.leads() {
            refresh_inputs(&shared).await;
            name(&shared).await;
        }
    }
}

/// Looks at what changed, a few services at a time.
async fn work_off(shared: &Shared) {
    let preparations = &shared.preparations;
    let due = {
        let mut due = lock(&preparations.due);
        let facts = std::mem::take(&mut due.facts);
        let taken = std::mem::take(&mut *due);
        // Facts wait until it is quiet.
        due.facts = facts;
        taken
    };
    shared.consensus.read(|state| {
        let mut held = lock(&preparations.held);
        if due.everything || due.places {
            held.place(state);
        }
        held.services_changed(&due.committed);
        if due.everything {
            held.services_changed(state.plans.keys());
        }
    });
    loop {
        let services = lock(&preparations.held).take(STEP);
        if services.is_empty() {
            if lock(&preparations.held).is_settled() {
                return;
            }
            // A copy of references: planning what is tied together may take long.
            let plans = shared.consensus.read(|state| state.plans.clone());
            while lock(&preparations.held).settle(&plans) {
                shared.env.sleep(Duration::from_millis(1)).await;
            }
            return;
        }
        let rows: Vec<(ServiceKey, Option<Arc<PlanRow>>)> = shared.consensus.read(|state| {
            let row = |service: ServiceKey| {
                let row = state.plans.get(&service).cloned();
                (service, row)
            };
            services.into_iter().map(row).collect()
        });
        for (service, row) in rows {
            lock(&preparations.held).take_in(&service, row);
        }
        // Nothing waits for this: whoever has something to do goes first.
        shared.env.sleep(Duration::from_millis(1)).await;
    }
}

/// Inputs that drifted under a plan that stayed are committed where some loss would now be met in another way.
async fn refresh_inputs(shared: &Shared) {
    let facts = std::mem::take(&mut lock(&shared.preparations.due).facts);
    let mut drifted = Vec::new();
    for service in facts {
        let found = shared.consensus.read(|state| {
            let row = state.plan(&service)?;
            let held = row.value.as_ref()?;
            let now = inputs::plan_inputs(state, &shared.facts(), &service)?;
            if now == held.inputs {
                return None;
            }
            // Another plan follows from them, such as after one that a former leader proposed late: to be decided, not
            // written under the plan that is no longer theirs, which would then never be looked at again.
            let stays = next(&now, Some((&held.inputs, &held.plan))).plan == held.plan;
            if !stays {
                shared.brain.services_changed([service.clone()]);
                return None;
            }
            Some((now, held.plan.clone(), row.generation))
        });
        let Some((now, plan, generation)) = found else {
            continue;
        };
        if lock(&shared.preparations.held).would_differ(&now, &plan) {
            drifted.push(PlanProposal {
                service,
                plan: Some((now, plan)),
                previous: Some(generation),
            });
        }
    }
    let mut left = drifted.as_slice();
    while !left.is_empty() {
        let (some, rest) = left.split_at(left.len().min(causeway_state::apply::plans::PROPOSALS));
        if let Err(error) = shared.propose(Command::CommitPlans(some.to_vec())).await {
            put_back(&shared.preparations, left, &error);
            return;
        }
        left = rest;
    }
}

/// Names in the log what is prepared, where it is not what was named before.
async fn name(shared: &Shared) {
    // Passes over all services: not while decisions wait.
    let mut rows: BTreeMap<Domain, Option<(ContentHash, Readiness)>> = {
        let held = lock(&shared.preparations.held);
        if !held.is_settled() {
            return;
        }
        let row = |(domain, prepared): (&Domain, &Prepared)| {
            let content = (prepared.hash(), prepared.readiness());
            (domain.clone(), Some(content))
        };
        held.iter().map(row).collect()
    };
    let rows = shared.consensus.read(|state| {
        if state.feature_level < 2 {
            return Vec::new();
        }
        for (domain, row) in &state.brain.contingencies.rows {
            let named = Some((row.hash, row.readiness.clone()));
            match rows.get(domain) {
                Some(held) if *held == named => drop(rows.remove(domain)),
                Some(_) => {}
                None => drop(rows.insert(domain.clone(), None)),
            }
        }
        rows.into_iter().collect()
    });
    if rows.is_empty() {
        return;
    }
    let answer = shared.propose(Command::CommitContingencies(rows)).await;
    heard(&shared.preparations, answer);
}

/// Inputs that drifted could not be committed.
fn put_back(preparations: &Preparations, left: &[PlanProposal], error: &str) {
    tracing::warn!(%error, "inputs that drifted could not be committed; they are looked at again");
    preparations.facts_changed(left.iter().map(|proposal| &proposal.service));
}

/// What became of the names.
fn heard(preparations: &Preparations, answer: Result<Outcome, String>) {
    match answer {
        Ok(Outcome::Refused(refusal)) => {
            // Members moved meanwhile: the next round sees where they are.
            tracing::info!(%refusal, "what is prepared was not named");
        }
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, "what is prepared could not be named; it is tried again");
            preparations.places_changed();
        }
    }
}

#[cfg(test)]
#[path = "contingencies_tests.rs"]
mod tests;
