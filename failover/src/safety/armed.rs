//! Automation that a drill has proven, where policy asks for that.
//!
//! Drills are not decided yet, and no policy can ask for one: this is the seam where they will be judged.

use causeway_api::ServiceKey;

use super::SafetyRefusal;
use super::moved::{Amount, Cause};

/// Judges an automatic step. `max_age_ms`: how old the last passing drill may be, where policy asks for one;
/// `age_ms`: how old it is, in cluster time; `None`: there was none.
///
/// # Errors
/// Where it is too old, or there was none.
pub fn judge(
    service: &ServiceKey,
    amount: Amount,
    cause: Cause,
    max_age_ms: Option<u64>,
    age_ms: Option<u64>,
) -> Result<(), SafetyRefusal> {
    let Some(max_age_ms) = max_age_ms.filter(|_| cause == Cause::Loss && amount.all().0 > 0) else {
        return Ok(());
    };
    if age_ms.is_some_and(|age_ms| age_ms <= max_age_ms) {
        return Ok(());
    }
    Err(SafetyRefusal::Armed {
        service: service.clone(),
    })
}
