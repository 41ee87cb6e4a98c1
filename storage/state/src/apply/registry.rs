//! Members come, change, report where they are, and go.

use causeway_api::registry::ObjectKey;
use causeway_api::spec::{MemberSpec, Placement};
use causeway_api::verdict::Subject;
use causeway_api::{Generation, MemberName};

use super::{Applied, bounded, conclude, hosts};
use crate::outcome::{Effect, Refusal};
use crate::state::{RegisteredMember, State};

/// The most gateways, and the most zones, that one member may have.
pub const PLACES: usize = 256;

/// Registers a member, or changes its declaration.
pub(super) fn put(state: &mut State, generation: Generation, spec: &MemberSpec) -> Applied {
    let old = state.members.get(&spec.name);
    if old.is_some_and(|old| old.spec == *spec) {
        return Ok(None);
    }
    let member = RegisteredMember {
        spec: spec.clone(),
        placement: old.and_then(|old| old.placement.clone()),
        generation,
    };
    state.members.insert(spec.name.clone(), member);
    Ok(Some(Effect {
        members: vec![spec.name.clone()],
        verdicts: conclude::conclude(state, generation),
        ..Effect::default()
    }))
}

/// Removes a member, with all that was voted and concluded of its gateways and its session. Plans that name it stay
/// until the planner replaces them.
pub(super) fn remove(state: &mut State, generation: Generation, name: &MemberName) -> Applied {
    if state.members.remove(name).is_none() {
        return Ok(None);
    }
    state.registry.leaving.remove(name);
    hosts::forget(state, &ObjectKey::Member(name.clone()));
    state.votes.remove_member(name);
    state.verdicts.remove_member(name);
    Ok(Some(Effect {
        members: vec![name.clone()],
        verdicts: conclude::conclude(state, generation),
        ..Effect::default()
    }))
}

/// Enters where a member is and which gateways it has. The UID is held from the first report on. What was voted and
/// concluded of a gateway that is no more is forgotten: it must not keep its member from being Lost, nor be held against it.
pub(super) fn place(
    state: &mut State,
    generation: Generation,
    name: &MemberName,
    placement: &Placement,
) -> Applied {
    bounded("PlaceMember gateways", placement.gateways.len(), PLACES)?;
    bounded("PlaceMember zones", placement.zones.len(), PLACES)?;
    let same = |other: &RegisteredMember| {
        other
            .placement
            .as_ref()
            .is_some_and(|other| other.cluster_uid == placement.cluster_uid)
    };
    if let Some((other, _)) = state
        .members
        .iter()
        .find(|(other, held)| *other != name && same(held))
    {
        return Err(Refusal::OneClusterTwoNames {
            member: name.clone(),
            other: other.clone(),
            cluster_uid: placement.cluster_uid.clone(),
        });
    }
    let Some(member) = state.members.get_mut(name) else {
        return Err(Refusal::UnknownMember(name.clone()));
    };
    match &member.placement {
        Some(old) if old.cluster_uid != placement.cluster_uid => {
            return Err(Refusal::ForeignCluster {
                member: name.clone(),
                registered: old.cluster_uid.clone(),
                claimed: placement.cluster_uid.clone(),
            });
        }
        Some(old) if old == placement => return Ok(None),
        _ => {}
    }
    member.placement = Some(placement.clone());
    member.generation = generation;
    retire_gateways(state, name, placement);
    Ok(Some(Effect {
        verdicts: conclude::conclude(state, generation),
        placed: vec![name.clone()],
        ..Effect::default()
    }))
}

fn retire_gateways(state: &mut State, name: &MemberName, placement: &Placement) {
    let gone = |subject: &&Subject| match subject {
        Subject::Gateway { member, gateway } => {
            member == name && !placement.gateways.contains_key(gateway)
        }
        _ => false,
    };
    let gone: Vec<Subject> = state.votes.subjects().filter(gone).cloned().collect();
    for subject in &gone {
        state.votes.retire(subject);
        state.verdicts.retire(subject);
    }
}
