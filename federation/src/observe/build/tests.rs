//! Three clusters in three regions, through the real index and the real planner.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;

use causeway_index::border::{
    Endpoint, Export, Ingress, Namespace, Node, Port, Service, Slice, SlicePort,
};
use causeway_index::{Index, MemberInfo};

use super::super::reading::Unread;
use super::super::report::{FailoverRow, Weight};
use super::super::screen::screen;
use super::*;
use crate::cli::table::Paint;

struct Cluster {
    index: Index,
    name: String,
}

impl Cluster {
    /// A cluster with nodes in two zones of a region, Istio, and a gateway.
    fn new(name: &str, region: &str, gateway: Option<&str>) -> Self {
        let mut index = Index::new(name.parse().unwrap());
        index.set_member(MemberInfo {
            cluster_uid: format!("uid-{name}"),
            kubernetes_version: "v1.36.3".to_owned(),
            mesh: MeshFact::Istio,
            ..MemberInfo::default()
        });
        for zone in ["a", "b"] {
            index.apply_node(&Node {
                name: format!("node-{zone}"),
                region: Some(region.to_owned()),
                zone: Some(format!("{region}{zone}")),
                ready: true,
            });
        }
        for namespace in ["shop", "istio-system"] {
            index.apply_namespace(&Namespace {
                name: namespace.to_owned(),
                network: None,
            });
        }
        if let Some(address) = gateway {
            index.apply_service(&Service {
                namespace: "istio-system".to_owned(),
                name: "eastwest".to_owned(),
                labels: BTreeMap::from([(
                    "topology.istio.io/network".to_owned(),
                    format!("net-{name}"),
                )]),
                cluster_ip: Some("10.0.0.1".to_owned()),
                ingress: vec![Ingress {
                    ip: Some(address.to_owned()),
                    hostname: None,
                }],
                ports: vec![Port {
                    name: Some("tls".to_owned()),
                    port: 15443,
                    ..Port::default()
                }],
                ..Service::default()
            });
        }
        Self {
            index,
            name: name.to_owned(),
        }
    }

    /// A service with ready endpoints in zone a and in zone b.
    fn service(mut self, name: &str, port: i64, ready: [usize; 2]) -> Self {
        self.index.apply_service(&Service {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            selector: BTreeMap::from([("app".to_owned(), name.to_owned())]),
            cluster_ip: Some("10.0.0.2".to_owned()),
            ports: vec![Port {
                name: Some("http".to_owned()),
                port,
                ..Port::default()
            }],
            ..Service::default()
        });
        let endpoints = ["a", "b"]
            .into_iter()
            .zip(ready)
            .flat_map(|(zone, number)| {
                (0..number).map(move |at| Endpoint {
                    addresses: vec![format!("10.1.{}.{at}", zone.as_bytes()[0])],
                    ready: Some(true),
                    node: Some(format!("node-{zone}")),
                    ..Endpoint::default()
                })
            });
        self.index.apply_slice(&Slice {
            namespace: "shop".to_owned(),
            name: format!("{name}-1"),
            service: Some(name.to_owned()),
            address_type: "IPv4".to_owned(),
            endpoints: endpoints.collect(),
            ports: vec![SlicePort {
                name: Some("http".to_owned()),
                port: Some(8080),
            }],
        });
        self
    }

    fn seen(self) -> Seen {
        let locals = self
            .index
            .locals()
            .map(|key| (key.clone(), self.index.local(key).unwrap()))
            .collect();
        let mut index = self.index;
        index.take_delta();
        let reading = Reading {
            context: self.name.clone(),
            member: self.name.parse().unwrap(),
            facts: index.snapshot(),
            locals,
            unread: Vec::new(),
            rules: BTreeMap::new(),
        };
        Seen {
            context: self.name,
            result: Ok(reading),
        }
    }
}

fn three() -> Vec<Seen> {
    let mut first = Cluster::new("eu", "eu-1", Some("203.0.113.1"))
        .service("cart", 80, [3, 2])
        .service("only", 80, [1, 0]);
    first.index.apply_export(&Export {
        namespace: "shop".to_owned(),
        name: "cart".to_owned(),
        deleting: false,
    });
    vec![
        first.seen(),
        Cluster::new("us", "us-1", Some("203.0.113.2"))
            .service("cart", 80, [4, 0])
            .seen(),
        Cluster::new("ap", "ap-1", Some("203.0.113.3"))
            .service("cart", 80, [0, 0])
            .seen(),
    ]
}

fn lose(subject: &str) -> Wanted {
    Wanted {
        lose: Some(subject.parse().unwrap()),
        namespace: None,
    }
}

fn row<'a>(rows: &'a [FailoverRow], from: &str) -> &'a FailoverRow {
    rows.iter().find(|row| row.from.as_str() == from).unwrap()
}

