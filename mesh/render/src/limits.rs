//! What no view of a real clusterset exceeds. Beyond it something is wrong upstream (a file that doubled, a loop), and
//! the last good configuration stays, loudly.

use crate::input::ServiceInputs;

/// Services in one view.
pub const SERVICES: usize = 20_000;
/// Networks in one view.
pub const NETWORKS: usize = 1_000;
/// Sources of one service in one member: its zones.
pub const SOURCES: usize = 100;
/// Networks offered for one service.
pub const OFFERED: usize = 250;
/// Ports of one service; a Service of Kubernetes may have as many as fit, real ones have a handful.
pub const PORTS: usize = 250;
/// Addresses of one gateway (Gateway API: `spec.addresses` has at most 16).
pub const ADDRESSES: usize = 16;

/// What of one service's inputs is too large, as a sentence; `None` where all is well.
#[must_use]
pub fn too_large(inputs: &ServiceInputs) -> Option<String> {
    let view = inputs.view();
    let counts = [
        (
            "sources",
            view.map_or(0, |view| view.sources.len()),
            SOURCES,
        ),
        (
            "offered networks",
            view.map_or(0, |view| view.offered.len()),
            OFFERED,
        ),
        ("local ports", inputs.local.ports.len(), PORTS),
        (
            "ports at another member",
            inputs
                .owners
                .iter()
                .map(|word| word.service.ports.len())
                .max()
                .unwrap_or(0),
            PORTS,
        ),
    ];
    counts
        .into_iter()
        .find(|(_, count, limit)| count > limit)
        .map(|(what, count, limit)| {
            format!(
                "{count} {what}, where at most {limit} make sense: what the mesh holds stays as it is. Look at the \
                 controller's report of this service and at the member that states it."
            )
        })
}
