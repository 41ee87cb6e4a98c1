//! The observer of a member against a real API server: what it sees, and that a killed API server, a lost permission or a
//! missing definition withdraws nothing. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use causeway_api::facts::{ApiFact, MeshFact, TargetPort};
use causeway_api::{MemberName, ServiceKey};
use causeway_chaos_tests::causeway::declared;
use causeway_chaos_tests::objects::{self, Backend};
use causeway_chaos_tests::{Fleet, crds};
use causeway_discovery::{Observer, ObserverConfig};
use causeway_index::FactStore;
use causeway_seam::real;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);

/// An observer, and what a replica would hold of its member.
struct Seen {
    observer: Observer,
    store: FactStore,
    member: MemberName,
}

fn key(name: &str) -> ServiceKey {
    ServiceKey::new("shop", name).unwrap()
}

impl Seen {
    fn of(client: Client) -> Self {
        Self::with(client, |_| {})
    }

    fn with(client: Client, adjust: impl FnOnce(&mut ObserverConfig)) -> Self {
        let member = MemberName::new("ack").unwrap();
        let mut config = ObserverConfig::new(member.clone());
        config.health_interval = Duration::from_millis(500);
        config.unreachable_after = Duration::from_secs(2);
        config.discovery_interval = Duration::from_secs(1);
        config.backoff_max = Duration::from_secs(1);
        adjust(&mut config);
        Self {
            observer: Observer::start(&real::env(), client, config),
            store: FactStore::new(),
            member,
        }
    }

    fn pass_on(&mut self) -> anyhow::Result<()> {
        if let Some(delta) = self.observer.take_delta() {
            self.store.apply(delta)?;
        }
        Ok(())
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut changed = self.observer.subscribe();
        loop {
            self.pass_on()?;
            if holds(self) {
                return Ok(());
            }
            ensure!(
                began.elapsed() < DEADLINE,
                "{what}: not after {:?}; missing {:?}; problems {:#?}; cart {:?}",
                began.elapsed(),
                self.observer.missing(),
                self.observer.problems(),
                self.rows("cart"),
            );
            let _ = tokio::time::timeout(Duration::from_millis(100), changed.changed()).await;
        }
    }

