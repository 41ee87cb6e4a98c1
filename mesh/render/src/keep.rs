//! A service's last destination is never taken away: what the view would empty stays as it is, and a condition says so.
//!
//! Only a decision that the service is gone everywhere, or its namespace's end, removes the last one.

use causeway_api::ServiceKey;
use causeway_api::view::MeshCondition;

use crate::condition::{of_service, reason};
use crate::input::ServiceInputs;
use crate::object::{DesiredObject, Kind, LiveObject};

/// Whether removing all of `live`'s entries would leave callers here without any destination.
#[must_use]
pub fn would_empty(
    inputs: &ServiceInputs,
    desired: &[DesiredObject],
    live: &[&LiveObject],
) -> bool {
    let remote = desired
        .iter()
        .any(|object| object.key.kind == Kind::WorkloadEntry);
    inputs.local.ready == 0 && !remote && entries(live).next().is_some()
}

/// Puts the live entries back among the desired objects.
pub fn keep_entries(desired: &mut Vec<DesiredObject>, live: &[&LiveObject]) {
    desired.extend(entries(live).map(|entry| entry.kept()));
}

fn entries<'a>(live: &'a [&LiveObject]) -> impl Iterator<Item = &'a LiveObject> + 'a {
    live.iter()
        .copied()
        .filter(|object| object.key.kind == Kind::WorkloadEntry && object.is_ours())
}

/// The condition that goes with it.
#[must_use]
pub fn kept(service: &ServiceKey, live: &[&LiveObject]) -> MeshCondition {
    let names: Vec<_> = entries(live).map(|entry| entry.key.to_string()).collect();
    of_service(
        reason::LAST_DESTINATION_KEPT,
        service,
        &names.first().cloned().unwrap_or_default(),
        format!(
            "no endpoint is ready here, and none that the view offers: {} stay as they are, since an empty service \
             helps nobody. Bring an endpoint up in any member.",
            names.join(", ")
        ),
    )
}
