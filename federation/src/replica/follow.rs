//! Follows what is decided and tells those who must act: agents' outboxes, the planner, and whoever looks at status.

use std::collections::BTreeSet;
use std::sync::Arc;

use causeway_api::ServiceKey;
use causeway_api::verdict::Subject;
use causeway_state::outcome::{Effect, Outcome, Refusal};
use causeway_storage::{Decision, Next};

use super::shared::Shared;

/// Follows until it is dropped.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut decisions = shared.consensus.decisions();
    // What was decided before this process began is looked at whole, once.
    everything(&shared);
    while let Some(next) = decisions.next().await {
        match next {
            Next::Decision(decision) => one(&shared, &decision),
            Next::Missed => {
                tracing::info!(
                    "decisions came faster than they were followed: everything is compared anew"
                );
                everything(&shared);
            }
        }
    }
}

fn everything(shared: &Shared) {
    let known: Vec<_> = {
        let sessions = shared.sessions.all();
        let facts = shared.facts();
        let owners = facts.owners().map(|(owner, _)| owner.clone());
        owners
            .chain(sessions.iter().map(|session| session.hello.member.clone()))
            .collect()
    };
    for member in &known {
        shared.forget_removed(member);
    }
    shared.sessions.all_changed();
    shared.brain.all_changed();
    shared.preparations.all_changed();
    shared.counts.all_changed();
    shared.places_changed();
    let members: Vec<_> = shared
        .consensus
        .read(|state| state.members.keys().cloned().collect());
    for member in &members {
        shared.brain.declared(member);
        shared.status_changed(member);
    }
}

fn one(shared: &Shared, decided: &Decision) {
    let Outcome::Accepted { effect, .. } = &decided.outcome else {
        return;
    };
    let planned: BTreeSet<ServiceKey> = effect.planned.iter().cloned().collect();
    if !planned.is_empty() {
        shared.sessions.plans_changed(&planned);
        shared.counts.plans_changed(&planned);
    }
    // What is prepared for losses rests on inputs, too.
    let rests: BTreeSet<ServiceKey> = planned.into_iter().chain(effect.noted.clone()).collect();
    if !rests.is_empty() {
        shared.preparations.committed(&rests);
    }
    if effect.people {
        shared.counts.waiting_changed();
    }
    if effect.policies {
        shared.counts.policies_changed();
    }
    if !effect.networks.is_empty() {
        shared
            .sessions
            .networks_changed(&effect.networks.iter().cloned().collect());
    }
    let cut = !(effect.verdicts.is_empty() && effect.networks.is_empty());
    if cut || effect.policies || effect.people {
        shared.sessions.coarse_changed();
    }
    for member in &effect.members {
        shared.forget_removed(member);
    }
    let placed = !(effect.members.is_empty() && effect.placed.is_empty());
    if placed {
        shared.places_changed();
    }
    if placed || !effect.verdicts.is_empty() || effect.policies || effect.people {
        shared.preparations.places_changed();
    }
    if let Some(activation) = &effect.activated {
        tracing::warn!(
            domain = %activation.domain, contingency = %activation.hash, generation = %activation.generation,
            "what was prepared for this loss is in force"
        );
        shared.brain.activated();
    }
    for member in effect.members.iter().chain(&effect.placed) {
        shared.sessions.settings_changed(member);
        shared.brain.declared(member);
    }
    for member in concerned(shared, effect) {
        shared.brain.member_changed(&member);
    }
    if effect.policies || effect.replan_all {
        shared.brain.all_changed();
    }
    // A plan that was refused was computed from a state that had moved on. What a safety rule refuses stays refused until
    // something changes.
    let stale = effect
        .refused
        .iter()
        .filter(|(_, refusal)| !matches!(refusal, Refusal::Safety(_)));
    shared
        .brain
        .services_changed(stale.map(|(service, _)| service.clone()));
    shared.brain.services_changed(effect.replan.iter().cloned());
    log_verdicts(effect);
    shared.memory.moved(effect, shared.env.now());
    shared.metrics.verdicts(effect);
    shared.any_status_changed();
}

/// The members whose traffic a change of verdicts or networks may move.
fn concerned(shared: &Shared, effect: &Effect) -> BTreeSet<causeway_api::MemberName> {
    let mut members = BTreeSet::new();
    for (subject, ..) in &effect.verdicts {
        if let Subject::Member { member } | Subject::Gateway { member, .. } = subject {
            members.insert(member.clone());
        }
    }
    if effect.networks.is_empty() {
        return members;
    }
    shared.consensus.read(|state| {
        for (name, member) in &state.members {
            if member
                .placement
                .as_ref()
                .is_some_and(|placement| effect.networks.contains(&placement.network))
            {
                members.insert(name.clone());
            }
        }
    });
    members
}

fn log_verdicts(effect: &Effect) {
    for (subject, from, to) in &effect.verdicts {
        if to.may_receive() {
            tracing::info!(%subject, %from, %to, "verdict");
        } else {
            tracing::warn!(%subject, %from, %to, "verdict");
        }
    }
}
