//! A zone or a region, concluded from its members.

use causeway_api::verdict::VerdictState;

/// The next state of an area whose members stand as given. Members of which nothing is known are left out.
///
/// Lost when all its members are, at least one; Recovering while it was lost and none serves yet; Serving when all serve;
/// else Degraded.
#[must_use]
pub fn next(old: VerdictState, members: &[VerdictState]) -> VerdictState {
    use VerdictState::{Away, Degraded, Lost, Recovering, Serving, Unknown};
    let known = || {
        members
            .iter()
            .copied()
            .filter(|state| !matches!(state, Unknown | Away))
    };
    if known().next().is_none() {
        return Unknown;
    }
    if known().all(|state| state == Lost) {
        return Lost;
    }
    let dark = known().all(|state| matches!(state, Lost | Recovering));
    if dark && matches!(old, Lost | Recovering) {
        Recovering
    } else if known().all(|state| state == Serving) {
        Serving
    } else {
        Degraded
    }
}
