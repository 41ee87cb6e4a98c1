//! A zone or a region, concluded from its members; a region also from the replicas that stand in it.

use causeway_api::verdict::VerdictState;

/// The next state of an area whose members stand as given. Members of which nothing is known are left out, and so are those
/// that are away as announced, unless all are.
///
/// Lost when all its members are, at least one, and no replica that stands in it is heard (`replica_heard`): a region
/// whose replica answers is not dark, whatever became of its clusters. Recovering while it was lost and none serves yet;
/// Serving when all serve; else Degraded.
#[must_use]
pub fn next(
    old: VerdictState,
    members: &[VerdictState],
    replica_heard: impl FnOnce() -> bool,
) -> VerdictState {
    use VerdictState::{Away, Degraded, Lost, Recovering, Serving, Unknown};
    let known = || {
        members
            .iter()
            .copied()
            .filter(|state| !matches!(state, Unknown | Away))
    };
    if known().next().is_none() {
        return if members.contains(&Away) {
            Away
        } else {
            Unknown
        };
    }
    let all_lost = known().all(|state| state == Lost);
    if all_lost && !replica_heard() {
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
