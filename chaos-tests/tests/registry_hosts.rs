//! Two host clusters, a replica in each, real API servers: each declaration has one owner, the other host has its mirror,
//! and what two GitOps controllers say differently for ever moves nothing. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "registry/shifts.rs"]
mod shifts;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use causeway::admin::AdminBackend;
use causeway::admin::api::registry::{MoveRequest, RegistryRow};
use causeway::admin::api::replicas::ReplicaChange;
use causeway::certs::{Authority, Identity, Role, Validity, tls::Pems};
use causeway::peers::{Me, PeerLinks};
use causeway::replica::among::{Among, Begin, Tuning};
use causeway::replica::{ProbeTimes, Replica, ReplicaConfig};
use causeway::session::{PeerDialer, PeerListener};
use causeway::telemetry::Metrics;
use causeway_api::peer::PeerAddresses;
use causeway_api::registry::ObjectKey;
use causeway_api::session::{FromAgent, FromReplica};
use causeway_api::{MemberName, ReplicaId};
use causeway_chaos_tests::{Fleet, Scratch, crds, eventually};
use causeway_discovery::probe::TcpProbe;
use causeway_seam::real::{self, Folder};
use causeway_seam::transport::{Accept, Connection};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);
const OWNER: &str = "causeway.dev/owner-host";

/// Nobody dials.
struct NoAgents;

#[async_trait]
impl Accept<FromReplica, FromAgent> for NoAgents {
    async fn accept(&mut self) -> Option<Connection<FromReplica, FromAgent>> {
        std::future::pending().await
    }
}

fn pems(authority: &Authority, id: u64) -> anyhow::Result<Pems> {
    let now = real::env().wall();
    let identity = Identity::new(Role::Replica, MemberName::new(&format!("r{id}"))?);
    let hosts = ["127.0.0.1".to_owned()];
    let pair = authority.sign(&identity, &hosts, Validity { now, days: 1 })?;
    Ok(Pems {
        ca: authority.certificate_pem().to_owned().into(),
        certificate: pair.certificate_pem.into(),
        key: pair.key_pem.into(),
    })
}

/// Starts a replica in a host; returns where others reach it.
async fn start(
    scratch: &Scratch,
    host: Client,
    authority: &Authority,
    id: u64,
    join: Vec<String>,
) -> anyhow::Result<(Replica, String)> {
    let env = real::env();
    let pems = pems(authority, id)?;
    let listener = PeerListener::bind(&env, "127.0.0.1:0", &pems).await?;
    let address = listener.address().to_string();
    let begin = if join.is_empty() {
        Begin::Bootstrap
    } else {
        Begin::Join
    };
    let me = Me {
        replica: ReplicaId(id),
        domain: format!("host-{id}"),
        addresses: PeerAddresses {
            peers: address.clone(),
            ..PeerAddresses::default()
        },
        join,
    };
    let among = Among {
        links: PeerLinks::new(&env, me, Some(Arc::new(PeerDialer::new(&env, &pems)?))),
        acceptor: Box::new(listener),
        begin,
        tuning: Tuning::default(),
    };
    let config = ReplicaConfig {
        id: ReplicaId(id),
        domain: format!("host-{id}").parse()?,
        root_namespace: "causeway-system".parse()?,
        probe: ProbeTimes::default(),
    };
    let disk = Arc::new(Folder::open(scratch.folder(&format!("replica-{id}"))?)?);
    let probe = Arc::new(TcpProbe::new(env.clone()));
    let replica = Replica::start_among(
        env,
        disk,
        Some(host),
        Box::new(NoAgents),
        probe,
        Metrics::new("controller"),
        config,
        Some(among),
    )
    .await?;
    Ok((replica, address))
}

fn members(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("causeway.dev", "v1alpha1", "MemberCluster");
    Api::all_with(client.clone(), &ApiResource::from_gvk(&kind))
}

/// Applies a MemberCluster as a GitOps controller does.
async fn apply(client: &Client, manager: &str, name: &str, spec: Value) -> anyhow::Result<()> {
    let object = json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
        "metadata": { "name": name }, "spec": spec,
    });
    let params = PatchParams::apply(manager).force();
    members(client)
        .patch(name, &params, &Patch::Apply(object))
        .await?;
    Ok(())
}

/// A `spec` with what the schema adds to it.
fn whole(mut spec: Value) -> Value {
    spec["class"] = json!("Standard");
    spec
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::of("MemberCluster", name).unwrap()
}

