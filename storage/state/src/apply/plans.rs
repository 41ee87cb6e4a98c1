//! Plans are committed, each judged by itself.

use std::sync::Arc;

use causeway_api::Generation;

use super::judge::judge;
use super::{Applied, bounded};
use crate::command::PlanProposal;
use crate::outcome::Effect;
use crate::state::{CommittedPlan, PlanRow, PreviousPlan, State};

/// The most proposals that one command may carry.
pub const PROPOSALS: usize = 256;

/// The most that one may carry that came in parts.
pub const STAGED_PROPOSALS: usize = 65_536;

/// Commits those proposals that pass, and lists those that do not. A plan that is as it was keeps its generation.
pub(super) fn commit(
    state: &mut State,
    generation: Generation,
    proposals: &[PlanProposal],
    limit: usize,
) -> Applied {
    bounded("CommitPlans", proposals.len(), limit)?;
    let mut effect = Effect::default();
    let mut changed = false;
    for proposal in proposals {
        match judge(state, proposal) {
            Ok(()) => match settle(state, generation, proposal) {
                Settled::Planned => effect.planned.push(proposal.service.clone()),
                Settled::Noted => changed = true,
                Settled::Same => {}
            },
            Err(refusal) => effect.refused.push((proposal.service.clone(), refusal)),
        }
    }
    let quiet = !changed && effect.planned.is_empty() && effect.refused.is_empty();
    Ok((!quiet).then_some(effect))
}

/// The plan before, where the proposal rests on it: it was judged to be the one that is committed.
fn previous(old: Option<&PlanRow>, proposal: &PlanProposal) -> Option<PreviousPlan> {
    let row = old.filter(|row| proposal.previous == Some(row.generation))?;
    Some(PreviousPlan {
        generation: row.generation,
        plan: Arc::new(row.value.as_ref()?.plan.clone()),
    })
}

enum Settled {
    /// The plan is new or another.
    Planned,
    /// The plan is as it was, from other inputs.
    Noted,
    /// Nothing changed.
    Same,
}

fn settle(state: &mut State, generation: Generation, proposal: &PlanProposal) -> Settled {
    let old = state.plans.get(&proposal.service);
    let value = proposal.plan.as_ref().map(|(inputs, plan)| CommittedPlan {
        inputs: inputs.clone(),
        plan: plan.clone(),
        previous: previous(old.map(Arc::as_ref), proposal),
    });
    let same_plan = match (old.map(|row| &row.value), &value) {
        (None, None) => return Settled::Same,
        (Some(old), new) if old == new => return Settled::Same,
        (Some(Some(old)), Some(new)) => old.plan == new.plan,
        _ => false,
    };
    let generation = old
        .filter(|_| same_plan)
        .map_or(generation, |row| row.generation);
    let row = Arc::new(PlanRow::new(generation, value));
    // While it is at hand, so that a comparison of states need not.
    row.sealed();
    state.plans.insert(proposal.service.clone(), row);
    if same_plan {
        Settled::Noted
    } else {
        Settled::Planned
    }
}
