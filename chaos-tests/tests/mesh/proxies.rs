//! What istiod tells proxies of what is written: priorities, localities, weights, addresses.

use anyhow::ensure;
use causeway_api::facts::TargetPort;
use causeway_api::plan::{PlanKind, WHOLE};
use causeway_api::spec::Mode;
use causeway_chaos_tests::{
    Endpoint, Fleet,
    ads::AdsClient,
    envoy::Envoy,
    eventually,
    istiod::{Istiod, IstiodOptions},
    node::ProxyNode,
    objects::{self, Backend},
    pki::Authority,
};
use causeway_render::Kind;
use k8s_openapi::api::core::v1::Service;
use kube::api::DeleteParams;
use serde_json::json;

use crate::member::*;
use crate::writes::cluster;

const LOCAL: &str = "outbound|80||echo.app.svc.cluster.local";
const SET: &str = "outbound|80||echo.app.svc.clusterset.local";

/// `priority region/zone address weight`, and the locality's weight where the shares are exact.
fn shown(endpoints: &[Endpoint], exact: bool) -> Vec<String> {
    endpoints
        .iter()
        .map(|one| {
            let place = format!("{}/{}", one.region, one.zone);
            let text = format!("{} {place} {} {}", one.priority, one.socket(), one.weight);
            if exact {
                format!("{text} {}", one.locality_weight)
            } else {
                text
            }
        })
        .collect()
}

async fn expect(ads: &AdsClient, cluster: &str, wanted: &[&str]) -> anyhow::Result<()> {
    let exact = wanted.iter().any(|line| line.split(' ').count() == 5);
    ads.wait_for(cluster, DEADLINE, |found| shown(found, exact) == wanted)
        .await?;
    Ok(())
}

/// Pods of `name` in two zones, and a Service that picks them.
async fn put_service(
    client: &kube::Client,
    name: &str,
    spec: serde_json::Value,
) -> anyhow::Result<()> {
    let service: Service = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "app"},
        "spec": spec,
    }))?;
    objects::put(client, &service).await?;
    let mut backends = Vec::new();
    for (at, (node, zone)) in [("n1", "z1"), ("n1", "z1"), ("n2", "z2")]
        .into_iter()
        .enumerate()
    {
        let pod = format!("{name}-{at}");
        let address = format!("10.9.1.{}", at + 1);
        let labels = [("app", name)];
        objects::put_running_pod(client, ("app", &pod), node, &address, "echo", &labels).await?;
        backends.push(Backend::ready(&address).on(node, zone).of_pod(&pod));
    }
    let slice = objects::slice("app", name, "1", &[("http", 8080)], &backends);
    objects::put(client, &slice).await?;
    Ok(())
}

async fn mesh() -> anyhow::Result<(Fleet, kube::Client, Istiod)> {
    let (fleet, client) = cluster().await?;
    let labels = [("topology.istio.io/network", "net1")];
    objects::put_namespace(&client, &objects::namespace("istio-system", &labels)).await?;
    objects::put(&client, &objects::service_account("app", "echo")).await?;
    for (name, zone) in [("n1", "z1"), ("n2", "z2")] {
        objects::put_node(&client, &objects::node(name, "r1", zone)).await?;
    }
    let spec = json!({
        "selector": {"app": "echo"},
        "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
    });
    put_service(&client, "echo", spec).await?;
    let options = IstiodOptions {
        network: "net1".to_owned(),
        environment: vec![("PILOT_DEBOUNCE_AFTER".to_owned(), "10ms".to_owned())],
        ..IstiodOptions::default()
    };
    let istiod = Istiod::start(fleet.cluster("one")?, &options).await?;
    Ok((fleet, client, istiod))
}

fn sidecar(region: &str, zone: &str) -> ProxyNode {
    ProxyNode {
        network: "net1".to_owned(),
        ..ProxyNode::sidecar("one", region, zone)
    }
}

