//! The story: all is well, a part is lost, traffic moves, the part comes back, traffic returns. Nothing is scripted but
//! the loss and the return: everything else is watched until it has happened or has taken too long.

mod leader;

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::MemberName;
use causeway_api::verdict::VerdictState;
use causeway_seam::Env;

use super::alive::{NOTHING, STILL, alive};
use super::fleet::Fleet;
use super::lost::Lost;
use super::objects::HOLD_DOWN_S;
use super::patience::Patience;
use super::report::{Counts, Event, Moment, ReplicaRow, Report, Requests, shares, whole};
use super::sampler::Sampler;
use super::watch::Watch;
use super::world::World;
use crate::cli::text::grouped;

/// How long the part is lost at least, so that what follows can be seen.
const OUTAGE: Duration = Duration::from_secs(7);
/// How near to its old rate traffic must be to count as restored, as a share.
const AS_BEFORE: f64 = 0.98;

/// Tells what happens, as it happens.
pub trait Tell {
    /// A line about what is being done.
    fn note(&mut self, text: &str);
    /// Something happened.
    fn moment(&mut self, moment: &Moment);
}

/// Runs the story to its end.
///
/// # Errors
/// Where nothing of the name `lost` is in the fleet, or the fleet does not come alive.
pub async fn run(
    env: &Env,
    world: &mut World,
    fleet: Arc<Fleet>,
    lost: Lost,
    tell: &mut dyn Tell,
) -> anyhow::Result<Report> {
    let members = lost.members(&fleet).map_err(anyhow::Error::msg)?;
    let sampler = Sampler::new(fleet.clone(), world.members())?;
    let mut watch = Watch::new(env, world, fleet.clone(), sampler, tell, (lost, members));
    alive(&mut watch).await?;
    let before = watch.traffic();
    watch.sums = Default::default();
    lose(&mut watch, before.served_rps + before.failed_rps).await;
    let recovery_ms = match watch.lost {
        Lost::Leader => leader::until_led(&mut watch).await?,
        Lost::Place(_) => until_moved(&mut watch).await?,
    };
    settle(&mut watch, OUTAGE).await?;
    let during = watch.traffic();
    restore(&mut watch).await?;
    let back_ms = watch.now_ms();
    let restored_ms = match watch.lost {
        Lost::Leader => leader::until_whole(&mut watch).await?,
        Lost::Place(_) => until_returned(&mut watch).await?,
    };
    settle(&mut watch, Duration::ZERO).await?;
    let after = watch.traffic();
    let outage_s = f64::from(u32::try_from(back_ms).unwrap_or(u32::MAX)) / 1000.0;
    let sums = watch.sums;
    Ok(Report {
        seed: fleet.seed,
        fleet: Counts::of(&fleet),
        replicas: watch
            .world
            .replicas()
            .map(|(id, region)| ReplicaRow {
                replica: id.to_string(),
                region: region.clone(),
            })
            .collect(),
        leaders: watch.leaders,
        lost: watch.lost,
        lost_members: watch.lost_members.iter().cloned().collect(),
        recovered: recovery_ms.is_some(),
        recovery_ms,
        restored: restored_ms.is_some(),
        restored_ms,
        failback_ms: restored_ms.map(|ms| ms.saturating_sub(back_ms)),
        shares: shares(&before, &during, &after),
        requests: Requests::new(sums.succeeded, sums.failed, watch.inflow_before * outage_s),
        survivors: sums
            .survivors
            .settled([&during, &after], &watch.lost_members),
        timeline: watch.timeline,
    })
}

async fn lose(watch: &mut Watch<'_>, all_rps: f64) {
    watch.begin();
    watch.dark.clone_from(&watch.lost_members);
    let led = watch.leader.clone();
    watch.world.lose(&watch.lost, &watch.lost_members).await;
    if watch.lost == Lost::Leader {
        leader::killed(watch, led);
        return;
    }
    let names: Vec<&str> = watch.lost_members.iter().map(MemberName::as_str).collect();
    let replica = watch.lost.region().and_then(|lost| {
        let mut all = watch.world.replicas();
        let (id, _) = all.find(|(_, region)| *region == lost)?;
        let leads = led.is_some_and(|(leader, _)| leader == id);
        Some(format!(
            ", and replica {id}{}",
            if leads { ", which leads" } else { "" }
        ))
    });
    let text = format!(
        "{} goes dark: API servers, agents and gateways of {}{} fall silent. The others sent {} of {} requests/s into it",
        watch.lost,
        names.join(", "),
        replica.unwrap_or_default(),
        grouped(whole(watch.inflow_before)),
        grouped(whole(all_rps)),
    );
    watch.say(Event::Dark, text);
}

async fn restore(watch: &mut Watch<'_>) -> anyhow::Result<()> {
    watch.world.restore(&watch.lost_members).await?;
    watch.dark.clear();
    if watch.lost == Lost::Leader {
        leader::started(watch);
        return Ok(());
    }
    let text = format!(
        "{} is there again, as it was; the others' traffic stays away until it has proven itself",
        watch.lost
    );
    watch.say(Event::Back, text);
    Ok(())
}

