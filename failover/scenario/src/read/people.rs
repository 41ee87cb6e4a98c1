//! What people do.

use std::collections::BTreeMap;

use causeway_api::domain::Domain;
use causeway_api::ids::Region;
use causeway_api::shift::{Shift, ShiftAction};
use causeway_api::spec::defaults;
use causeway_failover::safety::Rule;
use causeway_state::brain::Approvable;
use serde_saphyr::{Location, Spanned};

use super::Reader;
use crate::file::{ApproveRow, ShiftRow, ShiftVerb};
use crate::scenario::Action;

impl Reader {
    pub(super) fn shift(&mut self, row: &Spanned<ShiftRow>) -> Option<Shift> {
        let (found, at) = (&row.value, row.referenced);
        let what = format!("shift {}", found.name);
        let root = found.name.namespace.as_str() == defaults::ROOT_NAMESPACE;
        for target in &found.targets {
            self.service(
                &format!("{what}: targets"),
                &target.value,
                target.referenced,
            );
        }
        for rule in &found.override_rules {
            if let Err(error) = rule.parse::<Rule>() {
                self.wrong(at, format!("{what}: overrideRules: {error}"));
            }
        }
        let (steps, interval_ms) = match &found.ramp {
            Some(ramp) => (
                self.steps(&format!("{what}: stepWeights"), &ramp.step_weights, at),
                self.duration(&format!("{what}: interval"), &ramp.interval),
            ),
            None => (Vec::new(), 0),
        };
        Some(Shift {
            key: found.name.clone(),
            root,
            action: self.shift_action(&what, row)?,
            targets: found.targets.iter().map(|key| key.value.clone()).collect(),
            urgency: found.urgency,
            step_percents: steps,
            interval_ms,
            expires_after_ms: self.duration(&format!("{what}: expiresAfter"), &found.expires_after),
            on_expiry: found.on_expiry,
            override_rules: found.override_rules.iter().cloned().collect(),
            approvals_required: found.approvals_required,
            dry_run: found.dry_run,
            requested_by: found.requested_by.clone(),
            reason: found.reason.clone(),
            ticket: None,
            starts_at_ms: None,
            ends_at_ms: None,
        })
    }

    fn shift_action(&mut self, what: &str, row: &Spanned<ShiftRow>) -> Option<ShiftAction> {
        let (found, at) = (&row.value, row.referenced);
        let leaves = matches!(found.action, ShiftVerb::Evacuate | ShiftVerb::Restore);
        if leaves != found.away_from.is_some() {
            let message = format!(
                "{what}: awayFrom belongs to the actions Evacuate and Restore: give it with these, and with no other"
            );
            self.wrong(at, message);
            return None;
        }
        if (found.action == ShiftVerb::Weigh) == found.weights.is_empty() {
            let message = format!("{what}: weights and the action Weigh belong together");
            self.wrong(at, message);
            return None;
        }
        if let Some(domain) = &found.away_from {
            self.domain(what, &domain.value, domain.referenced);
        }
        let domain = || found.away_from.as_ref().map(|domain| domain.value.clone());
        Some(match found.action {
            ShiftVerb::Evacuate => ShiftAction::Evacuate(domain()?),
            ShiftVerb::Restore => ShiftAction::Restore(domain()?),
            ShiftVerb::Weigh => ShiftAction::Weigh(self.weights(what, &found.weights)),
            ShiftVerb::Pin => ShiftAction::Pin,
            ShiftVerb::Freeze => ShiftAction::Freeze,
        })
    }

    /// A domain must be of something that there is.
    fn domain(&mut self, what: &str, domain: &Domain, at: Location) {
        match (domain.subject(), domain) {
            (Some(subject), _) => self.subject(what, &subject, at),
            (None, Domain::Declared(name)) => {
                let mut members = self.members.values();
                if !members.any(|member| member.spec.failure_domains.contains(name)) {
                    self.wrong(
                        at,
                        format!("{what}: no member declares the failure domain {name}"),
                    );
                }
            }
            (None, _) => {}
        }
    }

    pub(super) fn weights(
        &mut self,
        what: &str,
        found: &BTreeMap<Region, Spanned<i64>>,
    ) -> BTreeMap<Region, u32> {
        let mut weights = BTreeMap::new();
        for (region, weight) in found {
            let named = Spanned::new(region.clone(), weight.referenced, weight.defined);
            self.region(&format!("{what}: weights"), &named);
            let weight = self.number(&format!("{what}: weights"), weight, 1, 1_000_000);
            weights.insert(region.clone(), u32::try_from(weight).unwrap_or(1));
        }
        weights
    }

    /// Steps in percent: rising, the last 100.
    pub(super) fn steps(&mut self, what: &str, found: &[Spanned<i64>], at: Location) -> Vec<u8> {
        let steps: Vec<u8> = found.iter().map(|step| self.percent(what, step)).collect();
        let rise = steps.windows(2).all(|pair| pair.first() < pair.last());
        if !steps.is_empty() && (!rise || steps.last() != Some(&100)) {
            let message =
                format!("{what}: they must rise and end with 100, such as 5, 25, 50, 100");
            self.wrong(found.first().map_or(at, |step| step.referenced), message);
        }
        steps
    }

    pub(super) fn approve(&mut self, row: &Spanned<ApproveRow>) -> Option<Action> {
        let found = &row.value;
        let what = match (&found.shift, &found.plan, &found.failback) {
            (Some(key), None, None) => Approvable::Shift(key.clone()),
            (None, Some(service), None) => {
                self.service("approve: plan", service, row.referenced);
                Approvable::Plan(service.clone())
            }
            (None, None, Some(domain)) => {
                self.domain("approve: failback", domain, row.referenced);
                Approvable::Failback {
                    domain: domain.clone(),
                    service: found.service.clone(),
                }
            }
            _ => {
                let message = "approve: give exactly one of shift, plan and failback";
                self.wrong(row.referenced, message.to_owned());
                return None;
            }
        };
        Some(Action::Approve(what, found.by.clone()))
    }
}