    /// For a while nothing but what is told already may be told.
    async fn stays(&mut self, seconds: u64, holds: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            self.pass_on()?;
            ensure!(holds(self), "it did not stay: cart {:?}", self.rows("cart"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    fn rows(&self, service: &str) -> Vec<String> {
        let Some(facts) = self.store.owner(&self.member) else {
            return Vec::new();
        };
        let rows = facts.endpoints(&key(service));
        rows.map(|(port, place, c)| format!("{port} {place} {}/{}/{}", c.ready, c.serving, c.total))
            .collect()
    }

    fn api(&self) -> Option<ApiFact> {
        let facts = self.store.owner(&self.member)?;
        facts.member.as_ref().map(|member| member.api)
    }

    fn problems(&self) -> String {
        self.observer.problems().join("\n")
    }
}

fn on(n: u8) -> Backend {
    Backend::ready(&format!("10.9.1.{n}"))
}

const HTTP: [(&str, i32); 1] = [("http", 8080)];

/// A namespace with a service `cart` of two pods in zone eu-a.
async fn shop(client: &Client) -> anyhow::Result<()> {
    objects::put_namespace(client, &objects::namespace("shop", &[])).await?;
    objects::put_node(client, &objects::node("n1", "eu", "eu-a")).await?;
    objects::put(client, &objects::service_account("shop", "cart")).await?;
    for (n, pod) in [(1, "cart-1-a"), (2, "cart-1-b")] {
        let address = format!("10.9.1.{n}");
        objects::put_running_pod(client, ("shop", pod), "n1", &address, "cart", &[]).await?;
    }
    let service: Service = serde_json::from_value(json!({
        "metadata": { "name": "cart", "namespace": "shop" },
        "spec": { "selector": { "app": "cart" }, "ports": [{ "name": "http", "port": 80, "targetPort": "web" }] },
    }))?;
    objects::put(client, &service).await?;
    let backends = [
        on(1).on("n1", "eu-a").of_pod("cart-1-a"),
        on(2).on("n1", "eu-a").of_pod("cart-1-b"),
    ];
    objects::put(
        client,
        &objects::slice("shop", "cart", "1", &HTTP, &backends),
    )
    .await?;
    Ok(())
}

async fn send(client: &Client, path: &str, object: &Value) -> anyhow::Result<()> {
    let request = http::Request::patch(format!("{path}?fieldManager=causeway-test&force=true"))
        .header("content-type", "application/apply-patch+yaml")
        .body(serde_json::to_vec(object)?)?;
    client.request::<Value>(request).await?;
    Ok(())
}

async fn export(client: &Client, name: &str) -> anyhow::Result<()> {
    let object = json!({ "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceExport",
                         "metadata": { "name": name, "namespace": "shop" } });
    let path =
        format!("/apis/multicluster.x-k8s.io/v1alpha1/namespaces/shop/serviceexports/{name}");
    send(client, &path, &object).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_followed_and_a_definition_may_come_later() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["eu-1"]).await?;
    let client = fleet.cluster("eu-1")?.client().await?;
    shop(&client).await?;
    let mut seen = Seen::of(client.clone());

    // No ServiceExport, no Istio: observed all the same, and said.
    seen.until("the first facts", |s| {
        s.store.services().any(|k| *k == key("cart"))
    })
    .await?;
    seen.until("the complaint", |s| {
        s.problems()
            .contains("serviceexports.multicluster.x-k8s.io is not served")
    })
    .await?;
    seen.until("the member itself", |s| {
        let member = s.observer.member();
        member.mesh == MeshFact::None
            && member.kubernetes_version.starts_with("v1.")
            && member.region.is_some_and(|region| region.as_str() == "eu")
    })
    .await?;
    ensure!(seen.rows("cart").is_empty(), "not exported, not told");

    crds::install_mcs(&client).await?;
    crds::install_istio(&client).await?;
    export(&client, "cart").await?;
    seen.until("the export", |s| s.rows("cart") == ["http eu/eu-a 2/2/2"])
        .await?;
    seen.until("Istio", |s| s.observer.member().mesh == MeshFact::Istio)
        .await?;
    seen.until("no complaint", |s| s.problems().is_empty())
        .await?;
    // Of its pods something is read once it's exported, so that this may come later.
    seen.until("what its pods say", |s| {
        let facts = s.store.owner(&s.member);
        facts
            .and_then(|facts| facts.service(&key("cart")))
            .is_some_and(|fact| {
                let accounts: Vec<&str> =
                    fact.service_accounts.iter().map(|a| a.as_str()).collect();
                let resolved = TargetPort::Name {
                    name: "web".into(),
                    resolved: Some(8080),
                };
                accounts == ["cart"]
                    && fact.selector["app"] == "cart"
                    && fact.ports[0].target == resolved
            })
    })
    .await?;

    // Scale, unready, terminating, zone, port: each arrives.
    let mut leaving = on(3).on("n1", "eu-a");
    (leaving.ready, leaving.terminating) = (false, true);
    let unready = Backend::unready("10.9.1.4").on("n1", "eu-a");
    let backends = [on(1).on("n1", "eu-a"), leaving, unready];
    objects::put(
        &client,
        &objects::slice("shop", "cart", "1", &HTTP, &backends),
    )
    .await?;
    seen.until("conditions", |s| s.rows("cart") == ["http eu/eu-a 1/2/3"])
        .await?;
    objects::put_node(&client, &objects::node("n1", "eu", "eu-b")).await?;
    seen.until("the relabelled node", |s| {
        s.rows("cart") == ["http eu/eu-b 1/2/3"]
    })
    .await?;
    let v6 = [Backend::ready("fd00:9::1").on("n1", "eu-a").of_pod("p-1")];
    objects::put(
        &client,
        &objects::slice(
            "shop",
            "cart",
            "1",
            &HTTP,
            &[on(1).on("n1", "eu-a").of_pod("p-1")],
        ),
    )
    .await?;
    objects::put(&client, &objects::slice("shop", "cart", "6", &HTTP, &v6)).await?;
    seen.until("one dual-stack pod", |s| {
        s.rows("cart") == ["http eu/eu-b 1/1/1"]
    })
    .await?;

    // A slice of names cannot be counted: said, and the rest goes on.
    let mut names = objects::slice(
        "shop",
        "cart",
        "names",
        &HTTP,
        &[Backend::ready("example.test")],
    );
    names.address_type = "FQDN".into();
    objects::put(&client, &names).await?;
    seen.until("the complaint", |s| {
        s.problems()
            .contains("addressType \"FQDN\" cannot be counted")
    })
    .await?;
    ensure!(seen.rows("cart") == ["http eu/eu-b 1/1/1"]);

    let gateway = [("topology.istio.io/network", "net-eu")];
    objects::put_namespace(&client, &objects::namespace("istio-system", &gateway)).await?;
    objects::put_load_balancer(
        &client,
        ("istio-system", "eastwest"),
        &gateway,
        &[("tls", 15443)],
        &["203.0.113.7"],
    )
    .await?;
    seen.until("the gateway", |s| {
        s.store
            .owner(&s.member)
            .is_some_and(|facts| facts.gateways.values().any(|g| !g.addresses.is_empty()))
    })
    .await?;
    seen.until("the network", |s| {
        s.observer
            .network()
            .is_some_and(|network| network.as_str() == "net-eu")
    })
    .await?;

    Api::<EndpointSlice>::namespaced(client.clone(), "shop")
        .delete_collection(&DeleteParams::default(), &kube::api::ListParams::default())
        .await?;
    seen.until("an explicit zero", |s| s.rows("cart") == ["http -/- 0/0/0"])
        .await?;
    Api::<Service>::namespaced(client.clone(), "shop")
        .delete("cart", &DeleteParams::default())
        .await?;
    seen.until("the service's end", |s| {
        s.rows("cart").is_empty() && !s.store.services().any(|k| *k == key("cart"))
    })
    .await?;
    shop(&client).await?;
    seen.until("the service again", |s| {
        s.rows("cart") == ["http eu/eu-a 2/2/2"]
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_api_server_withdraws_nothing() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(&["eu-1", "us-1"]).await?;
    let client = fleet.cluster("eu-1")?.client().await?;
    crds::install_mcs(&client).await?;
    shop(&client).await?;
    export(&client, "cart").await?;
    // 5,000 endpoints of one service, in fifty slices.
    let big: Service = serde_json::from_value(json!({
        "metadata": { "name": "big", "namespace": "shop" }, "spec": { "ports": [{ "name": "http", "port": 80 }] } }))?;
    objects::put(&client, &big).await?;
    export(&client, "big").await?;
    for part in 0..50 {
        let backends: Vec<Backend> = (0..100)
            .map(|n| Backend::ready(&format!("10.8.{part}.{}", n + 1)).on("n1", "eu-a"))
            .collect();
        objects::put(
            &client,
            &objects::slice("shop", "big", &part.to_string(), &HTTP, &backends),
        )
        .await?;
    }
    let mut seen = Seen::with(client.clone(), |config| config.page_size = 20);
    seen.until("5,000 endpoints", |s| {
        s.rows("big") == ["http eu/eu-a 5000/5000/5000"] && s.rows("cart") == ["http eu/eu-a 2/2/2"]
    })
    .await?;

    fleet.cluster_mut("eu-1")?.kill();
    seen.until("the fact that it does not answer", |s| {
        s.api() == Some(ApiFact::Unreachable)
            && s.problems().contains("has not answered its agent since")
    })
    .await?;
    let holds = |s: &Seen| s.rows("cart") == ["http eu/eu-a 2/2/2"] && s.rows("big").len() == 1;
    seen.stays(3, holds).await?;
    let version = seen.observer.version();
    seen.stays(2, holds).await?;
    ensure!(seen.observer.version() == version, "silence is no news");

    // It comes back; what changes at once is seen, and nothing is lost in between.
    fleet.cluster_mut("eu-1")?.restart().await?;
    let client = fleet.cluster("eu-1")?.client().await?;
    let one = [on(1).on("n1", "eu-a")];
    objects::put(&client, &objects::slice("shop", "cart", "1", &HTTP, &one)).await?;
    seen.until("the change after the restart", |s| {
        s.rows("cart") == ["http eu/eu-a 1/1/1"]
    })
    .await?;
    seen.until("that it answers", |s| {
        s.api() == Some(ApiFact::Reachable) && s.problems().is_empty()
    })
    .await?;
    ensure!(seen.rows("big") == ["http eu/eu-a 5000/5000/5000"]);

    // Paused, so that it is silent without a word.
    fleet.cluster_mut("eu-1")?.process().pause()?;
    seen.until("silence", |s| s.api() == Some(ApiFact::Unreachable))
        .await?;
    seen.stays(3, |s| s.rows("cart") == ["http eu/eu-a 1/1/1"])
        .await?;
    fleet.cluster_mut("eu-1")?.process().resume()?;
    seen.until("its return", |s| s.api() == Some(ApiFact::Reachable))
        .await?;
    let two = [on(1).on("n1", "eu-a"), on(2).on("n1", "eu-a")];
    objects::put(&client, &objects::slice("shop", "cart", "1", &HTTP, &two)).await?;
    seen.until("a change after the silence", |s| {
        s.rows("cart") == ["http eu/eu-a 2/2/2"]
    })
    .await?;
    Ok(())
}

/// What the observer needs, as a role.
fn role(without: Option<&str>) -> ClusterRole {
    let rules: Vec<Value> = [
        ("", "services"),
        ("", "nodes"),
        ("", "namespaces"),
        ("", "pods"),
        ("discovery.k8s.io", "endpointslices"),
        ("multicluster.x-k8s.io", "serviceexports"),
    ]
    .iter()
    .filter(|(_, resource)| Some(*resource) != without)
    .map(|(group, resource)| json!({ "apiGroups": [group], "resources": [resource], "verbs": ["get", "list", "watch"] }))
    .collect();
    serde_json::from_value(json!({ "metadata": { "name": "observer" }, "rules": rules })).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rbac_forbids_is_named_and_withdraws_nothing() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["eu-1"]).await?;
    let cluster = fleet.cluster("eu-1")?;
    let admin = cluster.client().await?;
    crds::install_mcs(&admin).await?;
    shop(&admin).await?;
    export(&admin, "cart").await?;
    let apply = PatchParams::apply("causeway-test").force();
    let roles = Api::<ClusterRole>::all(admin.clone());
    roles
        .patch(
            "observer",
            &apply,
            &Patch::Apply(role(Some("endpointslices"))),
        )
        .await?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "observer" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "observer" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "observer" }],
    }))?;
    Api::<ClusterRoleBinding>::all(admin.clone())
        .patch("observer", &apply, &Patch::Apply(binding))
        .await?;

    let mut seen = Seen::of(cluster.client_as("observer", None).await?);
    seen.until("the refusal", |s| {
        s.problems()
            .contains("may not list endpointslices.discovery.k8s.io")
    })
    .await?;
    seen.until("all the rest", |s| {
        s.observer.missing() == ["endpointslices"]
    })
    .await?;
    ensure!(!seen.observer.synced() && seen.observer.take_delta().is_none());
    seen.observer.set_epoch(1);
    let alone = seen
        .observer
        .take_member(None)
        .context("a word of its own")?;
    ensure!(alone.rows() == 1 && alone.member.is_some(), "{alone:?}");

    roles
        .patch("observer", &apply, &Patch::Apply(role(None)))
        .await?;
    seen.until("the facts", |s| s.rows("cart") == ["http eu/eu-a 2/2/2"])
        .await?;
    seen.until("no complaint", |s| s.problems().is_empty())
        .await?;

    // A permission that is taken away while a watch runs: a new watch is refused, the last facts stay.
    roles
        .patch("observer", &apply, &Patch::Apply(role(Some("nodes"))))
        .await?;
    declared::denied(&admin, "observer", ("list", "", "nodes"), None).await?;
    let mut again = Seen::with(cluster.client_as("observer", None).await?, |config| {
        config.watch_timeout = Duration::from_secs(2);
    });
    again
        .until("the refusal", |s| {
            s.problems().contains("may not list nodes")
        })
        .await?;
    ensure!(
        !again.observer.synced(),
        "nodes were never seen: facts without zones are not sent"
    );
    seen.stays(3, |s| s.rows("cart") == ["http eu/eu-a 2/2/2"])
        .await?;
    Api::<Node>::all(admin).get("n1").await?;
    ensure!(
        seen.observer
            .take_touched_locals()
            .is_superset(&BTreeSet::from([key("cart")]))
    );
    Ok(())
}
