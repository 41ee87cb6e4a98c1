//! What is written, kept, repaired and removed.

use anyhow::{Context as _, ensure};
use causeway_api::session::DiffAction;
use causeway_api::spec::Mode;
use causeway_chaos_tests::{Fleet, crds, eventually, objects};
use causeway_render::Kind;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::member::*;

const ALL: [&str; 8] = [
    "DestinationRule cw-echo.cluster",
    "DestinationRule cw-echo.clusterset",
    "Gateway cw-causeway-void",
    "Gateway cw-net2",
    "Gateway cw-net3",
    "ServiceEntry cw-echo.clusterset",
    "WorkloadEntry cw-echo.net2",
    "WorkloadEntry cw-echo.net3",
];

pub(crate) async fn cluster() -> anyhow::Result<(Fleet, kube::Client)> {
    let fleet = Fleet::start(&["one"]).await?;
    let client = fleet.cluster("one")?.client().await?;
    crds::install_istio(&client).await?;
    crds::install_gateway_api(&client).await?;
    for namespace in ["istio-system", "app"] {
        objects::put_namespace(&client, &objects::namespace(namespace, &[])).await?;
    }
    Ok((fleet, client))
}

fn object(kind: &str, name: &str, spec: Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "app"},
        "spec": spec,
    }))
    .unwrap()
}

