//! The planner's loop: looks at what changed and at nothing else, plans it, and proposes what differs from before.
//!
//! Facts arrive without waiting for it. While a proposal is being committed, changes gather; the next round takes them
//! together.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::ids::{MemberName, Name, ServiceKey};
use causeway_core::{inputs, placement};
use causeway_index::Touched;
use causeway_state::command::{Command, PlanProposal};
use causeway_state::outcome::{Effect, Outcome, Refusal};
use tokio::sync::Notify;

use super::sessions::lock;
use super::shared::{RefusedKind, Shared};

/// Plans in one command.
const BATCH: usize = 256;
/// After a proposal that failed (no quorum, a full disk), before the same is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// What is to be looked at.
#[derive(Default)]
pub(crate) struct Brain {
    due: Mutex<Due>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Due {
    services: BTreeSet<ServiceKey>,
    namespaces: BTreeSet<Name>,
    /// Members whose placement may have changed.
    placements: BTreeSet<MemberName>,
    /// Members whose services are all to be looked at.
    members: BTreeSet<MemberName>,
    everything: bool,
}

impl Brain {
    /// Facts of `owner` changed.
    pub(crate) fn facts_changed(&self, owner: &MemberName, touched: &Touched) {
        self.mark(|due| {
            due.services.extend(touched.services.iter().cloned());
            due.namespaces.extend(touched.namespaces.iter().cloned());
            if touched.member || touched.gateways {
                due.placements.insert(owner.clone());
            }
        });
    }

    /// A member's declaration changed: its placement may, too.
    pub(crate) fn declared(&self, member: &MemberName) {
        self.mark(|due| {
            due.placements.insert(member.clone());
            due.members.insert(member.clone());
        });
    }

    /// Everything that a member serves or calls is to be planned anew: its verdict or placement changed.
    pub(crate) fn member_changed(&self, member: &MemberName) {
        self.mark(|due| {
            due.members.insert(member.clone());
        });
    }

    /// Services are to be planned anew.
    pub(crate) fn services_changed(&self, services: impl IntoIterator<Item = ServiceKey>) {
        self.mark(|due| due.services.extend(services));
    }

    /// A policy changed, or events were missed.
    pub(crate) fn all_changed(&self) {
        self.mark(|due| due.everything = true);
    }

    fn mark(&self, change: impl FnOnce(&mut Due)) {
        change(&mut lock(&self.due));
        self.wake.notify_one();
    }

