//! What is watched while the story runs: clusters at every [`TICK`], the controller's verdicts a little less often; what
//! became of requests is summed up between two looks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::{MemberName, Region, ReplicaId};
use causeway_api::verdict::{Ballot, Evidence, ObserverId, Subject, VerdictState};
use causeway_seam::{Env, Monotonic};

use super::fleet::Fleet;
use super::lost::Lost;
use super::model::traffic::Traffic;
use super::report::{Event, LeaderRow, Moment, Survivors};
use super::sampler::Sampler;
use super::story::Tell;
use super::world::World;
use crate::cli::text::count;

/// How often the clusters are looked at, at most.
pub const TICK: Duration = Duration::from_millis(10);
/// How many times as long as a look took nothing is looked at, so that looking never becomes the load that is measured.
pub(crate) const LOOK_COST: u32 = 4;

/// Looks, counts and tells.
pub(crate) struct Watch<'a> {
    pub(crate) env: &'a Env,
    pub(crate) world: &'a mut World,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) sampler: Sampler,
    pub(crate) lost: Lost,
    pub(crate) lost_members: BTreeSet<MemberName>,
    /// Members that lie in the dark now.
    pub(crate) dark: BTreeSet<MemberName>,
    /// What the others sent to the part before it was lost, in requests per second.
    pub(crate) inflow_before: f64,
    /// When the part was lost.
    pub(crate) began: Monotonic,
    pub(crate) timeline: Vec<Moment>,
    /// Who leads, as it was seen last.
    pub(crate) leader: Option<(ReplicaId, Region)>,
    /// Who has led, from the loss on.
    pub(crate) leaders: Vec<LeaderRow>,
    pub(crate) sums: Sums,
    tell: &'a mut dyn Tell,
    has_begun: bool,
    last: Option<Monotonic>,
    /// How long the last look took.
    took: Duration,
    /// The traffic as it was last read, and which members lay in the dark.
    traffic: Option<(BTreeSet<MemberName>, Traffic)>,
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
    /// The controller's verdicts.
    pub(crate) verdicts: Verdicts,
}

/// The controller's word on the lost part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdicts {
    /// On the part itself, where anybody votes on it.
    pub(crate) part: Option<VerdictState>,
    /// On each of its gateways.
    pub(crate) gateways: Vec<(Subject, VerdictState)>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        env: &'a Env,
        world: &'a mut World,
        fleet: Arc<Fleet>,
        sampler: Sampler,
        tell: &'a mut dyn Tell,
        (lost, lost_members): (Lost, BTreeSet<MemberName>),
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
            leader: None,
            leaders: Vec::new(),
            sums: Sums::default(),
            tell,
            has_begun: false,
            last: None,
            took: Duration::ZERO,
            traffic: None,
        }
    }

    /// Waits for the next look, counts what happened since the last one, and looks.
    pub(crate) async fn look(&mut self) -> anyhow::Result<Look> {
        self.env.sleep(TICK.max(self.took * LOOK_COST)).await;
        let begun = self.env.now();
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
        if !changed.is_empty() {
            self.traffic = None;
        }
        self.see_leader();
        let look = Look {
            changed,
            verdicts: self.verdicts(),
            traffic: self.traffic(),
        };
        self.took = self.env.now().since(begun);
        Ok(look)
    }

    /// The traffic as it was last read.
    pub(crate) fn traffic(&mut self) -> Traffic {
        match &self.traffic {
            Some((dark, traffic)) if *dark == self.dark => traffic.clone(),
            _ => {
                let traffic = self.sampler.traffic(&self.dark);
                self.traffic = Some((self.dark.clone(), traffic.clone()));
                traffic
            }
        }
    }

    /// What the others send to the lost part now, in requests per second, whether or not it answers.
    pub(crate) fn inflow(&self) -> f64 {
        self.sampler
            .traffic(&self.lost_members)
            .to_dark
            .values()
            .sum()
    }

    /// Tells when the lead has moved. That nobody leads for a moment is part of it.
    fn see_leader(&mut self) {
        let Some(now) = self.world.leader() else {
            return;
        };
        if self.leader.as_ref() == Some(&now) {
            return;
        }
        let (id, region) = now.clone();
        let before = self.leader.replace(now);
        if let (Some((former, _)), true) = (before, self.has_begun) {
            let text = format!("replica {id} in {region} leads now, after {former}");
            self.say(Event::Led, text);
            self.note_leader();
        }
    }

    fn note_leader(&mut self) {
        let at_ms = self.now_ms();
        let row = self.leader.clone().map(|(id, region)| LeaderRow {
            at_ms,
            replica: id.to_string(),
            region,
        });
        self.leaders.extend(row);
    }

    /// Begins to count, from the loss on.
    pub(crate) fn begin(&mut self) {
        self.has_begun = true;
        self.inflow_before = self.inflow();
        self.began = self.env.now();
        self.last = Some(self.began);
        self.note_leader();
    }

    fn verdicts(&self) -> Verdicts {
        Verdicts {
            part: self.lost.subject().map(|lost| self.world.verdict(lost)),
            gateways: self.world.gateways(&self.lost_members),
        }
    }

    /// An observer's word on why it does not reach a subject.
    pub(crate) async fn evidence(&self, subject: &Subject) -> Option<String> {
        let against = self.against(subject).await;
        against.into_iter().next().map(|row| row.evidence)
    }

    /// Who does not reach a subject, counted.
    pub(crate) async fn observers(&self, subject: &Subject) -> String {
        let against = self.against(subject).await;
        let counted = against.iter().filter(|row| row.not_counted.is_none());
        let (replicas, agents): (Vec<&Evidence>, Vec<&Evidence>) =
            counted.partition(|row| matches!(row.observer, ObserverId::Replica(_)));
        let all = replicas.iter().chain(&agents);
        let regions: BTreeSet<_> = all.map(|row| &row.domain).collect();
        let counted = |number: usize, one: &str, many: &str| {
            count(u64::try_from(number).unwrap_or(u64::MAX), one, many)
        };
        format!(
            "{} and {} in {} cannot reach {subject}",
            counted(replicas.len(), "replica", "replicas"),
            counted(agents.len(), "agent", "agents"),
            counted(regions.len(), "region", "regions")
        )
    }

    async fn against(&self, subject: &Subject) -> Vec<Evidence> {
        let Some(admin) = self.world.admin() else {
            return Vec::new();
        };
        let explained = admin.explain_subject(subject, None).await;
        let mut evidence = explained.map_or_else(|_| Vec::new(), |found| found.verdict.evidence);
        evidence.retain(|row| row.ballot == Ballot::Unreachable);
        evidence
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
