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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use causeway_api::plan::Rate;

    #[test]
    fn automation_that_moves_anything_needs_a_drill_that_is_recent_enough() {
        let judged = |cause, moved, max_age_ms, age_ms| {
            let amount = Amount {
                forced: Rate(moved),
                chosen: Rate(0),
            };
            let service = "shop/cart".parse().unwrap();
            judge(&service, amount, cause, max_age_ms, age_ms).is_ok()
        };
        let (week, day) = (Some(7), Some(1));
        assert!(judged(Cause::Loss, 1, None, None), "no policy asks for one");
        assert!(judged(Cause::Loss, 1, week, day) && judged(Cause::Loss, 1, day, day));
        assert!(!judged(Cause::Loss, 1, day, week), "too old");
        assert!(!judged(Cause::Loss, 1, week, None), "there was none");
        assert!(judged(Cause::Loss, 0, week, None), "nothing moves");
        assert!(judged(Cause::People, 1, week, None));
        assert!(judged(Cause::Return, 1, week, None));
    }
}