    /// Plans and proposes, until it is dropped.
    pub(crate) async fn run(shared: Arc<Shared>) {
        let brain = &shared.brain;
        loop {
            brain.wake.notified().await;
            let due = std::mem::take(&mut *lock(&brain.due));
            if !shared.consensus.leads() {
                // Another plans; whoever leads next looks at everything.
                continue;
            }
            if let Err((error, undone)) = round(&shared, due).await {
                tracing::warn!(%error, "a plan could not be committed; it is tried again");
                brain.mark(|due| due.merge(undone));
                shared.env.sleep(shared.env.random().jittered(RETRY)).await;
            }
        }
    }
}

impl Due {
    fn merge(&mut self, other: Self) {
        self.services.extend(other.services);
        self.namespaces.extend(other.namespaces);
        self.placements.extend(other.placements);
        self.members.extend(other.members);
        self.everything |= other.everything;
    }
}

/// One round; what could not be decided is given back.
async fn round(shared: &Shared, due: Due) -> Result<(), (String, Due)> {
    let mut placements = due.placements.clone();
    if !due.members.is_empty() {
        // What kept a member from being placed, such as its cluster being registered twice, may have gone with another.
        placements.extend(shared.consensus.read(|state| {
            let unplaced = state
                .members
                .iter()
                .filter(|(_, held)| held.placement.is_none());
            unplaced.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        }));
    }
    for member in placements {
        let Some(placement) = moved(shared, &member) else {
            continue;
        };
        let command = Command::PlaceMember {
            member: member.clone(),
            placement,
        };
        match shared.propose(command).await {
            Ok(Outcome::Refused(refusal)) => {
                tracing::error!(%member, %refusal, "the member was not placed");
                shared.refusals.note(
                    &member,
                    RefusedKind::ForeignCluster,
                    &refusal.to_string(),
                    shared.env.now(),
                );
            }
            Ok(_) => {}
            Err(error) => return Err((error, due)),
        }
    }
    let services: Vec<ServiceKey> = concerned(shared, &due).into_iter().collect();
    for batch in services.chunks(BATCH) {
        shared.metrics.reconsidered(batch);
        let proposals: Vec<PlanProposal> = batch
            .iter()
            .filter_map(|key| changed_plan(shared, key, due.everything))
            .collect();
        if proposals.is_empty() {
            continue;
        }
        match shared.propose(Command::CommitPlans(proposals)).await {
            Ok(Outcome::Accepted { effect, .. }) => note_refused(shared, &effect),
            Ok(Outcome::Refused(refusal)) => tracing::error!(%refusal, "plans refused"),
            Ok(Outcome::Unchanged | Outcome::Duplicate) => {}
            Err(error) => return Err((error, due)),
        }
    }
    Ok(())
}

/// A refused plan was mostly computed from a state that has moved on: it is planned again. What a check refused is a
/// fault of ours, and must be seen.
fn note_refused(shared: &Shared, effect: &Effect) {
    for (service, refusal) in &effect.refused {
        if matches!(
            refusal,
            Refusal::VerdictIgnored { .. } | Refusal::StalePolicy { .. } | Refusal::StalePlan { .. }
        ) {
            tracing::info!(%service, %refusal, "the state moved on while it was planned: planned again");
        } else {
            tracing::error!(%service, %refusal, "plan refused");
        }
        shared.metrics.plan_refused(refusal);
    }
}

fn moved(shared: &Shared, member: &MemberName) -> Option<causeway_api::spec::Placement> {
    shared.consensus.read(|state| {
        let facts = shared.facts();
        let owner = facts.owner(member)?;
        let held = state.member(member)?;
        // An agent that cannot list its cluster names neither gateways nor zones: those that were decided stay.
        if held.placement.is_some() && !owner.is_whole() {
            return None;
        }
        let now = placement::placement(&held.spec, owner)?;
        (held.placement.as_ref() != Some(&now)).then_some(now)
    })
}

fn concerned(shared: &Shared, due: &Due) -> BTreeSet<ServiceKey> {
    shared.consensus.read(|state| {
        let facts = shared.facts();
        let mut services = due.services.clone();
        for namespace in &due.namespaces {
            services.extend(facts.services_in_namespace(namespace).cloned());
        }
        for member in &due.members {
            services.extend(inputs::services_of(state, &facts, member));
        }
        if due.everything {
            services.extend(facts.services().cloned());
            services.extend(state.plans.keys().cloned());
        }
        services
    })
}

/// What is to be proposed for a service; `None` where the committed plan is still the right one: a pod that comes or goes
/// is a fact, and costs no decision as long as the plan stays what it is.
///
/// What was planned from the very same inputs is not planned again, except where `anew` says so: another version of this
/// program may plan better.
fn changed_plan(shared: &Shared, key: &ServiceKey, anew: bool) -> Option<PlanProposal> {
    shared.consensus.read(|state| {
        let facts = shared.facts();
        let held = state.plan(key).and_then(|row| row.value.as_ref());
        let Some(inputs) = inputs::plan_inputs(state, &facts, key) else {
            return held.map(|_| PlanProposal {
                service: key.clone(),
                plan: None,
                previous: None,
            });
        };
        if !anew && held.is_some_and(|held| held.inputs == inputs) {
            return None;
        }
        shared.metrics.planned();
        let plan = causeway_failover::plan::plan(&inputs);
        // Which policies were merged is part of what is committed, and is compared by `apply`.
        let same =
            held.is_some_and(|held| held.plan == plan && held.inputs.policy == inputs.policy);
        (!same).then(|| PlanProposal {
            service: key.clone(),
            plan: Some((inputs, plan)),
            previous: None,
        })
    })
}
