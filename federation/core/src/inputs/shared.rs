//! What a service shares with others: what gateways let in of it, and what binds its sources because it moves as one with
//! others. Both are decided for all services that are tied together ([`crate::ties`]); between such decisions they stay.

use causeway_api::ServiceKey;
use causeway_api::plan::{GatewayInput, SourceInput};
use causeway_state::State;

/// What gateways let in of a service, as it was committed.
pub(super) fn gateways_as_committed(state: &State, service: &ServiceKey) -> Vec<GatewayInput> {
    let held = state.plan(service).and_then(|row| row.value.as_ref());
    held.map_or_else(Vec::new, |held| held.inputs.gateways.clone())
}

/// What binds the sources of a service to others, as it was committed.
pub(super) fn as_committed(state: &State, service: &ServiceKey, sources: &mut [SourceInput]) {
    let Some(held) = state.plan(service).and_then(|row| row.value.as_ref()) else {
        return;
    };
    for source in sources {
        let mut before = held.inputs.sources.iter();
        if let Some(before) = before.find(|before| before.source == source.source) {
            source.together.clone_from(&before.together);
        }
    }
}
