//! Who does not move by itself: services that stand outside what is done at once when something is lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use causeway_api::ids::{Name, NetworkName, ServiceKey};
use causeway_api::shift::{Shift, ShiftAction};

use crate::brain::ShiftRow;
use crate::derived::into;
use crate::state::{PlanRow, State};

/// Plans, by service.
type Plans<'s> = Box<dyn Iterator<Item = (&'s ServiceKey, &'s Arc<PlanRow>)> + 's>;

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
        (self.any_careful() && self.is_careful(service)) || self.held_by(service).is_some()
    }

    /// Whether there can be such a service at all: looked at first, since mostly there is none.
    fn any_stands_outside(&self) -> bool {
        self.any_careful() || self.holding().next().is_some()
    }

    /// The freezes and pins that are in effect.
    fn holding(&self) -> impl Iterator<Item = &ShiftRow> {
        self.brain.shifts.values().filter(|row| {
            let holds = matches!(row.shift.action, ShiftAction::Freeze | ShiftAction::Pin);
            holds && row.effective_at.is_some()
        })
    }

    /// Services with a plan that a person holds as it is. Looks at those alone that a freeze or a pin is about.
    fn held(&self) -> impl Iterator<Item = (&ServiceKey, &Arc<PlanRow>)> {
        let about = self.holding().flat_map(|row| self.about(&row.shift));
        about.filter(|(service, row)| row.value.is_some() && self.held_by(service).is_some())
    }

    /// The plans of the services that an override is about.
    fn about<'s>(&'s self, shift: &'s Shift) -> Plans<'s> {
        if !shift.targets.is_empty() {
            let named = shift.targets.iter();
            return Box::new(named.filter_map(|service| self.plans.get_key_value(service)));
        }
        let namespace = &shift.key.namespace;
        // No name comes before it.
        match Name::new("0") {
            Ok(name) if !shift.root => {
                let first = ServiceKey {
                    namespace: namespace.clone(),
                    name,
                };
                let rows = self.plans.range(first..);
                Box::new(rows.take_while(|(service, _)| service.namespace == *namespace))
            }
            _ => Box::new(self.plans.iter()),
        }
    }

    /// Services with a plan that stand outside, in order.
    #[must_use]
    pub fn standing_outside(&self) -> BTreeSet<&ServiceKey> {
        let held = self.held().map(|(service, _)| service);
        self.derived().careful().chain(held).collect()
    }

    /// Whether a service that stands outside sends callers of other networks into this one.
    pub(crate) fn is_spared(&self, network: &NetworkName) -> bool {
        self.derived().entered().contains_key(network)
            || self.held().any(|(_, row)| {
                let plan = row.value.as_ref();
                plan.is_some_and(|plan| into(plan).any(|to| to == network))
            })
    }

    /// Networks that are not cut off as a whole when they are lost, because services that stand outside go there.
    #[must_use]
    pub fn spared(&self) -> BTreeSet<NetworkName> {
        let held = self.held().filter_map(|(_, row)| row.value.as_ref());
        let theirs = held.flat_map(into);
        self.derived()
            .entered()
            .keys()
            .chain(theirs)
            .cloned()
            .collect()
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
            let gateways = self.gateways(name, member, placement);
            let left = gateways.filter(|(_, gateway)| gateway.usable).count();
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
