//! Who may write: the Lease, its epoch, and the stamps on objects.

use std::time::Duration;

use anyhow::ensure;
use causeway_api::spec::Mode;
use causeway_chaos_tests::{Fleet, eventually};
use causeway_mesh::{Lease, LeaseOptions, LeaseState};
use k8s_openapi::api::coordination::v1::Lease as Object;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::member::*;
use crate::writes::cluster;

fn options(identity: &str) -> LeaseOptions {
    LeaseOptions {
        // On a busy machine a renewal may come late, and must not come too late.
        duration: Duration::from_secs(9),
        renew_every: Duration::from_millis(500),
        ..LeaseOptions::new(identity)
    }
}

async fn held(lease: &Lease) -> anyhow::Result<u64> {
    let state = lease.state();
    eventually(DEADLINE, "the Lease is held", || async {
        let now = state.borrow().clone();
        match now {
            LeaseState::Held { epoch, .. } => Ok(epoch),
            LeaseState::Standby { .. } => anyhow::bail!("{now:?}"),
        }
    })
    .await
}

async fn standby(lease: &Lease, wanted: &str) -> anyhow::Result<()> {
    let state = lease.state();
    eventually(DEADLINE, "it stands by", || async {
        let now = state.borrow().clone();
        let named =
            matches!(&now, LeaseState::Standby { holder: Some(found), .. } if found == wanted);
        ensure!(named, "{now:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn one_holds_it_and_each_taking_raises_the_epoch() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(&["one"]).await?;
    let client = fleet.cluster("one")?.client().await?;
    let env = causeway_seam::real::env();
    let start = |name: &str| Lease::start(&env, client.clone(), options(name));

    let first = start("a");
    assert_eq!(held(&first).await?, 1, "the namespace was made, too");
    let second = start("b");
    standby(&second, "a").await?;
    first.release().await;
    assert_eq!(held(&second).await?, 2);

    // A holder that dies without a word is waited for.
    let third = start("c");
    standby(&third, "b").await?;
    let before = env.now();
    drop(second);
    assert_eq!(held(&third).await?, 3);
    ensure!(
        env.now().since(before) >= Duration::from_secs(2),
        "it was taken too early"
    );

    // What others have heard of is outdone, at once.
    third.hear(40);
    let state = third.state();
    eventually(DEADLINE, "a higher epoch", || async {
        let now = state.borrow().clone();
        ensure!(now.epoch_at(env.now()) == Some(41), "{now:?}");
        Ok(())
    })
    .await?;

    // A deleted Lease does not start again at 1 for whoever held it.
    let leases: Api<Object> = Api::namespaced(client.clone(), "causeway-system");
    leases
        .delete("causeway-agent", &DeleteParams::default())
        .await?;
    eventually(DEADLINE, "it is there again", || async {
        let found = leases.get_opt("causeway-agent").await?;
        let found = found.ok_or_else(|| anyhow::anyhow!("absent"))?;
        let epoch = found.metadata.annotations.unwrap()["causeway.dev/epoch"].clone();
        ensure!(epoch == "42", "{epoch}");
        Ok(())
    })
    .await?;

    // Somebody takes it by force: it is given up with the next renewal.
    held(&third).await?;
    let theft = json!({"spec": {"holderIdentity": "thief"}});
    leases
        .patch(
            "causeway-agent",
            &PatchParams::default(),
            &Patch::Merge(&theft),
        )
        .await?;
    standby(&third, "thief").await?;
    ensure!(held(&third).await? > 42, "the thief never renews it");

    // Without an API server the holder stops by itself, before another could begin.
    fleet.cluster_mut("one")?.kill();
    let state = third.state();
    eventually(DEADLINE, "it fences itself", || async {
        let now = state.borrow().clone();
        ensure!(now.epoch_at(env.now()).is_none(), "{now:?}");
        Ok(())
    })
    .await?;
    fleet.cluster_mut("one")?.restart().await?;
    held(&third).await?;
    Ok(())
}

#[tokio::test]
async fn an_older_writer_stands_down_before_a_newer_stamp() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let mut member = Member::new(client.clone(), Mode::Federate);
    member.start(9);
    member.applied().await?;
    let before = member.versions().await?;

    // Epoch 3, fixed: it cannot be raised.
    member.start(3);
    member.plan("echo", Some(spilling()));
    let message = member.condition("NewerWriter").await?;
    ensure!(message.contains("00000000000000000009"), "{message}");
    assert_eq!(member.versions().await?, before);

    // A Lease that began anew: its epoch is raised above the stamps that are found, and the work goes on.
    let lease = Lease::start(&member.env, client, options("fresh"));
    member.start_with(&lease);
    member.applied().await?;
    let rule = &member.objects().await?["DestinationRule cw-echo.cluster"];
    assert_eq!(
        rule["metadata"]["annotations"]["causeway.dev/writer"],
        "00000000000000000001.00000000000000000010"
    );

    // An older view than what is in the mesh is not written over it.
    member.stop();
    let old = Member::new(member.client.clone(), Mode::Federate);
    old.memory(|_| ());
    let mut old = old;
    old.start(11);
    let message = old.condition("NewerInMesh").await?;
    ensure!(message.contains("cw-echo.cluster"), "{message}");
    let kept = &member.objects().await?["DestinationRule cw-echo.cluster"];
    assert_eq!(
        kept["metadata"]["resourceVersion"],
        rule["metadata"]["resourceVersion"]
    );

    // A standby writes nothing.
    let (say, state) = tokio::sync::watch::channel(LeaseState::Standby {
        holder: Some("another".to_owned()),
        problem: None,
    });
    member.start_with(state);
    let before = member.versions().await?;
    member.plan("echo", Some(nearest()));
    eventually(DEADLINE, "the difference is shown", || async {
        let shown = member.handle().diff().await;
        ensure!(shown.len() == 2, "{shown:#?}");
        let why = shown[0].held_back.clone().unwrap_or_default();
        ensure!(why.contains("another holds the Lease"), "{why}");
        Ok(())
    })
    .await?;
    assert_eq!(member.versions().await?, before);
    drop(say);
    Ok(())
}
