//! What a request costs by how far away it is served.
//!
//! About the milliseconds of a round trip: between zones one, through the gateways of another network two, to the first
//! region that policy names twenty, and ten more for each region after it. Only differences matter. Measured round trips
//! would take the place of this table once the inputs of a plan carry them.

use causeway_api::plan::ServicePlan;

use super::tiers::FIRST_REGION;

/// What a request costs that is served in a tier.
#[must_use]
pub fn of_tier(tier: u8) -> u32 {
    match tier.checked_sub(FIRST_REGION) {
        None => u32::from(tier),
        Some(region) => 20 + 10 * u32::from(region),
    }
}

/// What a plan costs: the rate of each share by the cost of its tier. What is not served costs nothing here: plans that
/// serve differently much are not to be compared by it.
#[must_use]
pub fn of_plan(plan: &ServicePlan) -> u128 {
    let shares = plan.sources.iter().flat_map(|source| &source.shares);
    shares
        .map(|share| u128::from(share.rate.0) * u128::from(of_tier(share.tier)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::of_tier;

    #[test]
    fn farther_costs_more() {
        assert!((0..u8::MAX).all(|tier| of_tier(tier) < of_tier(tier + 1)));
        assert_eq!([0, 1, 2, 3, 4].map(of_tier), [0, 1, 2, 20, 30]);
    }
}
