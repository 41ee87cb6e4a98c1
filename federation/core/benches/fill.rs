//! A new replica filled with a million rows of facts by one peer, beside a plain copy of the same bytes over the same
//! loopback: `cargo bench -p causeway-core --bench fill`, or `cargo xtask bench fill`.
//!
//! The peer's facts are packed, encoded and sent by one thread, read, decoded, checked and merged by another, as on a link
//! between replicas without its TLS. What is compared is the time from the first byte to the last row in force. The copy is
//! of the same facts as messages of rows, as agents send them; packed they are fewer bytes, whose copy is measured too.
//! Each is measured seven times in turn; the medians count. Prints lines of JSON, as `cargo xtask bench` reads them.
//!
//! Arguments: `[ROWS [OWNERS]]`; by default 1000000 and 100.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measuring program reads the clock and opens sockets"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use causeway_api::FactVersion;
use causeway_api::exchange::{FromGiver, FromTaker};
use causeway_api::facts::{
    Change, EndpointCounts, EndpointKey, FactDelta, NamespaceFact, Protocol, ServiceFact,
    ServicePort, TargetPort,
};
use causeway_api::ids::{Locality, MemberName, PortName, ReplicaId, ServiceKey};
use causeway_api::peer::ToPeer;
use causeway_core::exchange::{Giver, Presences, Recent, Taker, digest};
use causeway_index::FactStore;
use causeway_measure::Measure;
use causeway_wire::{Incoming, Message, proto};

const ROUNDS: usize = 7;

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let rows = numbers.first().copied().unwrap_or(1_000_000);
    let owners = numbers.get(1).copied().unwrap_or(100);
    let store = filled(rows, owners);
    let size = |giver| {
        let mut bytes = 0;
        give(&store, giver, |message| bytes += message.len());
        bytes
    };
    let (plain, packed) = (size(Giver::new()), size(Giver::packing()));
    let mut took: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        took[0].push(copy(plain));
        took[1].push(fill(&store, Giver::packing()));
        took[2].push(copy(packed));
        took[3].push(fill(&store, Giver::new()));
    }
    let [copy, fill, copy_packed, fill_plain] = took.map(|mut all| {
        all.sort_unstable();
        eprintln!("{all:?}");
        all[ROUNDS / 2].as_secs_f64()
    });
    eprintln!("{rows} rows of {owners} owners: {plain} bytes as rows, {packed} packed");
    let mib = |bytes: usize| bytes >> 20;
    let tell = |what: String, ours: f64, floor: f64, aim: Option<&str>| {
        Measure::of("fill", what, ours, "s")
            .beside(floor)
            .aim(aim)
            .print();
    };
    let what = format!(
        "a new replica filled with {rows} rows ÷ a copy of them, {} MiB",
        mib(plain)
    );
    tell(what, fill, copy, Some("≤ 3"));
    let what = format!("the same ÷ a copy of what is sent, {} MiB", mib(packed));
    tell(what, fill, copy_packed, None);
    tell(
        "row by row, as an older replica is filled".to_owned(),
        fill_plain,
        copy,
        None,
    );
}

/// Services with one row of their own and nine of endpoints.
fn filled(rows: usize, owners: usize) -> FactStore {
    let mut store = FactStore::new();
    for owner in 0..owners {
        let owner: MemberName = format!("member-{owner}").parse().unwrap();
        let version = FactVersion {
            epoch: 1,
            sequence: 1,
        };
        let mut delta = FactDelta::empty(owner, None, version);
        delta.namespaces = vec![Change::set(
            "shop".parse().unwrap(),
            NamespaceFact::default(),
        )];
        for service in 0..rows / owners / 10 {
            let key = ServiceKey::new("shop", &format!("service-{service}")).unwrap();
            let fact = ServiceFact {
                exported: true,
                selector: BTreeMap::from([("app".to_owned(), format!("service-{service}"))]),
                headless: false,
                ports: vec![ServicePort {
                    name: PortName::new("http").unwrap(),
                    port: 80,
                    protocol: Protocol::Tcp,
                    app_protocol: None,
                    target: TargetPort::Number(8080),
                }],
                service_accounts: vec!["default".parse().unwrap()],
            };
            delta.services.push(Change::set(key.clone(), fact));
            for place in 0..9u32 {
                let locality: Locality = format!("region-{}/zone-{place}", place / 3)
                    .parse()
                    .unwrap();
                let key = EndpointKey {
                    service: key.clone(),
                    port: PortName::new("http").unwrap(),
                    locality,
                };
                let counts = EndpointCounts {
                    ready: place + 1,
                    serving: place + 1,
                    total: place + 2,
                };
                delta.endpoints.push(Change::set(key, counts));
            }
        }
        store.apply(delta).unwrap();
    }
    store
}

/// All that a giver sends to a taker that holds nothing.
fn give(store: &FactStore, mut giver: Giver, mut send: impl FnMut(&[u8])) {
    let recent = Recent::default();
    let _ = giver.presence_due();
    let wanted = store
        .owners()
        .map(|(owner, _)| causeway_api::exchange::OwnerWanted {
            owner: owner.clone(),
            held: None,
        });
    giver.hear(FromTaker::Want(wanted.collect()));
    while let Some(message) = giver.take(store, &recent) {
        let wire = proto::ToPeer::from(&ToPeer::Facts(message));
        send(&wire.encode_to_vec());
    }
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let out = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (out, listener.accept().unwrap().0)
}

fn copy(bytes: usize) -> Duration {
    let (mut out, mut into) = pair();
    let block = vec![7u8; 64 << 10];
    let began = Instant::now();
    let sender = std::thread::spawn(move || {
        let mut left = bytes;
        while left > 0 {
            let some = left.min(block.len());
            out.write_all(&block[..some]).unwrap();
            left -= some;
        }
    });
    let mut all = vec![0u8; bytes];
    into.read_exact(&mut all).unwrap();
    let took = began.elapsed();
    sender.join().unwrap();
    took
}

fn fill(store: &FactStore, giver: Giver) -> Duration {
    let (mut out, mut into) = pair();
    let (mut facts, mut recent) = (FactStore::new(), Recent::default());
    let (mut presences, mut taker) = (Presences::default(), Taker::default());
    let began = Instant::now();
    let took = std::thread::scope(|scope| {
        scope.spawn(move || {
            give(store, giver, |bytes| {
                let length = u32::try_from(bytes.len()).unwrap();
                out.write_all(&length.to_le_bytes()).unwrap();
                out.write_all(bytes).unwrap();
            });
        });
        let mut length = [0u8; 4];
        while into.read_exact(&mut length).is_ok() {
            let mut bytes = vec![0u8; u32::from_le_bytes(length) as usize];
            into.read_exact(&mut bytes).unwrap();
            let wire = proto::ToPeer::decode(bytes.as_slice()).unwrap();
            let Ok(Incoming::Message(ToPeer::Facts(message))) = Incoming::try_from(wire) else {
                continue;
            };
            if matches!(message, FromGiver::Offer { .. }) {
                continue;
            }
            let held = (&mut facts, &mut recent, &mut presences);
            let _ = taker.hear(ReplicaId(1), message, Duration::ZERO, held, |_| true);
        }
        began.elapsed()
    });
    assert_eq!(digest(&facts), digest(store));
    took
}
