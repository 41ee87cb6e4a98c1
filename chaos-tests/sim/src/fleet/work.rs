//! What people and autoscalers do meanwhile: services grow and shrink, exports and policies come and go.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::members::{NAMESPACE, SERVICES};
use super::witness::Witness;
use super::world::World;
use crate::dice::Dice;

/// Works for as long as it is let.
pub async fn work(world: Arc<World>, witness: Arc<Witness>, dice: Dice) {
    loop {
        tokio::time::sleep(dice.millis(200, 10_000)).await;
        let at = usize::try_from(dice.between(0, 2)).unwrap_or_default();
        let (Some(member), Some(service)) = (world.members.get(at), dice.pick(&SERVICES).copied())
        else {
            continue;
        };
        let who = format!("member-{}", member.name);
        witness.caused(service);
        match dice.between(0, 9) {
            0..8 => {
                let ready = u32::try_from(dice.between(0, 9)).unwrap_or(1);
                world
                    .history
                    .note(&who, format_args!("{service} has {ready} endpoints"));
                member.scale(service, ready);
            }
            8 => {
                let region = format!("region-{}", member.name);
                let policy = json!({ "apiVersion": "causeway.dev/v1alpha1", "kind": "FailoverPolicy",
                    "metadata": { "name": "people", "namespace": NAMESPACE },
                    "spec": { "maxUtilizationPercent": dice.between(50, 95), "failover": [{ "from": region, "to": [] }] } });
                let put = world.host.cluster.put(policy).map(drop);
                world
                    .history
                    .note("people", format_args!("put a policy: {put:?}"));
            }
            _ => {
                let exported = !member.exports(service);
                world
                    .history
                    .note(&who, format_args!("{service} is exported: {exported}"));
                member.export(service, exported);
                // Whoever changes their mind takes longer than a machine.
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
    }
}
