//! What is refused, what is passed over, and what the refusal says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::facts::FactDelta;
use causeway_api::session::{DiffAction, DiffEntry, FromAgent, FromReplica};
use causeway_api::verdict::{Ballot, Vote};
use causeway_wire::{Incoming, WireError, limits, proto};
use prost::Message;
use proto::agent_message::Kind;

fn read(kind: Kind) -> Result<Incoming<FromAgent>, WireError> {
    Incoming::try_from(proto::AgentMessage { kind: Some(kind) })
}

fn refusal(kind: Kind) -> String {
    read(kind).unwrap_err().to_string()
}

fn delta() -> proto::FactDelta {
    let version = proto::FactVersion {
        epoch: 1,
        sequence: 2,
    };
    proto::FactDelta {
        owner: "ack".into(),
        version: Some(version),
        ..Default::default()
    }
}

#[test]
fn a_message_of_a_later_kind_is_passed_over() {
    // Field 99 of the oneof, which no version has.
    let bytes = [0x9a, 0x06, 0x00];
    let wire = proto::AgentMessage::decode(bytes.as_slice()).unwrap();
    assert_eq!(
        Incoming::<FromAgent>::try_from(wire).unwrap(),
        Incoming::Unknown
    );
    let wire = proto::ReplicaMessage::decode(bytes.as_slice()).unwrap();
    assert_eq!(
        Incoming::<FromReplica>::try_from(wire).unwrap(),
        Incoming::Unknown
    );
}

#[test]
fn a_field_of_a_later_version_is_passed_over() {
    let mut inner = delta().encode_to_vec();
    inner.extend([0x9a, 0x06, 0x01, 0xff]);
    let read = proto::FactDelta::decode(inner.as_slice()).unwrap();
    assert!(FactDelta::try_from(read).is_ok());
}

#[test]
fn an_agent_of_a_newer_protocol_is_refused_before_anything_else_of_it_is_read() {
    let hello = proto::Hello {
        member: "Not a name".into(),
        protocol: 7,
        ..Default::default()
    };
    let text = refusal(Kind::Hello(hello));
    assert!(
        text.contains("protocol 7") && text.contains("upgrade the controller"),
        "{text}"
    );
}

#[test]
fn a_malformed_name_is_refused_with_message_field_and_text() {
    let text = refusal(Kind::Facts(proto::FactDelta {
        owner: "Ack".into(),
        ..delta()
    }));
    assert!(
        text.contains("FactDelta.owner") && text.contains("\"Ack\""),
        "{text}"
    );
}

#[test]
fn what_is_missing_is_named() {
    let text = refusal(Kind::Facts(proto::FactDelta {
        version: None,
        ..delta()
    }));
    assert!(text.contains("FactDelta.version is missing"), "{text}");
}

#[test]
fn nonsense_ports_and_addresses_are_refused() {
    let gateway = |address: &str, port| {
        let kind = proto::gateway_address::Kind::Ip(address.into());
        Kind::Facts(proto::FactDelta {
            gateways: vec![proto::GatewayRow {
                name: "eastwest".into(),
                value: Some(proto::GatewayFact {
                    network: "n1".into(),
                    addresses: vec![proto::GatewayAddress { kind: Some(kind) }],
                    port,
                }),
            }],
            ..delta()
        })
    };
    assert!(read(gateway("10.0.0.1", 15443)).is_ok());
    for port in [0, 70_000] {
        let text = refusal(gateway("10.0.0.1", port));
        assert!(
            text.contains("GatewayFact.port") && text.contains(&port.to_string()),
            "{text}"
        );
    }
    let text = refusal(gateway("10.0.0", 15443));
    assert!(
        text.contains("GatewayAddress.ip") && text.contains("\"10.0.0\""),
        "{text}"
    );
}

#[test]
fn a_later_enum_value_is_refused_where_it_would_change_the_meaning() {
    let row = proto::ServicePart {
        service: Some(proto::ServiceKey {
            namespace: "shop".into(),
            name: "cart".into(),
        }),
        generation: Some(proto::Generation::default()),
        value: Some(proto::ServiceView {
            hosts: vec![9],
            ..Default::default()
        }),
    };
    let message = proto::ReplicaMessage {
        kind: Some(proto::replica_message::Kind::View(proto::ViewDelta {
            services: vec![row],
            ..Default::default()
        })),
    };
    let text = Incoming::<FromReplica>::try_from(message)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("ServiceView.hosts is 9") && text.contains("upgrade"),
        "{text}"
    );
}

#[test]
fn a_ballot_of_a_later_version_abstains() {
    let vote = proto::Vote {
        observer: "replica/r1".into(),
        domain: "d1".into(),
        subject: "member/ack".into(),
        ballot: 42,
        evidence: String::new(),
    };
    assert_eq!(Vote::try_from(vote).unwrap().ballot, Ballot::Abstain);
}

#[test]
fn lists_and_texts_beyond_their_limits_are_refused() {
    let member = proto::MemberFact {
        api: proto::ApiFact::Reachable.into(),
        problems: vec![String::new(); limits::ITEMS + 1],
        ..Default::default()
    };
    let text = refusal(Kind::Facts(proto::FactDelta {
        member: Some(member),
        ..delta()
    }));
    assert!(
        text.contains("MemberFact.problems has 4097 items: at most 4096"),
        "{text}"
    );
}

#[test]
fn what_is_too_long_for_a_person_is_cut_when_written() {
    let entry = DiffEntry {
        action: DiffAction::Update,
        object: "WorkloadEntry a/b".into(),
        live: "x".repeat(limits::OBJECT_BYTES * 2),
        desired: String::new(),
        held_back: None,
    };
    let diff = FromAgent::Diff {
        id: 1,
        entries: vec![entry],
    };
    let Ok(Incoming::Message(FromAgent::Diff { entries, .. })) =
        Incoming::try_from(proto::AgentMessage::from(&diff))
    else {
        panic!("it is within its limits");
    };
    assert!(entries[0].live.ends_with("(cut: 524288 bytes)"));
}