async fn row(admin: &Arc<dyn AdminBackend>, name: &str) -> anyhow::Result<RegistryRow> {
    let report = admin.registry().await?;
    let found = report
        .objects
        .into_iter()
        .find(|row| row.object == key(name));
    found.with_context(|| format!("{name} is not in the registry"))
}

/// Waits until a replica says of an object: who owns it, and what stands in its own host.
async fn stands(
    admin: &Arc<dyn AdminBackend>,
    name: &str,
    owner: &str,
    here: &str,
) -> anyhow::Result<RegistryRow> {
    let what = format!("{name} is owned by {owner} and stands as {here}");
    eventually(DEADLINE, &what, || async {
        let row = row(admin, name).await?;
        let found = row.owner.as_ref().map(|host| host.name.as_str());
        ensure!(found == Some(owner) && row.here == here, "{row:?}");
        Ok(row)
    })
    .await
}

/// Waits until an object of a host has this `spec` and, as a mirror, this owner.
async fn object(
    client: &Client,
    name: &str,
    spec: Value,
    owner: Option<&str>,
) -> anyhow::Result<DynamicObject> {
    let spec = whole(spec);
    let what = format!("{name} is {spec}, owned by {owner:?}");
    eventually(DEADLINE, &what, || async {
        let object = members(client).get(name).await?;
        let annotations = object.metadata.annotations.clone().unwrap_or_default();
        ensure!(
            object.data["spec"] == spec && annotations.get(OWNER).map(String::as_str) == owner,
            "{object:?}"
        );
        Ok(object)
    })
    .await
}

async fn suspended(admin: &Arc<dyn AdminBackend>, name: &str, wanted: bool) -> anyhow::Result<()> {
    eventually(
        DEADLINE,
        &format!("{name}: suspended is {wanted}"),
        || async {
            let rows = admin.clusters().await?;
            let row = rows.iter().find(|row| row.name.as_str() == name);
            ensure!(row.context("not there")?.suspended == wanted, "{rows:?}");
            Ok(())
        },
    )
    .await
}

