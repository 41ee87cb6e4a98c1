//! Waiting until the fleet is alive: every agent connected, every service planned, every mesh written.

use std::time::Duration;

use anyhow::bail;
use causeway_api::verdict::VerdictState;

use super::patience::Patience;
use super::watch::Watch;

/// How long nothing may change before it counts as settled.
pub(crate) const STILL: Duration = Duration::from_millis(500);
/// How many times as long as an answer took the controller is not asked again.
const ASKS_COST: u32 = 3;
/// Below this, requests per second are rounding.
pub(crate) const NOTHING: f64 = 1e-6;

/// Returns once nothing is missing and nothing moves any more.
///
/// # Errors
/// What is missing, where it takes too long.
pub(crate) async fn alive(watch: &mut Watch<'_>) -> anyhow::Result<()> {
    let begun = watch.env.now();
    let mut patience = Patience::new(begun);
    let mut writes = 0_u64;
    let mut still = begun;
    let mut missing = Some("nothing was heard of it yet".to_owned());
    let mut asks_from = begun;
    loop {
        let changed = watch.look().await?.changed;
        let mut now = watch.env.now();
        if now >= asks_from {
            let found = whats_missing(watch).await;
            if found != missing {
                tracing::info!(missing = ?found, "the fleet comes alive");
            }
            missing = found;
            let asked = now;
            now = watch.env.now();
            asks_from = now.plus(now.since(asked) * ASKS_COST);
        }
        if !changed.is_empty() || missing.is_some() {
            still = now;
        }
        if now.since(still) >= STILL {
            let seconds = still.since(begun).as_secs_f64();
            watch.note(&format!(
                "alive after {seconds:.1} s: every agent connected, every service planned, every mesh written"
            ));
            return Ok(());
        }
        writes += u64::from(!changed.is_empty());
        patience.see(now, (missing.clone(), writes));
        if patience.is_over(now) {
            let missing = missing.unwrap_or_else(|| "its meshes keep changing".to_owned());
            bail!(
                "the fleet did not come alive within {} s: {missing}; --log-level info says more",
                patience.seconds(now)
            );
        }
    }
}

/// What a fleet that is alive would have.
async fn whats_missing(watch: &mut Watch<'_>) -> Option<String> {
    let status = match watch.world.admin().status().await {
        Ok(status) => status,
        Err(error) => return Some(error.error),
    };
    let (members, services) = (watch.fleet.members.len(), watch.fleet.services.len());
    if status.members.len() < members {
        return Some(format!(
            "{} of {members} clusters are registered",
            status.members.len()
        ));
    }
    for row in &status.members {
        let problem = if !row.agent.connected {
            "its agent is not connected"
        } else if row.verdict != VerdictState::Serving
            || row
                .gateways
                .iter()
                .any(|gateway| gateway.verdict != VerdictState::Serving)
        {
            "its gateway was not reached yet"
        } else if row.applied.is_none() || row.applied != row.view {
            "its mesh is not written yet"
        } else {
            continue;
        };
        return Some(format!("cluster {}: {problem}", row.name));
    }
    if status.services.planned < u64::try_from(services).unwrap_or(u64::MAX) {
        return Some(format!(
            "{} of {services} services are planned",
            status.services.planned
        ));
    }
    let nowhere = watch.traffic().nowhere();
    (nowhere > NOTHING).then(|| format!("{nowhere:.0} requests/s have no endpoint to go to"))
}
