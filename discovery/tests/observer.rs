//! The observer of a member, against a member in memory and on virtual time: what it sees, and what it holds on to when
//! the member's API server misbehaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod stage;

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_api::ServiceKey;
use causeway_api::facts::{ApiFact, MeshFact};
use causeway_memory::{Config, Deny};
use stage::{EXPORTS, MCS, Stage, export, key, member_name, node, pod, service, slice};

#[tokio::test(start_paused = true)]
async fn a_member_is_seen_whole() {
    let mut stage = Stage::prepared(Config::new("a"), |member, _| {
        member.delay(Duration::from_secs(1));
    });
    stage.until("facts", |s| s.ready() == Some(2)).await;
    let facts = stage.store.owner(&member_name()).unwrap();
    let member = facts.member.clone().unwrap();
    assert_eq!(member.cluster_uid, stage.member.cluster_uid());
    assert_eq!(stage.observer.cluster_uid().unwrap(), member.cluster_uid);
    assert_eq!(member.kubernetes_version, "v1.36.3");
    assert_eq!(
        (member.mesh, member.api),
        (MeshFact::Istio, ApiFact::Reachable)
    );
    assert!(member.problems.is_empty(), "{:?}", member.problems);
    assert_eq!(member.region.unwrap().as_str(), "r1");
    let fact = facts.service(&key()).unwrap();
    assert!(fact.exported);
    let accounts: Vec<&str> = fact.service_accounts.iter().map(|a| a.as_str()).collect();
    assert_eq!(accounts, ["cart"], "the first facts are complete");
    assert_eq!(stage.store.owners().count(), 1);
    assert_eq!(stage.observer.version().sequence, 1, "in one piece");
    assert!(facts.namespaces.contains_key("shop"));
    assert_eq!(stage.observer.local(&key()).unwrap().ready, 2);
    assert!(stage.observer.take_touched_locals().contains(&key()));
}

#[tokio::test(start_paused = true)]
async fn changes_arrive() {
    let mut stage = Stage::new(Config::new("a"));
    stage.until("facts", |s| s.ready() == Some(2)).await;
    stage
        .member
        .put(slice("cart-1", "cart", &["cart-1-a"]))
        .unwrap();
    let took = stage.until("one pod less", |s| s.ready() == Some(1)).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    stage.member.put(node("z2")).unwrap();
    stage.until("the zone", |s| s.place() == "r1/z2").await;
    stage
        .member
        .delete("discovery.k8s.io/v1", "EndpointSlice", "shop", "cart-1")
        .unwrap();
    stage
        .until("an explicit zero", |s| s.ready() == Some(0))
        .await;
    stage
        .member
        .delete(MCS, "ServiceExport", "shop", "cart")
        .unwrap();
    stage
        .until("no export", |s| s.store.exporters(&key()).count() == 0)
        .await;
    assert_eq!(stage.ready(), None);
    stage.observer.set_wanted(BTreeSet::from([key()]));
    stage.until("wanted", |s| s.ready() == Some(0)).await;
    stage
        .member
        .delete("v1", "Service", "shop", "cart")
        .unwrap();
    stage
        .until("no service", |s| s.store.services().count() == 0)
        .await;
}

