//! The planner's loop: looks at what changed and at nothing else, plans it, and proposes what differs from before.
//!
//! Facts arrive without waiting for it. While a proposal is being committed, changes gather; the next round takes them
//! together.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::ids::{MemberName, Name, ServiceKey};
use causeway_api::plan::PlanInputs;
use causeway_core::proposal::proposal;
use causeway_core::ties::Ties;
use causeway_core::{inputs, placement};
use causeway_index::Touched;
use causeway_state::State;
use causeway_state::command::{Command, PlanProposal};
use causeway_state::outcome::{Effect, Outcome, Refusal};
use tokio::sync::Notify;

use super::contingencies::Mark;
use super::sessions::lock;
use super::shared::{RefusedKind, Shared};

/// Plans in one command.
const BATCH: usize = 256;
/// After a proposal that failed (no quorum, a full disk), before the same is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// After so many rounds in a row of which something was refused it is not a state that moved on, and there is time.
const PATIENCE: u32 = 4;

/// What is to be looked at.
#[derive(Default)]
pub(crate) struct Brain {
    due: Mutex<Due>,
    /// What services share, as far as this replica has planned them.
    ties: Mutex<Ties>,
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
    /// What was prepared came into force: it goes before everything else.
    activated: bool,
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

    /// What was prepared for a loss came into force.
    pub(crate) fn activated(&self) {
        self.mark(|due| due.activated = true);
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
        let mut refused = 0;
        loop {
            brain.wake.notified().await;
            let due = std::mem::take(&mut *lock(&brain.due));
            if !shared.consensus.leads() {
                // Another plans; whoever leads next looks at everything.
                continue;
            }
            match round(&shared, due).await {
                Ok(Passed::All) => refused = 0,
                Ok(Passed::Some) if refused < PATIENCE => refused += 1,
                // Planned again at once, it would be refused again at once, and fill the log.
                Ok(Passed::Some) => shared.env.sleep(shared.env.random().jittered(RETRY)).await,
                Err((error, undone)) => {
                    tracing::warn!(%error, "a plan could not be committed; it is tried again");
                    brain.mark(|due| due.merge(undone));
                    shared.env.sleep(shared.env.random().jittered(RETRY)).await;
                }
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
        self.activated |= other.activated;
    }
}

/// Whether all of a round's plans are in force, or some were refused and are planned again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    All,
    Some,
}

/// One round; what could not be decided is given back.
async fn round(shared: &Shared, due: Due) -> Result<Passed, (String, Due)> {
    let mut passed = Passed::All;
    if due.activated
        && let Err(error) = carry_out(shared).await
    {
        return Err((error, due));
    }
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
        let proposals = changed_plans(shared, batch, due.everything);
        if proposals.is_empty() {
            continue;
        }
        let proposed: Vec<ServiceKey> = proposals.iter().map(|row| row.service.clone()).collect();
        match shared.propose(Command::CommitPlans(proposals)).await {
            Ok(Outcome::Accepted { effect, .. }) => {
                note_refused(shared, &effect);
                if effect
                    .refused
                    .iter()
                    .any(|(_, refusal)| !matches!(refusal, Refusal::Safety(_)))
                {
                    passed = Passed::Some;
                }
            }
            Ok(Outcome::Refused(refusal)) => tracing::error!(%refusal, "plans refused"),
            Ok(Outcome::Unchanged | Outcome::Duplicate) => {}
            Err(error) => {
                // Those that were not asked for got another part of what they share, and are not named a second time.
                let mut undone = due;
                undone.services.extend(proposed);
                return Err((error, undone));
            }
        }
    }
    Ok(passed)
}

/// Proposes what was prepared for the loss that came into force, without planning anything. What does not pass any more, or
/// was not held here, the round that follows plans afresh.
async fn carry_out(shared: &Shared) -> Result<(), String> {
    let active = shared
        .consensus
        .read(|state| state.brain.contingencies.active.clone());
    let Some(active) = active else {
        return Ok(());
    };
    if !shared.preparations.holds(&active.domain, active.hash) {
        tracing::info!(
            domain = %active.domain, contingency = %active.hash,
            "what was prepared has drifted since it was named: planned afresh"
        );
        return Ok(());
    }
    // A batch at a time: whoever else needs the state does not wait for all of them.
    let mut mark = Mark::default();
    loop {
        let batch = shared.consensus.read(|state| {
            let preparations = &shared.preparations;
            preparations.proposals(state, &active.domain, &mut mark, BATCH)
        });
        if batch.is_empty() {
            return Ok(());
        }
        if let Outcome::Accepted { effect, .. } =
            shared.propose(Command::CommitPlans(batch)).await?
        {
            note_refused(shared, &effect);
        }
    }
}

/// A refused plan was mostly computed from a state that has moved on: it is planned again. What a check refused is a
/// fault of ours, and must be seen.
fn note_refused(shared: &Shared, effect: &Effect) {
    for (service, refusal) in &effect.refused {
        if matches!(
            refusal,
            Refusal::VerdictIgnored { .. }
                | Refusal::StalePolicy { .. }
                | Refusal::StalePlan { .. }
                | Refusal::InputContradicted { .. }
                | Refusal::GatewayOverfull { .. }
                | Refusal::NotTogether { .. }
        ) {
            tracing::info!(%service, %refusal, "the state moved on while it was planned: planned again");
        } else if matches!(refusal, Refusal::Safety(_)) {
            tracing::warn!(%service, %refusal, "a safety rule refuses the plan");
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

/// What is to be proposed for some services, and for those that share something with them.
fn changed_plans(shared: &Shared, services: &[ServiceKey], anew: bool) -> Vec<PlanProposal> {
    shared.consensus.read(|state| {
        let facts = shared.facts();
        let asked: BTreeSet<ServiceKey> = services.iter().cloned().collect();
        let inputs = lock(&shared.brain.ties).inputs(state, &facts, &asked);
        let proposals = inputs
            .into_iter()
            .filter_map(|(key, inputs)| changed_plan(shared, state, &key, inputs, anew));
        proposals.collect()
    })
}

/// What is to be proposed for a service. What was planned from the very same inputs is not planned again, except where `anew`
/// says so: another version of this program may plan better.
fn changed_plan(
    shared: &Shared,
    state: &State,
    key: &ServiceKey,
    inputs: Option<PlanInputs>,
    anew: bool,
) -> Option<PlanProposal> {
    if let Some(inputs) = &inputs {
        let held = state.plan(key).and_then(|row| row.value.as_ref());
        let waits = state.brain.pending.contains_key(key);
        if !anew && !waits && held.is_some_and(|held| held.inputs == *inputs) {
            return None;
        }
        shared.metrics.planned();
    }
    proposal(state, key, inputs)
}
