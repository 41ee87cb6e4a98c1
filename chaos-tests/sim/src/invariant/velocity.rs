//! No more moves by choice within a window than policy allows: of what all services of a policy ask for. Counted here anew, from
//! plans that follow each other: a share that shrinks although its destination is as well as before. Less is counted than the
//! safety rule counts, which adds what had to move, so that all it refuses is not judged twice, and what it lets through by
//! mistake is found.

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::plan::{Destination, DestinationInput, PlanInputs, SourcePlan, WHOLE};
use causeway_api::rules::{PolicyRules, TrafficLimit};
use causeway_api::spec::PolicyKey;
use causeway_api::verdict::ClusterTime;
use causeway_state::{CommittedPlan, State};

/// What moved by choice under each policy, and the plans in force.
#[derive(Debug)]
pub struct Velocity {
    lost_limit: Option<TrafficLimit>,
    moved: BTreeMap<PolicyKey, Vec<(ClusterTime, u128)>>,
    before: BTreeMap<ServiceKey, CommittedPlan>,
}

impl Velocity {
    /// Nothing was seen yet. `lost_limit`: what policies that have no rule at all were declared to allow.
    #[must_use]
    pub fn new(lost_limit: Option<TrafficLimit>) -> Self {
        Self {
            lost_limit,
            moved: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }

    /// Policies changed, or decisions were not seen one by one: what is counted begins anew.
    pub fn forget(&mut self) {
        self.moved.clear();
        self.before.clear();
    }

    /// Plans came into force by one decision.
    ///
    /// # Errors
    /// The policy under which too much moved.
    pub fn see(&mut self, state: &State, committed: &[&CommittedPlan]) -> Result<(), String> {
        let mut found = Ok(());
        for (key, policy) in &state.policies {
            let lost = self.lost_limit;
            let lost = lost.filter(|_| policy.rules == PolicyRules::default());
            let limit = policy.rules.limits.max_traffic_moved.or(lost);
            let Some(limit) = limit.filter(|_| policy.targets.is_empty() && !policy.root) else {
                continue;
            };
            let mine = |service: &ServiceKey| service.namespace == key.namespace;
            let moved: u128 = committed
                .iter()
                .filter(|plan| mine(&plan.inputs.service))
                .filter_map(|after| {
                    let before = self.before.get(&after.inputs.service)?;
                    Some(chosen(before, after))
                })
                .sum();
            if moved == 0 {
                continue;
            }
            let all: u128 = state
                .plans
                .iter()
                .filter(|(service, _)| mine(service))
                .filter_map(|(_, row)| row.value.as_ref())
                .flat_map(|held| &held.inputs.sources)
                .map(|source| source.demand.map_or(1_000, |rate| u128::from(rate.0)))
                .sum();
            let now = state.cluster_time;
            let rows = self.moved.entry(key.clone()).or_default();
            rows.retain(|(at, _)| now.since_ms(*at) < limit.window_ms);
            rows.push((now, moved));
            let sum: u128 = rows.iter().map(|(_, rate)| rate).sum();
            let allowed = all * u128::from(limit.percent) / 100;
            if sum > allowed {
                found = Err(format!(
                    "under policy {key} {sum} thousandths a second moved by choice within {} ms, and {allowed} may",
                    limit.window_ms
                ));
            }
        }
        for plan in committed {
            self.before
                .insert(plan.inputs.service.clone(), (*plan).clone());
        }
        found
    }
}

/// What a plan moves although nothing about where it went became worse; nothing of a plan in which anything did, or of which a
/// person decided.
fn chosen(before: &CommittedPlan, after: &CommittedPlan) -> u128 {
    let same = |a: &DestinationInput, b: &DestinationInput| {
        a.member == b.member && a.zone == b.zone && a.network == b.network
    };
    let worse = before.inputs.destinations.iter().any(|old| {
        let new = after.inputs.destinations.iter().find(|new| same(old, new));
        new.is_none_or(|new| {
            (old.withdrawn.is_none() && new.withdrawn.is_some())
                || new.ready < old.ready
                || new.capacity < old.capacity
                || new.admitted_percent < old.admitted_percent
                || new.max_utilization_percent < old.max_utilization_percent
                || (old.exported && !new.exported)
        })
    });
    let cut = after
        .inputs
        .sources
        .iter()
        .any(|source| !source.unreachable.is_empty());
    if worse || cut || before.inputs.policy != after.inputs.policy {
        return 0;
    }
    let mut sum = 0;
    for old in &before.plan.sources {
        let Some(new) = after
            .plan
            .sources
            .iter()
            .find(|new| new.source == old.source)
        else {
            continue;
        };
        let asks = |inputs: &PlanInputs| {
            let source = inputs.sources.iter().find(|row| row.source == old.source);
            source.map_or(0, |row| row.demand.map_or(1_000, |rate| u128::from(rate.0)))
        };
        let asks = asks(&before.inputs).min(asks(&after.inputs));
        for share in &old.shares {
            let now = parts(new, &share.destination);
            sum += u128::from(share.parts.saturating_sub(now)) * asks / u128::from(WHOLE);
        }
    }
    sum
}

fn parts(of: &SourcePlan, to: &Destination) -> u32 {
    let mut shares = of.shares.iter();
    shares
        .find(|share| share.destination == *to)
        .map_or(0, |share| share.parts)
}
