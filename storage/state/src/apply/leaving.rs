//! A member leaves in stages, so that nobody loses traffic by a slip.
//!
//! 1. Deleted: for [`SETTLE_MS`] nothing changes. If another member is deleted meanwhile, or one left within [`WINDOW_MS`],
//!    it is more likely a mistake: all of them are Quarantined, and stay in force until a person confirms each.
//! 2. Draining: the planner gives it no more traffic from elsewhere. It goes once no plan sends it any, but not before
//!    [`DRAIN_MIN_MS`], so that agents have applied them; and at the latest after [`DRAIN_MAX_MS`], since it may be the only
//!    one that serves something.
//!
//! A member that no agent ever reported has no traffic, and goes at once. One whose object is created again stays.

use causeway_api::plan::Destination;
use causeway_api::registry::ObjectKey;
use causeway_api::verdict::ClusterTime;
use causeway_api::{Generation, MemberName};

use super::{Applied, hosts, registry};
use crate::outcome::{Effect, Refusal};
use crate::registry::{Leaving, Stage};
use crate::state::{CommittedPlan, State};

/// How long a deletion waits for others, in milliseconds of cluster time.
pub const SETTLE_MS: u64 = 5_000;
/// The shortest drain.
pub const DRAIN_MIN_MS: u64 = 10_000;
/// The longest drain.
pub const DRAIN_MAX_MS: u64 = 300_000;
/// Deletions within this time are taken together.
pub const WINDOW_MS: u64 = 300_000;

/// Who wants a member gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Its object was deleted.
    ByDeletion,
    /// A person said so, of this one.
    ByPerson,
}

/// A member is to leave.
pub(super) fn begin(
    state: &mut State,
    generation: Generation,
    name: &MemberName,
    asked: Asked,
) -> Applied {
    let Some(member) = state.members.get(name) else {
        hosts::forget(state, &ObjectKey::Member(name.clone()));
        return Ok(None);
    };
    if member.placement.is_none() {
        return gone(state, generation, name);
    }
    let now = state.cluster_time;
    let held = state.registry.stage(name);
    let stage = match (asked, held) {
        (Asked::ByDeletion, Some(_)) | (Asked::ByPerson, Some(Stage::Draining)) => return Ok(None),
        (Asked::ByPerson, _) => Stage::Draining,
        (Asked::ByDeletion, None) if alone(state, now) => Stage::Deleted,
        (Asked::ByDeletion, None) => Stage::Quarantined,
    };
    let mut members = vec![name.clone()];
    if stage == Stage::Quarantined {
        for (other, leaving) in &mut state.registry.leaving {
            if leaving.stage == Stage::Deleted {
                leaving.stage = Stage::Quarantined;
                members.push(other.clone());
            }
        }
    }
    let leaving = Leaving { stage, since: now };
    state.registry.leaving.insert(name.clone(), leaving);
    Ok(Some(Effect {
        members,
        registry: true,
        ..Effect::default()
    }))
}

/// Whether no other member is leaving or left a moment ago.
fn alone(state: &State, now: ClusterTime) -> bool {
    let recent = |left: &ClusterTime| now < left.plus_ms(WINDOW_MS);
    state.registry.leaving.is_empty() && !state.registry.left.iter().any(recent)
}

/// An object is there: its member does not leave. Returns it where it was about to.
pub(super) fn stays(state: &mut State, object: &ObjectKey) -> Option<MemberName> {
    let ObjectKey::Member(name) = object else {
        return None;
    };
    state.registry.leaving.remove(name).map(|_| name.clone())
}

/// Time has passed: whoever is due goes one stage further.
pub(super) fn advance(state: &mut State, generation: Generation) -> Result<Effect, Refusal> {
    let now = state.cluster_time;
    state
        .registry
        .left
        .retain(|left| now < left.plus_ms(WINDOW_MS));
    let mut effect = Effect::default();
    let rows = state.registry.leaving.clone();
    for (name, leaving) in rows {
        let waited_ms = now.since_ms(leaving.since);
        let done = match leaving.stage {
            Stage::Quarantined => continue,
            Stage::Deleted if waited_ms < SETTLE_MS => continue,
            Stage::Deleted => !has_traffic(state, &name),
            Stage::Draining if waited_ms >= DRAIN_MAX_MS => true,
            Stage::Draining if waited_ms < DRAIN_MIN_MS || has_traffic(state, &name) => continue,
            Stage::Draining => true,
        };
        effect.registry = true;
        if done {
            state.registry.left.push_back(now);
            let theirs = gone(state, generation, &name)?.unwrap_or_default();
            effect.members.extend(theirs.members);
            effect.verdicts.extend(theirs.verdicts);
        } else {
            let draining = Leaving {
                stage: Stage::Draining,
                since: now,
            };
            state.registry.leaving.insert(name.clone(), draining);
            effect.members.push(name);
        }
    }
    Ok(effect)
}

fn gone(state: &mut State, generation: Generation, name: &MemberName) -> Applied {
    state.registry.leaving.remove(name);
    hosts::forget(state, &ObjectKey::Member(name.clone()));
    let effect = registry::remove(state, generation, name)?;
    Ok(effect.map(|effect| Effect {
        registry: true,
        ..effect
    }))
}

/// Whether any plan sends others' requests to a member.
#[must_use]
pub fn has_traffic(state: &State, member: &MemberName) -> bool {
    let network = state.members.get(member).and_then(|held| held.network());
    let sent = |held: &CommittedPlan| {
        let serves = held
            .inputs
            .destinations
            .iter()
            .any(|zone| zone.member == *member && zone.exported && zone.ready > 0);
        serves
            && held.plan.sources.iter().any(|source| {
                source.source.member != *member
                    && source.shares.iter().any(|share| match &share.destination {
                        Destination::Zone { member: to, .. } => to == member,
                        Destination::Network(to) => Some(to) == network,
                    })
            })
    };
    let plans = state.plans.values();
    plans.filter_map(|row| row.value.as_ref()).any(sent)
}

/// When the next member goes one stage further, or a deletion is forgotten.
pub(crate) fn next_deadline(state: &State) -> Option<ClusterTime> {
    let now = state.cluster_time;
    let of = |leaving: &crate::registry::Leaving| match leaving.stage {
        Stage::Quarantined => None,
        Stage::Deleted => Some(leaving.since.plus_ms(SETTLE_MS)),
        // Whether it is drained is looked at with each tick.
        Stage::Draining => Some(leaving.since.plus_ms(DRAIN_MIN_MS).max(now.plus_ms(1_000))),
    };
    let leaving = state.registry.leaving.values().filter_map(of);
    let left = state
        .registry
        .left
        .iter()
        .map(|left| left.plus_ms(WINDOW_MS));
    leaving.chain(left).min()
}
