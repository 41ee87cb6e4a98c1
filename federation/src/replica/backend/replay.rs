//! A decision computed again: from its entry in the log, or where that is gone from the plans that are still in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_api::contingency::ContentHash;
use causeway_api::generation::Generation;
use causeway_api::ids::ServiceKey;
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_failover::replay::{self, Replayed};
use causeway_state::{Command, PlanRow, Request};

use crate::admin::api::AdminError;
use crate::admin::api::whatif::{ReplayReport, ReplayRow, ReplaySource};
use crate::replica::shared::Shared;

/// The report.
pub(super) fn report(shared: &Shared, generation: Generation) -> Result<ReplayReport, AdminError> {
    let (applied, plans) = shared
        .consensus
        .read(|state| (state.last_applied, state.plans.clone()));
    if generation > applied || generation.index > applied.index {
        return Err(AdminError::not_found(
            format!("{generation} was not decided yet: this replica has come to {applied}"),
            "see `causeway status` for the newest generation",
        ));
    }
    let entry = |index| shared.consensus.entry(index);
    if let Some(rows) = from_log(&entry, generation, &plans)? {
        return Ok(ReplayReport {
            generation,
            found_in: ReplaySource::Log,
            plans: rows,
        });
    }
    let rows = from_state(generation, &plans);
    if rows.is_empty() {
        let oldest = shared.consensus.oldest_entry();
        return Err(AdminError::not_found(
            format!(
                "{generation} decided no plan that is still in force, and its entry is no longer in the log, which begins at entry {oldest}"
            ),
            "a backup from then has the plans of then; `causeway explain NAME.NAMESPACE` says which generation a plan is of",
        ));
    }
    Ok(ReplayReport {
        generation,
        found_in: ReplaySource::State,
        plans: rows,
    })
}

type Plans = BTreeMap<ServiceKey, Arc<PlanRow>>;

/// Tells an entry of the log and its term, by its index, as long as the log has it.
type Entries<'a> = dyn Fn(u64) -> Option<(u64, Arc<Request>)> + 'a;

/// `None`: the log no longer has the entry.
fn from_log(
    entries: &Entries<'_>,
    generation: Generation,
    plans: &Plans,
) -> Result<Option<Vec<ReplayRow>>, AdminError> {
    let Some((term, request)) = entries(generation.index) else {
        return Ok(None);
    };
    if term != generation.term {
        return Err(AdminError::not_found(
            format!(
                "there is no generation {generation}: entry {} of the log is of term {term}",
                generation.index
            ),
            "see `causeway explain NAME.NAMESPACE` for the generation of a plan",
        ));
    }
    let Command::CommitPlans(proposals) = &request.command else {
        return match request.command {
            // The last part of a large change: its parts are spread over the log.
            Command::StageChunk(_) => Ok(None),
            _ => Err(AdminError::not_found(
                format!("{generation} is a decision without plans"),
                "see `causeway explain NAME.NAMESPACE` for the generation of a plan",
            )),
        };
    };
    let rows = proposals.iter().map(|proposal| {
        let service = &proposal.service;
        let Some((inputs, plan)) = &proposal.plan else {
            return without(service);
        };
        let Some(previous) = proposal.previous else {
            return row(service, inputs, None, plan);
        };
        match plan_of(entries, plans, service, previous) {
            Some(before) => row(service, inputs, Some((previous, &before)), plan),
            None => ReplayRow {
                recorded: Some(hex(replay::sum(plan))),
                previous: Some(previous),
                note: Some(format!(
                    "it went on from the plan of {previous}, which is no longer in the log"
                )),
                ..without(service)
            },
        }
    });
    Ok(Some(rows.collect()))
}

/// A plan that another went on from.
fn plan_of(
    entries: &Entries<'_>,
    plans: &Plans,
    service: &ServiceKey,
    generation: Generation,
) -> Option<ServicePlan> {
    let held = plans.get(service).and_then(|row| {
        let value = row.value.as_ref()?;
        if row.generation == generation {
            return Some(value.plan.clone());
        }
        let previous = value.previous.as_ref()?;
        (previous.generation == generation).then(|| previous.plan.as_ref().clone())
    });
    held.or_else(|| {
        let (_, request) = entries(generation.index)?;
        let Command::CommitPlans(proposals) = &request.command else {
            return None;
        };
        let of = proposals.iter().find(|row| row.service == *service)?;
        of.plan.as_ref().map(|(_, plan)| plan.clone())
    })
}

fn from_state(generation: Generation, plans: &Plans) -> Vec<ReplayRow> {
    let rows = plans.iter().filter(|(_, row)| row.generation == generation);
    rows.map(|(service, row_)| match &row_.value {
        None => without(service),
        Some(held) => {
            let previous = held.previous.as_ref();
            let before = previous.map(|before| (before.generation, before.plan.as_ref()));
            row(service, &held.inputs, before, &held.plan)
        }
    })
    .collect()
}

fn row(
    service: &ServiceKey,
    inputs: &PlanInputs,
    previous: Option<(Generation, &ServicePlan)>,
    plan: &ServicePlan,
) -> ReplayRow {
    let again: Replayed = replay::replay(inputs, previous.map(|(_, plan)| plan), plan);
    ReplayRow {
        service: service.clone(),
        recorded: Some(hex(again.recorded)),
        recomputed: Some(hex(again.recomputed)),
        identical: Some(again.is_identical()),
        previous: previous.map(|(generation, _)| generation),
        note: None,
    }
}

fn without(service: &ServiceKey) -> ReplayRow {
    ReplayRow {
        service: service.clone(),
        recorded: None,
        recomputed: None,
        identical: None,
        previous: None,
        note: None,
    }
}

fn hex(sum: ContentHash) -> String {
    sum.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