/// Waits until the object's `Registered` says so for its present generation; returns the message.
async fn registered(client: &Client, name: &str, reason: &str) -> anyhow::Result<String> {
    eventually(
        DEADLINE,
        &format!("{name}: Registered is {reason}"),
        || async {
            let object = members(client).get(name).await?;
            let conditions = object.data["status"]["conditions"].as_array().cloned();
            let conditions = conditions.context("no conditions")?;
            let found = conditions.iter().find(|row| row["type"] == "Registered");
            let found = found.context("no such condition")?;
            ensure!(
                found["reason"] == reason
                    && found["observedGeneration"].as_i64() == object.metadata.generation,
                "{found}"
            );
            Ok(found["message"].as_str().unwrap_or_default().to_owned())
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_declaration_has_one_owner_and_outlives_it() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["a", "b"]).await?;
    let (a, b) = (
        fleet.cluster("a")?.client().await?,
        fleet.cluster("b")?.client().await?,
    );
    for host in [&a, &b] {
        crds::install_causeway(host).await?;
    }
    let now = real::env().wall();
    let authority = Authority::generate(Validity { now, days: 1 })?;
    let scratch = fleet.scratch();
    let (first, address) = start(scratch, a.clone(), &authority, 1, Vec::new()).await?;
    let (second, _) = start(scratch, b.clone(), &authority, 2, vec![address]).await?;
    let (at_a, at_b) = (first.admin(), second.admin());
    eventually(DEADLINE, "the second replica is added", || async {
        let known = at_a.replicas().await?.replicas;
        if known.iter().any(|row| row.id == 2 && row.role != "waiting") {
            return Ok(());
        }
        let add = ReplicaChange::Add {
            id: 2,
            address: None,
            domain: None,
            replace: None,
            accept_domain_risk: true,
        };
        at_a.change_replicas(&add).await?;
        Ok(())
    })
    .await?;

    // Declared in one host, mirrored in the other: in both directions.
    apply(
        &a,
        "gitops-a",
        "ack",
        json!({ "mode": "Observe", "suspend": false }),
    )
    .await?;
    apply(
        &b,
        "gitops-b",
        "edge",
        json!({ "mode": "Observe", "suspend": false }),
    )
    .await?;
    object(
        &b,
        "ack",
        json!({ "mode": "Observe", "suspend": false }),
        Some("host-1"),
    )
    .await?;
    object(
        &a,
        "edge",
        json!({ "mode": "Observe", "suspend": false }),
        Some("host-2"),
    )
    .await?;
    stands(&at_a, "ack", "host-1", "Owner").await?;
    stands(&at_b, "ack", "host-1", "Mirror").await?;
    stands(&at_a, "edge", "host-2", "Mirror").await?;

    // The owner's change reaches the mirror; a mirror that is deleted comes back.
    apply(
        &a,
        "gitops-a",
        "ack",
        json!({ "mode": "Observe", "suspend": true }),
    )
    .await?;
    object(
        &b,
        "ack",
        json!({ "mode": "Observe", "suspend": true }),
        Some("host-1"),
    )
    .await?;
    let uid = members(&b).get("ack").await?.metadata.uid;
    members(&b).delete("ack", &DeleteParams::default()).await?;
    eventually(DEADLINE, "the mirror is there again", || async {
        let again = members(&b).get("ack").await?.metadata.uid;
        ensure!(again != uid, "it is the one that was deleted");
        Ok(())
    })
    .await?;
    suspended(&at_b, "ack", true).await?;
    shifts::have_one_owner_and_outlive_it((&a, &at_a), (&b, &at_b)).await?;

    // Two GitOps controllers say different things, again and again.
    let theirs = json!({ "mode": "Observe", "suspend": false });
    for _ in 0..5 {
        apply(&b, "gitops-b", "ack", theirs.clone()).await?;
        apply(
            &a,
            "gitops-a",
            "ack",
            json!({ "mode": "Observe", "suspend": true }),
        )
        .await?;
    }
    let why = registered(&b, "ack", "NotOwner").await?;
    ensure!(
        why.contains("host-1") && why.contains("causeway registry move MemberCluster ack"),
        "{why}"
    );
    stands(&at_b, "ack", "host-1", "NotOwner").await?;
    let before = object(&b, "ack", theirs.clone(), Some("host-1")).await?;
    // Long enough for another round of the keepers: nobody writes it any more.
    let marker = json!({ "mode": "Observe", "suspend": true });
    apply(&a, "gitops-a", "marker", marker.clone()).await?;
    object(&b, "marker", marker, Some("host-1")).await?;
    let after = members(&b).get("ack").await?;
    ensure!(
        after.metadata.generation == before.metadata.generation
            && after.data["spec"] == whole(theirs.clone()),
        "{after:?}"
    );
    suspended(&at_a, "ack", true).await?;

    // What its owner deletes goes everywhere.
    members(&a)
        .delete("marker", &DeleteParams::default())
        .await?;
    eventually(DEADLINE, "the mirror is gone, too", || async {
        ensure!(members(&b).get_opt("marker").await?.is_none());
        Ok(())
    })
    .await?;

    // Moved: what stands in the new owner's host is in force.
    let to = |name: &str, host: &str| MoveRequest {
        object: key(name),
        to: host.to_owned(),
    };
    let wrong = at_b.move_object(&to("ack", "nowhere")).await.unwrap_err();
    ensure!(
        wrong.remedy.contains("host-1") && wrong.remedy.contains("host-2"),
        "{}",
        wrong.remedy
    );
    at_b.move_object(&to("ack", "host-2")).await?;
    stands(&at_b, "ack", "host-2", "Owner").await?;
    suspended(&at_a, "ack", false).await?;
    object(&b, "ack", theirs, None).await?;
    registered(&a, "ack", "NotOwner").await?;

    // The owner's host is gone for good, and its declarations go on from the mirror. Of two voters both are needed, so the
    // second leaves first: with three, that would not be needed.
    let leave = ReplicaChange::Remove {
        id: 2,
        accept_domain_risk: true,
    };
    eventually(DEADLINE, "the second replica is no member", || async {
        if at_a
            .replicas()
            .await?
            .replicas
            .iter()
            .any(|row| row.id == 2)
        {
            at_a.change_replicas(&leave).await?;
        }
        Ok(())
    })
    .await?;
    second.stop().await;
    at_a.move_object(&to("edge", "host-1")).await?;
    stands(&at_a, "edge", "host-1", "Owner").await?;
    object(
        &a,
        "edge",
        json!({ "mode": "Observe", "suspend": false }),
        None,
    )
    .await?;
    apply(
        &a,
        "gitops-a",
        "edge",
        json!({ "mode": "Observe", "suspend": true }),
    )
    .await?;
    suspended(&at_a, "edge", true).await?;
    first.stop().await;
    Ok(())
}
