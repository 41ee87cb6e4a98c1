//! A service's last destination is never taken away: what the view would empty stays as it is, and a condition says so.
//!
//! Only a decision that the service is gone everywhere, or its namespace's end, removes the last one.

use std::collections::BTreeSet;

use causeway_api::view::{MeshCondition, ServiceView};
use causeway_api::{Generation, NetworkName, ServiceKey};
use serde_json::Value;

use crate::condition::{of_mesh, of_service, reason};
use crate::input::{MemberInputs, ServiceInputs};
use crate::object::{DesiredObject, Kind, LiveObject};

/// Whether what is desired would take away the last destination of callers here: nothing is ready in the member itself,
/// no desired entry leads anywhere, and one that is there would go.
#[must_use]
pub fn would_empty(
    member: &MemberInputs,
    inputs: &ServiceInputs,
    desired: &[DesiredObject],
    live: &[&LiveObject],
) -> bool {
    // What would stand under another owner's name is not written, and serves nobody.
    let taken = |object: &DesiredObject| {
        let mut others = live.iter().filter(|live| !live.is_ours());
        others.any(|live| live.key == object.key)
    };
    let mut remote = desired.iter().filter(|object| {
        let entry = object.key.kind == Kind::WorkloadEntry;
        entry && !taken(object) && leads_somewhere(member, &object.spec)
    });
    inputs.local.ready == 0 && remote.next().is_none() && removed(desired, live).next().is_some()
}

/// Whether the network of an entry has a gateway: without one, istiod leaves the entry out.
fn leads_somewhere(member: &MemberInputs, entry: &Value) -> bool {
    let network = entry.get("network").and_then(Value::as_str);
    let view = network
        .and_then(|network| NetworkName::new(network).ok())
        .and_then(|network| member.networks.get(&network)?.value.as_ref());
    view.is_some_and(|view| !view.gateways.is_empty())
}

/// Live entries of ours that are not desired.
fn removed<'a>(
    desired: &'a [DesiredObject],
    live: &'a [&LiveObject],
) -> impl Iterator<Item = &'a LiveObject> + 'a {
    entries(live).filter(|entry| !desired.iter().any(|object| object.key == entry.key))
}

/// Puts the live entries back among the desired objects.
pub fn keep_entries(desired: &mut Vec<DesiredObject>, live: &[&LiveObject]) {
    let kept: Vec<_> = removed(desired, live).map(LiveObject::kept).collect();
    desired.extend(kept);
}

/// Puts back what another decision wrote that is newer than `known`, up to which the view knows what there is: an agent
/// that comes up with an old view must not clear away what it has never heard of.
pub fn keep_newer(
    service: Option<&ServiceKey>,
    desired: &mut Vec<DesiredObject>,
    conditions: &mut Vec<MeshCondition>,
    live: &[&LiveObject],
    known: Generation,
) {
    let named: BTreeSet<_> = desired.iter().map(|object| object.key.clone()).collect();
    let newer = live.iter().filter(|object| {
        object.is_ours()
            && !named.contains(&object.key)
            && object.generation.is_some_and(|found| found > known)
    });
    for object in newer {
        let key = object.key.to_string();
        let found = object.generation.unwrap_or_default();
        let message = format!(
            "{key} is of generation {found}, and what is known here ends at {known}: it is not removed. It heals when \
             the view has caught up; if the controllers were set up anew, remove the object."
        );
        desired.push(object.kept());
        conditions.push(match service {
            Some(service) => of_service(reason::NEWER_IN_MESH, service, &key, message),
            None => of_mesh(reason::NEWER_IN_MESH, &key, message),
        });
    }
}

/// Puts back the entries of networks that the plan offers and of whose members nothing was heard since both controller
/// and agent began anew: silence is no withdrawal.
pub fn keep_unheard(
    desired: &mut Vec<DesiredObject>,
    live: &[&LiveObject],
    view: &ServiceView,
    unheard: &BTreeSet<NetworkName>,
) {
    let named: BTreeSet<_> = desired.iter().map(|object| object.key.clone()).collect();
    let kept = entries(live).filter(|entry| {
        let network = entry
            .spec
            .get("network")
            .and_then(|network| network.as_str());
        let network = network.and_then(|network| NetworkName::new(network).ok());
        !named.contains(&entry.key)
            && network.is_some_and(|name| unheard.contains(&name) && view.offered.contains(&name))
    });
    let kept: Vec<_> = kept.map(|entry| entry.kept()).collect();
    desired.extend(kept);
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
