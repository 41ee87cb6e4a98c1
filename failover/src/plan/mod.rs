//! The waterfall: for each source the shares of each destination.
//!
//! The stages, in order:
//!
//! 1. `fleet`: the inputs in one order, without repetitions, with what each zone may carry (capacity × utilisation).
//! 2. `tiers`: for each source the ways that it may go, the nearest first.
//! 3. `waterfall`: tier by tier over all sources at once, each way is filled up to what it may carry; who competes in a
//!    tier gets in proportion to what they ask for; the rest spills outward.
//! 4. `augment`: where demand is left over although capacity is, flows that have another way make room.
//! 5. `improve`: flows move where they cost less, until no plan that serves as much costs less ([`cost`]).
//! 6. `shares`: flows → shares that sum to the whole, and how a mesh is to carry them out.
//!
//! What is unknown is never guessed. A source whose demand is unknown goes to its nearest ways in proportion to ready
//! endpoints and is not counted against anybody's capacity; so does one whose nearest ways have unknown capacity. No
//! spill ever goes to a destination whose capacity is unknown: it stands by.
//!
//! The plan depends on its inputs alone, not on their order and not on the plan before. [`plan_with_previous`] takes
//! the plan before as one more input, and moves no more than it must (`keep`).

mod apportion;
mod augment;
pub mod cost;
mod fleet;
mod flows;
mod improve;
mod keep;
mod last_resort;
mod shares;
pub(crate) mod tiers;
mod waterfall;
mod withdrawn;

use causeway_api::plan::{PlanInputs, ServicePlan};

pub(crate) use fleet::Fleet;
pub use keep::{Stability, plan_with_previous};

/// Plans one service.
#[must_use]
pub fn plan(inputs: &PlanInputs) -> ServicePlan {
    let fleet = Fleet::new(inputs);
    let ways = tiers::ways(&fleet);
    let mut flows = waterfall::start(&fleet, &ways);
    waterfall::fill(&fleet, &ways, &mut flows, &|_, _| Vec::new());
    augment::augment(&ways, &mut flows);
    improve::improve(&fleet, &ways, &mut flows);
    finish(&fleet, &ways, &flows)
}

/// The plan that flows amount to.
fn finish(fleet: &Fleet<'_>, ways: &[Vec<tiers::Way<'_>>], flows: &flows::Flows) -> ServicePlan {
    ServicePlan {
        service: fleet.inputs.service.clone(),
        sources: shares::shares(fleet, ways, flows),
        withdrawn: withdrawn::withdrawn(fleet),
    }
}
