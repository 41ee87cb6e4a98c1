//! What people's overrides, and traffic that returns in steps, make of the inputs of a plan.
//!
//! Whoever computes a plan asks here, and `apply` asks the same when it judges one: a leader that ignores an override is
//! refused, and so is one that makes one up. All of it follows from the state alone.

use std::collections::BTreeSet;

use causeway_api::domain::Domain;
use causeway_api::ids::{Name, Zone};
use causeway_api::plan::{DestinationInput, Withdrawal};
use causeway_api::rules::{FailoverMode, Strategy};
use causeway_api::shift::{Shift, ShiftAction, ShiftDue, ShiftKey, Urgency};
use causeway_api::verdict::ClusterTime;
use causeway_api::{MemberName, ServiceKey};
use causeway_failover::policy::{self, Effective};
use causeway_failover::safety::Rule;

use crate::brain::{Ramp, RampStage, ShiftRow};
use crate::state::State;

/// What a plan's inputs must say of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Why others must not be sent there, by verdict or by a person.
    pub withdrawn: Option<Withdrawal>,
    /// How much of what it would get may come from elsewhere, or, while a person leaves it in steps, from anywhere, in
    /// percent.
    pub admitted_percent: u8,
    /// Whether a person evacuates all of it though a verdict says more.
    pub vacated: bool,
}

impl ShiftRow {
    /// Whether it is about a service.
    #[must_use]
    pub fn concerns(&self, service: &ServiceKey) -> bool {
        concerns(&self.shift, service)
    }

    /// Whether it is in effect for a service: approved, no dry run, and not refused by a safety rule before it moved
    /// anything.
    #[must_use]
    pub fn binds(&self, service: &ServiceKey) -> bool {
        let refused = self.refused.get(service);
        self.effective_at.is_some()
            && self.concerns(service)
            && refused.is_none_or(|refused| refused.left_percent > 0)
    }

    /// How far an evacuation is for a service, in percent of the traffic that leaves: no further than a safety rule let it.
    #[must_use]
    pub fn left_for(&self, service: &ServiceKey, now: ClusterTime) -> u8 {
        let refused = self.refused.get(service);
        refused.map_or_else(|| self.left_percent(now), |refused| refused.left_percent)
    }

    /// Whether it overrides a safety rule by name. It takes effect only with an approval.
    #[must_use]
    pub fn overrides(&self, rule: Rule) -> bool {
        rule.may_be_overridden()
            && self.effective_at.is_some()
            && self.shift.override_rules.contains(rule.name())
    }

    /// How far an evacuation is, in percent of the traffic that leaves.
    #[must_use]
    pub fn left_percent(&self, now: ClusterTime) -> u8 {
        let Some(since) = self.effective_at else {
            return 0;
        };
        let steps = &self.shift.step_percents;
        if self.shift.urgency == Urgency::Emergency || steps.is_empty() {
            return 100;
        }
        let passed = now.since_ms(since) / self.shift.interval_ms.max(1);
        let at = usize::try_from(passed).unwrap_or(usize::MAX);
        steps.get(at).copied().unwrap_or(100).min(100)
    }

    /// When the next step of an evacuation is due.
    #[must_use]
    pub fn next_step(&self, now: ClusterTime) -> Option<ClusterTime> {
        let stepped = matches!(self.shift.action, ShiftAction::Evacuate(_))
            && self.shift.urgency == Urgency::Planned
            && self.shift.step_percents.len() > 1;
        let since = self.effective_at.filter(|_| stepped)?;
        let interval_ms = self.shift.interval_ms.max(1);
        let next = now.since_ms(since) / interval_ms + 1;
        let steps = u64::try_from(self.shift.step_percents.len()).unwrap_or(u64::MAX);
        (next < steps).then(|| since.plus_ms(next.saturating_mul(interval_ms)))
    }

