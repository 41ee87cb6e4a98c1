//! A service that keeps state moves by a person's word alone: nobody here knows whether its data is on the other side.

use causeway_api::ServiceKey;

use super::SafetyRefusal;
use super::moved::Amount;

/// Judges a step that moves so much; `word`: whether a person approved it.
///
/// # Errors
/// Where nobody did.
pub fn judge(
    service: &ServiceKey,
    amount: Amount,
    stateful: bool,
    word: bool,
) -> Result<(), SafetyRefusal> {
    if !stateful || word || amount.all().0 == 0 {
        return Ok(());
    }
    Err(SafetyRefusal::Stateful {
        service: service.clone(),
    })
}
