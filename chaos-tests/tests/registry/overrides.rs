//! TrafficShifts of one host cluster.

use causeway_chaos_tests::causeway::furnish::apply_manifest;
use kube::api::PostParams;

use super::*;

fn shifts(client: &Client) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "causeway-system", &kind("TrafficShift"))
}

fn evacuate(member: &str, more: &Value) -> Value {
    let mut spec = json!({
        "action": "Evacuate", "awayFrom": { "member": member }, "expiresAfter": "4h", "reason": "kernel update", "requestedBy": "ann",
    });
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    spec
}

/// Waits until an override is in this state, or is not in force any more.
async fn in_state(admin: &Arc<dyn AdminBackend>, name: &str, wanted: &str) -> anyhow::Result<()> {
    eventually(DEADLINE, &format!("{name} is {wanted}"), || async {
        let report = admin.overrides().await?;
        let mut shifts = report.shifts.iter();
        let found = shifts.find(|row| row.shift.key.name.as_str() == name);
        let found = found.map_or("over".to_owned(), |row| row.state.to_string());
        ensure!(found == wanted, "{found}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traffic_shift_is_in_force_until_it_ends() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["host"]).await?;
    let client = fleet.cluster("host")?.client().await?;
    crds::install_causeway(&client).await?;
    objects::put_namespace(&client, &objects::namespace("causeway-system", &[])).await?;
    let replica = start(fleet.scratch(), client.clone()).await?;
    let admin = replica.admin();
    put_member(&client, "a", json!({})).await?;
    registered(&admin, &["a"]).await?;
    let api = shifts(&client);
    let make = async |name: &str, spec: Value| put(&api, "TrafficShift", name, spec).await;

    // What no schema can refuse the log refuses, by name.
    make("ghost", evacuate("ghost", &json!({}))).await?;
    let why = condition(&api, "ghost", "Accepted", "False/Refused").await?;
    ensure!(
        why.contains("TrafficShift causeway-system/ghost: awayFrom: no member is in member/ghost")
            && why.contains("tried again"),
        "{why}"
    );
    let nothing = make(
        "nothing",
        json!({ "action": "Evacuate", "expiresAfter": "4h", "reason": "x" }),
    )
    .await;
    let why = nothing.unwrap_err().to_string();
    ensure!(why.contains("awayFrom names what Evacuate leaves"), "{why}");
    let backwards =
        json!({ "startTime": "2026-11-24T02:00:00Z", "endTime": "2026-11-24T01:00:00Z" });
    let why = make("backwards", evacuate("a", &backwards))
        .await
        .unwrap_err()
        .to_string();
    ensure!(why.contains("endTime is not after startTime"), "{why}");

    // It comes into force, says so, lasts longer when it is asked to, and is otherwise what was approved.
    make("leave", evacuate("a", &json!({}))).await?;
    condition(&api, "leave", "Ready", "True/Active").await?;
    in_state(&admin, "leave", "Active").await?;
    let explained = admin
        .explain_shift(&"causeway-system/leave".parse()?, None)
        .await?;
    ensure!(
        explained.around.audit.iter().any(|act| act.by == "ann"),
        "{explained:?}"
    );
    make("leave", evacuate("a", &json!({ "expiresAfter": "5h" }))).await?;
    condition(&api, "leave", "Ready", "True/Active").await?;
    let why = make("leave", evacuate("a", &json!({ "reason": "another" })))
        .await
        .unwrap_err()
        .to_string();
    ensure!(why.contains("spec is immutable"), "{why}");
    api.delete("leave", &DeleteParams::default()).await?;
    in_state(&admin, "leave", "over").await?;

    // Times of day: one that has come, and one that has not.
    make(
        "tonight",
        evacuate("a", &json!({ "startTime": "2099-01-01T02:00:00Z" })),
    )
    .await?;
    condition(&api, "tonight", "Active", "False/Scheduled").await?;
    make(
        "begun",
        evacuate("a", &json!({ "startTime": "2020-01-01T02:00:00Z" })),
    )
    .await?;
    condition(&api, "begun", "Ready", "True/Active").await?;
    make(
        "ended",
        evacuate("a", &json!({ "endTime": "2020-01-01T02:00:00Z" })),
    )
    .await?;
    in_state(&admin, "ended", "over").await?;
    condition(&api, "ended", "Active", "False/Expired").await?;

    // Its time to live ends it too, and its object says so and does not ask again.
    make("short", evacuate("a", &json!({ "expiresAfter": "10s" }))).await?;
    condition(&api, "short", "Active", "False/Expired").await?;
    in_state(&admin, "short", "over").await?;

    // What was refused for want of its member comes into force once that is there, without being edited.
    put_member(&client, "ghost", json!({})).await?;
    condition(&api, "ghost", "Ready", "True/Active").await?;
    in_state(&admin, "ghost", "Active").await?;
    replica.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_creates_a_traffic_shift_is_whom_it_names() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["host"]).await?;
    let client = fleet.cluster("host")?.client().await?;
    crds::install_causeway(&client).await?;
    objects::put_namespace(&client, &objects::namespace("causeway-system", &[])).await?;
    apply_manifest(&client, "requester-policy.yaml").await?;
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let request = http::Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&review)?)?;
    let review: Value = client.request(request).await?;
    let user = review["status"]["userInfo"]["username"]
        .as_str()
        .context("nobody")?;
    let api = shifts(&client);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let create = async |by: Value| {
        let object = json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": "TrafficShift", "metadata": { "name": "leave" },
            "spec": evacuate("a", &json!({ "requestedBy": by })),
        });
        anyhow::Ok(api.create(&dry, &serde_json::from_value(object)?).await)
    };
    // A policy comes into force a moment after it was written.
    eventually(DEADLINE, "another's name is refused", || async {
        let why = create(json!("ann")).await?.err().context("it was taken")?.to_string();
        ensure!(why.contains(&format!("spec.requestedBy must be the name of the user who creates this TrafficShift: {user}")), "{why}");
        Ok(())
    })
    .await?;
    ensure!(create(json!(null)).await?.is_err(), "nobody's name");
    create(json!(user)).await??;
    Ok(())
}