    /// When its time is over; `None` where it is already and a person must end it, or where it has not begun.
    #[must_use]
    pub fn expires_at(&self) -> Option<ClusterTime> {
        (!self.expired && !self.ahead).then(|| self.at.plus_ms(self.shift.expires_after_ms))
    }

    /// How many more people must approve it.
    #[must_use]
    pub fn approvals_missing(&self) -> u32 {
        let needed = needed_approvals(&self.shift);
        needed.saturating_sub(u32::try_from(self.approvals.len()).unwrap_or(u32::MAX))
    }
}

/// Whether an override is about a service.
#[must_use]
pub fn concerns(shift: &Shift, service: &ServiceKey) -> bool {
    if shift.targets.is_empty() {
        shift.root || shift.key.namespace == service.namespace
    } else {
        shift.targets.contains(service)
    }
}

/// How many people other than the requester must approve: whoever overrides a safety rule needs one at least.
#[must_use]
pub fn needed_approvals(shift: &Shift) -> u32 {
    shift
        .approvals_required
        .max(u32::from(!shift.override_rules.is_empty()))
}

impl Ramp {
    /// How much is admitted now, in percent.
    #[must_use]
    pub fn admitted_percent(&self) -> u8 {
        match self.stage {
            RampStage::Climbing => {
                let step = usize::try_from(self.step).unwrap_or(usize::MAX);
                self.step_percents.get(step).copied().unwrap_or(100)
            }
            RampStage::HoldDown { .. } | RampStage::Approval | RampStage::Never => 0,
        }
    }
}

impl State {
    /// What is due with overrides at this time of day, in milliseconds since 1970.
    pub fn shifts_due(&self, wall_ms: u64) -> impl Iterator<Item = (&ShiftKey, ShiftDue)> {
        self.brain.shifts.iter().filter_map(move |(key, row)| {
            let start = row.shift.starts_at_ms.filter(|_| row.ahead);
            let end = row.shift.ends_at_ms.filter(|_| !row.expired);
            let end = end.filter(|at| *at <= wall_ms).map(ShiftDue::End);
            let due = end.or(start.filter(|at| *at <= wall_ms).map(ShiftDue::Start))?;
            Some((key, due))
        })
    }

    /// When something is due with an override next, in milliseconds since 1970.
    #[must_use]
    pub fn next_shift_due_ms(&self) -> Option<u64> {
        let rows = self.brain.shifts.values();
        let times = rows.flat_map(|row| {
            let start = row.shift.starts_at_ms.filter(|_| row.ahead);
            start
                .into_iter()
                .chain(row.shift.ends_at_ms.filter(|_| !row.expired))
        });
        times.min()
    }

    /// The policies in force for a service, merged, with what people weigh by hand. Plans are computed from it.
    #[must_use]
    pub fn policy(&self, service: &ServiceKey) -> Effective {
        let mut effective = policy::effective(&self.policies, service);
        if let Some(weights) = self.bound(service).find_map(|row| match &row.shift.action {
            ShiftAction::Weigh(weights) => Some(weights),
            _ => None,
        }) {
            effective.policy.strategy = Strategy::Weighted;
            effective.policy.weights.clone_from(weights);
        }
        effective
    }

    /// What a plan's inputs must say of a destination of a service.
    #[must_use]
    pub fn standing(
        &self,
        service: &ServiceKey,
        member: &MemberName,
        zone: Option<&Zone>,
    ) -> Standing {
        self.standing_by(self.withdrawal(member), service, member, zone)
    }

