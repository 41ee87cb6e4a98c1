//! What people override and approve: what is so, and what they do about it.

use std::collections::BTreeMap;

use causeway_api::Generation;
use causeway_api::domain::Domain;
use causeway_api::plan::Rate;
use causeway_api::shift::{Shift, ShiftAction};
use causeway_api::spec::defaults;
use causeway_core::whatif::{self, Committed, Shifted};
use causeway_state::State;
use causeway_state::brain::{AfterHoldDown, Approvable, Ramp, RampStage, ShiftRow};
use causeway_state::command::Command;
use causeway_state::effects::needed_approvals;
use causeway_state::outcome::{Outcome, Refusal};

use super::whatif::unknown;
use crate::admin::api::overrides::{
    ApproveRequest, EndRequest, OverridesReport, RefusedRow, ReleaseRequest, ReturnRow,
    ShiftAnswer, ShiftReport, ShiftState, WaitingRow,
};
use crate::admin::api::registry::Done;
use crate::admin::api::{AdminError, ErrorKind};
use crate::cli::text::{count, duration};
use crate::replica::shared::Shared;

/// Acts of the audit that are answered, the newest.
const ACTS: usize = 100;

/// What people override, and what waits for them.
pub(super) fn report(state: &State) -> OverridesReport {
    let brain = &state.brain;
    let skip = brain.audit.len().saturating_sub(ACTS);
    OverridesReport {
        generation: state.last_applied,
        shifts: brain
            .shifts
            .values()
            .map(|row| of_shift(state, row))
            .collect(),
        waiting: waiting(state),
        returns: returns(state),
        refused: refusals(state).collect(),
        brake: brain.brake.clone(),
        audit: brain.audit.iter().skip(skip).cloned().collect(),
    }
}

/// Overrides that are in effect, or stay past their time.
pub(super) fn in_effect(state: &State) -> Vec<ShiftReport> {
    let rows = state.brain.shifts.values().map(|row| of_shift(state, row));
    let held = |row: &ShiftReport| {
        matches!(
            row.state,
            ShiftState::Active | ShiftState::Partly | ShiftState::Expired
        )
    };
    rows.filter(held).collect()
}

/// Plans that a safety rule refuses.
pub(super) fn refusals(state: &State) -> impl Iterator<Item = RefusedRow> {
    let rows = state.brain.refused.iter();
    rows.map(|(service, row)| RefusedRow {
        service: service.clone(),
        rule: row.refusal.rule().to_string(),
        message: row.refusal.to_string(),
        since_ago_ms: ago(state, row.since.0),
    })
}

fn ago(state: &State, at_ms: u64) -> u64 {
    state.cluster_time.0.saturating_sub(at_ms)
}

/// An override, as people see it.
pub(crate) fn of_shift(state: &State, row: &ShiftRow) -> ShiftReport {
    let shift = &row.shift;
    let how_far = match row.effective_at {
        _ if shift.dry_run => ShiftState::DryRun,
        _ if row.expired => ShiftState::Expired,
        None if row.approvals_missing() > 0 => ShiftState::Waiting,
        None => ShiftState::Scheduled,
        Some(_) if !row.refused.is_empty() => ShiftState::Partly,
        Some(_) => ShiftState::Active,
    };
    let since = row.effective_at.map(|at| ago(state, at.0));
    let steps = shift.step_percents.len();
    let step = since.filter(|_| steps > 1).map(|since| {
        let passed = since.checked_div(shift.interval_ms).unwrap_or(u64::MAX);
        let passed = usize::try_from(passed).unwrap_or(usize::MAX);
        (passed.saturating_add(1).min(steps), steps)
    });
    let refused = row.refused.iter();
    ShiftReport {
        shift: shift.clone(),
        generation: row.generation,
        state: how_far,
        expires_in_ms: row.expires_at().map(|at| at.since_ms(state.cluster_time)),
        step,
        approved_by: row
            .approvals
            .iter()
            .map(|approval| approval.by.clone())
            .collect(),
        refused: refused
            .map(|(service, refused)| (service.clone(), refused.refusal.to_string()))
            .collect(),
    }
}

