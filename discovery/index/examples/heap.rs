//! Memory for each endpoint in an agent's index and for each row of facts in a replica's store, and the CPU of one
//! endpoint's event: `cargo run --release -p causeway-index --example heap`.
//!
//! What is measured is the growth of live allocations while a structure is filled from objects that are dropped again:
//! the bytes that were asked for, and beside them what a usual allocator makes of them (eight bytes of its own for each
//! allocation, rounded up to sixteen). Prints one line of JSON for each measure, as `cargo xtask bench` reads them.
//!
//! Arguments: `[ENDPOINTS [ENDPOINTS_PER_SERVICE]]`; by default 100000 and then 1000000, and 20.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measuring program reads the clock and the process's statistics"
)]

use std::alloc::System;
use std::ops::Range;
use std::time::Instant;

use causeway_api::facts::FactDelta;
use causeway_api::{FactVersion, MemberName};
use causeway_index::border::{Endpoint, Export, Node, PodTarget, Port, Service, Slice, SlicePort};
use causeway_index::{FactStore, Index};
use causeway_measure::Measure;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SLICE: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sizes = match arguments.next() {
        Some(size) => vec![size.parse()?],
        None => vec![100_000, 1_000_000],
    };
    let per_service: usize = arguments.next().map_or(Ok(20), |a| a.parse())?;
    for endpoints in sizes {
        measure(endpoints, per_service)?;
    }
    Ok(())
}

fn measure(endpoints: usize, per_service: usize) -> Result<(), Box<dyn std::error::Error>> {
    let owner = MemberName::new("ack-hangzhou")?;

    let region = Region::new(ALLOCATOR);
    let mut index = Index::new(owner.clone());
    for n in 0..(endpoints / 30).max(3) {
        index.apply_node(&node(n));
    }
    let services = endpoints.div_ceil(per_service);
    for n in 0..services {
        index.apply_service(&service(n));
        index.apply_export(&export(n));
        for slice in &slices(n, per_service, endpoints) {
            index.apply_slice(slice);
        }
    }
    // What is given out is part of an index's work, and what is remembered of it part of its memory.
    let first = index.take_delta().ok_or("nothing to tell")?;
    let rows = first.rows();
    drop(first);
    let touched = index.take_touched_locals().len();
    let of = format!("of {endpoints} in {touched} services");
    heap(
        &format!("an endpoint in an agent's index, {of}"),
        &region,
        endpoints,
        "≤ 250 B",
    );
    eprintln!("{rows} rows of facts");

    let events = 20_000;
    let mut spent = std::time::Duration::ZERO;
    for n in 0..events {
        let which = n * 7919 % services;
        let from = per_service.saturating_sub(1) / SLICE * SLICE;
        let mut slice = slice(
            which,
            from / SLICE,
            from..per_service,
            per_service,
            endpoints,
        );
        if let Some(endpoint) = slice.endpoints.last_mut() {
            endpoint.ready = Some(n / services % 2 == 1);
        }
        let start = Instant::now();
        index.apply_slice(&slice);
        std::hint::black_box(index.take_delta());
        spent += start.elapsed();
    }
    #[allow(clippy::cast_precision_loss)]
    let each = spent.as_secs_f64() * 1e6 / events as f64;
    let in_slice = (per_service - 1) % SLICE + 1;
    let what = format!("CPU of an index for an event, slice of {in_slice}, {of}");
    print(&what, each, "µs", None);

    let mut snapshot = index.snapshot();
    drop(index);
    // Three owners of the same services, as in a clusterset whose members share their names.
    let owners = 3_usize;
    let region = Region::new(ALLOCATOR);
    let mut store = FactStore::with_max_rows(usize::MAX);
    for n in 0..owners {
        snapshot.owner = MemberName::new(&format!("member-{n}"))?;
        store.apply(own_copy(&snapshot)?)?;
    }
    let rows = snapshot.rows() * owners;
    heap(
        &format!("a row of facts in a replica, of {rows} of {owners} members"),
        &region,
        rows,
        "≤ 150 B",
    );
    eprintln!("{} services in the store", store.services().count());
    Ok(())
}