#[tokio::test]
async fn proxies_are_told_what_the_plan_says() -> anyhow::Result<()> {
    let (fleet, client, istiod) = mesh().await?;
    let mut member = Member::new(client.clone(), Mode::Federate);
    let near = AdsClient::connect(istiod.grpc(), &sidecar("r1", "z1"), &[LOCAL, SET]).await?;
    let other = AdsClient::connect(istiod.grpc(), &sidecar("r1", "z2"), &[LOCAL, SET]).await?;
    let stray = AdsClient::connect(istiod.grpc(), &sidecar("r9", "z9"), &[LOCAL, SET]).await?;
    let envoy = Envoy::start(
        fleet.scratch(),
        &istiod,
        &Authority::new("mesh")?,
        &sidecar("r1", "z1"),
    )
    .await?;
    expect(
        &near,
        LOCAL,
        &[
            "0 r1/z1 10.9.1.1:8080 1",
            "0 r1/z1 10.9.1.2:8080 1",
            "0 r1/z2 10.9.1.3:8080 1",
        ],
    )
    .await?;
    member.start(1);
    member.applied().await?;

    // The nearest first: the own zone, the own region, the rest by what is ready there. By either name.
    let nearest_from_z1 = [
        "0 r1/z1 10.9.1.1:8080 1",
        "0 r1/z1 10.9.1.2:8080 1",
        "1 r1/z2 10.9.1.3:8080 1",
        "2 r2/z1 203.0.113.2:15443 4",
        "2 r3/z1 203.0.113.3:15443 7",
    ];
    for host in [LOCAL, SET] {
        expect(&near, host, &nearest_from_z1).await?;
        expect(
            &other,
            host,
            &[
                "0 r1/z2 10.9.1.3:8080 1",
                "1 r1/z1 10.9.1.1:8080 1",
                "1 r1/z1 10.9.1.2:8080 1",
                "2 r2/z1 203.0.113.2:15443 4",
                "2 r3/z1 203.0.113.3:15443 7",
            ],
        )
        .await?;
    }
    envoy
        .wait_for(LOCAL, DEADLINE, |found| {
            shown(found, false) == nearest_from_z1
        })
        .await?;

    // An ordered failover.
    let mut ordered = nearest();
    ordered.failover = vec!["r3".parse()?, "r2".parse()?];
    for source in &mut ordered.sources {
        source.standby.reverse();
    }
    member.plan("echo", Some(ordered));
    expect(
        &near,
        LOCAL,
        &[
            "0 r1/z1 10.9.1.1:8080 1",
            "0 r1/z1 10.9.1.2:8080 1",
            "1 r1/z2 10.9.1.3:8080 1",
            "2 r3/z1 203.0.113.3:15443 7",
            "3 r2/z1 203.0.113.2:15443 4",
        ],
    )
    .await?;

    // Exact shares, for each zone its own, and for proxies that stand nowhere. What has no share has no endpoints.
    member.plan("echo", Some(spilling()));
    for host in [LOCAL, SET] {
        expect(
            &near,
            host,
            &[
                "0 r1/z1 10.9.1.1:8080 1 50",
                "0 r1/z1 10.9.1.2:8080 1 50",
                "0 r1/z2 10.9.1.3:8080 1 17",
                "0 r2/z1 203.0.113.2:15443 4 33",
            ],
        )
        .await?;
        expect(&other, host, &["0 r1/z2 10.9.1.3:8080 1 100"]).await?;
        expect(
            &stray,
            host,
            &[
                "0 r1/z1 10.9.1.1:8080 1 25",
                "0 r1/z1 10.9.1.2:8080 1 25",
                "0 r1/z2 10.9.1.3:8080 1 58",
                "0 r2/z1 203.0.113.2:15443 4 17",
            ],
        )
        .await?;
    }

    // A network in the very same zone: behind the pods there, and named by itself where shares are exact.
    member.set_network("net2", Some(&["203.0.113.2"]), "r1/z1");
    expect(
        &near,
        LOCAL,
        &[
            "0 net2/net2 203.0.113.2:15443 4 33",
            "0 r1/z1 10.9.1.1:8080 1 50",
            "0 r1/z1 10.9.1.2:8080 1 50",
            "0 r1/z2 10.9.1.3:8080 1 17",
        ],
    )
    .await?;
    member.plan("echo", Some(nearest()));
    expect(
        &near,
        LOCAL,
        &[
            "0 r1/z1 10.9.1.1:8080 1",
            "0 r1/z1 10.9.1.2:8080 1",
            "1 r1/z1 203.0.113.2:15443 4",
            "2 r1/z2 10.9.1.3:8080 1",
            "3 r3/z1 203.0.113.3:15443 7",
        ],
    )
    .await?;
    ensure!(envoy.stat("cluster_manager.cds.update_rejected").await? == 0);
    Ok(())
}