#[tokio::test]
async fn a_view_is_written_once_in_order_and_pruned_in_order() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let mut member = Member::new(client, Mode::Federate);
    member.start(7);
    let applied = member.applied().await?;
    assert_eq!(applied.objects, 8);
    let first = member.versions().await?;
    assert_eq!(first.keys().map(String::as_str).collect::<Vec<_>>(), ALL);
    let order = [
        "Gateway cw-causeway-void",
        "DestinationRule cw-echo.cluster",
        "ServiceEntry cw-echo.clusterset",
        "WorkloadEntry cw-echo.net2",
    ];
    for pair in order.windows(2) {
        ensure!(first[pair[0]] < first[pair[1]], "{pair:?} in {first:?}");
    }
    let entry = &member.objects().await?["WorkloadEntry cw-echo.net2"];
    let metadata = &entry["metadata"];
    assert_eq!(metadata["labels"]["causeway.dev/owner"], "causeway");
    assert_eq!(metadata["annotations"]["causeway.dev/generation"], "1/1/13");
    assert_eq!(
        metadata["annotations"]["causeway.dev/writer"],
        "00000000000000000001.00000000000000000007"
    );

    // The same again, by the same writer and by the next.
    member.handle().mark_member();
    member.handle().mark_services([key("echo")]);
    member.plan("echo", Some(nearest()));
    member.applied().await?;
    member.start(8);
    member.applied().await?;
    assert_eq!(member.handle().stats().applied, 0);
    assert_eq!(member.versions().await?, first, "nothing was written again");

    // One count changes: one object is written.
    member.set("echo", |inputs| inputs.owners[0].service.ready = 5);
    eventually(DEADLINE, "the new weight", || async {
        let entry = &member.objects().await?["WorkloadEntry cw-echo.net2"];
        ensure!(entry["spec"]["weight"] == 5, "{entry}");
        Ok(())
    })
    .await?;
    // It is counted a moment after the API server has it.
    eventually(DEADLINE, "one write is counted", || async {
        let counted = member.handle().stats().applied;
        ensure!(counted == 1, "{counted}");
        Ok(())
    })
    .await?;
    let changed = member.versions().await?;
    for (name, version) in &first {
        let same = changed[name] == *version;
        ensure!(same == (name != "WorkloadEntry cw-echo.net2"), "{name}");
    }

    // Exact shares come and go without a trace.
    for view in [spilling(), nearest()] {
        let spills = view == spilling();
        member.plan("echo", Some(view));
        member.applied().await?;
        let rule = &member.objects().await?["DestinationRule cw-echo.cluster"];
        let locality = &rule["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"];
        ensure!(locality.get("distribute").is_some() == spills, "{rule}");
    }

    // All is withdrawn by decision.
    member.set("echo", |inputs| inputs.local.exported = false);
    member.plan("echo", None);
    member.set_network("net2", None, "");
    member.set_network("net3", None, "");
    eventually(DEADLINE, "only the void is left", || async {
        let left = member.versions().await?;
        ensure!(left.len() == 1, "{left:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_others_do_to_our_objects_is_repaired() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let mut member = Member::new(client, Mode::Federate);
    member.start(1);
    member.applied().await?;
    let spec = |object: &Value| object["spec"].clone();
    let whole = |objects: std::collections::BTreeMap<String, Value>| {
        objects
            .iter()
            .map(|(name, object)| (name.clone(), spec(object)))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = whole(member.objects().await?);
    let person = PatchParams {
        field_manager: Some("kubectl-edit".to_owned()),
        ..PatchParams::default()
    };
    let edits = [
        (
            Kind::WorkloadEntry,
            "app",
            "cw-echo.net2",
            json!({"spec": {"weight": 99}}),
        ),
        (
            Kind::DestinationRule,
            "app",
            "cw-echo.cluster",
            json!({"spec": {"exportTo": ["."]}}),
        ),
        (
            Kind::DestinationRule,
            "app",
            "cw-echo.clusterset",
            json!({"spec": {"trafficPolicy": {"outlierDetection": null}}}),
        ),
        (
            Kind::ServiceEntry,
            "app",
            "cw-echo.clusterset",
            json!({"spec": {"ports": [{"name": "http", "number": 80}, {"name": "x", "number": 1}]}}),
        ),
        (
            Kind::Gateway,
            "istio-system",
            "cw-net2",
            json!({"spec": {"addresses": [{"type": "IPAddress", "value": "203.0.113.99"}]}}),
        ),
        (
            Kind::WorkloadEntry,
            "app",
            "cw-echo.net3",
            json!({"metadata": {"annotations": {"causeway.dev/generation": null}}}),
        ),
    ];
    for (kind, namespace, name, patch) in edits {
        member
            .api(kind, namespace)
            .patch(name, &person, &Patch::Merge(&patch))
            .await
            .with_context(|| format!("{kind} {name}"))?;
    }
    for (kind, namespace, name) in [
        (Kind::Gateway, "istio-system", "cw-causeway-void"),
        (Kind::WorkloadEntry, "app", "cw-echo.net2"),
    ] {
        member
            .api(kind, namespace)
            .delete(name, &DeleteParams::default())
            .await?;
    }
    eventually(DEADLINE, "all is repaired", || async {
        let now = member.objects().await?;
        for object in now.values() {
            let annotations = &object["metadata"]["annotations"];
            ensure!(
                annotations.get("causeway.dev/generation").is_some(),
                "{object}"
            );
        }
        let now = whole(now);
        ensure!(now == before, "{now:#?}");
        Ok(())
    })
    .await?;
    // And then there is peace.
    let quiet = member.versions().await?;
    member.plan("echo", Some(nearest()));
    member.applied().await?;
    assert_eq!(member.versions().await?, quiet);
    Ok(())
}

#[tokio::test]
async fn other_owners_objects_are_left_alone_and_respected() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let mut member = Member::new(client, Mode::Federate);
    // Somebody's own entry under a name of ours.
    let entries = member.api(Kind::WorkloadEntry, "app");
    let theirs = object(
        "WorkloadEntry",
        "cw-echo.net2",
        json!({"address": "192.0.2.7"}),
    );
    let theirs = entries.create(&PostParams::default(), &theirs).await?;
    member.start(1);
    let message = member.condition("ForeignObject").await?;
    ensure!(
        message.contains("WorkloadEntry app/cw-echo.net2"),
        "{message}"
    );
    eventually(DEADLINE, "all others are written", || async {
        let names: Vec<_> = member.versions().await?.into_keys().collect();
        ensure!(names == ALL, "{names:?}");
        Ok(())
    })
    .await?;
    assert_eq!(
        entries.get("cw-echo.net2").await?.metadata.resource_version,
        theirs.metadata.resource_version
    );
    // They rename it: ours is written.
    entries
        .delete("cw-echo.net2", &DeleteParams::default())
        .await?;
    member.applied().await?;
    ensure!(member.objects().await?["WorkloadEntry cw-echo.net2"]["spec"]["network"] == "net2");

    // Somebody's own rule for the host: nothing of ours stands beside it.
    let rules = member.api(Kind::DestinationRule, "app");
    let rule = object("DestinationRule", "theirs", json!({"host": "echo"}));
    let rule = rules.create(&PostParams::default(), &rule).await?;
    let message = member.condition("ForeignDestinationRule").await?;
    ensure!(message.contains("DestinationRule app/theirs"), "{message}");
    eventually(DEADLINE, "the service is left alone", || async {
        let left: Vec<_> = member.versions().await?.into_keys().collect();
        let others = ["DestinationRule theirs", ALL[2], ALL[3], ALL[4]];
        ensure!(left == others, "{left:?}");
        Ok(())
    })
    .await?;
    let kept = rules.get("theirs").await?;
    assert_eq!(
        kept.metadata.resource_version,
        rule.metadata.resource_version
    );
    rules.delete("theirs", &DeleteParams::default()).await?;
    eventually(DEADLINE, "the service is federated again", || async {
        let names: Vec<_> = member.versions().await?.into_keys().collect();
        ensure!(names == ALL, "{names:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn observe_writes_nothing_and_shows_exactly_what_federate_writes() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let mut member = Member::new(client, Mode::Observe);
    member.start(1);
    let applied = member.handle().applied();
    eventually(DEADLINE, "the view was looked at", || async {
        let now = applied.borrow().clone();
        ensure!(now.would_change == 8, "{now:#?}");
        Ok(())
    })
    .await?;
    let shown = member.handle().diff().await;
    let mut names: Vec<_> = shown.iter().map(|entry| entry.object.clone()).collect();
    names.sort();
    assert_eq!(names.len(), 8);
    for entry in &shown {
        assert_eq!(entry.action, DiffAction::Create);
        ensure!(
            entry
                .held_back
                .as_ref()
                .is_some_and(|why| why.contains("Observe"))
        );
    }
    assert!(
        member.versions().await?.is_empty(),
        "Observe wrote something"
    );
    assert_eq!(member.handle().stats().applied, 0);

    member.memory(|memory| memory.member.settings.mode = Mode::Federate);
    member.applied().await?;
    assert!(member.handle().diff().await.is_empty());
    let written = member.objects().await?;
    for entry in &shown {
        let (kind, path) = entry.object.split_once(' ').unwrap();
        let (_, name) = path.split_once('/').unwrap();
        let object = &written[&format!("{kind} {name}")];
        if kind != "Gateway" {
            // Gateway API fills in defaults; of the others all is as it was shown.
            let spec = causeway_render::text::yaml(&json!({"spec": object["spec"]}));
            ensure!(entry.desired.ends_with(&spec), "{}\n{spec}", entry.desired);
        }
    }

    // Suspended: what is there stays, whatever the view says.
    member.memory(|memory| memory.member.settings.suspend = true);
    let before = member.versions().await?;
    member.plan("echo", Some(spilling()));
    eventually(DEADLINE, "the difference is counted", || async {
        let now = applied.borrow().clone();
        ensure!(now.would_change == 2, "{now:#?}");
        Ok(())
    })
    .await?;
    assert_eq!(member.versions().await?, before);
    let held = member.handle().diff().await;
    assert_eq!(held.len(), 2, "two rules differ");
    ensure!(
        held.iter()
            .all(|entry| entry.held_back.as_ref().unwrap().contains("suspend"))
    );
    Ok(())
}

#[tokio::test]
async fn a_last_destination_a_lost_view_and_an_absurd_one_change_nothing() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let mut member = Member::new(client, Mode::Federate);
    member.start(1);
    member.applied().await?;
    // No endpoint here, and none elsewhere: the entries stay.
    member.set("echo", |inputs| {
        inputs.local.ready = 0;
        inputs.local.localities.clear();
        for word in &mut inputs.owners {
            word.service.ready = 0;
        }
    });
    let message = member.condition("LastDestinationKept").await?;
    ensure!(message.contains("cw-echo.net2"), "{message}");
    let names: Vec<_> = member.versions().await?.into_keys().collect();
    assert_eq!(names, ALL);
    member.set("echo", |inputs| {
        inputs.local = local("echo");
        inputs.owners = vec![owner("two", "net2", 4), owner("three", "net3", 7)];
    });
    let applied = member.handle().applied();
    eventually(DEADLINE, "nothing is kept back any more", || async {
        let now = applied.borrow().clone();
        let mut found = now.conditions.iter();
        let kept = found.any(|one| one.reason == "LastDestinationKept");
        ensure!(!kept && now.would_change == 0, "{now:#?}");
        Ok(())
    })
    .await?;
    let before = member.versions().await?;

    // A view that is whole and names nothing is not obeyed.
    let mut kept = Default::default();
    member.memory(|memory| kept = std::mem::take(&mut memory.services));
    member.start(2);
    let message = member.condition("EmptyView").await?;
    ensure!(message.contains("no service"), "{message}");
    assert_eq!(member.versions().await?, before);

    // Nor is one with more services than there can be.
    member.memory(|memory| {
        let inputs = kept.get(&key("echo")).cloned().unwrap();
        for at in 0..20_001 {
            memory
                .services
                .insert(key(&format!("s{at}")), inputs.clone());
        }
    });
    member.start(3);
    let message = member.condition("ViewTooLarge").await?;
    ensure!(message.contains("20001"), "{message}");
    assert_eq!(member.versions().await?, before);

    member.memory(|memory| memory.services = kept);
    member.applied().await?;
    assert_eq!(member.versions().await?, before);
    Ok(())
}