/// Returns when the last surviving mesh stopped sending into the dark, in milliseconds since the loss.
async fn until_moved(watch: &mut Watch<'_>) -> anyhow::Result<Option<u64>> {
    let (mut suspected, mut cut, mut lost, mut written) = (false, false, false, false);
    let mut moved_ms = None;
    let mut patience = Patience::new(watch.env.now());
    loop {
        let look = watch.look().await?;
        let survivors: Vec<&MemberName> = look
            .changed
            .iter()
            .filter(|name| !watch.dark.contains(*name))
            .collect();
        let verdicts = &look.verdicts;
        let mut lost_gateways = verdicts.gateways.iter();
        let suspect = lost_gateways.find(|(_, state)| *state != VerdictState::Serving);
        if !suspected && let Some((subject, _)) = suspect {
            suspected = true;
            let evidence = watch.evidence(subject).await.unwrap_or_default();
            watch.say(Event::Suspected, format!("suspected: {evidence}"));
        }
        let mut gateways = verdicts.gateways.iter();
        if !cut
            && !verdicts.gateways.is_empty()
            && gateways.all(|(_, state)| *state == VerdictState::Lost)
        {
            cut = true;
            let observers = match verdicts.gateways.first() {
                Some((subject, _)) => watch.observers(subject).await,
                None => String::new(),
            };
            let text = format!(
                "verdict: all its gateways are Lost, so nothing may be sent into its networks: {observers}"
            );
            watch.say(Event::GatewaysLost, text);
        }
        if !lost && verdicts.part == Some(VerdictState::Lost) {
            lost = true;
            watch.say(
                Event::Lost,
                format!(
                    "verdict: {} is Lost: its agents have been silent for as long, too",
                    watch.lost
                ),
            );
        }
        if let Some(first) = survivors.first()
            && !written
        {
            written = true;
            watch.say(Event::FirstMesh, format!("first mesh written: {first}"));
        }
        let astray: f64 = look.traffic.to_dark.values().sum::<f64>() + look.traffic.nowhere();
        if moved_ms.is_none() && astray < NOTHING {
            moved_ms = Some(watch.now_ms());
            let last = survivors.last().map_or_else(
                || "nothing had to change".to_owned(),
                |name| format!("last mesh written: {name}"),
            );
            watch.say(
                Event::LastMesh,
                format!("{last}. No survivor sends into the dark any more"),
            );
        }
        if moved_ms.is_some() && lost {
            return Ok(moved_ms);
        }
        patience.see(
            watch.env.now(),
            (look.verdicts.clone(), whole(astray), look.changed.len()),
        );
        if patience.is_over(watch.env.now()) {
            let text = if moved_ms.is_some() {
                format!("there is still no verdict on {}", watch.lost)
            } else {
                format!(
                    "traffic has not moved: {astray:.1} requests/s still go into the dark or nowhere"
                )
            };
            watch.say(Event::TooLong, text);
            return Ok(moved_ms);
        }
    }
}

/// Returns when traffic was back, in milliseconds since the loss.
async fn until_returned(watch: &mut Watch<'_>) -> anyhow::Result<Option<u64>> {
    let mut patience = Patience::new(watch.env.now());
    let (mut recovering, mut serving) = (false, false);
    let (mut still, mut last_ms) = (watch.env.now(), watch.now_ms());
    loop {
        let look = watch.look().await?;
        let now = watch.env.now();
        if !look.changed.is_empty() {
            (still, last_ms) = (now, watch.now_ms());
        }
        let verdict = look.verdicts.part.unwrap_or_default();
        if !recovering && verdict == VerdictState::Recovering {
            recovering = true;
            let text = format!(
                "{} is reached again: Recovering, for a hold-down of {HOLD_DOWN_S} s",
                watch.lost
            );
            watch.say(Event::Recovering, text);
        }
        if !serving && verdict == VerdictState::Serving {
            serving = true;
            last_ms = watch.now_ms();
            watch.say(
                Event::Serving,
                format!("verdict: {} is Serving", watch.lost),
            );
        }
        let (inflow, before) = (watch.inflow(), watch.inflow_before);
        let as_before = inflow >= AS_BEFORE * before;
        // Which of places that are as near takes how much also depends on how it came to be.
        let settled = now.since(still) >= STILL && watch.world.is_settled();
        let back = as_before || (settled && inflow > 0.0);
        if serving && back && look.traffic.nowhere() < NOTHING && watch.world.is_whole() {
            let (restored_ms, text) = if as_before {
                let text = "restored: traffic goes where it went before the loss".to_owned();
                (watch.now_ms(), text)
            } else {
                let text = format!(
                    "restored: traffic goes there again, {inflow:.0} requests/s after {before:.0}: among places that are as near, shares may differ"
                );
                (last_ms, text)
            };
            watch.say(Event::Restored, text);
            return Ok(Some(restored_ms));
        }
        patience.see(
            watch.env.now(),
            (look.verdicts, whole(inflow), look.changed.len()),
        );
        if patience.is_over(watch.env.now()) {
            let text = format!(
                "traffic has not returned: the verdict is {verdict}, {inflow:.0} of {before:.0} requests/s are back"
            );
            watch.say(Event::TooLong, text);
            return Ok(None);
        }
    }
}

/// Waits until no mesh changes any more, and until `at_least` has passed since the loss.
async fn settle(watch: &mut Watch<'_>, at_least: Duration) -> anyhow::Result<()> {
    let begun = watch.env.now();
    let mut still = begun;
    loop {
        let changed = watch.look().await?.changed;
        let now = watch.env.now();
        if !changed.is_empty() {
            still = now;
        }
        let settled = now.since(still) >= STILL || now.since(begun) > STILL * 8;
        if settled && now.since(watch.began) >= at_least {
            return Ok(());
        }
    }
}
