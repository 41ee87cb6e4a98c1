//! A person's move leaves at least so many serving regions as policy says. What is lost is lost: it is not refused.

use std::collections::BTreeSet;

use causeway_api::ids::Region;
use causeway_api::plan::PlanInputs;

use super::SafetyRefusal;
use super::moved::{Step, is_left, left_percent, what_is_left};

/// Judges a step against `limits.minServingRegions`; 0: no limit.
///
/// # Errors
/// Where fewer regions would serve, because of what a person leaves.
pub fn judge(step: &Step<'_>, limit: u32) -> Result<(), SafetyRefusal> {
    let inputs = step.after.inputs;
    let found = serving(inputs, false);
    if found >= limit || found == serving(inputs, true) {
        return Ok(());
    }
    Err(SafetyRefusal::MinServingRegions {
        service: inputs.service.clone(),
        left: what_is_left(inputs),
        limit,
        found,
    })
}

fn serving(inputs: &PlanInputs, with_left: bool) -> u32 {
    let zones = inputs.destinations.iter().filter(|zone| {
        let open =
            zone.withdrawn.is_none() || (left_percent(zone) > 0 && (with_left || !is_left(zone)));
        zone.exported && zone.ready > 0 && open
    });
    let regions: BTreeSet<Option<&Region>> = zones.map(|zone| zone.region.as_ref()).collect();
    u32::try_from(regions.len()).unwrap_or(u32::MAX)
}
