//! Nothing stands twice.

use std::collections::BTreeSet;
use std::fmt::Debug;

use causeway_api::plan::{PlanInputs, ServicePlan};

use super::{Report, name};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    once(
        inputs.sources.iter().map(|s| &s.source),
        "source of the inputs",
        report,
    );
    let destinations = inputs.destinations.iter().map(|d| (&d.member, &d.zone));
    once(destinations, "destination of the inputs", report);
    once(
        plan.sources.iter().map(|s| &s.source),
        "source of the plan",
        report,
    );
    for source in &plan.sources {
        let from = name(source);
        let shares = source.shares.iter().map(|share| &share.destination);
        once(shares, &format!("destination of {from}"), report);
        once(source.standby.iter(), &format!("standby of {from}"), report);
    }
}

fn once<T: Ord + Debug>(items: impl Iterator<Item = T>, what: &str, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for item in items {
        if seen.contains(&item) {
            report.found(format!("the {what} {item:?} stands twice"));
        }
        seen.insert(item);
    }
}
