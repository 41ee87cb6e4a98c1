//! Cluster time never advances by more than has passed: a change of leader adds nothing, nor does a leader that slept, and so no
//! hold is ever shorter than people declare.

use std::time::Duration;

use causeway_api::verdict::ClusterTime;

/// How much faster than others a process's clock may run, in millionths, and a little more.
const DRIFT_PPM: u64 = 600;

/// Judges cluster time, so long after the clusterset began.
///
/// # Errors
/// Where it is ahead.
pub fn judge(time: ClusterTime, passed: Duration) -> Result<(), String> {
    let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
    let most = passed_ms.saturating_add(passed_ms / 1_000_000 * DRIFT_PPM + DRIFT_PPM);
    if time.0 <= most {
        return Ok(());
    }
    Err(format!(
        "cluster time is {} ms, and only {passed_ms} ms have passed",
        time.0
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn time_that_has_not_passed_is_found() {
        judge(ClusterTime(60_000), Duration::from_secs(60)).unwrap();
        judge(ClusterTime(10), Duration::from_secs(60)).unwrap();
        assert!(judge(ClusterTime(61_000), Duration::from_secs(60)).is_err());
    }
}