/// What grew, for each of so many: as asked for, and with what an allocator adds.
fn heap(what: &str, region: &Region<'_, System>, of: usize, aim: &str) {
    let grown = region.change();
    let blocks = grown.allocations.saturating_sub(grown.deallocations);
    let bytes = grown
        .bytes_allocated
        .saturating_sub(grown.bytes_deallocated);
    // Eight bytes each, and seven on average until the next multiple of sixteen.
    let whole = bytes + blocks * 15;
    #[allow(clippy::cast_precision_loss)]
    let each = |bytes: usize| bytes as f64 / of.max(1) as f64;
    print(&format!("{what}, as asked for"), each(bytes), "B", None);
    let with_share = format!("{what}, with the allocator's share");
    print(&with_share, each(whole), "B", Some(aim));
}

fn print(what: &str, ours: f64, unit: &str, aim: Option<&str>) {
    Measure::of("heap", what, ours, unit).aim(aim).print();
}

/// A delta as it comes off the wire: sharing no text with anything.
fn own_copy(delta: &FactDelta) -> Result<FactDelta, Box<dyn std::error::Error>> {
    let mut copy = delta.clone();
    for change in &mut copy.services {
        change.key = change.key.to_string().parse()?;
    }
    for change in &mut copy.endpoints {
        change.key.service = change.key.service.to_string().parse()?;
    }
    copy.version = FactVersion {
        epoch: 1,
        sequence: 1,
    };
    Ok(copy)
}

fn node(n: usize) -> Node {
    Node {
        name: format!("cn-hangzhou.10.0.{}.{}", n / 250, n % 250),
        region: Some("cn-hangzhou".into()),
        zone: Some(format!("cn-hangzhou-{}", n % 3)),
        ready: true,
    }
}

fn name(n: usize) -> String {
    format!("checkout-{n:05}")
}

fn namespace(n: usize) -> String {
    format!("team-{:03}", n % 200)
}

fn service(n: usize) -> Service {
    Service {
        namespace: namespace(n),
        name: name(n),
        selector: [("app".into(), name(n))].into(),
        cluster_ip: Some("10.96.0.1".into()),
        ports: vec![Port {
            name: Some("http".into()),
            port: 80,
            ..Port::default()
        }],
        ..Service::default()
    }
}

fn export(n: usize) -> Export {
    Export {
        namespace: namespace(n),
        name: name(n),
        deleting: false,
    }
}

fn slices(n: usize, per_service: usize, endpoints: usize) -> Vec<Slice> {
    let starts = (0..per_service).step_by(SLICE);
    let parts = starts.map(|from| from..(from + SLICE).min(per_service));
    let cut = |(part, range)| slice(n, part, range, per_service, endpoints);
    parts.enumerate().map(cut).collect()
}

fn slice(
    n: usize,
    part: usize,
    of_part: Range<usize>,
    per_service: usize,
    endpoints: usize,
) -> Slice {
    let of_part = of_part.map(|m| endpoint(n, n * per_service + m, endpoints));
    Slice {
        namespace: namespace(n),
        name: format!("{}-{part:05}", name(n)),
        service: Some(name(n)),
        address_type: "IPv4".into(),
        endpoints: of_part.collect(),
        ports: vec![SlicePort {
            name: Some("http".into()),
            port: Some(8080),
        }],
    }
}

fn endpoint(of: usize, n: usize, endpoints: usize) -> Endpoint {
    let on = node(n * 31 % (endpoints / 30).max(3));
    Endpoint {
        addresses: vec![format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)],
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
        node: Some(on.name),
        zone: on.zone,
        pod: Some(PodTarget {
            name: format!("{}-7d9f8b6c5d-{n:05x}", name(of)),
            uid: Some(format!("{n:08x}-0000-4000-8000-{n:012x}")),
        }),
    }
}
