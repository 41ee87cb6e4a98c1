//! The rules of policies, merged: what the nearest says holds, what limits automation binds from every level.

use causeway_api::plan::EffectivePolicy;
use causeway_api::rules::{FailbackMode, FailoverMode, PolicyRules, Strategy, TrafficLimit};
use causeway_api::spec::{PolicyKey, PolicySpec};

/// How long each step of a failback is watched where no policy says, in milliseconds of cluster time.
pub const FAILBACK_INTERVAL_MS: u64 = 60_000;

/// Who decides over a service, how far automation may go with it, and how its traffic returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRules {
    /// Who moves its traffic: the most careful of all policies about it. A member that is not to be written to, or a
    /// person's freeze, may make it more careful still.
    pub mode: FailoverMode,
    /// The policy that makes it so careful, where one does.
    pub mode_from: Option<PolicyKey>,
    /// Whether it moves by approval alone, because it keeps state.
    pub stateful: bool,
    /// The fewest regions that it may be served from after a move; 0: no such limit.
    pub min_serving_regions: u32,
    /// How much traffic may move in a window: of several limits the least share, and the longest window.
    pub max_traffic_moved: Option<TrafficLimit>,
    /// How its traffic returns to what has recovered.
    pub failback: EffectiveFailback,
}

/// How traffic returns to what has recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveFailback {
    /// Who lets it.
    pub mode: FailbackMode,
    /// Shares of full admission in rising steps, in percent, the last 100. Never empty.
    pub step_percents: Vec<u8>,
    /// How long each step is watched, in milliseconds of cluster time.
    pub interval_ms: u64,
}

impl Default for EffectiveRules {
    fn default() -> Self {
        Self {
            mode: FailoverMode::Automatic,
            mode_from: None,
            stateful: false,
            min_serving_regions: 0,
            max_traffic_moved: None,
            failback: EffectiveFailback {
                mode: FailbackMode::Automatic,
                step_percents: vec![100],
                interval_ms: FAILBACK_INTERVAL_MS,
            },
        }
    }
}

/// What a nearer policy says takes the place of what was said before.
pub(super) fn take(rules: &mut EffectiveRules, policy: &mut EffectivePolicy, nearer: &PolicySpec) {
    let said = &nearer.rules;
    policy.priority = said.priority.unwrap_or(policy.priority);
    policy.strategy = said.strategy.unwrap_or(policy.strategy);
    if !said.weights.is_empty() {
        policy.weights.clone_from(&said.weights);
    }
    if let Some(percent) = said.min_healthy_percent {
        policy.min_healthy_percent = percent.min(100);
    }
    policy.when_unknown = said.when_unknown.unwrap_or(policy.when_unknown);
    policy.on_overload = said.limits.on_overload.unwrap_or(policy.on_overload);
    if let Some(together) = said.move_together {
        policy.together = together.then(|| nearer.key.clone());
    }
    rules.stateful = said.stateful.unwrap_or(rules.stateful);
    let failback = &mut rules.failback;
    failback.mode = said.failback.mode.unwrap_or(failback.mode);
    failback.interval_ms = said.failback.interval_ms.unwrap_or(failback.interval_ms);
    if !said.failback.step_percents.is_empty() {
        failback.step_percents = rising(&said.failback.step_percents);
    }
}

/// What limits automation binds, however near another policy is.
pub(super) fn tighten(rules: &mut EffectiveRules, by: &PolicySpec) {
    let PolicyRules { mode, limits, .. } = &by.rules;
    if let Some(mode) = mode
        && *mode < rules.mode
    {
        rules.mode = *mode;
        rules.mode_from = Some(by.key.clone());
    }
    let least = limits.min_serving_regions.unwrap_or(0);
    rules.min_serving_regions = rules.min_serving_regions.max(least);
    if let Some(limit) = limits.max_traffic_moved {
        rules.max_traffic_moved = Some(
            rules
                .max_traffic_moved
                .map_or(limit, |held| tighter(held, limit)),
        );
    }
}

/// A limit that keeps both.
fn tighter(a: TrafficLimit, b: TrafficLimit) -> TrafficLimit {
    TrafficLimit {
        percent: a.percent.min(b.percent),
        window_ms: a.window_ms.max(b.window_ms),
    }
}

/// Steps that rise to the whole, whatever was written: a step that does not is left out.
fn rising(steps: &[u8]) -> Vec<u8> {
    let mut rising: Vec<u8> = Vec::with_capacity(steps.len() + 1);
    for step in steps
        .iter()
        .copied()
        .filter(|step| (1..=100).contains(step))
    {
        if rising.last().is_none_or(|last| *last < step) {
            rising.push(step);
        }
    }
    if rising.last() != Some(&100) {
        rising.push(100);
    }
    rising
}

/// What of a merged policy contradicts itself, each as a sentence that names the policies.
pub(super) fn conflicts(policy: &EffectivePolicy, conflicts: &mut Vec<String>) {
    let names: Vec<String> = policy.from.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    match policy.strategy {
        Strategy::Weighted if policy.weights.values().all(|weight| *weight == 0) => conflicts.push(format!(
            "policies {names}: destinations.strategy is Weighted and no region has a weight, so it is planned as Waterfall; \
             give destinations.weights"
        )),
        Strategy::Ordered if policy.failover.is_empty() => conflicts.push(format!(
            "policies {names}: destinations.strategy is Ordered and destinations.failover names no region, so nothing leaves \
             its region; give destinations.failover"
        )),
        Strategy::Waterfall | Strategy::Ordered if !policy.weights.is_empty() => conflicts.push(format!(
            "policies {names}: destinations.weights are not in force, because destinations.strategy is not Weighted"
        )),
        Strategy::Waterfall | Strategy::Ordered | Strategy::Weighted => {}
    }
    for (from, to) in &policy.failover {
        let again = to.iter().enumerate().find(|(at, region)| {
            *region == from || to.iter().take(*at).any(|before| before == *region)
        });
        if let Some((_, region)) = again {
            conflicts.push(format!(
                "policies {names}: destinations.failover from {from} comes back to {region}, which counts only where it stands \
                 first; name each region once, and not {from} itself"
            ));
        }
    }
}
