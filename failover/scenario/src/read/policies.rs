//! Policies, each by itself and against the others.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::Region;
use causeway_api::plan::Rate;
use causeway_api::spec::{self, PolicyKey, PolicySpec, defaults};
use causeway_failover::policy;
use serde_saphyr::{Location, Spanned};

use super::Reader;
use super::numbers::MOST_RPS;
use crate::file::{Detection, PolicyRow};

impl Reader {
    pub(super) fn policy_rows(&mut self, rows: &[Spanned<PolicyRow>]) -> Vec<PolicySpec> {
        let mut policies: BTreeMap<PolicyKey, (PolicySpec, Location)> = BTreeMap::new();
        for row in rows {
            let spec = self.policy_row(row);
            let old = policies.insert(spec.key.clone(), (spec, row.referenced));
            if let Some((old, _)) = old {
                let message = format!("policies: {} stands twice", old.key);
                self.wrong(row.referenced, message);
            }
        }
        self.contradictions(&policies);
        policies.into_values().map(|(spec, _)| spec).collect()
    }

    /// What the merge of policies leaves out, and that nobody can have meant.
    fn contradictions(&mut self, policies: &BTreeMap<PolicyKey, (PolicySpec, Location)>) {
        let specs: BTreeMap<PolicyKey, PolicySpec> = policies
            .iter()
            .map(|(key, (spec, _))| (key.clone(), spec.clone()))
            .collect();
        let mut conflicts = policy::root(&specs).conflicts;
        for service in self.services.keys() {
            conflicts.extend(policy::effective(&specs, service).conflicts);
        }
        for conflict in conflicts {
            let named = |key: &&PolicyKey| conflict.starts_with(&format!("policy {key}:"));
            let at = specs
                .keys()
                .find(named)
                .or_else(|| specs.keys().next_back());
            let line = at.and_then(|key| policies.get(key)).map(|(_, at)| *at);
            self.wrong(line.unwrap_or(Location::UNKNOWN), conflict);
        }
    }

    pub(super) fn policy_row(&mut self, row: &Spanned<PolicyRow>) -> PolicySpec {
        let found = &row.value;
        let key = found.name.clone();
        let what = |field: &str| format!("policy {key}: {field}");
        let root = key.namespace.as_str() == defaults::ROOT_NAMESPACE;
        for target in &found.targets {
            if self.service(&what("targets"), &target.value, target.referenced)
                && !root
                && target.value.namespace != key.namespace
            {
                let message = format!(
                    "{}: {} is in another namespace: only a policy in {} may name it",
                    what("targets"),
                    target.value,
                    defaults::ROOT_NAMESPACE
                );
                self.wrong(target.referenced, message);
            }
        }
        let mut allowed: BTreeSet<Region> = BTreeSet::new();
        for region in &found.destinations.allowed_regions {
            self.region(&what("allowedRegions"), region);
            allowed.insert(region.value.clone());
        }
        let failover = self.failover(found, &allowed);
        let mut demand = BTreeMap::new();
        for row in &found.demand {
            let from = &row.value.from;
            self.region(&what("demand"), from);
            let rps = &row.value.requests_per_second;
            let rate = self.number(&what("requestsPerSecond"), rps, 0, MOST_RPS);
            if demand
                .insert(from.value.clone(), Rate::from_rps(rate))
                .is_some()
            {
                let message = format!("{} from {} stands twice", what("demand"), from.value);
                self.wrong(from.referenced, message);
            }
        }
        if !root && found.detection.is_some() {
            let message = format!(
                "{} is for the whole clusterset: say it in a policy in {}",
                what("detection"),
                defaults::ROOT_NAMESPACE
            );
            self.wrong(row.referenced, message);
        }
        let each = found.capacity.requests_per_second_per_endpoint.as_ref();
        let each =
            each.map(|each| self.number(&what("requestsPerSecondPerEndpoint"), each, 1, MOST_RPS));
        let percent = found.capacity.max_utilization_percent.as_ref();
        let percent = percent.map(|p| self.percent(&what("maxUtilizationPercent"), p));
        let hold_down = found.failback.hold_down.as_ref();
        PolicySpec {
            root,
            targets: found.targets.iter().map(|t| t.value.clone()).collect(),
            hosts: BTreeSet::new(),
            failover,
            allowed_regions: allowed,
            demand,
            capacity_per_endpoint: each.map(Rate::from_rps),
            max_utilization_percent: percent,
            detection: found
                .detection
                .as_ref()
                .map(|d| self.detection(&what("detection"), d)),
            hold_down_ms: hold_down.map(|d| self.duration(&what("holdDown"), d)),
            key: key.clone(),
            rules: self.rules(row, root),
        }
    }

    fn failover(
        &mut self,
        found: &PolicyRow,
        allowed: &BTreeSet<Region>,
    ) -> BTreeMap<Region, Vec<Region>> {
        let mut all: BTreeMap<Region, Vec<Region>> = BTreeMap::new();
        for row in &found.destinations.failover {
            let from = &row.value.from;
            let what = format!("policy {}: failover from {}", found.name, from.value);
            self.region(&what, from);
            let mut order: Vec<Region> = Vec::new();
            for to in &row.value.to {
                self.region(&what, to);
                let region = &to.value;
                let wrong = if *region == from.value {
                    Some("leads back to itself: callers stay in their own region first anyway")
                } else if order.contains(region) {
                    Some("names it twice: an order has each region once")
                } else if !allowed.is_empty() && !allowed.contains(region) {
                    Some("contradicts allowedRegions, which leave it out")
                } else {
                    None
                };
                if let Some(wrong) = wrong {
                    self.wrong(to.referenced, format!("{what} to {region} {wrong}"));
                }
                order.push(region.clone());
            }
            if all.insert(from.value.clone(), order).is_some() {
                self.wrong(from.referenced, format!("{what} stands twice"));
            }
        }
        all
    }

    fn detection(&mut self, what: &str, found: &Detection) -> spec::Detection {
        let default = spec::Detection::default();
        let mut count = |name: &str, value: &Option<Spanned<i64>>, otherwise: u32| {
            value.as_ref().map_or(otherwise, |value| {
                let number = self.number(&format!("{what}.{name}"), value, 1, 1_000);
                u32::try_from(number).unwrap_or(otherwise)
            })
        };
        let min_observers = count("minObservers", &found.min_observers, default.min_observers);
        let min_failure_domains = count(
            "minFailureDomains",
            &found.min_failure_domains,
            default.min_failure_domains,
        );
        let hold = found.hold_for.as_ref();
        spec::Detection {
            hold_for_ms: hold.map_or(default.hold_for_ms, |hold| {
                self.duration(&format!("{what}.holdFor"), hold)
            }),
            min_observers,
            min_failure_domains,
        }
    }
}