/// What waits for a person.
pub(crate) fn waiting(state: &State) -> Vec<WaitingRow> {
    let brain = &state.brain;
    let mut rows: Vec<WaitingRow> = Vec::new();
    for row in brain.shifts.values() {
        let missing = row.approvals_missing();
        if row.effective_at.is_none() && !row.shift.dry_run && missing > 0 {
            rows.push(WaitingRow {
                what: Approvable::Shift(row.shift.key.clone()),
                name: format!("shift/{}@{}", row.shift.key, row.generation),
                seen: Some(row.generation),
                why: format!(
                    "{} asks to {}: {} ({} to go)",
                    row.shift.requested_by,
                    row.shift.action,
                    row.shift.reason,
                    count(u64::from(missing), "approval", "approvals")
                ),
                since_ago_ms: ago(state, row.at.0),
                moved: Rate(0),
            });
        }
    }
    for (service, pending) in &brain.pending {
        rows.push(WaitingRow {
            what: Approvable::Plan(service.clone()),
            name: format!("svc/{service}@{}", pending.generation),
            seen: Some(pending.generation),
            why: pending.waits.to_string(),
            since_ago_ms: ago(state, pending.since.0),
            moved: pending.moved,
        });
    }
    let mut domains: BTreeMap<&Domain, (u64, u64)> = BTreeMap::new();
    for ramps in brain.ramps.values() {
        for (domain, ramp) in ramps {
            if ramp.stage == RampStage::Approval {
                let (services, since) = domains.entry(domain).or_insert((0, u64::MAX));
                *services += 1;
                *since = (*since).min(ramp.since.0);
            }
        }
    }
    for (domain, (services, since)) in domains {
        rows.push(WaitingRow {
            what: Approvable::Failback {
                domain: domain.clone(),
                service: None,
            },
            name: domain.to_string(),
            seen: None,
            why: format!(
                "it is well again, and {} to it once a person approves",
                count(services, "service returns", "services return")
            ),
            since_ago_ms: ago(state, since),
            moved: Rate(0),
        });
    }
    rows
}

/// Traffic that returns in steps.
pub(super) fn returns(state: &State) -> Vec<ReturnRow> {
    let all = state.brain.ramps.iter();
    all.flat_map(|(service, ramps)| {
        ramps.iter().map(|(domain, ramp)| ReturnRow {
            service: service.clone(),
            domain: domain.clone(),
            stage: stage(ramp).to_owned(),
            step: step(ramp),
            next: next(state, domain, ramp),
            admitted_percent: ramp.admitted_percent(),
            backoffs: ramp.backoffs,
        })
    })
    .collect()
}

fn stage(ramp: &Ramp) -> &'static str {
    match ramp.stage {
        RampStage::HoldDown { .. } => "HoldDown",
        RampStage::Approval => "Approval",
        RampStage::Never => "Never",
        RampStage::Climbing => "Climbing",
    }
}

fn step(ramp: &Ramp) -> Option<(usize, usize)> {
    let at = usize::try_from(ramp.step).unwrap_or(usize::MAX);
    let of = ramp.step_percents.len();
    (ramp.stage == RampStage::Climbing).then(|| (at.saturating_add(1).min(of), of))
}

