//! People's word holds: no plan that comes into force while a member is evacuated counts on that member, and none sends traffic
//! there by name from elsewhere, as long as there is anywhere else to go.

use causeway_api::domain::Domain;
use causeway_api::plan::{Destination, DestinationInput};
use causeway_api::shift::{ShiftAction, Urgency};
use causeway_state::{CommittedPlan, State};

/// Judges a plan that came into force.
///
/// # Errors
/// Which evacuation it passes over.
pub fn judge(state: &State, committed: &CommittedPlan) -> Result<(), String> {
    let inputs = &committed.inputs;
    for row in state.brain.shifts.values() {
        let ShiftAction::Evacuate(Domain::Member(member)) = &row.shift.action else {
            continue;
        };
        // Nobody here asks for a dry run.
        let begun = row.effective_at.is_some() || row.shift.dry_run;
        let holds = begun
            && row.shift.urgency == Urgency::Emergency
            && row.shift.root
            && !row.refused.contains_key(&inputs.service);
        if !holds {
            continue;
        }
        let key = &row.shift.key;
        let counted = |zone: &&DestinationInput| zone.member == *member && zone.withdrawn.is_none();
        if inputs.destinations.iter().any(|zone| counted(&zone)) {
            return Err(format!(
                "the plan of {} counts on {member}, which TrafficShift {key} evacuates",
                inputs.service
            ));
        }
        let elsewhere = inputs.destinations.iter().any(|zone| {
            zone.member != *member && zone.exported && zone.ready > 0 && zone.withdrawn.is_none()
        });
        let sent = committed.plan.sources.iter().any(|plan| {
            plan.source.member != *member
                && plan.shares.iter().any(|share| {
                    matches!(&share.destination, Destination::Zone { member: to, .. } if to == member)
                })
        });
        if elsewhere && sent {
            return Err(format!(
                "the plan of {} sends others to {member}, which TrafficShift {key} evacuates",
                inputs.service
            ));
        }
    }
    Ok(())
}
