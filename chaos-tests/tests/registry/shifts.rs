//! TrafficShifts of two host clusters.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use causeway::admin::AdminBackend;
use causeway::admin::api::registry::MoveRequest;
use causeway_api::registry::ObjectKey;
use causeway_chaos_tests::{eventually, objects};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::json;

use super::{DEADLINE, OWNER};

fn shifts(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("causeway.dev", "v1alpha1", "TrafficShift");
    Api::namespaced_with(
        client.clone(),
        "causeway-system",
        &ApiResource::from_gvk(&kind),
    )
}

/// Applies a TrafficShift as a GitOps controller does.
async fn evacuate(client: &Client, manager: &str, name: &str, reason: &str) -> anyhow::Result<()> {
    let object = json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "TrafficShift", "metadata": { "name": name },
        "spec": {
            "action": "Evacuate", "awayFrom": { "member": "ack" }, "expiresAfter": "4h",
            "requestedBy": "ann", "reason": reason,
        },
    });
    let params = PatchParams::apply(manager).force();
    shifts(client)
        .patch(name, &params, &Patch::Apply(object))
        .await?;
    Ok(())
}

/// Waits until the TrafficShift of a host asks for this reason, says this of itself, and names this owner.
async fn shift_says(
    client: &Client,
    (name, reason): (&str, &str),
    (state, ready): (&str, &str),
    owner: Option<&str>,
) -> anyhow::Result<()> {
    let what = format!("TrafficShift {name} for {reason} is {state}/{ready} of {owner:?}");
    eventually(DEADLINE, &what, || async {
        let object = shifts(client).get(name).await?;
        let conditions = object.data["status"]["conditions"].as_array().cloned();
        let conditions = conditions.context("no conditions")?;
        let said = conditions.iter().find(|row| row["type"] == "Ready");
        let annotations = object.metadata.annotations.clone().unwrap_or_default();
        ensure!(
            object.data["spec"]["reason"] == reason
                && object.data["status"]["state"] == state
                && said.context("no such condition")?["reason"] == ready
                && annotations.get(OWNER).map(String::as_str) == owner,
            "{object:?}"
        );
        Ok(())
    })
    .await
}

/// Waits until the override that is in force is for this reason; `None`: it is over.
async fn in_force(
    admin: &Arc<dyn AdminBackend>,
    name: &str,
    reason: Option<&str>,
) -> anyhow::Result<()> {
    let what = format!("the override {name} in force is {reason:?}");
    eventually(DEADLINE, &what, || async {
        let report = admin.overrides().await?;
        let mut rows = report.shifts.iter().map(|row| &row.shift);
        let found = rows.find(|shift| shift.key.name.as_str() == name);
        ensure!(
            found.map(|shift| shift.reason.as_str()) == reason,
            "{:?}",
            report.shifts
        );
        Ok(())
    })
    .await
}

/// Shifts are owned and mirrored as members are, and end in every host. `ack` is a member that host 1 owns.
pub(crate) async fn have_one_owner_and_outlive_it(
    (a, at_a): (&Client, &Arc<dyn AdminBackend>),
    (b, at_b): (&Client, &Arc<dyn AdminBackend>),
) -> anyhow::Result<()> {
    for host in [a, b] {
        objects::put_namespace(host, &objects::namespace("causeway-system", &[])).await?;
    }
    let active = ("Active", "Active");
    for name in ["leave", "apart"] {
        evacuate(a, "gitops-a", name, "upgrade").await?;
        shift_says(b, (name, "upgrade"), active, Some("host-1")).await?;
    }

    // The same name with another spec, in a host that does not own it: shown, and not applied, now and when the one in force
    // is over.
    eventually(DEADLINE, "another one stands there", || async {
        if shifts(b).get_opt("apart").await?.is_some() {
            shifts(b).delete("apart", &DeleteParams::default()).await?;
        }
        // The mirror may be written again in between: its spec does not become another.
        evacuate(b, "gitops-b", "apart", "another").await
    })
    .await?;
    let refused = ("Refused", "NotOwner");
    shift_says(b, ("apart", "another"), refused, Some("host-1")).await?;
    shift_says(a, ("apart", "upgrade"), active, None).await?;
    in_force(at_b, "apart", Some("upgrade")).await?;
    shifts(a).delete("apart", &DeleteParams::default()).await?;
    in_force(at_b, "apart", None).await?;
    let alone = ("Refused", "OwnerGone");
    shift_says(b, ("apart", "another"), alone, Some("host-1")).await?;
    in_force(at_a, "apart", None).await?;

    // Moved: the mirror is the one in force, and what its new owner deletes ends.
    let key = ObjectKey::of("tsh", "causeway-system/leave")?;
    at_b.move_object(&MoveRequest {
        object: key.clone(),
        to: "host-2".to_owned(),
    })
    .await?;
    eventually(DEADLINE, "host 2 owns it", || async {
        let report = at_b.registry().await?;
        let row = report.objects.iter().find(|row| row.object == key);
        let row = row.context("it is not in the registry")?;
        let owner = row.owner.as_ref().map(|host| host.name.as_str());
        ensure!(
            owner == Some("host-2") && row.here == "Owner" && row.state == "InForce",
            "{row:?}"
        );
        Ok(())
    })
    .await?;
    shift_says(a, ("leave", "upgrade"), active, Some("host-2")).await?;
    shifts(b).delete("leave", &DeleteParams::default()).await?;
    in_force(at_a, "leave", None).await?;
    let ended = ("Ended", "Ended");
    shift_says(a, ("leave", "upgrade"), ended, Some("host-2")).await
}
