//! Tests of conditions.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use causeway_api::facts::{ApiFact, MeshFact};
use causeway_api::verdict::Ballot;
use causeway_render::condition::reason;
use serde_json::json;

use super::*;
use crate::replica::shared::RefusedKind;
use crate::replica::status::world::{World, name, said};

/// `Type=Status/Reason` of each condition, and the message of `kind`.
fn of(world: &World, member: &str, kind: &str) -> (String, String) {
    let member = name(member);
    let found = world.look(|look| conditions(&look.member(&member)));
    let such = found
        .iter()
        .find(|condition| condition.kind == kind)
        .unwrap();
    (
        format!("{}/{}", such.status, such.reason),
        such.message.clone(),
    )
}

fn expect(world: &World, member: &str, kind: &str, wanted: &str, parts: &[&str]) {
    let (found, message) = of(world, member, kind);
    assert_eq!(found, wanted, "{message}");
    for part in parts {
        assert!(message.contains(part), "{part}: {message}");
    }
}

fn two() -> World {
    let mut world = World::new();
    world.member("a");
    world.member("b");
    world
}

#[test]
fn a_member_that_is_well_is_ready() {
    let world = two();
    let found = world.look(|look| conditions(&look.member(&name("a"))));
    for condition in &found {
        assert_eq!(condition.status, ConditionStatus::True, "{condition:?}");
        assert!(!condition.message.is_empty());
    }
    assert_eq!(found.len(), 7);
}

#[test]
fn a_malformed_declaration_is_named_and_the_last_good_one_stays() {
    let mut world = two();
    world.declare("a", json!({ "mode": "Fly" }));
    expect(
        &world,
        "a",
        "Registered",
        "False/Unreadable",
        &["MemberCluster a", "Fly", "stays in force"],
    );
    expect(
        &world,
        "a",
        "Ready",
        "False/Unreadable",
        &["MemberCluster a"],
    );
    expect(&world, "a", "MeshSynced", "True/Synced", &[]);
    expect(&world, "b", "Ready", "True/Ready", &[]);
}

#[test]
fn an_agent_that_was_never_heard_differs_from_one_that_is_silent() {
    let mut world = two();
    world.declare("c", json!({}));
    expect(
        &world,
        "c",
        "AgentConnected",
        "False/NeverConnected",
        &["install one", "for the name c"],
    );
    expect(&world, "c", "APIReachable", "Unknown/AgentSilent", &[]);
    world.sessions.remove(&name("a"));
    expect(
        &world,
        "a",
        "AgentConnected",
        "False/SessionLost",
        &["keeps what it has"],
    );
    expect(&world, "a", "GatewayReachable", "True/Reachable", &[]);
    expect(&world, "a", "MeshSynced", "Unknown/AgentSilent", &[]);
}

#[test]
fn two_clusters_under_one_name() {
    let mut world = two();
    world.refuse(
        "a",
        RefusedKind::ForeignCluster,
        "member a is the cluster with UID 1, and this agent runs in the cluster 2",
    );
    expect(
        &world,
        "a",
        "Registered",
        "False/TwoClustersOneName",
        &["UID 1", "cluster 2"],
    );
    expect(&world, "a", "AgentConnected", "True/Connected", &[]);
}

#[test]
fn an_agent_of_another_protocol() {
    let mut world = two();
    world.sessions.remove(&name("a"));
    world.refuse(
        "a",
        RefusedKind::Protocol,
        "the agent speaks protocol 9, this replica 1 to 1: update",
    );
    expect(
        &world,
        "a",
        "Compatible",
        "False/ProtocolNotSupported",
        &["protocol 9"],
    );
    expect(
        &world,
        "a",
        "AgentConnected",
        "False/ProtocolNotSupported",
        &["was refused"],
    );
}

#[test]
fn an_unsupported_version_and_what_an_agent_misses() {
    let mut world = two();
    world.report("a", |delta| {
        delta.member.as_mut().unwrap().kubernetes_version = "v1.29.1".to_owned()
    });
    expect(
        &world,
        "a",
        "Compatible",
        "False/KubernetesNotSupported",
        &["member a runs Kubernetes v1.29.1", "1.30 to 1.36"],
    );
    let problem =
        "the agent may not list nodes in all namespaces: give its service account a ClusterRole";
    world.report("a", |delta| {
        delta.member.as_mut().unwrap().problems = vec![problem.to_owned()]
    });
    expect(
        &world,
        "a",
        "Compatible",
        "False/MissingPrerequisites",
        &["member a: the agent may not list nodes"],
    );
    let problem = "EndpointSlice shop/cart-x: address \"nonsense\" is none";
    world.report("a", |delta| {
        delta.member.as_mut().unwrap().problems = vec![problem.to_owned()]
    });
    expect(
        &world,
        "a",
        "Compatible",
        "True/ObjectsLeftOut",
        &["EndpointSlice shop/cart-x"],
    );
    expect(&world, "a", "Ready", "True/Ready", &[]);
}

#[test]
fn an_api_server_that_does_not_answer_withdraws_nothing() {
    let mut world = two();
    world.report("a", |delta| {
        delta.member.as_mut().unwrap().api = ApiFact::Unreachable
    });
    expect(
        &world,
        "a",
        "APIReachable",
        "False/Unreachable",
        &["stays in force", "nothing is"],
    );
    expect(&world, "a", "AgentConnected", "True/Connected", &[]);
}