#[tokio::test(start_paused = true)]
async fn who_has_seen_nothing_says_nothing() {
    let mut stage = Stage::prepared(Config::new("a"), |member, _| member.go_dark());
    stage.run(120).await;
    assert!(!stage.observer.synced() && stage.observer.take_delta().is_none());
    assert_eq!(stage.observer.missing().len(), 7);
    assert_eq!(stage.observer.api().0, ApiFact::Unreachable);
    stage.member.come_back();
    let took = stage.until("facts", |s| s.ready() == Some(2)).await;
    assert!(took < Duration::from_secs(45), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_goes_dark_withdraws_nothing() {
    for how in ["dark", "refused", "503"] {
        let mut stage = Stage::new(Config::new("a"));
        stage.until("facts", |s| s.ready() == Some(2)).await;
        match how {
            "dark" => stage.member.go_dark(),
            "refused" => stage.member.refuse(),
            _ => stage.member.answer_with(503),
        }
        let took = stage
            .until("unreachable", |s| s.api() == ApiFact::Unreachable)
            .await;
        assert!(
            took > Duration::from_secs(9) && took < Duration::from_secs(25),
            "{how}: {took:?}"
        );
        assert!(
            stage
                .problems()
                .contains("has not answered its agent since"),
            "{how}: {}",
            stage.problems()
        );
        let version = stage.observer.version();
        stage
            .member
            .put(slice("cart-1", "cart", &["cart-1-a"]))
            .unwrap();
        stage.run(600).await;
        assert_eq!(stage.ready(), Some(2), "{how}: the last facts stay");
        assert_eq!(
            stage.observer.version(),
            version,
            "{how}: an age that grows is no new fact"
        );
        assert!(stage.observer.api().1.unwrap() > Duration::from_secs(600));
        stage.member.come_back();
        let took = stage
            .until("caught up", |s| {
                s.ready() == Some(1) && s.api() == ApiFact::Reachable
            })
            .await;
        assert!(took < Duration::from_secs(45), "{how}: {took:?}");
        assert_eq!(stage.problems(), "", "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_silence_is_no_news() {
    let mut stage = Stage::new(Config::new("a"));
    stage.until("facts", |s| s.ready() == Some(2)).await;
    let version = stage.observer.version();
    for _ in 0..10 {
        stage.member.refuse();
        stage.run(3).await;
        stage.member.come_back();
        stage.run(12).await;
    }
    assert_eq!(stage.observer.version(), version);
}

#[tokio::test(start_paused = true)]
async fn history_that_is_gone_is_made_up_by_a_list_that_is_diffed() {
    let mut stage = Stage::new(Config::new("a"));
    stage.member.put(service("fx")).unwrap();
    stage
        .until("facts", |s| {
            s.ready() == Some(2) && s.store.services().count() == 2
        })
        .await;
    let before = stage.observer.version();
    // While no watch is there, something goes, something changes, and the server forgets that it ever happened.
    stage.member.refuse();
    stage.member.delete("v1", "Service", "shop", "fx").unwrap();
    stage
        .member
        .put(slice("cart-1", "cart", &["cart-1-a"]))
        .unwrap();
    stage.member.compact();
    stage.member.come_back();
    stage
        .until("caught up", |s| {
            s.ready() == Some(1) && s.store.services().count() == 1
        })
        .await;
    stage.run(60).await;
    assert!(
        stage.observer.version().sequence <= before.sequence + 2,
        "nothing else was touched"
    );
    assert!(stage.store.owner(&member_name()).unwrap().exports(&key()));
}

#[tokio::test(start_paused = true)]
async fn dropped_watches_go_on_where_they_were() {
    let mut stage = Stage::new(Config::new("a"));
    stage.until("facts", |s| s.ready() == Some(2)).await;
    for round in 0..20 {
        stage.member.drop_watches();
        let pods: Vec<&str> = ["a", "b", "c"].into_iter().take(1 + round % 3).collect();
        stage.member.put(slice("cart-1", "cart", &pods)).unwrap();
        let wanted = u32::try_from(pods.len()).unwrap();
        stage
            .until("the change", |s| s.ready() == Some(wanted))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_is_named_and_the_rest_goes_on() {
    let deny = Deny::of("list", "discovery.k8s.io", "endpointslices");
    let mut stage = Stage::prepared(Config::new("a"), |member, _| member.deny([deny]));
    stage.run(60).await;
    assert_eq!(stage.observer.missing(), ["endpointslices"]);
    let problems = stage.problems();
    assert!(
        problems.contains("may not list endpointslices.discovery.k8s.io")
            && problems.contains("resources [endpointslices], verbs [list]"),
        "{problems}"
    );
    // It can say so, and takes nothing away that its predecessor said.
    stage.observer.set_epoch(1);
    let delta = stage.observer.take_member(None).unwrap();
    assert!(delta.member.unwrap().problems[0].contains("endpointslices"));
    stage.member.allow_everything();
    stage.until("facts", |s| s.ready() == Some(2)).await;
    stage
        .until("nothing wrong", |s| s.problems().is_empty())
        .await;

    stage.member.deny([Deny::everything()]);
    stage.member.drop_watches();
    stage.member.compact();
    stage.run(120).await;
    assert_eq!(
        stage.ready(),
        Some(2),
        "a lost permission withdraws nothing"
    );
    assert!(stage.problems().contains("may not"), "{}", stage.problems());
    stage.member.allow_everything();
    stage
        .until("nothing wrong", |s| s.problems().is_empty())
        .await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_may_not_be_read_cost_their_accounts_alone() {
    let mut stage = Stage::prepared(Config::new("a"), |member, _| {
        member.deny([Deny::of("get", "", "pods")]);
    });
    stage.until("facts", |s| s.ready() == Some(2)).await;
    assert!(
        stage.problems().contains("may not get pods"),
        "{}",
        stage.problems()
    );
    stage.member.allow_everything();
    let known = |s: &Stage| {
        let fact = s
            .store
            .owner(&member_name())
            .unwrap()
            .service(&key())
            .unwrap();
        !fact.service_accounts.is_empty()
    };
    stage.until("the account", known).await;
    assert_eq!(stage.problems(), "");
}

#[tokio::test(start_paused = true)]
async fn service_exports_may_be_installed_later() {
    let mut stage = Stage::new(Config::new("a").without(EXPORTS));
    stage
        .until("facts", |s| s.store.services().count() == 1)
        .await;
    assert!(
        stage
            .problems()
            .contains("serviceexports.multicluster.x-k8s.io is not served"),
        "{}",
        stage.problems()
    );
    stage.member.install(EXPORTS);
    stage.member.put(export("cart")).unwrap();
    stage.until("the export", |s| s.ready() == Some(2)).await;
    stage
        .until("no complaint", |s| s.problems().is_empty())
        .await;
    // Removed with its objects: that is the owner's word on each of them.
    stage.member.uninstall(EXPORTS);
    stage
        .until("no export", |s| s.store.exporters(&key()).count() == 0)
        .await;
    stage
        .until("a complaint", |s| s.problems().contains("is not served"))
        .await;
    stage.member.install(EXPORTS);
    stage.member.put(export("cart")).unwrap();
    stage
        .until("the export again", |s| s.ready() == Some(2))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_member_without_istio_and_of_an_odd_version_is_still_observed() {
    let config = Config::new("a")
        .without("networking.istio.io")
        .kubernetes("v1.29.4");
    let mut stage = Stage::new(config);
    stage.until("facts", |s| s.ready() == Some(2)).await;
    let facts = stage.store.owner(&member_name()).unwrap();
    assert_eq!(facts.member.as_ref().unwrap().mesh, MeshFact::None);
    assert!(
        stage
            .problems()
            .contains("Kubernetes v1.29.4: 1.30 to 1.36 are supported")
    );
}

#[tokio::test(start_paused = true)]
async fn long_lists_come_in_pages() {
    let mut stage = Stage::prepared(Config::new("a"), |member, config| {
        for n in 0..25 {
            member.put(service(&format!("s{n}"))).unwrap();
        }
        config.page_size = 4;
    });
    stage
        .until("all of them", |s| s.store.services().count() == 26)
        .await;
    assert_eq!(stage.observer.version().sequence, 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_export_comes_with_its_account() {
    let mut stage = Stage::new(Config::new("a"));
    stage.until("facts", |s| s.ready() == Some(2)).await;
    stage.member.put(service("fx")).unwrap();
    stage.member.put(slice("fx-1", "fx", &["fx-1-a"])).unwrap();
    stage.member.put(pod("fx-1-a", "fx")).unwrap();
    stage.member.delay(Duration::from_secs(2));
    stage.member.put(export("fx")).unwrap();
    let fx: ServiceKey = "shop/fx".parse().unwrap();
    let exported = |s: &Stage| s.store.exporters(&fx).count() == 1;
    let took = stage.until("the export", exported).await;
    assert!(took >= Duration::from_secs(2), "{took:?}");
    let fact = stage
        .store
        .owner(&member_name())
        .unwrap()
        .service(&fx)
        .unwrap();
    assert_eq!(fact.service_accounts.len(), 1);
}
