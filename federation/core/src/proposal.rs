//! What to propose for a service, once it is known what to plan it from: said once, for whoever leads, for scenarios and for
//! what-ifs.

use causeway_api::ServiceKey;
use causeway_api::plan::PlanInputs;
use causeway_failover::plan::next;
use causeway_state::State;
use causeway_state::command::PlanProposal;

/// The plan of a service from inputs, on from the one that is committed; `None` of inputs: it is no longer federated.
///
/// `None` where the committed plan is still the right one (a pod that comes or goes is a fact, and costs no decision as long
/// as the plan stays what it is), and where what would come of it is known: it waits for a person, or a safety rule refuses
/// it.
///
/// Where a person moves the service while a loss waits for a person, the move is proposed without the loss, if that can be;
/// the loss is looked at again once it is committed.
#[must_use]
pub fn proposal(
    state: &State,
    service: &ServiceKey,
    inputs: Option<PlanInputs>,
) -> Option<PlanProposal> {
    let held = state.plan(service).and_then(|row| row.value.as_ref());
    let Some(inputs) = inputs else {
        let gone = PlanProposal {
            service: service.clone(),
            plan: None,
            previous: None,
        };
        return held
            .is_some_and(|_| state.worth_proposing(&gone))
            .then_some(gone);
    };
    let proposal = next_from(state, service, inputs);
    let (inputs, plan) = proposal.plan.as_ref()?;
    let news = !state.is_committed(inputs, plan) && state.worth_proposing(&proposal);
    news.then_some(proposal)
}

/// The plan of a service from inputs, whether or not it is worth proposing: what a person moves without a loss that waits for a
/// person, if that would pass; else all that the inputs say.
pub(crate) fn next_from(state: &State, service: &ServiceKey, inputs: PlanInputs) -> PlanProposal {
    let moved = state.without_what_waits(&inputs);
    let moved = moved.map(|inputs| planned(state, service, inputs));
    let moved = moved.filter(|moved| state.would_pass(moved));
    moved.unwrap_or_else(|| planned(state, service, inputs))
}

/// The plan of a service from inputs as they are.
#[must_use]
pub fn planned(state: &State, service: &ServiceKey, inputs: PlanInputs) -> PlanProposal {
    let row = state.plan(service);
    let held = row.and_then(|row| row.value.as_ref());
    let next = next(&inputs, held.map(|held| (&held.inputs, &held.plan)));
    PlanProposal {
        service: service.clone(),
        plan: Some((inputs, next.plan)),
        previous: row
            .filter(|_| next.rests_on_previous)
            .map(|row| row.generation),
    }
}
