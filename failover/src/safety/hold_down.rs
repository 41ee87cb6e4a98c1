//! What has just recovered waits before traffic returns: what flaps must not take traffic along each time.

use causeway_api::domain::Domain;

use super::SafetyRefusal;

/// Judges a person's wish to restore a domain. `remaining_ms`: how long it still waits, at the most of its parts; `None`: it
/// does not.
///
/// # Errors
/// Where it waits.
pub fn judge(domain: &Domain, remaining_ms: Option<u64>) -> Result<(), SafetyRefusal> {
    match remaining_ms {
        None => Ok(()),
        Some(remaining_ms) => Err(SafetyRefusal::HoldDown {
            domain: domain.clone(),
            remaining_ms,
        }),
    }
}
