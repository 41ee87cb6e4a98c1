//! Faults by order, on virtual time: what a client sees of each, and that it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::pin::pin;
use std::time::Duration;

use causeway_memory::{Config, Deny, MemoryMember};
use causeway_seam::{Env, real};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::{Value, json};

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": "shop" },
        "spec": { "ports": [{ "port": 80 }] },
        "status": { "loadBalancer": { "ingress": [{ "ip": "203.0.113.1" }] } },
    })
}

fn member() -> (MemoryMember, Env) {
    let env = real::env();
    let member = MemoryMember::new(Config::new("m"), env.clone());
    member.put(namespace("shop")).unwrap();
    (member, env)
}

fn services(member: &MemoryMember) -> Api<Service> {
    Api::namespaced(member.client(), "shop")
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn in_the_dark_nothing_answers_and_nothing_ends() {
    let (member, env) = member();
    let api = services(&member);
    let mut watch = pin!(
        api.watch(&WatchParams::default().timeout(30), "0")
            .await
            .unwrap()
    );
    member.go_dark();
    member.put(service("web")).unwrap();
    assert!(env.timeout(MINUTE, api.get("web")).await.is_err());
    assert!(
        env.timeout(MINUTE, watch.next()).await.is_err(),
        "the watch's own end is past"
    );
    let waiting = api.get("web");
    let light = async {
        env.sleep(MINUTE).await;
        member.come_back();
    };
    let (found, ()) = tokio::join!(waiting, light);
    assert_eq!(found.unwrap().metadata.name.as_deref(), Some("web"));
    // What was missed comes first (an object and its status are two writes), then the end, whose time has passed.
    assert!(matches!(watch.next().await, Some(Ok(WatchEvent::Added(_)))));
    assert!(matches!(
        watch.next().await,
        Some(Ok(WatchEvent::Modified(_)))
    ));
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn refused_connections_are_errors_at_once() {
    let (member, env) = member();
    let api = services(&member);
    let mut watch = pin!(api.watch(&WatchParams::default(), "0").await.unwrap());
    member.refuse();
    let before = env.now();
    assert!(matches!(
        api.list(&ListParams::default()).await,
        Err(kube::Error::Service(_))
    ));
    assert!(matches!(watch.next().await, Some(Err(_))));
    assert!(watch.next().await.is_none());
    assert_eq!(env.now(), before, "no time passed");
    member.come_back();
    api.list(&ListParams::default()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn delays_and_codes_are_as_ordered() {
    let (member, env) = member();
    let api = services(&member);
    member.delay(Duration::from_millis(250));
    let before = env.now();
    api.list(&ListParams::default()).await.unwrap();
    assert_eq!(env.now().since(before), Duration::from_millis(250));
    member.delay(Duration::ZERO);
    member.answer_with(503);
    match api.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 503),
        other => panic!("{other:?}"),
    }
    member.come_back();
    api.list(&ListParams::default()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn denials_fit_what_they_name() {
    let (member, _) = member();
    let api = services(&member);
    member.deny([Deny::of("create", "", "services")]);
    let object: Service = serde_json::from_value(service("web")).unwrap();
    match api.create(&PostParams::default(), &object).await {
        Err(kube::Error::Api(status)) => assert!(status.is_forbidden(), "{status:?}"),
        other => panic!("{other:?}"),
    }
    api.list(&ListParams::default()).await.unwrap();
    member.put(service("web")).unwrap();
    member.allow_everything();
    member.deny(Deny::writes());
    assert!(
        api.delete("web", &kube::api::DeleteParams::default())
            .await
            .is_err()
    );
    member.allow_everything();
    api.delete("web", &kube::api::DeleteParams::default())
        .await
        .unwrap();
}

/// What a watcher of namespaces holds, over every kind of trouble: it ends up with what is there.
#[tokio::test(start_paused = true)]
async fn watchers_survive_dropped_watches_and_forgotten_history() {
    let (member, env) = member();
    let api: Api<Namespace> = Api::all(member.client());
    let mut events = pin!(watcher(api, watcher::Config::default().page_size(2)));
    let mut restarts = 0;
    let mut errors = 0;
    let mut wait_for = async |name: &str| {
        loop {
            match env
                .timeout(MINUTE, events.next())
                .await
                .unwrap_or_else(|_| panic!("no {name}"))
            {
                Some(Ok(Event::Init)) => restarts += 1,
                Some(Ok(Event::Apply(object) | Event::InitApply(object)))
                    if object.metadata.name.as_deref() == Some(name) =>
                {
                    break;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) => errors += 1,
                None => panic!("the end"),
            }
        }
    };
    wait_for("shop").await;
    member.put(namespace("one")).unwrap();
    wait_for("one").await;
    member.drop_watches();
    member.put(namespace("two")).unwrap();
    wait_for("two").await;
    // While the watch is away, its past is forgotten: it must list anew.
    member.drop_watches();
    member.put(namespace("three")).unwrap();
    member.put(namespace("four")).unwrap();
    member.compact();
    wait_for("three").await;
    wait_for("two").await;
    assert!(
        restarts >= 2 && errors >= 2,
        "{restarts} restarts, {errors} errors"
    );
}

#[tokio::test(start_paused = true)]
async fn history_has_an_end_of_its_own() {
    let env = real::env();
    let mut config = Config::new("m");
    config.history = 3;
    let member = MemoryMember::new(config, env);
    let before = member.revision();
    for number in 0..5 {
        member.put(namespace(&format!("n{number}"))).unwrap();
    }
    let api: Api<Namespace> = Api::all(member.client());
    let from = |revision: u64| {
        let api = api.clone();
        async move {
            let events = api
                .watch(&WatchParams::default().timeout(1), &revision.to_string())
                .await
                .unwrap();
            events.collect::<Vec<_>>().await
        }
    };
    assert!(
        matches!(&from(before).await[..], [Ok(WatchEvent::Error(status))] if status.code == 410)
    );
    let names: Vec<_> = from(before + 2)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Ok(WatchEvent::Added(object)) => object.metadata.name,
            _ => None,
        })
        .collect();
    assert_eq!(names, ["n2", "n3", "n4"]);
}

#[tokio::test(start_paused = true)]
async fn handles_write_past_faults_and_quietly_where_nothing_changes() {
    let (member, _) = member();
    member.refuse();
    let made = member.put(service("web")).unwrap();
    assert_eq!(
        made["status"]["loadBalancer"]["ingress"][0]["ip"],
        "203.0.113.1"
    );
    assert_eq!(made["spec"]["ports"][0]["protocol"], "TCP");
    let revision = member.revision();
    member.put(service("web")).unwrap();
    assert_eq!(member.revision(), revision, "written for nothing");
    assert!(member.has("v1", "Service", "shop", "web"));
    assert_eq!(member.objects("v1", "Service").unwrap().len(), 1);
    assert!(
        member
            .put(json!({ "apiVersion": "v1", "kind": "Nonsense" }))
            .is_err()
    );
    assert!(member.put(service("web")).is_ok());
    assert!(member.delete("v1", "Namespace", "", "shop").unwrap());
    assert!(
        !member.has("v1", "Service", "shop", "web"),
        "it goes with its namespace"
    );
    assert!(!member.delete("v1", "Service", "shop", "web").unwrap());
    let error = member.put(service("web")).unwrap_err().to_string();
    assert!(error.contains("namespaces \"shop\" not found"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn definitions_come_and_go() {
    let env = real::env();
    let config = Config::new("m")
        .without("networking.istio.io")
        .only("serviceexports.multicluster.x-k8s.io", &["v1alpha1"]);
    let member = MemoryMember::new(config, env);
    let client = member.client();
    let has = |group: &'static str| {
        let client = client.clone();
        async move {
            let groups = client.list_api_groups().await.unwrap().groups;
            groups.into_iter().find(|found| found.name == group)
        }
    };
    assert!(has("networking.istio.io").await.is_none());
    member.install("workloadentries.networking.istio.io");
    assert!(has("networking.istio.io").await.is_some());
    let exports = |version: &str| {
        let client = client.clone();
        let path = format!("/apis/multicluster.x-k8s.io/{version}/serviceexports");
        async move {
            let request = http::Request::get(path).body(Vec::new()).unwrap();
            client.request::<Value>(request).await
        }
    };
    assert!(exports("v1alpha1").await.is_ok() && exports("v1beta1").await.is_err());
    member.uninstall("serviceexports.multicluster.x-k8s.io");
    assert!(exports("v1alpha1").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn two_runs_are_alike_and_two_clusters_are_not() {
    let run = |seed: u64| {
        let member = MemoryMember::new(Config::new("m").seed(seed), real::env());
        member.put(namespace("shop")).unwrap();
        let made = member.put(service("web")).unwrap();
        (member.cluster_uid(), made["metadata"]["uid"].clone())
    };
    assert_eq!(run(1), run(1));
    let (one, other) = (run(1), run(2));
    assert!(one.0 != other.0 && one.1 != other.1);
    assert_ne!(one.1, Value::from(one.0));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_offered_is_told() {
    let (member, _) = member();
    let client = member.client();
    for (method, path, form) in [
        (
            "GET",
            "/api/v1/services?resourceVersionMatch=Exact",
            "application/json",
        ),
        (
            "GET",
            "/api/v1/services?watch=true&sendInitialEvents=true",
            "application/json",
        ),
        (
            "DELETE",
            "/api/v1/namespaces/shop/services",
            "application/json",
        ),
        (
            "PATCH",
            "/api/v1/namespaces/shop/services/web",
            "application/json-patch+json",
        ),
        (
            "POST",
            "/api/v1/namespaces/shop/services?dryRun=All",
            "application/json",
        ),
        (
            "GET",
            "/api/v1/namespaces/shop/services/web/proxy",
            "application/json",
        ),
    ] {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", form)
            .body(b"{}".to_vec())
            .unwrap();
        match client.request::<Value>(request).await {
            Err(kube::Error::Api(status)) => {
                assert_eq!(status.code, 501, "{method} {path}: {status:?}");
                assert!(status.message.contains("conformance suite"), "{status:?}");
            }
            other => panic!("{method} {path}: {other:?}"),
        }
    }
}