/// What comes next with a return, and what it takes.
fn next(state: &State, domain: &Domain, ramp: &Ramp) -> String {
    match ramp.stage {
        RampStage::HoldDown { until, then } => {
            let left = duration(until.since_ms(state.cluster_time));
            match then {
                AfterHoldDown::Climb => format!("begins in {left}"),
                AfterHoldDown::Approval => format!("asks a person in {left}"),
            }
        }
        RampStage::Approval => format!("waits for a person: causeway approve {domain}"),
        RampStage::Never => format!("does not return by itself: causeway restore {domain}"),
        RampStage::Climbing if ramp.unhealthy => format!(
            "waits until {} % of its endpoints are ready",
            ramp.healthy_percent
        ),
        RampStage::Climbing => {
            let after = usize::try_from(ramp.step).unwrap_or(usize::MAX);
            let percent = ramp.step_percents.get(after.saturating_add(1));
            let due = ramp.since.plus_ms(ramp.interval_ms);
            let left = duration(due.since_ms(state.cluster_time));
            match percent {
                Some(percent) => format!(
                    "{percent} % in {left}, if {} % of its endpoints are ready",
                    ramp.healthy_percent
                ),
                None => format!("done in {left}"),
            }
        }
    }
}

/// Overrides automation, or says what that would bring about.
pub(super) async fn shift(
    shared: &Shared,
    asked: &Shift,
    by: &str,
) -> Result<ShiftAnswer, AdminError> {
    let shift = Shift {
        root: asked.key.namespace.as_str() == defaults::ROOT_NAMESPACE,
        // A dry run of a verb is never written into the log.
        dry_run: false,
        requested_by: by.to_owned(),
        ..asked.clone()
    };
    if let ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain) = &shift.action {
        let committed = shared.consensus.read(Committed::of);
        if !committed.has(domain) {
            return Err(unknown(domain, &committed.domains()));
        }
    }
    // A freeze moves nothing, and whoever asks for one is in a hurry.
    let preview = asked.dry_run || !matches!(shift.action, ShiftAction::Freeze | ShiftAction::Pin);
    let foreseen = if preview {
        foresee(shared, &shift)
    } else {
        Vec::new()
    };
    let told = |services: Vec<Shifted>, changed, generation, message| ShiftAnswer {
        shift: shift.key.clone(),
        changed,
        dry_run: asked.dry_run,
        generation,
        requested_by: by.to_owned(),
        message,
        services,
    };
    if asked.dry_run {
        let judged = judged(shared, &shift);
        if let Outcome::Refused(refusal) = judged {
            return Err(refused(&refusal));
        }
        let message = format!(
            "nothing was changed: this is what `{}` would do",
            shift.action
        );
        return Ok(told(foreseen, false, None, message));
    }
    match decide(shared, Command::PutShift(shift.clone())).await? {
        Some(generation) => {
            let row = shared.consensus.read(|state| {
                state
                    .brain
                    .shifts
                    .get(&shift.key)
                    .map(|row| of_shift(state, row))
            });
            let message = accepted(&shift, row.as_ref());
            Ok(told(foreseen, true, Some(generation), message))
        }
        None => {
            let message = format!("TrafficShift {} is in force already, as it is", shift.key);
            Ok(told(Vec::new(), false, None, message))
        }
    }
}

/// What became of an override that was accepted.
fn accepted(shift: &Shift, row: Option<&ShiftReport>) -> String {
    let life = duration(shift.expires_after_ms);
    let key = &shift.key;
    match row.map(|row| row.state) {
        Some(ShiftState::Waiting) => format!(
            "TrafficShift {key} waits for {}: causeway approve shift/{key} --reason TEXT",
            count(u64::from(needed_approvals(shift)), "approval", "approvals")
        ),
        Some(ShiftState::Scheduled) => format!(
            "TrafficShift {key} begins at its time, and lasts {life} then; to end it: causeway restore shift/{key}"
        ),
        _ => format!(
            "TrafficShift {key} is in force for {life}; to end it: causeway restore shift/{key}"
        ),
    }
}

/// What would happen to the command, if it came now.
fn judged(shared: &Shared, shift: &Shift) -> Outcome {
    shared.consensus.read(|state| {
        let facts = shared.facts();
        let command = Command::PutShift(shift.clone());
        let nothing = |_: &_| false;
        whatif::dry_run_of(state, &facts, command, &nothing).outcome
    })
}

