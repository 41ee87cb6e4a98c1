//! Whether what istiod tells a proxy is what the plan says: priorities, localities, weights and addresses.
//!
//! The plan comes from `causeway explain -o json`, the gateways from `causeway clusters -o json`, the pods from the
//! test, and the rules from what Envoy documents of priorities and locality weights. Nothing is shared with the code
//! that renders.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::{
    Endpoint,
    json::{at, list, number, text},
};

/// A destination of a plan: a zone of the caller's own member, or a network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Zone(String),
    Network(String),
}

/// What the addresses of one answer stand for.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// By network: the sockets of its gateways.
    pub gateways: BTreeMap<String, BTreeSet<String>>,
    /// By zone: the sockets of the caller's own pods.
    pub pods: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn meaning(&self, socket: &str) -> Option<To> {
        let of = |places: &BTreeMap<String, BTreeSet<String>>| {
            places
                .iter()
                .find(|(_, sockets)| sockets.contains(socket))
                .map(|(name, _)| name.clone())
        };
        of(&self.pods)
            .map(To::Zone)
            .or_else(|| of(&self.gateways).map(To::Network))
    }
}

/// The gateways that `causeway clusters -o json` names, by network, without those that traffic is kept from.
#[must_use]
pub fn gateways(clusters: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for cluster in clusters.as_array().map(Vec::as_slice).unwrap_or_default() {
        for gateway in list(cluster, "/gateways") {
            if !matches!(
                at(gateway, "/verdict").as_str(),
                Some("Lost" | "Recovering")
            ) {
                let sockets = text(gateway, "/address");
                let sockets = sockets.split(',').map(|one| one.trim().to_owned());
                all.entry(text(cluster, "/network"))
                    .or_default()
                    .extend(sockets);
            }
        }
    }
    all
}

/// Checks what a proxy in `zone` of `member` was told against its part of the plan.
///
/// # Errors
/// With what differs.
pub fn as_planned(
    explanation: &Value,
    (member, zone): (&str, &str),
    known: &Known,
    told: &[Endpoint],
) -> anyhow::Result<()> {
    compare(explanation, (member, zone), known, told).with_context(|| {
        let plan = at(explanation, "/plan");
        let told: Vec<String> = told.iter().map(shown).collect();
        format!("callers in {member}/{zone}: the plan is {plan}; istiod told {told:#?}")
    })
}

/// One endpoint in a line.
#[must_use]
pub fn shown(one: &Endpoint) -> String {
    format!(
        "{} {}/{} {} weight {} of {}",
        one.priority,
        one.region,
        one.zone,
        one.socket(),
        one.weight,
        one.locality_weight
    )
}

fn compare(
    explanation: &Value,
    (member, zone): (&str, &str),
    known: &Known,
    told: &[Endpoint],
) -> anyhow::Result<()> {
    let source = list(explanation, "/plan/sources")
        .iter()
        .find(|one| at(one, "/source/member") == member && at(one, "/source/zone") == zone)
        .context("the plan has no such source")?;
    let mut found: BTreeMap<To, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in told {
        let to = known
            .meaning(&endpoint.socket())
            .with_context(|| format!("{} is nobody's", shown(endpoint)))?;
        found.entry(to).or_default().push(endpoint);
    }
    for (zone, pods) in &known.pods {
        let told: BTreeSet<String> = found
            .get(&To::Zone(zone.clone()))
            .into_iter()
            .flatten()
            .map(|one| one.socket())
            .collect();
        ensure!(
            at(source, "/kind") != "Nearest" || told == *pods,
            "of the pods in {zone}, {pods:?}, it told {told:?}"
        );
    }
    for (to, endpoints) in &found {
        for endpoint in endpoints {
            place(explanation, to, endpoint)?;
        }
        if let To::Network(network) = to {
            let told: BTreeSet<String> = endpoints.iter().map(|one| one.socket()).collect();
            ensure!(
                known.gateways.get(network) == Some(&told),
                "of the gateways of {network} it told {told:?}"
            );
            let weight: u32 = endpoints.iter().map(|one| one.weight).sum();
            let ready = ready(explanation, network);
            ensure!(
                weight == ready,
                "{network} has {ready} ready endpoints, and weighs {weight}"
            );
        }
    }
    let shares = shares(source)?;
    match at(source, "/kind").as_str() {
        Some("Nearest") => nearest(source, &shares, &found),
        Some("Spill") => spill(&shares, &found),
        other => bail!("a plan of kind {other:?}"),
    }
}

fn shares(source: &Value) -> anyhow::Result<BTreeMap<To, u32>> {
    let share = |share: &Value| {
        let to = if let Some(network) = at(share, "/destination/Network").as_str() {
            To::Network(network.to_owned())
        } else {
            To::Zone(text(share, "/destination/Zone/zone"))
        };
        Ok((to, number(share, "/parts")))
    };
    let shares: BTreeMap<To, u32> = list(source, "/shares")
        .iter()
        .map(share)
        .collect::<anyhow::Result<_>>()?;
    ensure!(
        shares.values().sum::<u32>() == 10_000,
        "shares that don't sum to the whole: {shares:?}"
    );
    Ok(shares)
}