#[test]
fn gateways_lost_recovering_and_back() {
    let mut world = two();
    world.vote("gateway/a/eastwest", Ballot::Unreachable);
    world.wait(11);
    expect(
        &world,
        "a",
        "GatewayReachable",
        "False/GatewayLost",
        &["eastwest (gw.a.example:15443): connect: timed out"],
    );
    world.vote("gateway/a/eastwest", Ballot::Reachable);
    expect(
        &world,
        "a",
        "GatewayReachable",
        "False/Recovering",
        &["hold-down"],
    );
    world.wait(61);
    expect(&world, "a", "GatewayReachable", "True/Reachable", &[]);
}

#[test]
fn a_member_without_a_gateway_needs_one_only_to_be_called_from_elsewhere() {
    let mut world = two();
    world.report("a", |delta| delta.gateways.clear());
    expect(
        &world,
        "a",
        "GatewayReachable",
        "False/NoGateway",
        &["exports 1 service", "spec.network.gateways"],
    );
    world.report("a", |delta| {
        delta.gateways.clear();
        delta.services.clear();
    });
    expect(&world, "a", "GatewayReachable", "True/NotNeeded", &[]);
}

#[test]
fn one_network_with_different_gateways() {
    let mut world = two();
    world.report("b", |delta| {
        delta.member.as_mut().unwrap().network = Some("net-a".parse().unwrap());
        delta.gateways[0].value.as_mut().unwrap().network = "net-a".parse().unwrap();
    });
    expect(
        &world,
        "a",
        "GatewayReachable",
        "True/ConflictingGateways",
        &["members a and b", "net-a"],
    );
    expect(
        &world,
        "b",
        "GatewayReachable",
        "True/ConflictingGateways",
        &["members b and a"],
    );
}

#[test]
fn what_stands_in_the_way_of_a_mesh() {
    let mut world = two();
    world.session("a", |session| {
        let applied = session.applied.as_mut().unwrap();
        applied.would_change = 2;
        applied.conditions = vec![
            said(reason::HTTP2_KEEP_ALIVE),
            said(reason::FOREIGN_DESTINATION_RULE),
        ];
    });
    expect(
        &world,
        "a",
        "MeshSynced",
        "False/ForeignDestinationRule",
        &["shop/cart: DestinationRule shop/theirs"],
    );
    world.session("a", |session| {
        session.applied.as_mut().unwrap().conditions = vec![said(reason::TOO_LARGE)]
    });
    expect(&world, "a", "MeshSynced", "False/ViewTooLarge", &[]);
    world.session("a", |session| {
        session.applied.as_mut().unwrap().conditions = vec![said(reason::HTTP2_KEEP_ALIVE)]
    });
    expect(
        &world,
        "a",
        "MeshSynced",
        "True/Http2KeepAliveNotExpressed",
        &["shop/cart"],
    );
    expect(&world, "a", "Ready", "True/Ready", &[]);
    world.session("a", |session| session.behind_ms = Some(25_000));
    expect(&world, "a", "MeshSynced", "False/Behind", &["over 20 s"]);
    world.report("a", |delta| {
        delta.member.as_mut().unwrap().mesh = MeshFact::None
    });
    expect(
        &world,
        "a",
        "MeshSynced",
        "False/NoMesh",
        &["spec.mesh.type: None"],
    );
}

#[test]
fn observing_and_suspended_members_say_so() {
    let mut world = two();
    world.declare("a", json!({}));
    world.session("a", |session| {
        session.applied.as_mut().unwrap().would_change = 7
    });
    expect(
        &world,
        "a",
        "MeshSynced",
        "True/Observe",
        &["7 objects would be", "causeway diff a"],
    );
    expect(&world, "a", "Ready", "True/Ready", &["mode Observe"]);
    world.session("a", |session| {
        session.applied.as_mut().unwrap().would_change = 1
    });
    expect(
        &world,
        "a",
        "MeshSynced",
        "True/Observe",
        &["1 object would be"],
    );
    world.session("a", |session| {
        session.applied.as_mut().unwrap().would_change = 7
    });
    world.declare("a", json!({ "mode": "Federate", "suspend": true }));
    expect(
        &world,
        "a",
        "MeshSynced",
        "False/Suspended",
        &["7 objects differ and are not written"],
    );
    world.session("a", |session| {
        session.applied.as_mut().unwrap().would_change = 1
    });
    expect(
        &world,
        "a",
        "MeshSynced",
        "False/Suspended",
        &["1 object differs and is not written"],
    );
}

#[test]
fn ready_names_the_first_that_fails_and_the_others() {
    let mut world = two();
    world.sessions.remove(&name("a"));
    world.report("a", |delta| {
        delta.member.as_mut().unwrap().kubernetes_version = "v1.29.1".to_owned()
    });
    expect(
        &world,
        "a",
        "Ready",
        "False/SessionLost",
        &["no session", "; also: Compatible (KubernetesNotSupported)"],
    );
}

#[test]
fn an_object_whose_name_is_none_says_why() {
    let mut world = two();
    let long = "x".repeat(64);
    world.declare(&long, json!({}));
    let found = world.look(|look| conditions(&look.nameless(&long)));
    assert!(
        found[0].status == ConditionStatus::False && found[0].message.contains("metadata.name"),
        "{:?}",
        found[0]
    );
}
