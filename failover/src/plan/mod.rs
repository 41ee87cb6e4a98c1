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
//! 6. `bounds`, `network`: limits of gateways, and of zones that ramp up, where a plan does not keep them by itself.
//! 7. `rest`: what finds no known room, where policy says best effort.
//! 8. `shares`: flows → shares that sum to the whole, and how a mesh is to carry them out.
//!
//! Sources that weights bind are shared out by these before the waterfall (`weighted`), and cost moves nothing.
//!
//! What is unknown is never guessed. A source whose demand is unknown goes to its nearest ways in proportion to ready
//! endpoints and is not counted against anybody's capacity; so does one whose nearest ways have unknown capacity, or one
//! that was merely seen to be served: a rate that was seen is no limit (`unplanned`). No spill ever goes to a destination
//! whose capacity is unknown, unless policy says best effort: it stands by.
//!
//! The plan depends on its inputs alone, not on their order and not on the plan before. [`plan_with_previous`] takes
//! the plan before as one more input, and moves no more than it must (`keep`).

mod apportion;
mod augment;
mod bounds;
pub mod cost;
mod fleet;
mod flows;
mod improve;
mod keep;
mod last_resort;
mod network;
mod rest;
mod shares;
pub(crate) mod tiers;
mod unplanned;
mod waterfall;
mod weighted;
mod withdrawn;

use causeway_api::plan::{PlanInputs, ServicePlan};

pub(crate) use fleet::Fleet;
pub use keep::{Next, Stability, next, plan_with_previous, replay};

/// Plans one service.
#[must_use]
pub fn plan(inputs: &PlanInputs) -> ServicePlan {
    let fleet = Fleet::new(inputs);
    from_scratch(&fleet, &tiers::ways(&fleet))
}

fn from_scratch(fleet: &Fleet<'_>, ways: &[Vec<tiers::Way<'_>>]) -> ServicePlan {
    let mut flows = waterfall::start(fleet, ways);
    weighted::fill(fleet, ways, &mut flows);
    waterfall::fill(fleet, ways, &mut flows, &|_, _| Vec::new());
    augment::augment(ways, &mut flows);
    let by_weight = fleet.by_weight();
    if !by_weight {
        improve::improve(fleet, ways, &mut flows);
    }
    bound(fleet, ways, &mut flows, !by_weight);
    finish(fleet, ways, flows)
}

/// Brings flows under the limits that bind some callers only.
fn bound(
    fleet: &Fleet<'_>,
    ways: &[Vec<tiers::Way<'_>>],
    flows: &mut flows::Flows,
    cheapest: bool,
) {
    let bounds = bounds::Bounds::new(fleet);
    if !bounds.hold(flows) {
        bounds.trim(flows);
        network::settle(fleet, ways, flows, cheapest);
    }
}

/// The plan that flows amount to, once what is left over has gone where policy lets it.
fn finish(fleet: &Fleet<'_>, ways: &[Vec<tiers::Way<'_>>], mut flows: flows::Flows) -> ServicePlan {
    rest::send(fleet, ways, &mut flows);
    ServicePlan {
        service: fleet.inputs.service.clone(),
        sources: shares::shares(fleet, ways, &flows),
        withdrawn: withdrawn::withdrawn(fleet),
    }
}
