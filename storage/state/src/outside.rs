//! Who does not move by itself: services that stand outside what is done at once when something is lost.

use std::collections::BTreeSet;

use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::Destination;
use causeway_api::rules::{FailoverMode, PolicyRules};
use causeway_api::shift::ShiftAction;

use crate::state::{CommittedPlan, State};

impl State {
    /// Whether a service keeps the plan that it has for now, whatever others do: a person or a safety rule holds it.
    #[must_use]
    pub fn stands_still(&self, service: &ServiceKey) -> bool {
        self.brain.pending.contains_key(service)
            || self.brain.refused.contains_key(service)
            || self.held_by(service).is_some()
    }

    /// Whether a service moves by a person's word alone when something is lost: it keeps state, policy has nobody move it
    /// without one, or somebody froze or pinned it.
    #[must_use]
    pub fn stands_outside(&self, service: &ServiceKey) -> bool {
        if !self.any_stands_outside() {
            return false;
        }
        let rules = self.policy(service).rules;
        rules.stateful || rules.mode != FailoverMode::Automatic || self.held_by(service).is_some()
    }

    /// Whether there can be such a service at all: looked at first, since mostly there is none.
    fn any_stands_outside(&self) -> bool {
        let careful = |rules: &PolicyRules| {
            rules.stateful == Some(true)
                || rules
                    .mode
                    .is_some_and(|mode| mode != FailoverMode::Automatic)
        };
        let held = |action: &ShiftAction| matches!(action, ShiftAction::Freeze | ShiftAction::Pin);
        self.policies.values().any(|policy| careful(&policy.rules))
            || self
                .brain
                .shifts
                .values()
                .any(|row| held(&row.shift.action))
    }

    /// Whether a service that stands outside sends callers of other networks into this one.
    pub(crate) fn is_spared(&self, network: &NetworkName) -> bool {
        self.any_stands_outside()
            && self.plans.iter().any(|(service, row)| {
                let goes = row
                    .value
                    .as_ref()
                    .is_some_and(|held| into(held).any(|to| to == network));
                goes && self.stands_outside(service)
            })
    }

    /// Networks that are not cut off as a whole when they are lost, because services that stand outside go there.
    #[must_use]
    pub fn spared(&self) -> BTreeSet<NetworkName> {
        let mut spared = BTreeSet::new();
        if self.any_stands_outside() {
            for (service, row) in &self.plans {
                let Some(held) = &row.value else {
                    continue;
                };
                if into(held).any(|to| !spared.contains(to)) && self.stands_outside(service) {
                    spared.extend(into(held).cloned());
                }
            }
        }
        spared
    }

    /// Networks into which no gateway leads by the verdicts, and whose ways in stay for services that stand outside: all
    /// others leave them at once, each by itself.
    #[must_use]
    pub fn lost_and_kept(&self) -> BTreeSet<NetworkName> {
        if self.holds_cuts() || !self.any_stands_outside() {
            return BTreeSet::new();
        }
        let mut usable: BTreeSet<&NetworkName> = BTreeSet::new();
        let mut lost: BTreeSet<&NetworkName> = BTreeSet::new();
        for (name, member) in &self.members {
            let Some(placement) = &member.placement else {
                continue;
            };
            let left = self.usable_gateways(name, member, placement).count();
            if left > 0 {
                usable.insert(&placement.network);
            } else if !placement.gateways.is_empty() {
                lost.insert(&placement.network);
            }
        }
        // Where nothing is reached any more, nothing is left: there is nowhere to go instead.
        if usable.is_empty() {
            return BTreeSet::new();
        }
        let kept = lost.difference(&usable).filter(|network| {
            let row = self.networks.get(**network);
            let view = row.and_then(|row| row.value.as_ref());
            view.is_some_and(|view| !view.gateways.is_empty())
        });
        kept.map(|network| (*network).clone()).collect()
    }
}

/// The networks that a plan sends into through their gateways.
fn into(held: &CommittedPlan) -> impl Iterator<Item = &NetworkName> {
    let shares = held.plan.sources.iter().flat_map(|source| &source.shares);
    shares.filter_map(|share| match &share.destination {
        Destination::Network(name) => Some(name),
        Destination::Zone { .. } => None,
    })
}