/// The services that it would move, once it has its approvals.
fn foresee(shared: &Shared, shift: &Shift) -> Vec<Shifted> {
    let now = Shift {
        approvals_required: 0,
        starts_at_ms: None,
        ends_at_ms: None,
        ..shift.clone()
    };
    shared.consensus.read(|state| {
        let facts = shared.facts();
        whatif::dry_run(state, &facts, Command::PutShift(now)).services
    })
}

/// Ends an override.
pub(super) async fn end(shared: &Shared, asked: &EndRequest, by: &str) -> Result<Done, AdminError> {
    let key = &asked.shift;
    let action = shared.consensus.read(|state| {
        let row = state.brain.shifts.get(key);
        row.map(|row| row.shift.action.clone())
    });
    let next = match action {
        Some(ShiftAction::Freeze) => "automation goes on",
        Some(ShiftAction::Evacuate(_)) => "traffic returns by the steps of failback",
        _ => "plans follow from what is there again",
    };
    let command = Command::EndShift {
        shift: key.clone(),
        by: by.to_owned(),
        reason: asked.reason.clone(),
    };
    done(
        shared,
        command,
        format!("TrafficShift {key} has ended; {next}"),
    )
    .await
}

/// Approves what waits.
pub(super) async fn approve(
    shared: &Shared,
    asked: &ApproveRequest,
    by: &str,
) -> Result<Done, AdminError> {
    let command = Command::Approve {
        what: asked.what.clone(),
        seen: asked.seen,
        by: by.to_owned(),
        reason: asked.reason.clone(),
    };
    done(
        shared,
        command,
        format!("{} is approved by {by}", asked.what),
    )
    .await
}

/// Releases the brake.
pub(super) async fn release(
    shared: &Shared,
    asked: &ReleaseRequest,
    by: &str,
) -> Result<Done, AdminError> {
    let command = Command::ReleaseBrake {
        seen: asked.seen,
        by: by.to_owned(),
        reason: asked.reason.clone(),
    };
    let message =
        "the brake is released: what is lost now is taken for truly lost, and automation goes on";
    done(shared, command, message.to_owned()).await
}

async fn done(shared: &Shared, command: Command, message: String) -> Result<Done, AdminError> {
    Ok(match decide(shared, command).await? {
        Some(_) => Done {
            changed: true,
            message,
        },
        None => Done {
            changed: false,
            message: "it is so already".to_owned(),
        },
    })
}

/// `None`: it changed nothing.
async fn decide(shared: &Shared, command: Command) -> Result<Option<Generation>, AdminError> {
    match shared.propose(command).await {
        Ok(Outcome::Accepted { generation, .. }) => Ok(Some(generation)),
        Ok(Outcome::Duplicate) => Ok(Some(shared.highest())),
        Ok(Outcome::Unchanged) => Ok(None),
        Ok(Outcome::Refused(refusal)) => Err(refused(&refusal)),
        Err(error) => Err(AdminError::unavailable(
            error,
            "a decision needs a majority of the replicas: see `causeway status`, and ask again",
        )),
    }
}

fn refused(refusal: &Refusal) -> AdminError {
    let (kind, remedy) = match refusal {
        Refusal::UnknownShift(_) => (ErrorKind::NotFound, "overrides in force: causeway restore"),
        Refusal::NothingToApprove(_) => (ErrorKind::NotFound, "what waits: causeway approve"),
        Refusal::ChangedSince { .. } | Refusal::NotSeen { .. } => {
            (ErrorKind::Refused, "what waits now: causeway approve")
        }
        Refusal::OwnApproval { .. } => (
            ErrorKind::Refused,
            "let another person approve it, with a certificate of their own",
        ),
        Refusal::Malformed { .. } => (
            ErrorKind::BadRequest,
            "overrides in force: causeway restore; another one of the same kind needs another --name",
        ),
        Refusal::LevelTooLow { .. } => (ErrorKind::Refused, "see `causeway replica list`"),
        _ => (ErrorKind::Refused, "see `causeway status`"),
    };
    AdminError::new(kind, refusal.to_string(), remedy)
}
