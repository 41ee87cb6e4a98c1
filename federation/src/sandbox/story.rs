//! The story: all is well, a part is lost, traffic moves, the part comes back, traffic returns. Nothing is scripted but
//! the loss and the return: everything else is watched, at [`TICK`], until it has happened or has taken too long.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use causeway_api::ids::{MemberName, Name};
use causeway_api::verdict::{Ballot, Subject, VerdictState};
use causeway_seam::{Env, Monotonic};

use super::fleet::Fleet;
use super::objects::HOLD_DOWN_S;
use super::model::traffic::Traffic;
use super::report::{Counts, Event, Moment, Report, Requests, Survivors, shares};
use super::sampler::Sampler;
use super::world::World;

/// How often everything is looked at.
pub const TICK: Duration = Duration::from_millis(50);
/// How long nothing may change before it counts as settled.
const STILL: Duration = Duration::from_millis(750);
/// How long the fleet may take to come alive; more for large ones.
const ALIVE: Duration = Duration::from_secs(20);
/// How long traffic may take to move, and to return.
const MOVES: Duration = Duration::from_secs(20);
/// Below this, requests per second are rounding.
const NOTHING: f64 = 1e-6;
/// How near to its old rate traffic must be to count as restored, as a share.
const AS_BEFORE: f64 = 0.98;

/// Tells what happens, as it happens.
pub trait Tell {
    /// A line about what is being done.
    fn note(&mut self, text: &str);
    /// Something happened.
    fn moment(&mut self, moment: &Moment);
}

/// What is watched, and what was seen.
pub struct Story<'a> {
    env: &'a Env,
    world: &'a World,
    fleet: Arc<Fleet>,
    sampler: Sampler,
    tell: &'a mut dyn Tell,
    lost: Subject,
    lost_members: BTreeSet<MemberName>,
    dark: BTreeSet<MemberName>,
    /// What the others sent to the part before it was lost, in requests per second.
    inflow_before: f64,
    /// When the part was lost.
    began: Monotonic,
    last: Option<Monotonic>,
    timeline: Vec<Moment>,
    succeeded: f64,
    failed: f64,
    survivors: Survivors,
}

