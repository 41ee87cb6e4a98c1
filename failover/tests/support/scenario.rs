//! A scenario in a few lines of text:
//!
//! ```text
//! failover cn-hangzhou cn-shanghai,ap-southeast-1     from a region, in this order
//! allowed cn-hangzhou,cn-shanghai
//! strategy Ordered                                     or Weighted, with: weights cn-hangzhou=3,cn-shanghai=1
//! healthy 60                                           least share of ready endpoints, in percent
//! overload Shed
//! unknown BestEffort
//! gateway hz 500                                       what the gateways of a network let in, a second
//! member ack-hz region=cn-hangzhou network=hz         further: private, out=Lost, unreachable=hz,sh, ejected=hz
//!   zone g demand=1000 ready=12 each=125 max=80       demand, each and max may be left out; region= where it differs;
//!                                                     total=, admitted= (percent), out= where it differs, learned
//! ```
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::collections::BTreeMap;

use causeway_api::MemberName;
use causeway_api::plan::{
    CapacitySource, DestinationInput, EffectivePolicy, GatewayInput, PlanInputs, Rate, Source,
    SourceInput, Withdrawal,
};
use causeway_api::rules::{OnOverload, Strategy, WhenUnknown};

/// Reads a scenario; a line that it does not know is a panic that names it.
pub(crate) fn parse(text: &str) -> PlanInputs {
    let mut inputs = PlanInputs {
        service: "shop/cart".parse().unwrap(),
        ports: Vec::new(),
        sources: Vec::new(),
        destinations: Vec::new(),
        policy: EffectivePolicy::default(),
        gateways: Vec::new(),
    };
    let mut member: Option<(MemberName, BTreeMap<String, String>)> = None;
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or("").trim();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["failover", from, to] => {
                let to = to
                    .split(',')
                    .map(|region| region.parse().unwrap())
                    .collect();
                inputs.policy.failover.insert(from.parse().unwrap(), to);
            }
            ["allowed", regions] => {
                inputs.policy.allowed_regions =
                    regions.split(',').map(|r| r.parse().unwrap()).collect();
            }
            ["strategy", "Ordered"] => inputs.policy.strategy = Strategy::Ordered,
            ["strategy", "Weighted"] => inputs.policy.strategy = Strategy::Weighted,
            ["weights", weights] => {
                let pairs = weights.split(',').map(|pair| pair.split_once('=').unwrap());
                inputs.policy.weights = pairs
                    .map(|(region, weight)| (region.parse().unwrap(), weight.parse().unwrap()))
                    .collect();
            }
            ["healthy", percent] => inputs.policy.min_healthy_percent = percent.parse().unwrap(),
            ["overload", "Shed"] => inputs.policy.on_overload = OnOverload::Shed,
            ["unknown", "BestEffort"] => inputs.policy.when_unknown = WhenUnknown::BestEffort,
            ["gateway", network, rps] => inputs.gateways.push(GatewayInput {
                network: network.parse().unwrap(),
                limit: Rate::from_rps(rps.parse().unwrap()),
            }),
            ["member", name, rest @ ..] => member = Some((name.parse().unwrap(), fields(rest))),
            ["zone", zone, rest @ ..] => {
                let (name, of_member) = member
                    .as_ref()
                    .unwrap_or_else(|| panic!("no member before: {line}"));
                add_zone(&mut inputs, name, of_member, zone, &fields(rest));
            }
            _ => panic!("a scenario has no such line: {line}"),
        }
    }
    inputs
}

fn fields(words: &[&str]) -> BTreeMap<String, String> {
    let field = |word: &&str| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let known = [
            "region",
            "network",
            "private",
            "out",
            "unreachable",
            "ejected",
            "demand",
            "ready",
            "each",
            "max",
            "total",
            "admitted",
            "learned",
        ];
        assert!(known.contains(&key), "a scenario has no such field: {word}");
        (key.to_owned(), value.to_owned())
    };
    words.iter().map(field).collect()
}

fn add_zone(
    inputs: &mut PlanInputs,
    name: &MemberName,
    member: &BTreeMap<String, String>,
    zone: &str,
    fields: &BTreeMap<String, String>,
) {
    let region = fields
        .get("region")
        .or(member.get("region"))
        .map(|region| region.parse().unwrap());
    let network = member
        .get("network")
        .map_or(name.as_str(), String::as_str)
        .parse()
        .unwrap();
    let zone = (zone != "-").then(|| zone.parse().unwrap());
    let number = |key: &str| fields.get(key).map(|value| value.parse::<u64>().unwrap());
    let ready = u32::try_from(number("ready").unwrap_or(0)).unwrap();
    let networks = |key: &str| {
        let names = member
            .get(key)
            .into_iter()
            .flat_map(|names| names.split(','));
        names.map(|name| name.parse().unwrap()).collect()
    };
    inputs.sources.push(SourceInput {
        source: Source {
            member: name.clone(),
            zone: zone.clone(),
        },
        region: Option::clone(&region),
        network: Clone::clone(&network),
        demand: number("demand").map(Rate::from_rps),
        demand_source: causeway_api::plan::DemandSource::default(),
        unreachable: networks("unreachable"),
        ejected: networks("ejected"),
        together: std::collections::BTreeMap::new(),
    });
    let capacity = number("each").map(|each| Rate::from_rps(each * u64::from(ready)));
    inputs.destinations.push(DestinationInput {
        member: name.clone(),
        zone,
        region,
        network,
        exported: !member.contains_key("private"),
        ready,
        capacity,
        capacity_source: match capacity {
            Some(_) if fields.contains_key("learned") => CapacitySource::Learned,
            Some(_) => CapacitySource::Declared,
            None => CapacitySource::Unknown,
        },
        max_utilization_percent: u8::try_from(number("max").unwrap_or(80)).unwrap(),
        withdrawn: fields
            .get("out")
            .or(member.get("out"))
            .map(|out| match out.as_str() {
                "Evacuated" => Withdrawal::Evacuated,
                "Away" => Withdrawal::Away,
                "Lost" => Withdrawal::Lost,
                "Recovering" => Withdrawal::Recovering,
                "NoGateway" => Withdrawal::NoGateway,
                other => panic!("a scenario has no such withdrawal: {other}"),
            }),
        total: number("total").map_or(ready, |total| u32::try_from(total).unwrap()),
        admitted_percent: u8::try_from(number("admitted").unwrap_or(100)).unwrap(),
        vacated: false,
        draining: false,
    });
}
