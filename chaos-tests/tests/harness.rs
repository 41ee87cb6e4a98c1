//! The harness itself, against the real components. Needs `cargo xtask assets`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use anyhow::ensure;
use causeway_chaos_tests::{
    Fleet,
    ads::AdsClient,
    controllers::Controllers,
    crds,
    envoy::Envoy,
    eventually,
    istiod::{self, Istiod, IstiodOptions},
    node::ProxyNode,
    objects::{self, Backend},
    pki::Authority,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Secret, Service};
use kube::{Api, api::DeleteParams};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn three_clusters_on_one_etcd_are_isolated_and_keep_their_data() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(&["eu-1", "us-1", "ap-1"]).await?;
    let eu = fleet.cluster("eu-1")?.client().await?;
    objects::put_namespace(&eu, &objects::namespace("shop", &[])).await?;
    objects::put_node(&eu, &objects::node("n1", "eu", "eu-a")).await?;

    for other in ["us-1", "ap-1"] {
        let client = fleet.cluster(other)?.client().await?;
        ensure!(
            Api::<Namespace>::all(client.clone())
                .get_opt("shop")
                .await?
                .is_none(),
            "{other} has eu-1's namespace"
        );
        ensure!(
            Api::<Node>::all(client).get_opt("n1").await?.is_none(),
            "{other} has eu-1's node"
        );
    }

    let before = fleet.cluster("eu-1")?.url();
    fleet.cluster_mut("eu-1")?.kill();
    ensure!(
        Api::<Namespace>::all(eu.clone()).get("shop").await.is_err(),
        "a killed API server answers"
    );
    ensure!(
        Api::<Namespace>::all(fleet.cluster("us-1")?.client().await?)
            .get("default")
            .await
            .is_ok(),
        "us-1 died too"
    );

    fleet.cluster_mut("eu-1")?.restart().await?;
    ensure!(
        fleet.cluster("eu-1")?.url() == before,
        "it came back elsewhere"
    );
    // The client from before finds it again by itself.
    let namespaces = Api::<Namespace>::all(eu);
    eventually(DEADLINE, "the namespace after the restart", || async {
        namespaces.get("shop").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rbac_decides_what_users_and_service_accounts_may_do() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["eu-1"]).await?;
    let cluster = fleet.cluster("eu-1")?;
    let admin = cluster.client().await?;

    let nobody = cluster.client_as("jane", None).await?;
    let error = Api::<Node>::all(nobody)
        .list(&<_>::default())
        .await
        .unwrap_err();
    ensure!(
        matches!(&error, kube::Error::Api(status) if status.code == 403),
        "{error:?}"
    );
    let master = cluster.client_as("jane", Some("system:masters")).await?;
    Api::<Node>::all(master).list(&<_>::default()).await?;

    objects::put(&admin, &objects::service_account("default", "agent")).await?;
    let agent = cluster
        .service_account("default", "agent", &[])
        .await?
        .client()
        .await?;
    let error = Api::<Secret>::namespaced(agent, "default")
        .list(&<_>::default())
        .await
        .unwrap_err();
    let denied = matches!(&error, kube::Error::Api(status) if status.code == 403
        && status.message.contains("system:serviceaccount:default:agent"));
    ensure!(denied, "{error:?}");
    Ok(())
}

