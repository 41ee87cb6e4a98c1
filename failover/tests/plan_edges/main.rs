//! The lines that the planner draws: one case on each side of them, a file for what they are about.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod best_effort;
mod by_weight;
mod ejected;
mod last_resort;
mod limits;
mod sharing_out;
mod stability;
#[path = "../support/mod.rs"]
mod support;
mod weights;
mod withdrawn;

use causeway_api::plan::{PlanInputs, PlanKind, Rate, ServicePlan, SourcePlan, WHOLE, Withdrawal};
use causeway_failover::checker::check;
use causeway_failover::plan::{Next, next, plan};
use support::region;
use support::scenario::parse;

/// Where the sources of a member's first zone go, in hundredths of a percent.
fn shares(plan: &ServicePlan, member: &str) -> Vec<(String, u32)> {
    let shares = of(plan, member).shares.iter();
    shares
        .map(|share| (share.destination.to_string(), share.parts))
        .collect()
}

/// What they send there, a second.
fn rates(plan: &ServicePlan, member: &str) -> Vec<(String, u64)> {
    let shares = of(plan, member).shares.iter();
    shares
        .map(|share| (share.destination.to_string(), share.rate.0 / 1_000))
        .collect()
}

fn of<'p>(plan: &'p ServicePlan, member: &str) -> &'p SourcePlan {
    let mut sources = plan.sources.iter();
    let of = sources.find(|source| source.source.member.as_str() == member);
    of.unwrap()
}

fn rows<T: Copy, const N: usize>(rows: [(&str, T); N]) -> Vec<(String, T)> {
    rows.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Plans, and lets the checker judge it.
fn judged(text: &str) -> ServicePlan {
    let inputs = parse(text);
    let plan = plan(&inputs);
    assert_eq!(check(&inputs, &plan), [], "{text}");
    plan
}

#[test]
fn a_zone_whose_region_nobody_knows_is_near_to_its_own_member() {
    let tier = |source: &str, zone: &str| {
        let plan = judged(&format!(
            "member a
               zone s {source} demand=10
               zone z {zone} demand=0 ready=1 each=100"
        ));
        of(&plan, "a").shares[0].tier
    };
    assert_eq!(tier("region=r", "region=r"), 1);
    assert_eq!(tier("region=r", "region=q"), 3);
    assert_eq!(tier("region=r", ""), 1);
    assert_eq!(tier("", "region=r"), 1);
    assert_eq!(tier("", ""), 1);
}