fn names<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn a_shared_service_stays_at_home_and_others_stand_by() {
    let report = report(three(), &Wanted::default()).unwrap();
    assert_eq!((report.shared.len(), report.single), (1, 1));
    let cart = &report.shared[0];
    assert_eq!(cart.service.to_string(), "shop/cart");
    assert_eq!(names(&cart.exported_by), ["eu"]);
    let eu = row(&cart.failover, "eu");
    assert_eq!(
        (eu.at_home_percent, names(&eu.then)),
        (100, vec!["net-us".to_owned()])
    );
    let ap = row(&cart.failover, "ap");
    assert_eq!(ap.at_home_percent, 0, "it has none of its own");
    assert_eq!(
        ap.shares.iter().map(|(_, percent)| percent).sum::<u32>(),
        100
    );
    assert_eq!(report.obstacles, []);
}

#[test]
fn a_lost_region_leaves_what_is_elsewhere() {
    let report = report(three(), &lose("region/eu-1")).unwrap();
    let loss = report.loss.unwrap();
    assert_eq!(names(&loss.members), ["eu"]);
    let rows: Vec<_> = loss
        .services
        .iter()
        .map(|row| {
            (
                row.service.to_string(),
                row.survives,
                row.ready_left,
                row.ready_now,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("shop/only".to_owned(), false, 0, 1),
            ("shop/cart".to_owned(), true, 4, 9)
        ]
    );
    let moves = &loss.services[1].moves;
    assert!(
        moves.iter().all(|row| row.from.as_str() != "eu"),
        "the lost call no more: {moves:?}"
    );
    let ap = row(moves, "ap");
    assert_eq!(ap.shares, [("net-us".parse().unwrap(), 100)]);
}

#[test]
fn a_lost_zone_leaves_the_other_zone() {
    let report = report(three(), &lose("zone/eu-1/eu-1a")).unwrap();
    let loss = report.loss.unwrap();
    assert_eq!(names(&loss.members), Vec::<String>::new());
    let cart = loss
        .services
        .iter()
        .find(|row| row.service.name.as_str() == "cart")
        .unwrap();
    assert_eq!(
        (cart.survives, cart.ready_left, cart.ready_now),
        (true, 6, 9)
    );
}

#[test]
fn what_cannot_be_lost_is_said_with_what_can() {
    let error = report(three(), &lose("region/mars")).unwrap_err();
    assert!(
        error.contains("region/mars")
            && error.contains("region/eu-1")
            && error.contains("member/us"),
        "{error}"
    );
}

#[test]
fn without_a_gateway_the_way_is_shown_and_said_to_be_blocked() {
    let mut seen = three();
    seen[1] = Cluster::new("us", "us-1", None)
        .service("cart", 80, [4, 0])
        .seen();
    let report = report(seen, &Wanted::default()).unwrap();
    let eu = row(&report.shared[0].failover, "eu");
    assert_eq!(names(&eu.then), ["us"], "a network of its own name");
    assert_eq!(eu.no_gateway, eu.then);
    let reasons: Vec<_> = report
        .obstacles
        .iter()
        .map(|found| (found.reason.as_str(), found.context.as_deref()))
        .collect();
    assert_eq!(reasons, [("NoGateway", Some("us"))]);
}

#[test]
fn what_is_in_the_way_is_named_with_its_remedy() {
    let mut seen = three();
    let mut us = Cluster::new("us", "us-1", Some("203.0.113.2")).service("cart", 8080, [4, 0]);
    us.index.set_member(MemberInfo {
        cluster_uid: "uid-eu".to_owned(),
        kubernetes_version: "v1.36.3".to_owned(),
        ..MemberInfo::default()
    });
    us.index.apply_node(&Node {
        name: "node-c".to_owned(),
        region: None,
        zone: None,
        ready: true,
    });
    let mut us = us.seen();
    if let Ok(reading) = &mut us.result {
        reading.rules.insert(
            "cart.shop.svc.cluster.local".to_owned(),
            "shop/own-rule".to_owned(),
        );
        reading.unread.push(Unread {
            kind: "namespaces",
            reason: "you may not list them".to_owned(),
        });
    }
    seen[1] = us;
    seen.push(Seen {
        context: "far".to_owned(),
        result: Err("https://far: no answer within 30s".to_owned()),
    });
    let report = report(seen, &Wanted::default()).unwrap();
    let reasons: std::collections::BTreeSet<_> = report
        .obstacles
        .iter()
        .map(|found| found.reason.as_str())
        .collect();
    let expected = [
        "CannotRead",
        "ConflictingPorts",
        "ForeignDestinationRule",
        "NoIstio",
        "NoRegion",
        "NoZone",
        "SameCluster",
    ];
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        report.obstacles[0].weight,
        Weight::Blocks,
        "the worst first"
    );
    insta::assert_snapshot!(screen(&report, Paint { on: false }, false));
}

#[test]
fn a_fleet_in_order() {
    insta::assert_snapshot!(screen(
        &report(three(), &lose("region/eu-1")).unwrap(),
        Paint { on: false },
        false
    ));
}
