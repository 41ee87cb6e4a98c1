//! Whether a plan waits for a person, by the mode of its service and by what asked for it.

use causeway_api::ServiceKey;
use causeway_api::plan::PlanInputs;
use causeway_api::rules::FailoverMode;
use causeway_failover::policy::Effective;
use causeway_failover::safety::moved::{Amount, Cause};
use causeway_failover::safety::{Waits, armed, stateful};

use super::aside;
use super::safety::{Word, moves_traffic};
use crate::state::{CommittedPlan, State};

/// What a plan that moves traffic has been asked for by.
pub(super) struct Asked {
    /// Why it is made.
    cause: Cause,
    /// It leaves what verdicts say is out and no person leaves: that is nobody's word.
    unapproved: bool,
    /// Somebody else approved the override that moves it.
    approved: bool,
}

impl Asked {
    pub(super) fn by(
        state: &State,
        held: &CommittedPlan,
        inputs: &PlanInputs,
        cause: Cause,
    ) -> Self {
        let unapproved = aside::unapproved(held, inputs).next().is_some();
        // The rest of what people are leaving is left by their word, too.
        let cause = match cause {
            Cause::Loss if aside::only_what_is_left_was_lost(held, inputs) => Cause::People,
            cause => cause,
        };
        let approved = cause == Cause::People && is_approved(state, &inputs.service);
        Self {
            cause,
            unapproved,
            approved: approved && !unapproved,
        }
    }

    /// Whether automation does it, or does it along with what a person asks for.
    fn by_itself(&self) -> bool {
        self.cause == Cause::Loss || (self.cause == Cause::People && self.unapproved)
    }
}

/// Whether an override that moves a service was approved by another person.
pub(super) fn is_approved(state: &State, service: &ServiceKey) -> bool {
    state
        .bound(service)
        .any(|row| moves_traffic(row) && !row.approvals.is_empty())
}

/// For whom a plan that moves so much waits; `None`: it may be committed.
pub(super) fn waits(
    service: &ServiceKey,
    policy: &Effective,
    amount: Amount,
    asked: &Asked,
    word: Word,
) -> Option<Waits> {
    if amount.all().0 == 0 {
        return None;
    }
    let given = word == Word::Given;
    if stateful::judge(
        service,
        amount,
        policy.rules.stateful,
        given || asked.approved,
    )
    .is_err()
    {
        return Some(Waits::Stateful);
    }
    // No policy can ask for a drill yet.
    if armed::judge(service, amount, asked.cause, None, None).is_err() && !given {
        return Some(Waits::Disarmed);
    }
    match policy.rules.mode {
        FailoverMode::Observe if asked.by_itself() => Some(Waits::Observe),
        FailoverMode::Approve if asked.by_itself() && !given => Some(Waits::Approve),
        _ => None,
    }
}
