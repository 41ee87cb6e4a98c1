//! What the story came to: for people ([`super::screen`]) and, as JSON, for programs.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_api::ids::{MemberName, Region, ServiceKey};
use serde::{Deserialize, Serialize};

use super::fleet::{Fleet, MAX_UTILIZATION_PERCENT, Spread};
use super::lost::Lost;
use super::model::ASSUMPTIONS;
use super::model::traffic::{Peak, Traffic};
use super::objects::{HOLD_DOWN_S, HOLD_FOR_S};

/// The whole report. Shares and requests are modelled ([`Requests::modelled`]); times and verdicts are measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The seed that the fleet was drawn from.
    pub seed: u64,
    /// The fleet, counted.
    pub fleet: Counts,
    /// What was lost.
    pub lost: Lost,
    /// The controller's replicas, one in each region.
    pub replicas: Vec<ReplicaRow>,
    /// Who led when, from the loss on.
    pub leaders: Vec<LeaderRow>,
    /// The clusters that were lost with it.
    pub lost_members: Vec<MemberName>,
    /// What happened when, from the loss on.
    pub timeline: Vec<Moment>,
    /// Whether every surviving mesh stopped sending into the lost part, and no request went nowhere.
    pub recovered: bool,
    /// From the loss until then, in milliseconds.
    pub recovery_ms: Option<u64>,
    /// Whether traffic returned after the lost part had.
    pub restored: bool,
    /// From the loss until then, in milliseconds.
    pub restored_ms: Option<u64>,
    /// From the return of the lost part until then, in milliseconds.
    pub failback_ms: Option<u64>,
    /// Where requests went.
    pub shares: Vec<ShareRow>,
    /// What became of requests.
    pub requests: Requests,
    /// How full the survivors became.
    pub survivors: Survivors,
}

/// A fleet, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Clusters.
    pub members: usize,
    /// Regions.
    pub regions: usize,
    /// Services.
    pub services: usize,
    /// Services that every region serves itself.
    pub local: usize,
    /// Services of which one region asks more than it can serve.
    pub spills: usize,
    /// Services that one region does not have.
    pub elsewhere: usize,
    /// Ready endpoints.
    pub endpoints: u64,
    /// All that is asked, in requests per second.
    pub requests_per_second: u64,
    /// How long a quorum must hold a gateway unreachable, in seconds.
    pub hold_for_seconds: u64,
    /// How long what came back waits, in seconds.
    pub hold_down_seconds: u64,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Since the loss, in milliseconds.
    pub at_ms: u64,
    /// What.
    pub event: Event,
    /// In a sentence.
    pub text: String,
}

/// A replica of the controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaRow {
    /// Which.
    pub replica: String,
    /// Where.
    pub region: Region,
}

/// From when on a replica led.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaderRow {
    /// Since the loss, in milliseconds; the first led before.
    pub at_ms: u64,
    /// Which.
    pub replica: String,
    /// Where.
    pub region: Region,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// The part goes dark.
    Dark,
    /// An observer cannot reach the first of its gateways.
    Suspected,
    /// The verdict on all its gateways is Lost.
    GatewaysLost,
    /// The verdict on the part is Lost.
    Lost,
    /// The first surviving mesh was written.
    FirstMesh,
    /// The last surviving mesh stopped sending into the dark.
    LastMesh,
    /// The part is there again.
    Back,
    /// It is reached again, and waits out its hold-down.
    Recovering,
    /// The verdict is Serving.
    Serving,
    /// Traffic is as it was before.
    Restored,
    /// Another replica leads.
    Led,
    /// Every agent of the survivors has a session again.
    Connected,
    /// Something took too long.
    TooLong,
}

/// Where the callers of one region send, in percent of their requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareRow {
    /// The callers' region.
    pub from: Region,
    /// The region that serves; `None`: no endpoint is left.
    pub to: Option<Region>,
    /// Before the loss.
    pub before_percent: f64,
    /// Once traffic had moved; `None`: the callers lay in the dark themselves.
    pub during_percent: Option<f64>,
    /// At the end.
    pub after_percent: f64,
}

/// What became of requests between the loss and the end, as modelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// Always true: no request was sent.
    pub modelled: bool,
    /// What the model takes for granted.
    pub assumptions: Vec<String>,
    /// Requests that were answered.
    pub succeeded: u64,
    /// Requests that were not.
    pub failed: u64,
    /// Of all, in percent.
    pub failed_percent: f64,
    /// Requests that would have failed, had every mesh stayed as it was until the lost part came back.
    pub failed_if_nothing_moved: u64,
}

