//! Nobody is left with nothing by a person's word: a service that no survivor serves keeps its last, and that is said.

use causeway_api::plan::{Destination, PlanInputs, ServicePlan, SourcePlan};

use super::SafetyRefusal;
use super::moved::{Step, behind, find, is_left, what_is_left};

/// Judges a step; `stay`: the plan if nothing were left, where a person leaves something.
///
/// # Errors
/// Where a source that would be served if nothing were left would not be.
pub fn judge(step: &Step<'_>, stay: Option<&ServicePlan>) -> Result<(), SafetyRefusal> {
    let Some(stay) = stay else {
        return Ok(());
    };
    let inputs = step.after.inputs;
    let served = |source: &SourcePlan| {
        let mut shares = source.shares.iter().filter(|share| share.parts > 0);
        shares.any(|share| goes(inputs, source, &share.destination))
    };
    let empty = step.after.plan.sources.iter().find(|source| {
        let stayed = find(stay, &source.source).is_some_and(|stay| !stay.shares.is_empty());
        stayed && !served(source)
    });
    let Some(source) = empty else {
        return Ok(());
    };
    let zone = source
        .source
        .zone
        .as_ref()
        .map_or("-", |zone| zone.as_str());
    Err(SafetyRefusal::NeverEmpty {
        service: inputs.service.clone(),
        source_name: format!("{}/{zone}", source.source.member),
        left: what_is_left(inputs),
    })
}

/// Whether a destination is more than a last resort that is being left.
fn goes(inputs: &PlanInputs, source: &SourcePlan, destination: &Destination) -> bool {
    behind(inputs, destination)
        .any(|zone| zone.ready > 0 && (!is_left(zone) || zone.member == source.source.member))
}