/// Ready endpoints in a network, as the plan's inputs count them.
fn ready(explanation: &Value, network: &str) -> u32 {
    let all = list(explanation, "/inputs/destinations").iter();
    let there = all.filter(|one| at(one, "/network") == network && at(one, "/exported") == true);
    there.map(|one| number(one, "/ready")).sum()
}

/// The locality of an endpoint: a network of several zones goes by its own name.
fn place(explanation: &Value, to: &To, endpoint: &Endpoint) -> anyhow::Result<()> {
    match to {
        To::Zone(zone) => ensure!(
            endpoint.zone == *zone,
            "{} stands in {zone}",
            shown(endpoint)
        ),
        To::Network(network) => {
            let all = list(explanation, "/inputs/destinations").iter();
            let there: BTreeSet<(String, String)> = all
                .filter(|one| at(one, "/network") == network.as_str())
                .map(|one| (text(one, "/region"), text(one, "/zone")))
                .collect();
            let named = endpoint.region == *network && endpoint.zone == *network;
            let alone = there.len() == 1
                && there.contains(&(endpoint.region.clone(), endpoint.zone.clone()));
            ensure!(
                named || alone,
                "{} stands in none of {there:?}",
                shown(endpoint)
            );
        }
    }
    Ok(())
}

/// All of the first priority, and nothing else, carries the shares; then come the own member's other zones, then the
/// networks that stand by, in their order.
fn nearest(
    source: &Value,
    shares: &BTreeMap<To, u32>,
    found: &BTreeMap<To, Vec<&Endpoint>>,
) -> anyhow::Result<()> {
    let mut levels: BTreeMap<To, u32> = BTreeMap::new();
    for (to, endpoints) in found {
        let priorities: BTreeSet<u32> = endpoints.iter().map(|one| one.priority).collect();
        ensure!(
            priorities.len() == 1,
            "{to:?} has several priorities: {priorities:?}"
        );
        levels.extend(priorities.first().map(|level| (to.clone(), *level)));
    }
    let first: BTreeSet<&To> = levels
        .iter()
        .filter(|(_, level)| **level == 0)
        .map(|(to, _)| to)
        .collect();
    ensure!(
        first == shares.keys().collect(),
        "the first priority is {first:?}, and the shares go to {shares:?}"
    );
    let weight = |to: &To| {
        found
            .get(to)
            .into_iter()
            .flatten()
            .map(|one| one.weight)
            .sum::<u32>()
    };
    let all: u32 = first.iter().map(|to| weight(to)).sum();
    for (to, parts) in shares {
        let has = f64::from(weight(to)) / f64::from(all.max(1));
        let wanted = f64::from(*parts) / 10_000.0;
        ensure!(
            (has - wanted).abs() < 0.01,
            "{to:?} has {has:.3} of the first priority, and {wanted:.3} by plan"
        );
    }
    let zones = levels
        .iter()
        .filter(|(to, level)| **level > 0 && matches!(to, To::Zone(_)))
        .map(|(_, level)| *level);
    let mut last = zones.max().unwrap_or(0);
    let standby: Vec<To> = list(source, "/standby")
        .iter()
        .filter_map(Value::as_str)
        .map(|name| To::Network(name.to_owned()))
        .collect();
    for (at, network) in standby.iter().enumerate() {
        let level = *levels
            .get(network)
            .with_context(|| format!("{network:?} should stand by, and isn't there"))?;
        ensure!(
            if at == 0 { level > last } else { level >= last },
            "{network:?} stands at {level}, after {last}"
        );
        last = level;
    }
    let networks: BTreeSet<&To> = levels
        .keys()
        .filter(|to| matches!(to, To::Network(_)))
        .collect();
    let offered: BTreeSet<&To> = shares
        .keys()
        .filter(|to| matches!(to, To::Network(_)))
        .chain(&standby)
        .collect();
    ensure!(
        networks == offered,
        "the networks told are {networks:?}, and those offered {offered:?}"
    );
    Ok(())
}

/// Weights of localities are the shares, in percent.
fn spill(shares: &BTreeMap<To, u32>, found: &BTreeMap<To, Vec<&Endpoint>>) -> anyhow::Result<()> {
    let mut weights: BTreeMap<&To, u32> = BTreeMap::new();
    for (to, endpoints) in found {
        let localities: BTreeMap<(&str, &str), u32> = endpoints
            .iter()
            .map(|one| {
                (
                    (one.region.as_str(), one.zone.as_str()),
                    one.locality_weight,
                )
            })
            .collect();
        weights.insert(to, localities.values().sum());
        ensure!(
            endpoints.iter().all(|one| one.priority == 0),
            "{to:?} isn't in the first priority"
        );
    }
    let all: u32 = weights.values().sum();
    for to in shares.keys().chain(found.keys()) {
        let wanted = f64::from(shares.get(to).copied().unwrap_or(0)) / 100.0;
        let has = f64::from(weights.get(to).copied().unwrap_or(0)) * 100.0 / f64::from(all.max(1));
        ensure!(
            (has - wanted).abs() <= 1.0,
            "{to:?} has {has:.1} %, and {wanted:.1} % by plan"
        );
    }
    Ok(())
}