/// How full the survivors became, as modelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Survivors {
    /// What plans may use of a capacity, in percent.
    pub limit_percent: u32,
    /// The most that any surviving cluster was asked of any service once traffic had moved, or returned, in percent of
    /// what its endpoints serve.
    pub peak_percent: f64,
    /// Where that was.
    pub peak_member: Option<MemberName>,
    /// Of which service.
    pub peak_service: Option<ServiceKey>,
    /// The same at any moment from the loss on, on the way included.
    pub passing_peak_percent: f64,
    /// For how long anything was above the limit by more than a percent, in milliseconds.
    pub over_limit_ms: u64,
}

impl Counts {
    /// Counts a fleet.
    #[must_use]
    pub fn of(fleet: &Fleet) -> Self {
        let kind = |spread| {
            fleet
                .services
                .iter()
                .filter(|service| service.spread == spread)
                .count()
        };
        let services = || fleet.services.iter();
        Self {
            members: fleet.members.len(),
            regions: fleet.regions().len(),
            services: fleet.services.len(),
            local: kind(Spread::Local),
            spills: kind(Spread::Spills),
            elsewhere: kind(Spread::Elsewhere),
            endpoints: services()
                .flat_map(|s| s.ready.values())
                .flat_map(|zones| zones.values())
                .map(|n| u64::from(*n))
                .sum(),
            requests_per_second: services()
                .flat_map(|s| s.demand_rps.values())
                .map(|rps| u64::from(*rps))
                .sum(),
            hold_for_seconds: HOLD_FOR_S,
            hold_down_seconds: HOLD_DOWN_S,
        }
    }
}

impl Survivors {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limit_percent: MAX_UTILIZATION_PERCENT,
            peak_percent: 0.0,
            peak_member: None,
            peak_service: None,
            passing_peak_percent: 0.0,
            over_limit_ms: 0,
        }
    }

    /// Something was so full for so long.
    pub fn note(&mut self, peak: &Peak, passed: Duration) {
        self.passing_peak_percent = self.passing_peak_percent.max(tenth(peak.percent));
        // Exact shares are whole percents in Istio: what rounding adds is no overload.
        if peak.percent > f64::from(self.limit_percent) + 1.0 {
            self.over_limit_ms += u64::try_from(passed.as_millis()).unwrap_or(0);
        }
    }

    /// With the peak of those moments at which nothing moved.
    #[must_use]
    pub fn settled<'a>(
        mut self,
        moments: impl IntoIterator<Item = &'a Traffic>,
        lost: &BTreeSet<MemberName>,
    ) -> Self {
        for peak in moments
            .into_iter()
            .filter_map(|traffic| traffic.peak.as_ref())
        {
            if peak.percent > self.peak_percent && !lost.contains(&peak.member) {
                self.peak_percent = tenth(peak.percent);
                self.peak_member = Some(peak.member.clone());
                self.peak_service = Some(peak.service.clone());
            }
        }
        self
    }
}

impl Default for Survivors {
    fn default() -> Self {
        Self::new()
    }
}

impl Requests {
    /// Rounds sums to whole requests.
    #[must_use]
    pub fn new(succeeded: f64, failed: f64, failed_if_nothing_moved: f64) -> Self {
        let all = (succeeded + failed).max(f64::MIN_POSITIVE);
        Self {
            modelled: true,
            assumptions: ASSUMPTIONS.map(str::to_owned).to_vec(),
            succeeded: whole(succeeded),
            failed: whole(failed),
            failed_percent: (failed * 10_000.0 / all).round() / 100.0,
            failed_if_nothing_moved: whole(failed_if_nothing_moved),
        }
    }
}

/// Rows for every pair of regions between which anything went at any of the three times.
#[must_use]
pub fn shares(before: &Traffic, during: &Traffic, after: &Traffic) -> Vec<ShareRow> {
    let mut pairs: Vec<_> = [before, during, after]
        .into_iter()
        .flat_map(|traffic| traffic.by_region.keys().cloned())
        .collect();
    pairs.sort();
    pairs.dedup();
    let percent = |traffic: &Traffic, from: &Region, to: &Option<Region>| {
        let rows = traffic
            .by_region
            .iter()
            .filter(|((other, _), _)| other == from);
        let all: f64 = rows.map(|(_, rps)| rps).sum();
        let rps = traffic
            .by_region
            .get(&(from.clone(), to.clone()))
            .copied()
            .unwrap_or(0.0);
        (all > 0.0).then(|| tenth(rps * 100.0 / all))
    };
    let row = |(from, to): (Region, Option<Region>)| ShareRow {
        before_percent: percent(before, &from, &to).unwrap_or(0.0),
        during_percent: percent(during, &from, &to),
        after_percent: percent(after, &from, &to).unwrap_or(0.0),
        from,
        to,
    };
    pairs.into_iter().map(row).collect()
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests, never negative"
)]
pub(crate) fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}
