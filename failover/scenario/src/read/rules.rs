//! What policies say beyond where traffic may go.

use causeway_api::rules::{Failback, Limits, PolicyRules, Strategy, TrafficLimit};
use causeway_api::spec::defaults;
use serde_saphyr::{Location, Spanned};

use super::Reader;
use crate::file::{PolicyRow, StatefulApproval};

impl Reader {
    pub(super) fn rules(&mut self, row: &Spanned<PolicyRow>, root: bool) -> PolicyRules {
        let (found, at) = (&row.value, row.referenced);
        let what = |field: &str| format!("policy {}: {field}", found.name);
        let destinations = &found.destinations;
        let weighted = destinations.strategy == Some(Strategy::Weighted);
        if weighted == destinations.weights.is_empty() {
            let message = format!(
                "{} and the strategy Weighted belong together",
                what("weights")
            );
            self.wrong(at, message);
        }
        if root && found.move_together == Some(true) {
            let message = format!(
                "{} in {} would tie all services to each other: say it in their namespace",
                what("moveTogether"),
                defaults::ROOT_NAMESPACE
            );
            self.wrong(at, message);
        }
        let failback = &found.failback;
        let step_percents = self.steps(&what("stepWeights"), &failback.step_weights, at);
        PolicyRules {
            mode: found.mode,
            priority: found.priority,
            move_together: found.move_together,
            strategy: destinations.strategy,
            weights: self.weights(&what("destinations"), &destinations.weights),
            min_healthy_percent: destinations
                .min_healthy_percent
                .as_ref()
                .map(|percent| self.percent(&what("minHealthyPercent"), percent)),
            when_unknown: found.capacity.when_unknown,
            limits: self.limits(found, root, at),
            stateful: found
                .stateful
                .as_ref()
                .map(|stateful| stateful.approval == StatefulApproval::Required),
            failback: Failback {
                mode: failback.mode,
                step_percents,
                interval_ms: failback
                    .interval
                    .as_ref()
                    .map(|interval| self.duration(&what("interval"), interval)),
            },
        }
    }

    fn limits(&mut self, row: &PolicyRow, root: bool, at: Location) -> Limits {
        let found = &row.limits;
        let what = |field: &str| format!("policy {}: {field}", row.name);
        let of_all = [
            ("maxRegionsLost", found.max_regions_lost.is_some()),
            (
                "maxMembersLostPercent",
                found.max_members_lost_percent.is_some(),
            ),
            ("maxShiftDuration", found.max_shift_duration.is_some()),
        ];
        for (field, given) in of_all {
            if given && !root {
                let message = format!(
                    "{} is for the whole clusterset: say it in a policy in {}",
                    what(field),
                    defaults::ROOT_NAMESPACE
                );
                self.wrong(at, message);
            }
        }
        let mut count = |field: &str, value: &Option<Spanned<i64>>| {
            value.as_ref().map(|value| {
                let number = self.number(&what(field), value, 1, 1_000);
                u32::try_from(number).unwrap_or(1)
            })
        };
        let min_serving_regions = count("minServingRegions", &found.min_serving_regions);
        let max_regions_lost = count("maxRegionsLost", &found.max_regions_lost);
        Limits {
            min_serving_regions,
            max_traffic_moved: found.max_traffic_moved.as_ref().map(|moved| TrafficLimit {
                percent: self.percent(&what("maxTrafficMoved"), &moved.percent),
                window_ms: self.duration(&what("maxTrafficMoved"), &moved.window),
            }),
            on_overload: found.on_overload,
            max_regions_lost,
            max_members_lost_percent: found
                .max_members_lost_percent
                .as_ref()
                .map(|percent| self.percent(&what("maxMembersLostPercent"), percent)),
            max_override_ms: found
                .max_shift_duration
                .as_ref()
                .map(|duration| self.duration(&what("maxShiftDuration"), duration)),
        }
    }
}