#[tokio::test]
async fn controllers_delete_namespaces_with_what_is_in_them() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["eu-1"]).await?;
    let cluster = fleet.cluster("eu-1")?;
    let client = cluster.client().await?;
    let _controllers = Controllers::start(cluster, Controllers::USUAL).await?;
    objects::put_namespace(&client, &objects::namespace("shop", &[])).await?;
    let roots = Api::<ConfigMap>::namespaced(client.clone(), "shop");
    roots
        .create(
            &<_>::default(),
            &serde_json::from_value(serde_json::json!({ "metadata": { "name": "x" } }))?,
        )
        .await?;
    let namespaces = Api::<Namespace>::all(client);
    namespaces.delete("shop", &DeleteParams::default()).await?;
    eventually(DEADLINE, "the namespace is gone", || async {
        let left = namespaces.get_opt("shop").await?;
        ensure!(left.is_none(), "{left:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn all_definitions_are_served_and_load_balancers_and_pods_have_a_status() -> anyhow::Result<()>
{
    let fleet = Fleet::start(&["eu-1"]).await?;
    let client = fleet.cluster("eu-1")?.client().await?;
    crds::install_istio(&client).await?;
    crds::install_gateway_api(&client).await?;
    crds::install_mcs(&client).await?;
    for version in [
        "networking.istio.io/v1",
        "gateway.networking.k8s.io/v1",
        "multicluster.x-k8s.io/v1alpha1",
    ] {
        eventually(DEADLINE, &format!("{version} has resources"), || async {
            let resources = client.list_api_group_resources(version).await?;
            ensure!(!resources.resources.is_empty(), "none");
            Ok(())
        })
        .await?;
    }
    let ports = [("tls", 15443)];
    let at = ("default", "gateway");
    let gateway =
        objects::put_load_balancer(&client, at, &[], &ports, &["192.0.2.7", "lb.example.test"])
            .await?;
    let ingress = gateway
        .status
        .unwrap()
        .load_balancer
        .unwrap()
        .ingress
        .unwrap();
    assert_eq!(
        (ingress[0].ip.as_deref(), ingress[1].hostname.as_deref()),
        (Some("192.0.2.7"), Some("lb.example.test"))
    );
    let at = ("default", "web-0");
    let pod =
        objects::put_running_pod(&client, at, "n1", "10.9.9.9", "web", &[("app", "web")]).await?;
    assert_eq!(pod.status.unwrap().pod_ip.as_deref(), Some("10.9.9.9"));
    assert_eq!(
        pod.spec.unwrap().service_account_name.as_deref(),
        Some("web")
    );
    ensure!(
        Api::<Service>::namespaced(client, "default")
            .get("gateway")
            .await
            .is_ok(),
        "the Service is gone"
    );
    Ok(())
}

#[tokio::test]
async fn istiod_tells_an_envoy_and_a_plain_client_of_a_service() -> anyhow::Result<()> {
    const WEB: &str = "outbound|80||web.shop.svc.cluster.local";
    let fleet = Fleet::start(&["eu-1"]).await?;
    let cluster = fleet.cluster("eu-1")?;
    let client = cluster.client().await?;
    crds::install_istio(&client).await?;
    crds::install_gateway_api(&client).await?;
    objects::put_namespace(&client, &objects::namespace("shop", &[])).await?;
    objects::put(&client, &objects::service("shop", "web", &[("http", 80)])).await?;
    let slice =
        |backends: &[Backend]| objects::slice("shop", "web", "1", &[("http", 8080)], backends);
    objects::put(&client, &slice(&[Backend::ready("10.9.9.9")])).await?;

    let mut istiod = Istiod::start(cluster, &IstiodOptions::default()).await?;
    let node = ProxyNode::sidecar("eu-1", "eu", "eu-a");
    let ads = AdsClient::connect(istiod.grpc(), &node, &[WEB]).await?;
    let first = ads
        .wait_for(WEB, DEADLINE, |found| found.len() == 1)
        .await?;
    assert_eq!(
        (
            first.endpoints[0].socket().as_str(),
            first.endpoints[0].priority
        ),
        ("10.9.9.9:8080", 0)
    );

    let envoy = Envoy::start(fleet.scratch(), &istiod, &Authority::new("mesh")?, &node).await?;
    envoy
        .wait_for(WEB, DEADLINE, |found| found.len() == 1)
        .await?;

    objects::put(
        &client,
        &slice(&[Backend::ready("10.9.9.9"), Backend::ready("10.9.9.10")]),
    )
    .await?;
    let both = |found: &[causeway_chaos_tests::Endpoint]| {
        found
            .iter()
            .map(causeway_chaos_tests::Endpoint::socket)
            .eq(["10.9.9.10:8080", "10.9.9.9:8080"])
    };
    let second = ads.wait_for(WEB, DEADLINE, both).await?;
    ensure!(
        second.received > first.received && second.pushes > first.pushes,
        "no new push: {second:?}"
    );
    envoy.wait_for(WEB, DEADLINE, both).await?;
    eventually(DEADLINE, "Envoy uses what it was given", || async {
        let used = envoy.hosts(WEB).await?;
        ensure!(both(&used), "Envoy was given two and uses {used:?}");
        ensure!(
            envoy.stat("cluster_manager.warming_clusters").await? == 0,
            "clusters wait for something"
        );
        Ok(())
    })
    .await?;

    // Without istiod Envoy keeps what it has.
    istiod.process().kill();
    ensure!(
        both(&envoy.assignment(WEB).await?),
        "Envoy forgot its endpoints"
    );
    istiod.restart().await?;
    Ok(())
}

#[tokio::test]
async fn istiod_reads_another_cluster_through_a_remote_secret() -> anyhow::Result<()> {
    const WEB: &str = "outbound|80||web.shop.svc.cluster.local";
    let mut fleet = Fleet::start(&["eu-1", "us-1"]).await?;
    for (name, address) in [("eu-1", "10.9.9.9"), ("us-1", "10.9.8.9")] {
        let client = fleet.cluster(name)?.client().await?;
        crds::install_istio(&client).await?;
        objects::put_namespace(&client, &objects::namespace("shop", &[])).await?;
        objects::put(&client, &objects::service("shop", "web", &[("http", 80)])).await?;
        let backends = [Backend::ready(address)];
        objects::put(
            &client,
            &objects::slice("shop", "web", "1", &[("http", 80)], &backends),
        )
        .await?;
    }
    let options = IstiodOptions {
        environment: vec![("PILOT_DEBOUNCE_AFTER".to_owned(), "0".to_owned())],
        ..IstiodOptions::default()
    };
    let istiod = Istiod::start(fleet.cluster("eu-1")?, &options).await?;
    let node = ProxyNode::sidecar("eu-1", "eu", "eu-a");
    let ads = AdsClient::connect(istiod.grpc(), &node, &[WEB]).await?;
    ads.wait_for(WEB, DEADLINE, |found| found.len() == 1)
        .await?;
    istiod::add_remote_cluster(
        &fleet.cluster("eu-1")?.client().await?,
        fleet.cluster("us-1")?,
    )
    .await?;
    let both = ads
        .wait_for(WEB, DEADLINE, |found| found.len() == 2)
        .await?;
    assert_eq!(both.endpoints[0].address, "10.9.8.9");
    fleet.cluster_mut("us-1")?.kill();
    Ok(())
}
