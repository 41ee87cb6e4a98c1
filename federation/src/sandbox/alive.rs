//! Waiting until the fleet is alive: every agent connected, every service planned, every mesh written.

use std::time::Duration;

use anyhow::bail;
use causeway_api::verdict::{Subject, VerdictState};

use super::patience::Patience;
use super::watch::Watch;

/// How long nothing may change before it counts as settled.
pub(crate) const STILL: Duration = Duration::from_millis(500);
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
    loop {
        let changed = watch.look().await?.changed;
        let found = whats_missing(watch);
        if found != missing {
            tracing::info!(missing = ?found, "the fleet comes alive");
        }
        missing = found;
        let now = watch.env.now();
        if !changed.is_empty() || missing.is_some() {
            still = now;
        }
        if now.since(still) >= STILL {
            let seconds = still.since(begun).as_secs_f64();
            let leads = watch
                .leader
                .as_ref()
                .map_or_else(String::new, |(id, region)| {
                    format!("; replica {id} in {region} leads")
                });
            watch.note(&format!(
                "alive after {seconds:.1} s: every agent connected, every service planned, every mesh written{leads}"
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
fn whats_missing(watch: &mut Watch<'_>) -> Option<String> {
    let (members, services) = (watch.fleet.members.len(), watch.fleet.services.len());
    let (registered, planned) = watch.world.decided();
    if registered < members {
        return Some(format!("{registered} of {members} clusters are registered"));
    }
    let sessions = watch.world.sessions();
    let observing = watch.world.observing();
    for name in watch.fleet.members.keys() {
        let member = Subject::Member {
            member: name.clone(),
        };
        let gateways = watch.world.gateways(&[name.clone()].into());
        let reached = !gateways.is_empty()
            && gateways
                .iter()
                .all(|(_, verdict)| *verdict == VerdictState::Serving);
        let problem = match sessions.get(name) {
            None => "its agent is not connected",
            Some(_) if !reached || watch.world.verdict(&member) != VerdictState::Serving => {
                "its gateway was not reached yet"
            }
            Some(false) => "its mesh is not written yet",
            Some(true) if !observing.contains(name) => "its agent has reached no other gateway yet",
            Some(true) => continue,
        };
        return Some(format!("cluster {name}: {problem}"));
    }
    if planned < services {
        return Some(format!("{planned} of {services} services are planned"));
    }
    if !watch.world.is_whole() {
        return Some("a replica is behind the others".to_owned());
    }
    let nowhere = watch.traffic().nowhere();
    (nowhere > NOTHING).then(|| format!("{nowhere:.0} requests/s have no endpoint to go to"))
}
