//! The member's own row: the word of an agent that began anew and has not seen its member yet, which is that row and nothing
//! of the rest; and which services it is about.

use std::collections::BTreeSet;

use causeway_api::ServiceKey;
use causeway_api::facts::{FactDelta, MemberFact};

/// Whether a delta is of the member's own row alone.
pub(super) fn is_introduction(delta: &FactDelta) -> bool {
    delta.rows() == 1 && delta.member.is_some()
}

/// The member's row, with what was known before where an agent that began anew and has not seen it yet leaves it out: no
/// data is no withdrawal. Without the cluster's UID it has not listed namespaces, which also name the network; without any
/// node, nodes.
pub(super) fn filled_in(said: &MemberFact, old: Option<&MemberFact>) -> MemberFact {
    let mut row = said.clone();
    let Some(old) = old else {
        return row;
    };
    if row.cluster_uid.is_empty() {
        row.cluster_uid.clone_from(&old.cluster_uid);
        row.network = row.network.or_else(|| old.network.clone());
    }
    if row.nodes.is_empty() {
        row.nodes.clone_from(&old.nodes);
        row.region = row.region.or_else(|| old.region.clone());
    }
    if row.kubernetes_version.is_empty() {
        row.kubernetes_version.clone_from(&old.kubernetes_version);
    }
    row
}

/// The services of which two rows say differently what callers' proxies eject.
pub(super) fn ejected_otherwise(
    before: Option<&MemberFact>,
    now: Option<&MemberFact>,
) -> BTreeSet<ServiceKey> {
    let rows = |row: Option<&MemberFact>, service: &ServiceKey| {
        row.and_then(|row| row.ejected.get(service).cloned())
    };
    let all = [before, now].into_iter().flatten();
    let services = all.flat_map(|row| row.ejected.keys());
    let differs = services.filter(|service| rows(before, service) != rows(now, service));
    differs.cloned().collect()
}
