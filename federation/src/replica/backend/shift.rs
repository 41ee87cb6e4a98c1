//! What an override does, and what became of it.

use causeway_api::shift::ShiftKey;
use causeway_state::State;
use causeway_state::effects::concerns;

use super::circumstances;
use super::overrides::of_shift;
use crate::admin::api::explain::ApprovalRow;
use crate::admin::api::{AdminError, ShiftExplanation};
use crate::replica::status::counts::count;

/// The explanation.
pub(super) fn explain(state: &State, key: &ShiftKey) -> Result<ShiftExplanation, AdminError> {
    let row = state.brain.shifts.get(key);
    let around = circumstances::of_one_shift(state, key);
    if row.is_none() && around.audit.is_empty() {
        return Err(AdminError::not_found(
            format!("there is no TrafficShift {key}, and the audit remembers none"),
            "overrides in force: causeway restore; as it was before: causeway explain … --at GENERATION",
        ));
    }
    let about = row.map_or(0, |row| {
        let planned = state.plans.iter().filter(|(_, plan)| plan.value.is_some());
        planned
            .filter(|(service, _)| concerns(&row.shift, service))
            .count()
    });
    let approvals = row.map(|row| &row.approvals).into_iter().flatten();
    Ok(ShiftExplanation {
        shift: key.clone(),
        report: row.map(|row| of_shift(state, row)),
        approvals: approvals
            .map(|approval| ApprovalRow {
                by: approval.by.clone(),
                ago_ms: state.cluster_time.since_ms(approval.at),
                reason: approval.reason.clone(),
            })
            .collect(),
        services: count(about),
        around,
        at: None,
    })
}
