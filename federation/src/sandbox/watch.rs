//! What is watched while the story runs: clusters at every [`TICK`], the controller's verdicts a little less often; what
//! became of requests is summed up between two looks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::{MemberName, Name};
use causeway_api::verdict::{Ballot, Subject, VerdictState};
use causeway_seam::{Env, Monotonic};

use super::fleet::Fleet;
use super::model::traffic::Traffic;
use super::report::{Event, Moment, Survivors};
use super::sampler::Sampler;
use super::story::Tell;
use super::world::World;

/// How often the clusters are looked at.
pub const TICK: Duration = Duration::from_millis(10);
/// How long the controller is left alone between two questions, at least; and at least as many times what an answer took.
const ASKS: Duration = Duration::from_millis(40);
const ASKS_COST: u32 = 3;

/// Looks, counts and tells.
pub(crate) struct Watch<'a> {
    pub(crate) env: &'a Env,
    pub(crate) world: &'a World,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) sampler: Sampler,
    pub(crate) lost: Subject,
    pub(crate) lost_members: BTreeSet<MemberName>,
    /// Members that lie in the dark now.
    pub(crate) dark: BTreeSet<MemberName>,
    /// What the others sent to the part before it was lost, in requests per second.
    pub(crate) inflow_before: f64,
    /// When the part was lost.
    pub(crate) began: Monotonic,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) sums: Sums,
    tell: &'a mut dyn Tell,
    last: Option<Monotonic>,
    /// When the controller may be asked again.
    asks_from: Monotonic,
}

/// What became of requests, and how full the survivors were.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) succeeded: f64,
    pub(crate) failed: f64,
    pub(crate) survivors: Survivors,
}

/// What one look showed.
pub(crate) struct Look {
    /// Members whose mesh changed.
    pub(crate) changed: Vec<MemberName>,
    pub(crate) traffic: Traffic,
    /// The controller's verdicts, where it was asked this time.
    pub(crate) verdicts: Option<Verdicts>,
}

/// The controller's word on the lost part.
pub(crate) struct Verdicts {
    /// On the part itself.
    pub(crate) part: VerdictState,
    /// On each of its gateways.
    pub(crate) gateways: Vec<(Subject, VerdictState)>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        env: &'a Env,
        world: &'a World,
        fleet: Arc<Fleet>,
        sampler: Sampler,
        tell: &'a mut dyn Tell,
        (lost, lost_members): (Subject, BTreeSet<MemberName>),
    ) -> Self {
        Self {
            env,
            world,
            fleet,
            sampler,
            lost,
            lost_members,
            dark: BTreeSet::new(),
            inflow_before: 0.0,
            began: env.now(),
            timeline: Vec::new(),
            sums: Sums::default(),
            tell,
            last: None,
            asks_from: env.now(),
        }
    }

    /// Waits for the next look, counts what happened since the last one, and looks.
    pub(crate) async fn look(&mut self) -> anyhow::Result<Look> {
        self.env.sleep(TICK).await;
        let before = self.traffic();
        let now = self.env.now();
        let passed = self.last.map_or(Duration::ZERO, |last| now.since(last));
        self.last = Some(now);
        self.sums.succeeded += before.served_rps * passed.as_secs_f64();
        self.sums.failed += before.failed_rps * passed.as_secs_f64();
        if let Some(peak) = before
            .peak
            .as_ref()
            .filter(|peak| !self.lost_members.contains(&peak.member))
        {
            self.sums.survivors.note(peak, passed);
        }
        let changed = self.sampler.read()?;
        let verdicts = if self.may_ask() {
            let verdicts = self.verdicts().await;
            self.asked(now);
            verdicts
        } else {
            None
        };
        Ok(Look {
            changed,
            traffic: self.traffic(),
            verdicts,
        })
    }

    /// Whether it is time to ask the controller.
    pub(crate) fn may_ask(&self) -> bool {
        self.env.now() >= self.asks_from
    }

    /// It was asked: questions must not become the load that is measured.
    pub(crate) fn asked(&mut self, since: Monotonic) {
        let now = self.env.now();
        self.asks_from = now.plus(ASKS.max(now.since(since) * ASKS_COST));
    }

    /// The traffic as it was last read.
    pub(crate) fn traffic(&self) -> Traffic {
        self.sampler.traffic(&self.dark)
    }

    /// What the others send to the lost part now, in requests per second, whether or not it answers.
    pub(crate) fn inflow(&self) -> f64 {
        self.sampler
            .traffic(&self.lost_members)
            .to_dark
            .values()
            .sum()
    }

    /// Begins to count, from the loss on.
    pub(crate) fn begin(&mut self) {
        self.inflow_before = self.inflow();
        self.began = self.env.now();
        self.last = Some(self.began);
    }

    async fn verdicts(&self) -> Option<Verdicts> {
        let admin = self.world.admin();
        let rows = admin.clusters().await.ok()?;
        let rows = rows
            .into_iter()
            .filter(|row| self.lost_members.contains(&row.name));
        let gateways = rows.flat_map(|row| {
            let subject = move |gateway: &str| {
                Some(Subject::Gateway {
                    member: row.name.clone(),
                    gateway: Name::new(gateway).ok()?,
                })
            };
            row.gateways
                .into_iter()
                .filter_map(move |gateway| Some((subject(&gateway.name)?, gateway.verdict)))
        });
        let part = admin.explain_subject(&self.lost).await;
        Some(Verdicts {
            part: part.map_or(VerdictState::Unknown, |explained| explained.verdict.state),
            gateways: gateways.collect(),
        })
    }

    /// An observer's word on why it does not reach a subject.
    pub(crate) async fn evidence(&self, subject: &Subject) -> Option<String> {
        let explained = self.world.admin().explain_subject(subject).await.ok()?;
        let mut evidence = explained.verdict.evidence.into_iter();
        evidence
            .find(|row| row.ballot == Ballot::Unreachable)
            .map(|row| row.evidence)
    }

    /// Since the loss, in milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.env.now().since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.tell.note(text);
    }

    pub(crate) fn say(&mut self, event: Event, text: String) {
        let moment = Moment {
            at_ms: self.now_ms(),
            event,
            text,
        };
        self.tell.moment(&moment);
        self.timeline.push(moment);
    }
}