    /// As [`Self::standing`], where the verdict on the member is at hand.
    pub(crate) fn standing_by(
        &self,
        verdict: Option<Withdrawal>,
        service: &ServiceKey,
        member: &MemberName,
        zone: Option<&Zone>,
    ) -> Standing {
        if self.brain.shifts.is_empty() && self.brain.ramps.is_empty() {
            return Standing {
                withdrawn: verdict,
                admitted_percent: 100,
                vacated: false,
            };
        }
        // Whom a verdict keeps out nothing else holds back.
        let returning = || self.ramped(service, member, zone);
        let mut standing = Standing {
            withdrawn: verdict,
            admitted_percent: verdict.map_or_else(returning, |_| 100),
            vacated: false,
        };
        // The newest word of a person about this place holds.
        let word = self.bound(service).find(|row| match &row.shift.action {
            ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain) => {
                self.is_in(domain, member, zone)
            }
            _ => false,
        });
        match word.map(|row| (&row.shift.action, row)) {
            Some((ShiftAction::Evacuate(_), row)) => match row.left_for(service, self.cluster_time)
            {
                0 => {}
                step => {
                    // What was lost on the way does not wait for the last step, nor do callers come back to it.
                    let lost = verdict.is_some() || row.lost.contains(member);
                    let left = if lost { 100 } else { step.min(100) };
                    standing.withdrawn = verdict.or(Some(Withdrawal::Evacuated));
                    // A verdict keeps others out; a person's word keeps its own callers out, too, and goes on.
                    standing.vacated = verdict.is_some();
                    standing.admitted_percent = standing.admitted_percent.min(100 - left);
                }
            },
            Some((ShiftAction::Restore(_), row)) => {
                standing.admitted_percent = 100;
                if verdict == Some(Withdrawal::Recovering) && row.overrides(Rule::HoldDown) {
                    standing.withdrawn = None;
                }
            }
            _ => {}
        }
        standing
    }

    /// Puts into a destination's inputs what verdicts, people and returns say of it. Weaker reasons to leave it out, which
    /// the caller finds, stay where these have none.
    pub fn settle_standing(&self, service: &ServiceKey, input: &mut DestinationInput) {
        let standing = self.standing(service, &input.member, input.zone.as_ref());
        input.withdrawn = standing.withdrawn.or(input.withdrawn.filter(|reason| {
            !matches!(
                reason,
                Withdrawal::Lost
                    | Withdrawal::Recovering
                    | Withdrawal::Away
                    | Withdrawal::Evacuated
            )
        }));
        input.admitted_percent = standing.admitted_percent;
        input.vacated = standing.vacated;
    }

    fn ramped(&self, service: &ServiceKey, member: &MemberName, zone: Option<&Zone>) -> u8 {
        let ramps = self.brain.ramps.get(service).into_iter().flatten();
        let here = ramps.filter(|(domain, _)| self.is_in(domain, member, zone));
        here.map(|(_, ramp)| ramp.admitted_percent())
            .min()
            .unwrap_or(100)
    }

    /// Overrides in effect for a service, the newest first.
    pub fn bound(&self, service: &ServiceKey) -> impl Iterator<Item = &ShiftRow> {
        let mut rows: Vec<&ShiftRow> = self
            .brain
            .shifts
            .values()
            .filter(|row| row.binds(service))
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.effective_at, row.generation)));
        rows.into_iter()
    }

    /// The freeze or pin that holds a service's plan as it is, where no newer evacuation, restoration or weighing of the
    /// service by a person overrules it.
    #[must_use]
    pub fn held_by(&self, service: &ServiceKey) -> Option<&ShiftRow> {
        let newest = self.bound(service).next()?;
        matches!(newest.shift.action, ShiftAction::Freeze | ShiftAction::Pin).then_some(newest)
    }

    /// Whether networks are not to be cut although their gateways are lost: automation stands still for the whole fleet.
    #[must_use]
    pub fn holds_cuts(&self) -> bool {
        let frozen = |row: &ShiftRow| {
            row.effective_at.is_some()
                && matches!(row.shift.action, ShiftAction::Freeze)
                && row.shift.root
                && row.shift.targets.is_empty()
        };
        self.brain.brake.is_some()
            || self.brain.shifts.values().any(frozen)
            || self.fleet_mode() != FailoverMode::Automatic
    }

    /// Who moves traffic, by the root policies for all services.
    #[must_use]
    pub fn fleet_mode(&self) -> FailoverMode {
        let root = self
            .policies
            .values()
            .filter(|p| p.root && p.targets.is_empty());
        root.filter_map(|p| p.rules.mode).min().unwrap_or_default()
    }

    /// Whether a person restores all that is in a member by name of the hold-down.
    pub(crate) fn restored_early(&self, member: &MemberName) -> bool {
        let restores = |row: &ShiftRow| match &row.shift.action {
            ShiftAction::Restore(domain) => {
                row.shift.root
                    && row.shift.targets.is_empty()
                    && row.overrides(Rule::HoldDown)
                    && self.is_in(domain, member, None)
            }
            _ => false,
        };
        self.brain.shifts.values().any(restores)
    }

    /// Whether a gateway is to be left, because all traffic leaves it.
    pub(crate) fn gateway_left(&self, member: &MemberName, gateway: &Name) -> bool {
        let leaves = |row: &ShiftRow| match &row.shift.action {
            ShiftAction::Evacuate(Domain::Gateway {
                member: of,
                gateway: name,
            }) => {
                of == member
                    && name == gateway
                    && row.shift.root
                    && row.shift.targets.is_empty()
                    && row.left_percent(self.cluster_time) >= 100
            }
            _ => false,
        };
        self.brain.shifts.values().any(leaves)
    }

    /// Whether a place is in a domain. A gateway's domain is all that only this gateway leads to.
    #[must_use]
    pub fn is_in(&self, domain: &Domain, member: &MemberName, zone: Option<&Zone>) -> bool {
        let Some(held) = self.members.get(member) else {
            return false;
        };
        match domain {
            Domain::Member(name) => name == member,
            Domain::Region(region) => held.region() == Some(region),
            Domain::Zone { region, zone: name } => {
                held.region() == Some(region) && zone == Some(name)
            }
            Domain::Declared(name) => held.spec.failure_domains.contains(name),
            Domain::Gateway {
                member: of,
                gateway,
            } => {
                let network = self.members.get(of).and_then(|of| of.network());
                network.is_some() && held.network() == network && !self.another_way(of, gateway)
            }
        }
    }

    /// Whether another gateway of the same network may receive.
    fn another_way(&self, member: &MemberName, gateway: &Name) -> bool {
        let network = self.members.get(member).and_then(|held| held.network());
        let same = self
            .members
            .iter()
            .filter(|(_, held)| held.network() == network);
        let mut gateways = same.flat_map(|(name, held)| {
            let placed = held.placement.iter().flat_map(|p| p.gateways.keys());
            placed.map(move |gateway| (name, gateway))
        });
        gateways.any(|(of, name)| {
            (of, name) != (member, gateway)
                && self.gateway_receives(of, name)
                && !self.gateway_left(of, name)
        })
    }

    /// Members with a part in a domain.
    #[must_use]
    pub fn members_in(&self, domain: &Domain) -> BTreeSet<&MemberName> {
        let names = self.members.keys();
        names
            .filter(|name| self.has_part_in(domain, name))
            .collect()
    }

    /// Whether leaving a domain leaves anything of a member: with a network's only gateway, every member behind it.
    pub(crate) fn may_leave(&self, domain: &Domain, name: &MemberName) -> bool {
        self.has_part_in(domain, name) || self.is_in(domain, name, None)
    }

    /// Whether a member has a part in a domain.
    pub(crate) fn has_part_in(&self, domain: &Domain, name: &MemberName) -> bool {
        match domain {
            Domain::Zone { region, zone } => self.members.get(name).is_some_and(|held| {
                held.region() == Some(region)
                    && held
                        .placement
                        .as_ref()
                        .is_some_and(|placement| placement.zones.contains(zone))
            }),
            Domain::Gateway { member, gateway } => {
                name == member
                    && self
                        .members
                        .get(name)
                        .is_some_and(|held| held.has_gateway(gateway))
            }
            _ => self.is_in(domain, name, None),
        }
    }
}
