//! Commands stand in the log by postcard, which does not describe itself: whatever a command can carry reads back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{GatewayAddress, GatewayFact};
use causeway_api::ids::{Locality, Region};
use causeway_api::plan::{
    CapacitySource, Destination, DestinationInput, EffectivePolicy, PlanInputs, PlanKind, Rate,
    ServicePlan, Share, Source, SourceInput, SourcePlan, Withdrawal,
};
use causeway_api::spec::{
    DeclaredGateway, Detection, HostKind, MemberSpec, Placement, PolicyKey, PolicySpec,
};
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_api::{MemberName, ReplicaId, ServiceKey};
use causeway_state::{ClientId, Command, PlanProposal, Request};

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn policy_key() -> PolicyKey {
    parse("shop/policy")
}

fn member() -> MemberSpec {
    MemberSpec {
        region: Some(parse("r1")),
        failure_domains: BTreeSet::from([parse("feed-a"), parse("feed-b")]),
        locality_mappings: BTreeMap::from([
            (parse("cn/h"), parse("r1/z1")),
            (parse("x/-"), Locality::default()),
        ]),
        network: Some(parse("n1")),
        gateways: BTreeMap::from([(
            parse("eastwest"),
            DeclaredGateway {
                addresses: vec![
                    GatewayAddress::Ip(parse("203.0.113.7")),
                    GatewayAddress::Ip(parse("2001:db8::7")),
                    GatewayAddress::Host("gateway.example.com".into()),
                ],
                port: 15443,
                max_rate: None,
            },
        )]),
        max_utilization_percent: Some(70),
        ..MemberSpec::minimal(parse("ack"))
    }
}

fn placement() -> Placement {
    let gateway = GatewayFact {
        network: parse("n1"),
        addresses: vec![GatewayAddress::Ip(parse("203.0.113.7"))],
        port: 15443,
    };
    Placement {
        cluster_uid: "uid".into(),
        region: Some(parse("r1")),
        zones: BTreeSet::from([parse("z1"), parse("z2")]),
        network: parse("n1"),
        gateways: BTreeMap::from([(parse("eastwest"), gateway)]),
    }
}

fn policy() -> PolicySpec {
    let region: fn(&str) -> Region = parse;
    PolicySpec {
        key: policy_key(),
        root: true,
        targets: BTreeSet::from([parse_service()]),
        hosts: BTreeSet::from([HostKind::ClusterSet]),
        failover: BTreeMap::from([(region("r1"), vec![region("r2"), region("r3")])]),
        allowed_regions: BTreeSet::from([region("r1")]),
        demand: BTreeMap::from([(region("r1"), Rate(1_500))]),
        capacity_per_endpoint: Some(Rate(100)),
        max_utilization_percent: None,
        detection: Some(Detection::default()),
        hold_down_ms: Some(1_000),
        rules: causeway_api::rules::PolicyRules::default(),
    }
}

fn parse_service() -> ServiceKey {
    ServiceKey::new("shop", "cart").unwrap()
}

fn votes() -> Vec<Vote> {
    let observers = [
        ObserverId::Replica(ReplicaId(1)),
        ObserverId::Agent(parse("ack")),
    ];
    let subjects = [
        "gateway/ack/eastwest",
        "session/ack",
        "member/ack",
        "zone/r1/z1",
        "region/r1",
    ];
    let ballots = [Ballot::Reachable, Ballot::Unreachable, Ballot::Abstain];
    let one = |(n, subject): (usize, &str)| Vote {
        observer: observers[n % 2].clone(),
        domain: parse("d1"),
        subject: parse::<Subject>(subject),
        ballot: ballots[n % 3],
        evidence: "connect: timed out, 3 times".into(),
    };
    subjects.into_iter().enumerate().map(one).collect()
}

fn proposal() -> PlanProposal {
    let source = Source {
        member: parse("ack"),
        zone: Some(parse("z1")),
    };
    let inputs = PlanInputs {
        service: parse_service(),
        ports: vec![
            causeway_api::ids::PortName::unnamed(),
            causeway_api::ids::PortName::new("http").unwrap(),
        ],
        sources: vec![SourceInput {
            source: source.clone(),
            region: None,
            network: parse("n1"),
            demand: Some(Rate(7)),
            demand_source: causeway_api::plan::DemandSource::default(),
            unreachable: std::collections::BTreeSet::new(),
            ejected: std::collections::BTreeSet::new(),
            together: std::collections::BTreeMap::new(),
        }],
        destinations: vec![DestinationInput {
            member: parse("eks"),
            zone: None,
            region: Some(parse("r2")),
            network: parse("n2"),
            exported: true,
            ready: 3,
            capacity: None,
            capacity_source: CapacitySource::Declared,
            max_utilization_percent: 80,
            withdrawn: Some(Withdrawal::Recovering),
            total: 3,
            admitted_percent: 100,
            vacated: false,
            draining: false,
        }],
        gateways: Vec::new(),
        policy: EffectivePolicy {
            from: vec![policy_key()],
            ..EffectivePolicy::default()
        },
    };
    let share = |destination| Share {
        destination,
        tier: 2,
        parts: 5_000,
        rate: Rate(4),
    };
    let plan = ServicePlan {
        service: parse_service(),
        sources: vec![SourcePlan {
            source,
            kind: PlanKind::Spill,
            shares: vec![
                share(Destination::Network(parse("n2"))),
                share(Destination::Zone {
                    member: parse("ack"),
                    zone: None,
                }),
            ],
            standby: vec![parse("n3")],
            unserved: Rate(1),
            shed: causeway_api::plan::Rate::default(),
        }],
        withdrawn: BTreeMap::from([(parse("n4"), Withdrawal::Lost)]),
    };
    PlanProposal {
        service: parse_service(),
        plan: Some((inputs, plan)),
        previous: None,
    }
}

#[test]
fn every_command_reads_back() {
    let name: MemberName = parse("ack");
    let commands = [
        Command::Bootstrap { incarnation: 1 },
        Command::Tick { elapsed_ms: 250 },
        Command::PutMember(member()),
        Command::RemoveMember(name),
        Command::PutPolicy(policy()),
        Command::RemovePolicy(policy_key()),
        Command::CastVotes(votes()),
        Command::CommitPlans(vec![
            proposal(),
            PlanProposal {
                service: parse_service(),
                plan: None,
                previous: None,
            },
        ]),
        Command::PlaceMember {
            member: parse("ack"),
            placement: placement(),
        },
    ];
    for (serial, command) in (1..).zip(commands) {
        let request = Request {
            client: ClientId {
                replica: ReplicaId(1),
                nonce: u64::MAX,
            },
            serial,
            command,
        };
        let bytes = postcard::to_stdvec(&request).unwrap();
        let read: (Request, &[u8]) = postcard::take_from_bytes(&bytes).unwrap();
        assert_eq!(read, (request, [].as_slice()));
    }
}
