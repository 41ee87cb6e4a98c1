//! Large changes in parts: each part is an entry, and the last one brings the whole into force.

use causeway_api::Generation;

use super::{Applied, plans};
use crate::command::{Chunk, Command};
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// Takes a part, and applies the whole with the last.
pub(super) fn take(state: &mut State, generation: Generation, chunk: &Chunk) -> Applied {
    let now = state.cluster_time;
    let whole = state.stagings.take(chunk, now).map_err(Refusal::Chunk)?;
    let Some(bytes) = whole else {
        return Ok(Some(Effect::default()));
    };
    let unreadable = |why: String| Refusal::Chunk(format!("the whole cannot be read: {why}"));
    match postcard::take_from_bytes::<Command>(&bytes) {
        Ok((Command::CommitPlans(proposals), [])) => {
            plans::commit(state, generation, &proposals, plans::STAGED_PROPOSALS)
        }
        Ok((_, [])) => Err(unreadable(
            "it is no change that may come in parts".to_owned(),
        )),
        Ok((_, rest)) => Err(unreadable(format!("{} bytes follow it", rest.len()))),
        Err(error) => Err(unreadable(error.to_string())),
    }
}
