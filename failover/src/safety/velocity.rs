//! At most so much traffic moves in a window, over all causes together: what was lost counts too, though nobody refuses to
//! leave it.

use causeway_api::plan::Rate;
use causeway_api::rules::TrafficLimit;
use causeway_api::spec::PolicyKey;
use causeway_api::verdict::ClusterTime;

use super::SafetyRefusal;
use super::moved::{Amount, Step};

/// What one policy counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window<'a> {
    /// The policy.
    pub policy: &'a PolicyKey,
    /// Its limit.
    pub limit: TrafficLimit,
    /// All demand of the services that it is about.
    pub total: Rate,
    /// What moved lately: when the last of each stretch did, and how much; the oldest first.
    pub moved: Vec<(ClusterTime, Rate)>,
    /// Now.
    pub now: ClusterTime,
}

impl Window<'_> {
    /// What may move in a window.
    #[must_use]
    pub fn allowance(&self) -> Rate {
        self.total.percent(self.limit.percent)
    }

    fn used_at(&self, at: ClusterTime) -> Rate {
        let recent = self
            .moved
            .iter()
            .filter(|(until, _)| at < until.plus_ms(self.limit.window_ms));
        recent.fold(Rate(0), |sum, (_, rate)| sum.plus(*rate))
    }

    /// When there is room for so much; `None`: never.
    fn room_at(&self, wanted: Rate) -> Option<ClusterTime> {
        let ends = self
            .moved
            .iter()
            .map(|(until, _)| until.plus_ms(self.limit.window_ms).max(self.now));
        let mut times = std::iter::once(self.now).chain(ends);
        times.find(|at| self.used_at(*at).plus(wanted) <= self.allowance())
    }
}

/// Judges a step that moves so much. `can_wait`: whether what a person or a return moves can be held back by itself.
///
/// What leaves a dead domain is not refused. Where the planner alone mixes what it chooses with what it must, the whole
/// passes: there is no other plan to fall back on. People's moves and returns can be held back by themselves, and are.
///
/// # Errors
/// Where more would have moved in the window than the policy allows.
pub fn judge(
    step: &Step<'_>,
    amount: Amount,
    can_wait: bool,
    window: &Window<'_>,
) -> Result<(), SafetyRefusal> {
    let mixed = !can_wait && amount.forced.0 > 0;
    if amount.chosen.0 == 0 || mixed {
        return Ok(());
    }
    let moved = window.used_at(window.now).plus(amount.chosen);
    if moved <= window.allowance() {
        return Ok(());
    }
    Err(SafetyRefusal::MaxTrafficMoved {
        service: step.after.inputs.service.clone(),
        policy: window.policy.clone(),
        limit_percent: window.limit.percent,
        window_ms: window.limit.window_ms,
        wanted: amount.chosen,
        moved,
        total: window.total,
        retry_at: window.room_at(amount.chosen),
    })
}
