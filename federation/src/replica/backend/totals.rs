//! The services, counted.

use causeway_api::plan::PlanKind;

use super::{Sight, count};
use crate::admin::api::ServiceTotals;

/// The totals.
pub(super) fn totals(sight: &Sight<'_>) -> ServiceTotals {
    let plans = || {
        sight
            .look
            .state
            .plans
            .values()
            .filter_map(|row| row.value.as_ref())
            .map(|held| &held.plan)
    };
    ServiceTotals {
        exported: count(sight.look.counts.all_exported()),
        planned: count(plans().count()),
        refused: count(sight.refused.len()),
        unserved: count(
            plans()
                .filter(|plan| plan.sources.iter().any(|source| source.unserved.0 > 0))
                .count(),
        ),
        spilling: count(
            plans()
                .filter(|plan| {
                    plan.sources
                        .iter()
                        .any(|source| source.kind == PlanKind::Spill)
                })
                .count(),
        ),
    }
}
