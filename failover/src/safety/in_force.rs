//! What a person froze or pinned stays as it is: a freeze against all of automation, a pin as long as what the plan names
//! can be reached. A newer word of a person beats it.

use causeway_api::shift::ShiftKey;

use super::SafetyRefusal;
use super::moved::{Cause, Step};

/// A freeze or a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The override.
    pub shift: ShiftKey,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Whether it is a pin, which gives way where nothing answers.
    pub pin: bool,
    /// Whether a person said otherwise since.
    pub overruled: bool,
}

/// Judges a step.
///
/// # Errors
/// Where the plan would change although a person holds it as it is.
pub fn judge(step: &Step<'_>, cause: Cause, held: Option<&Held>) -> Result<(), SafetyRefusal> {
    let Some(held) = held.filter(|_| step.changes()) else {
        return Ok(());
    };
    let people = cause == Cause::People && held.overruled;
    let dead = held.pin && step.amount().forced.0 > 0;
    if people || dead {
        return Ok(());
    }
    Err(SafetyRefusal::InForce {
        service: step.after.inputs.service.clone(),
        shift: held.shift.clone(),
        by: held.by.clone(),
        reason: held.reason.clone(),
    })
}
