//! What it costs to prepare for the loss of each of ten regions, for 10,000 services of 30 zones: time on one core and
//! resident memory; and to bring one service up to date in all of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    missing_docs
)]

#[path = "../plan/fleet.rs"]
#[allow(dead_code)]
mod fleet;

use std::collections::BTreeMap;
use std::hint::black_box;

use causeway_api::domain::Domain;
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_failover::contingency::{Fall, Gateway, Place, Prepared};
use causeway_failover::plan::plan;
use causeway_measure::{Measure, processor_ns, resident_bytes};
use fleet::{Day, REGIONS, service};

const SERVICES: usize = 10_000;
/// A tenth is prepared, and counted ten times: what is prepared for one service does not depend on others.
const SAMPLE: usize = 1_000;

fn main() {
    let committed: Vec<(PlanInputs, ServicePlan)> = (0..SAMPLE)
        .map(|number| {
            let inputs = service(number, Day::Quiet);
            let plan = plan(&inputs);
            (inputs, plan)
        })
        .collect();
    let places = places(&committed[0].0);
    let domains = places.values().filter_map(|place| place.region.clone());
    let mut prepared: Vec<Prepared> = domains
        .map(|region| {
            let domain = Domain::Region(region);
            let fall = Fall::of(&domain, &places);
            Prepared::new(domain, fall)
        })
        .collect();
    assert_eq!(prepared.len(), REGIONS);
    let (resident, began) = (resident_bytes(), processor_ns());
    for (inputs, plan) in &committed {
        for prepared in &mut prepared {
            prepared.update(&inputs.service, Some((inputs, plan)));
        }
    }
    let spent_ns = processor_ns() - began;
    let held = resident_bytes().saturating_sub(resident);
    let scale = (SERVICES / SAMPLE) as f64;
    let line = |measure: &str, ours: f64, unit: &str| {
        Measure::of("contingencies", measure, ours, unit).print();
    };
    let all = format!("{SERVICES} services × {REGIONS} regions");
    line(
        &format!("{all}: prepared"),
        spent_ns as f64 * scale / 1e9,
        "s",
    );
    line(
        &format!("{all}: held"),
        held as f64 * scale / f64::from(1 << 20),
        "MiB",
    );
    line(
        "one service brought up to date in all of them",
        spent_ns as f64 / SAMPLE as f64 / 1e3,
        "µs",
    );
    let began = processor_ns();
    for prepared in &prepared {
        black_box((prepared.hash(), prepared.readiness()));
    }
    let named_ns = (processor_ns() - began) as f64 * scale;
    line(&format!("{all}: named and judged"), named_ns / 1e6, "ms");
}

fn places(inputs: &PlanInputs) -> BTreeMap<causeway_api::MemberName, Place> {
    let mut places: BTreeMap<_, Place> = BTreeMap::new();
    for zone in &inputs.destinations {
        let place = places.entry(zone.member.clone()).or_default();
        place.region.clone_from(&zone.region);
        place.network = Some(zone.network.clone());
        place.zones.extend(zone.zone.clone());
        let gateway = Gateway {
            carries: None,
            observed: true,
            usable: true,
        };
        place.gateways = [("eastwest".parse().unwrap(), gateway)].into();
        place.heard = true;
    }
    places
}
