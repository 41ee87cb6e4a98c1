//! What is written for each shape of a service, as files that read like what `kubectl` shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::BTreeSet;

use causeway_api::facts::{Protocol, TargetPort};
use causeway_api::plan::PlanKind;
use causeway_api::plan::WHOLE;
use causeway_api::spec::HostKind;
use causeway_render::foreign::Foreign;
use causeway_render::{
    ForeignIndex, Kind, ObjectKey, Rendered, ServiceInputs, render_networks, render_service,
};
use common::*;
use insta::assert_snapshot;
use serde_json::json;

fn render(inputs: &ServiceInputs) -> Rendered {
    render_service(&member(), &service(), inputs, &ForeignIndex::default(), &[])
}

#[test]
fn nearest_first() {
    assert_snapshot!(shown(&render(&inputs(nearest()))));
}

#[test]
fn nearest_first_with_an_ordered_failover() {
    let mut view = nearest();
    view.failover = vec!["r3".parse().unwrap(), "r2".parse().unwrap()];
    for plan in &mut view.sources {
        plan.standby.reverse();
    }
    assert_snapshot!(shown(&render(&inputs(view))));
}

#[test]
fn spilling_outward() {
    assert_snapshot!(shown(&render(&inputs(spilling()))));
}

#[test]
fn spilling_into_a_network_in_the_same_zone() {
    let mut member = member();
    member.networks.insert(
        network("net2"),
        versioned(5, network_view(&["203.0.113.2"], "r1/z1")),
    );
    let spilling = render_service(
        &member,
        &service(),
        &inputs(spilling()),
        &ForeignIndex::default(),
        &[],
    );
    let nearest = render_service(
        &member,
        &service(),
        &inputs(nearest()),
        &ForeignIndex::default(),
        &[],
    );
    assert_snapshot!(format!(
        "# Spilling: net2 is named by itself.\n{}\n# Nearest: net2 stands behind the pods of its zone.\n{}",
        shown(&spilling),
        shown(&nearest)
    ));
}

#[test]
fn a_service_that_is_absent_here() {
    let mut inputs = inputs(view(
        vec![source(
            "z1",
            PlanKind::Nearest,
            &[(to("net2"), WHOLE)],
            &["net3"],
        )],
        &["net2", "net3"],
    ));
    inputs.local = causeway_render::LocalService {
        namespace_exists: true,
        ..Default::default()
    };
    assert_snapshot!(shown(&render(&inputs)));
}

#[test]
fn a_service_without_a_selector() {
    let mut inputs = inputs(nearest());
    inputs.local.selector.clear();
    assert_snapshot!(shown(&render(&inputs)));
}

#[test]
fn named_target_ports_protocols_and_disagreements() {
    let mut inputs = inputs(nearest());
    let named = |name: &str, resolved| TargetPort::Name {
        name: name.to_owned(),
        resolved,
    };
    let mut dns = port("dns", 53, TargetPort::Number(53));
    dns.protocol = Protocol::Udp;
    let mut api = port("api", 9000, named("api", None));
    api.app_protocol = Some("kubernetes.io/h2c".to_owned());
    inputs.local.ports = vec![port("http", 80, named("web", Some(8080))), api, dns];
    inputs.owners[0].service.ports = vec![
        port("http", 81, TargetPort::Number(8080)),
        port("api", 9000, TargetPort::Number(9999)),
    ];
    inputs.owners[1].service.service_accounts.clear();
    inputs.owners[2].service.service_accounts.clear();
    assert_snapshot!(shown(&render(&inputs)));
}

#[test]
fn a_headless_service() {
    let mut inputs = inputs(nearest());
    inputs.local.headless = true;
    assert_snapshot!(shown(&render(&inputs)));
}

#[test]
fn clients_that_call_one_name_only() {
    let mut out = String::new();
    for (kind, exists) in [
        (HostKind::ClusterLocal, true),
        (HostKind::ClusterSet, true),
        (HostKind::ClusterSet, false),
    ] {
        let mut view = nearest();
        view.hosts = BTreeSet::from([kind]);
        let mut inputs = inputs(view);
        inputs.local.exists = exists;
        inputs.local.exported = false;
        let rendered = render(&inputs);
        out.push_str(&format!("{kind:?}, Service here: {exists}\n"));
        for object in &rendered.objects {
            out.push_str(&format!(
                "  {} {}\n",
                object.key,
                object
                    .spec
                    .get("host")
                    .or(object.spec.get("hosts"))
                    .unwrap_or(&json!(""))
            ));
        }
        for condition in &rendered.conditions {
            out.push_str(&format!(
                "  # {}: {}\n",
                condition.reason, condition.message
            ));
        }
    }
    assert_snapshot!(out);
}

#[test]
fn exported_and_not_imported() {
    let mut inputs = inputs(nearest());
    inputs.plan = None;
    assert_snapshot!(shown(&render(&inputs)));
}

#[test]
fn covered_by_another_owners_rule() {
    let mut foreign = ForeignIndex::default();
    let mut rule = |namespace: &str, host: &str, policy: serde_json::Value| {
        let key = ObjectKey {
            kind: Kind::DestinationRule,
            namespace: namespace.to_owned(),
            name: "theirs".to_owned(),
        };
        let spec = json!({"host": host, "trafficPolicy": policy});
        let labels = std::collections::BTreeMap::new();
        foreign.set(
            &key,
            Foreign::read(Kind::DestinationRule, namespace, &labels, &spec),
        );
        foreign.clone()
    };
    let mut out = String::new();
    for (namespace, host, policy) in [
        (
            "web",
            "echo.app.svc.cluster.local",
            json!({"outlierDetection": {"interval": "5s"}}),
        ),
        ("app", "echo", json!({"tls": {"mode": "ISTIO_MUTUAL"}})),
    ] {
        let index = rule(namespace, host, policy);
        let rendered = render_service(&member(), &service(), &inputs(nearest()), &index, &[]);
        out.push_str(&format!("{} objects\n", rendered.objects.len()));
        for condition in &rendered.conditions {
            out.push_str(&format!(
                "  # {} {}: {}\n",
                condition.reason, condition.object, condition.message
            ));
        }
    }
    assert_snapshot!(out);
}

#[test]
fn gateways_and_the_void() {
    let mut member = member();
    member.networks.insert(
        network("net4"),
        versioned(8, network_view(&["0.0.0.0"], "r4/z1")),
    );
    member.networks.insert(
        network("net1"),
        versioned(8, network_view(&["203.0.113.1"], "r1/z1")),
    );
    member.settings.region = None;
    assert_snapshot!(shown(&render_networks(
        &member,
        true,
        &ForeignIndex::default(),
        &[]
    )));
}