#[tokio::test]
async fn losing_every_gateway_wedges_no_proxy() -> anyhow::Result<()> {
    let (fleet, client, istiod) = mesh().await?;
    let mut member = Member::new(client.clone(), Mode::Federate);
    member.start(1);
    member.applied().await?;
    let ads = AdsClient::connect(istiod.grpc(), &sidecar("r1", "z1"), &[LOCAL]).await?;
    let envoy = Envoy::start(
        fleet.scratch(),
        &istiod,
        &Authority::new("mesh")?,
        &sidecar("r1", "z1"),
    )
    .await?;
    let pods = [
        "0 r1/z1 10.9.1.1:8080 1",
        "0 r1/z1 10.9.1.2:8080 1",
        "1 r1/z2 10.9.1.3:8080 1",
    ];
    let with = |more: &[&'static str]| [&pods[..], more].concat();
    let (two, three) = ("2 r2/z1 203.0.113.2:15443 4", "2 r3/z1 203.0.113.3:15443 7");
    expect(&ads, LOCAL, &with(&[two, three])).await?;

    // One network is cut: a single write, and its entries stay as they are.
    let before = member.versions().await?;
    member.set_network("net2", Some(&[]), "r2/z1");
    expect(&ads, LOCAL, &with(&[three])).await?;
    member.applied().await?;
    let mut after = member.versions().await?;
    after.insert("Gateway cw-net2".to_owned(), before["Gateway cw-net2"]);
    assert_eq!(after, before);

    // The last one goes too, and the entries are still there: nobody is sent an empty address.
    member.set_network("net3", Some(&[]), "r3/z1");
    expect(&ads, LOCAL, &pods).await?;
    let new = AdsClient::connect(istiod.grpc(), &sidecar("r1", "z1"), &[LOCAL]).await?;
    expect(&new, LOCAL, &pods).await?;
    ensure!(
        member
            .versions()
            .await?
            .contains_key("WorkloadEntry cw-echo.net3")
    );

    // Envoy goes on taking what it is told.
    let backend = Backend::ready("10.9.1.9").on("n1", "z1");
    let slice = objects::slice("app", "echo", "2", &[("http", 8080)], &[backend]);
    objects::put(&client, &slice).await?;
    envoy
        .wait_for(LOCAL, DEADLINE, |found| {
            found.len() == 4 && found.iter().any(|one| one.address == "10.9.1.9")
        })
        .await?;

    // Both are back.
    member.set_network("net2", Some(&["203.0.113.2"]), "r2/z1");
    member.set_network("net3", Some(&["203.0.113.3"]), "r3/z1");
    envoy
        .wait_for(LOCAL, DEADLINE, |found| {
            let gateways = found.iter().filter(|one| one.port == 15443);
            gateways.count() == 2
        })
        .await?;

    // Why all that: without any gateway, new proxies are sent an empty address, and refuse the whole answer.
    member.stop();
    for name in ["cw-net2", "cw-net3", "cw-causeway-void"] {
        member
            .api(Kind::Gateway, "istio-system")
            .delete(name, &DeleteParams::default())
            .await?;
    }
    ads.wait_for(LOCAL, DEADLINE, |found| {
        found.iter().any(|one| one.address.is_empty())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn services_of_every_shape_reach_other_networks() -> anyhow::Result<()> {
    let (_fleet, client, istiod) = mesh().await?;
    let named = json!({
        "selector": {"app": "named"},
        "ports": [{"name": "http", "port": 80, "targetPort": "web"}],
    });
    put_service(&client, "named", named).await?;
    let bare = json!({"ports": [{"name": "http", "port": 80, "targetPort": 8080}]});
    put_service(&client, "bare", bare).await?;
    let unnamed =
        json!({"selector": {"app": "plain"}, "ports": [{"port": 80, "targetPort": 8080}]});
    put_service(&client, "plain", unnamed).await?;
    let slice = objects::slice(
        "app",
        "plain",
        "1",
        &[("", 8080)],
        &[Backend::ready("10.9.1.1")],
    );
    objects::put(&client, &slice).await?;

    let mut member = Member::new(client.clone(), Mode::Federate);
    for name in ["named", "bare", "plain", "far"] {
        member.set(name, |inputs| {
            inputs.owners = vec![owner("two", "net2", 4)];
            inputs.local = local(name);
        });
        member.plan(name, Some(nearest()));
    }
    member.set("named", |inputs| {
        inputs.local.ports[0].target = TargetPort::Name {
            name: "web".to_owned(),
            resolved: Some(8080),
        };
    });
    member.set("bare", |inputs| inputs.local.selector.clear());
    member.set("plain", |inputs| {
        inputs.local.ports[0].name = causeway_api::ids::PortName::unnamed();
        inputs.owners[0].service.ports = inputs.local.ports.clone();
    });
    member.set("far", |inputs| {
        inputs.local = causeway_render::LocalService {
            namespace_exists: true,
            ..Default::default()
        };
    });
    member.plan(
        "far",
        Some(view(
            vec![source("z1", PlanKind::Nearest, &[(to("net2"), WHOLE)], &[])],
            &["net2"],
        )),
    );
    member.start(1);
    member.applied().await?;

    let hosts: Vec<String> = ["named", "bare", "plain", "far"]
        .iter()
        .flat_map(|name| ["cluster", "clusterset"].map(|domain| (name, domain)))
        .map(|(name, domain)| format!("outbound|80||{name}.app.svc.{domain}.local"))
        .collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let ads = AdsClient::connect(istiod.grpc(), &sidecar("r1", "z1"), &names).await?;
    for host in &names {
        eventually(DEADLINE, host, || async {
            let view = ads.view();
            let found = view
                .clusters
                .get(*host)
                .map(|one| shown(&one.endpoints, false));
            let found = found.unwrap_or_default();
            let remote = found
                .iter()
                .filter(|line| line.contains("203.0.113.2:15443 4"))
                .count();
            let pods = found.len() - remote;
            let wanted = match *host {
                host if host.contains("far.") => 0,
                // Its slices are its own; by the other name only what is elsewhere is known.
                "outbound|80||bare.app.svc.clusterset.local" => 0,
                "outbound|80||plain.app.svc.cluster.local" => 1,
                _ => 3,
            };
            ensure!(remote == 1 && pods == wanted, "{found:#?}");
            // Local ones come first.
            ensure!(
                found.last().is_some_and(|line| line.contains(":15443")),
                "{found:#?}"
            );
            Ok(())
        })
        .await?;
    }
    Ok(())
}
