//! Questions about the past: the state as it was, computed from the log, and answered by the same functions as one about now.
//!
//! What is no decision is not in the log: facts that no plan rested on, sessions, and what agents had applied.

use causeway_core::inputs;
use causeway_state::State;
use causeway_storage::{PastError, Until};

use super::Sight;
use crate::admin::api::{AdminError, Moment, When};
use crate::replica::shared::Shared;
use crate::replica::status::look::Look;

/// The state at a moment.
pub(super) async fn state(shared: &Shared, when: When) -> Result<(State, Moment), AdminError> {
    let (now, time) = shared
        .consensus
        .read(|state| (state.last_applied, state.cluster_time));
    let until = match when {
        When::Generation(wanted) => {
            if wanted.incarnation != now.incarnation {
                return Err(AdminError::not_found(
                    format!(
                        "{wanted} is of incarnation {} and the clusterset is of {}: a recovery or a restore lies between them",
                        wanted.incarnation, now.incarnation
                    ),
                    "a backup from then has the decisions of then",
                ));
            }
            Until::Entry(wanted.index)
        }
        When::AgoMs(ms) => match time.0.checked_sub(ms) {
            Some(then) => Until::Time(causeway_api::verdict::ClusterTime(then)),
            None => {
                return Err(AdminError::not_found(
                    format!(
                        "that is longer ago than cluster time has run, which is {}: it stands still while no timer is pending",
                        crate::cli::text::duration(time.0)
                    ),
                    "name a generation, as `causeway explain` and `causeway status` show them",
                ));
            }
        },
    };
    // Each is some seconds' work and as much memory as the state: one after another.
    let _one = shared.past.lock().await;
    let past = shared
        .consensus
        .past(until)
        .await
        .map_err(|error| of(&error))?;
    let then = past.state.last_applied;
    if let When::Generation(wanted) = when
        && then.index == wanted.index
        && then.term != wanted.term
    {
        return Err(AdminError::not_found(
            format!(
                "there is no generation {wanted}: entry {} is {then}",
                wanted.index
            ),
            format!("causeway explain … --at {then}"),
        ));
    }
    let moment = Moment {
        generation: then,
        cluster_time: past.state.cluster_time,
        ago_ms: time.since_ms(past.state.cluster_time),
        oldest_entry: past.oldest,
    };
    Ok((past.state, moment))
}

fn of(error: &PastError) -> AdminError {
    let text = error.to_string();
    match error {
        PastError::Compacted { oldest } => AdminError::not_found(
            text,
            format!(
                "ask for a generation from index {oldest} on, or another replica, which may have more; a backup from then has the \
                 decisions of then"
            ),
        ),
        PastError::Ahead { .. } => {
            AdminError::not_found(text, "see `causeway status` for the newest generation")
        }
        PastError::Unreadable(_) => AdminError::unavailable(text, "ask again, or another replica"),
    }
}

/// Calls `f` with what the log tells of a moment: the state, and nothing beside it.
pub(super) fn see<T>(shared: &Shared, state: &State, f: impl FnOnce(&Sight<'_>) -> T) -> T {
    let refused = state.brain.refused.iter();
    let refused = refused.map(|(service, row)| (service.clone(), row.refusal.to_string()));
    let refused = refused.collect();
    Look::of_state_alone(shared.id, state, |look| {
        f(&Sight::of_the_past(look, refused))
    })
}

/// What a plan rests on: as facts say it now, or, of the past, as they said it when it was committed.
pub(super) fn inputs_of(
    sight: &Sight<'_>,
    service: &causeway_api::ServiceKey,
    committed: &causeway_api::plan::PlanInputs,
) -> causeway_api::plan::PlanInputs {
    let now = match sight.past {
        true => None,
        false => inputs::in_force(sight.look.state, sight.look.facts, service),
    };
    now.unwrap_or_else(|| committed.clone())
}