impl<'a> Story<'a> {
    /// Prepares to lose `lost`.
    ///
    /// # Errors
    /// Where nothing of that name is in the fleet, or nothing would be left.
    pub fn new(
        env: &'a Env,
        world: &'a World,
        fleet: Arc<Fleet>,
        lost: Subject,
        tell: &'a mut dyn Tell,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            sampler: Sampler::new(fleet.clone(), world.members())?,
            lost_members: members_of(&fleet, &lost)?,
            env,
            world,
            fleet,
            tell,
            lost,
            dark: BTreeSet::new(),
            inflow_before: 0.0,
            began: env.now(),
            last: None,
            timeline: Vec::new(),
            succeeded: 0.0,
            failed: 0.0,
            survivors: Survivors::new(),
        })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// Where the fleet does not come alive.
    pub async fn run(mut self) -> anyhow::Result<Report> {
        let begun = self.env.now();
        self.alive(begun).await?;
        let before = self.sampler.traffic(&self.dark);
        self.lose(&before);
        let recovery_ms = self.until_moved().await?;
        let during = self.sampler.traffic(&self.dark);
        self.restore();
        let back_ms = self.now_ms();
        let restored_ms = self.until_returned().await?;
        let after = self.sampler.traffic(&self.dark);
        let outage_s = f64::from(u32::try_from(back_ms).unwrap_or(u32::MAX)) / 1000.0;
        let unmoved = self.inflow_before * outage_s;
        Ok(Report {
            seed: self.fleet.seed,
            fleet: Counts::of(&self.fleet),
            lost: self.lost,
            lost_members: self.lost_members.iter().cloned().collect(),
            recovered: recovery_ms.is_some(),
            recovery_ms,
            restored: restored_ms.is_some(),
            restored_ms,
            failback_ms: restored_ms.map(|ms| ms.saturating_sub(back_ms)),
            shares: shares(&before, &during, &after),
            requests: Requests::new(self.succeeded, self.failed, unmoved),
            survivors: self.survivors,
            timeline: self.timeline,
        })
    }

    /// Waits until every agent is connected, every service planned, every mesh written, and nothing moves any more.
    async fn alive(&mut self, begun: Monotonic) -> anyhow::Result<()> {
        let size = self.fleet.services.len() * self.fleet.members.len();
        let limit = ALIVE + Duration::from_millis(u64::try_from(size).unwrap_or(0) * 10);
        let mut still = self.env.now();
        loop {
            let changed = self.sampler.read()?;
            let missing = self.missing().await;
            if !changed.is_empty() || missing.is_some() {
                still = self.env.now();
            }
            if self.env.now().since(still) >= STILL {
                let ms = still.since(begun).as_millis();
                self.tell.note(&format!("the fleet is alive: every agent connected, every service planned, every mesh written ({ms} ms)"));
                return Ok(());
            }
            if self.env.now().since(begun) > limit {
                bail!(
                    "the fleet did not come alive within {} s: {}; see the logs with --log-level info",
                    limit.as_secs(),
                    missing.unwrap_or_else(|| "its meshes keep changing".to_owned())
                );
            }
            self.env.sleep(TICK).await;
        }
    }

    /// What a fleet that is alive would have.
    async fn missing(&self) -> Option<String> {
        let status = match self.world.admin().status().await {
            Ok(status) => status,
            Err(error) => return Some(error.error),
        };
        let services = u64::try_from(self.fleet.services.len()).unwrap_or(u64::MAX);
        if status.members.len() < self.fleet.members.len() {
            return Some(format!("{} of {} clusters are registered", status.members.len(), self.fleet.members.len()));
        }
        for row in &status.members {
            let problem = if !row.agent.connected {
                "its agent is not connected"
            } else if row.verdict != VerdictState::Serving {
                "its gateway was not reached yet"
            } else if row.applied.is_none() || row.applied != row.view {
                "its mesh is not written yet"
            } else {
                continue;
            };
            return Some(format!("cluster {}: {problem}", row.name));
        }
        if status.services.planned < services {
            return Some(format!("{} of {services} services are planned", status.services.planned));
        }
        let nowhere = self.sampler.traffic(&self.dark).nowhere();
        (nowhere > NOTHING).then(|| format!("{nowhere:.0} requests/s have no endpoint to go to"))
    }

    fn lose(&mut self, before: &Traffic) {
        self.inflow_before = self.inflow();
        self.dark.clone_from(&self.lost_members);
        self.world.lose(&self.lost_members);
        self.began = self.env.now();
        self.last = Some(self.began);
        let names: Vec<&str> = self.lost_members.iter().map(MemberName::as_str).collect();
        let text = format!(
            "{} goes dark: API servers, agents and gateways of {} fall silent; {:.0} of {:.0} requests/s were sent into it \
             from outside",
            self.lost,
            names.join(", "),
            self.inflow_before,
            before.served_rps + before.failed_rps,
        );
        self.say(Event::Dark, text);
    }

    fn restore(&mut self) {
        self.world.restore(&self.lost_members);
        self.dark.clear();
        self.say(Event::Back, format!("{} is there again, as it was; traffic stays away until it has proven itself", self.lost));
    }

    /// Returns when the last surviving mesh stopped sending into the dark, in milliseconds since the loss.
    async fn until_moved(&mut self) -> anyhow::Result<Option<u64>> {
        let mut moved_ms = None;
        let mut seen = Seen::default();
        let mut still = self.env.now();
        loop {
            let (changed, traffic) = self.tick().await?;
            if !seen.suspected
                && let Some(gateway) = self.suspect().await
            {
                seen.suspected = true;
                self.say(Event::Suspected, format!("suspected: {gateway}"));
            }
            if !seen.lost && self.verdict().await == VerdictState::Lost {
                seen.lost = true;
                self.say(Event::Lost, format!("verdict: {} is Lost", self.lost));
            }
            let written: Vec<&MemberName> = changed.iter().filter(|name| !self.dark.contains(*name)).collect();
            if let Some(first) = written.first() {
                still = self.env.now();
                if !seen.written {
                    seen.written = true;
                    let text = format!("first mesh written: {first}");
                    self.say(Event::FirstMesh, text);
                }
            }
            let away: f64 = traffic.to_dark.values().sum();
            if moved_ms.is_none() && away + traffic.nowhere() < NOTHING {
                moved_ms = Some(self.now_ms());
                let last = written.last().map_or_else(|| "nothing had to change".to_owned(), |name| format!("last mesh written: {name}"));
                self.say(Event::LastMesh, format!("{last}; no survivor sends into the dark any more"));
            }
            let settled = self.env.now().since(still) >= STILL;
            if moved_ms.is_some() && seen.lost && settled {
                return Ok(moved_ms);
            }
            if self.env.now().since(self.began) > MOVES {
                if moved_ms.is_none() || !seen.lost {
                    self.say(Event::TooLong, format!("traffic has not moved: {away:.1} requests/s still go into the dark"));
                }
                return Ok(moved_ms);
            }
        }
    }

    /// Returns when traffic was back, in milliseconds since the loss.
    async fn until_returned(&mut self) -> anyhow::Result<Option<u64>> {
        let back = self.env.now();
        let mut seen = Seen::default();
        loop {
            let (_, traffic) = self.tick().await?;
            let verdict = self.verdict().await;
            if !seen.suspected && verdict == VerdictState::Recovering {
                seen.suspected = true;
                let text = format!("{} is reached again: Recovering, for a hold-down of {HOLD_DOWN_S} s", self.lost);
                self.say(Event::Recovering, text);
            }
            if !seen.lost && matches!(verdict, VerdictState::Serving) {
                seen.lost = true;
                self.say(Event::Serving, format!("verdict: {} is Serving", self.lost));
            }
            if seen.lost && self.inflow() >= AS_BEFORE * self.inflow_before && traffic.nowhere() < NOTHING {
                let restored_ms = self.now_ms();
                self.say(Event::Restored, "restored: traffic goes where it went before the loss".to_owned());
                self.settle().await?;
                return Ok(Some(restored_ms));
            }
            if self.env.now().since(back) > MOVES {
                let text = format!("traffic has not returned: the verdict is {verdict}, {:.0} of {:.0} requests/s are back", self.inflow(), self.inflow_before);
                self.say(Event::TooLong, text);
                return Ok(None);
            }
        }
    }

    /// Waits until no mesh changes any more.
    async fn settle(&mut self) -> anyhow::Result<()> {
        let begun = self.env.now();
        let mut still = begun;
        loop {
            let (changed, _) = self.tick().await?;
            let now = self.env.now();
            if !changed.is_empty() {
                still = now;
            }
            if now.since(still) >= STILL || now.since(begun) > STILL * 8 {
                return Ok(());
            }
        }
    }

    /// Waits for the next look, counts what happened since the last one, and looks.
    async fn tick(&mut self) -> anyhow::Result<(Vec<MemberName>, Traffic)> {
        self.env.sleep(TICK).await;
        let before = self.sampler.traffic(&self.dark);
        let now = self.env.now();
        let seconds = self.last.map_or(0.0, |last| now.since(last).as_secs_f64());
        self.last = Some(now);
        self.succeeded += before.served_rps * seconds;
        self.failed += before.failed_rps * seconds;
        let changed = self.sampler.read()?;
        let traffic = self.sampler.traffic(&self.dark);
        if let Some(peak) = &traffic.peak
            && !self.lost_members.contains(&peak.member)
        {
            self.survivors.note(peak);
        }
        Ok((changed, traffic))
    }

    /// What the others send to the lost part now, in requests per second, whether or not it answers.
    fn inflow(&self) -> f64 {
        self.sampler.traffic(&self.lost_members).to_dark.values().sum()
    }

    async fn verdict(&self) -> VerdictState {
        let explained = self.world.admin().explain_subject(&self.lost).await;
        explained.map_or(VerdictState::Unknown, |explained| explained.verdict.state)
    }

    /// The first gateway of the lost part that an observer does not reach, with the observer's word.
    async fn suspect(&self) -> Option<String> {
        let rows = self.world.admin().clusters().await.ok()?;
        let rows = rows.into_iter().filter(|row| self.lost_members.contains(&row.name));
        for row in rows {
            let suspects = row.gateways.iter().filter(|gateway| gateway.verdict != VerdictState::Serving);
            for gateway in suspects {
                let subject = Subject::Gateway { member: row.name.clone(), gateway: Name::new(&gateway.name).ok()? };
                let explained = self.world.admin().explain_subject(&subject).await.ok();
                let evidence = explained.into_iter().flat_map(|explained| explained.verdict.evidence);
                let mut words = evidence.filter(|row| row.ballot == Ballot::Unreachable).map(|row| row.evidence);
                return Some(words.next().map_or_else(|| subject.to_string(), |word| format!("{subject}: {word}")));
            }
        }
        None
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.env.now().since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    fn say(&mut self, event: Event, text: String) {
        let moment = Moment { at_ms: self.now_ms(), event, text };
        self.tell.moment(&moment);
        self.timeline.push(moment);
    }
}

/// What was told already.
#[derive(Default)]
struct Seen {
    suspected: bool,
    lost: bool,
    written: bool,
}

/// The members that a subject means.
fn members_of(fleet: &Fleet, lost: &Subject) -> anyhow::Result<BTreeSet<MemberName>> {
    let members: BTreeSet<MemberName> = match lost {
        Subject::Region { region } => fleet.regions().remove(region).into_iter().flatten().collect(),
        Subject::Member { member } => fleet.members.get(member).map(|found| found.name.clone()).into_iter().collect(),
        other => bail!("the sandbox loses regions and clusters, not {other}: give --lose region/NAME or --lose member/NAME"),
    };
    if members.is_empty() {
        let regions: Vec<String> = fleet.regions().keys().map(|region| format!("region/{region}")).collect();
        let names: Vec<String> = fleet.members.keys().map(|member| format!("member/{member}")).collect();
        bail!("{lost} is not in this fleet: give one of {}, {}", regions.join(", "), names.join(", "));
    }
    Ok(members)
}
