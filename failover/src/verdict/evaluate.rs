//! All stages in order, and what changed.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::MemberName;
use causeway_api::ids::Region;
use causeway_api::verdict::{ClusterTime, Subject, VerdictState};

use super::evidence::{RestsOn, on_leaf, on_members};
use super::fleet::{Fleet, PlaceRef};
use super::leaf::LeafRules;
use super::quorum::{Rules, Tally};
use super::standing::{Standing, Verdicts};
use super::votes::{Touched, VoteBook, leaves_in, subject_member};
use super::{area, leaf, member};

/// A verdict that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictChange {
    /// About what.
    pub subject: Subject,
    /// What was concluded before.
    pub from: VerdictState,
    /// What is concluded now.
    pub to: VerdictState,
}

impl Verdicts {
    /// Draws all conclusions anew and lists those that changed, in order of stages, then of subjects.
    pub fn evaluate(
        &mut self,
        votes: &VoteBook,
        fleet: &impl Fleet,
        rules: &Rules,
        now: ClusterTime,
    ) -> Vec<VerdictChange> {
        let mut run = Run {
            verdicts: self,
            votes,
            fleet,
            rules,
            now,
            changes: Vec::new(),
        };
        // Also what nobody votes on any more.
        let unvoted = run.verdicts.standings.keys().filter(|subject| {
            matches!(subject, Subject::Gateway { .. } | Subject::Session { .. })
                && votes.on(subject).next().is_none()
        });
        let unvoted: Vec<Subject> = unvoted.cloned().collect();
        for subject in votes.subjects().chain(&unvoted) {
            run.leaf(subject);
        }
        for (name, _) in fleet.places() {
            run.member(name);
        }
        let areas: BTreeSet<Subject> = fleet
            .places()
            .flat_map(|(_, place)| place.areas())
            .collect();
        run.areas(&areas);
        let changes = run.changes;
        self.standings
            .retain(|subject, _| subject_member(subject).is_some() || areas.contains(subject));
        changes
    }

    /// Draws those conclusions anew that votes may have changed since the last time, as [`Verdicts::evaluate`] would draw
    /// them; the work does not grow with what was not touched.
    pub fn reconsider(
        &mut self,
        touched: &Touched,
        votes: &VoteBook,
        fleet: &impl Fleet,
        rules: &Rules,
        now: ClusterTime,
    ) -> Vec<VerdictChange> {
        match touched {
            Touched::All => self.evaluate(votes, fleet, rules, now),
            Touched::Some(leaves) => {
                let members = leaves.iter().filter_map(subject_member).cloned().collect();
                self.some(leaves, members, votes, fleet, rules, now)
            }
        }
    }

    /// Draws those conclusions anew that the passing of time alone may have changed.
    pub fn pass_time(
        &mut self,
        votes: &VoteBook,
        fleet: &impl Fleet,
        rules: &Rules,
        now: ClusterTime,
    ) -> Vec<VerdictChange> {
        let mut leaves = BTreeSet::new();
        let mut members = BTreeSet::new();
        for (subject, standing) in &self.standings {
            if matches!(
                standing.state,
                VerdictState::Serving | VerdictState::Unknown
            ) {
                continue;
            }
            let Some(member) = subject_member(subject) else {
                continue;
            };
            members.insert(member.clone());
            if !matches!(subject, Subject::Member { .. }) {
                leaves.insert(subject.clone());
            }
        }
        self.some(&leaves, members, votes, fleet, rules, now)
    }

    fn some(
        &mut self,
        leaves: &BTreeSet<Subject>,
        members: BTreeSet<MemberName>,
        votes: &VoteBook,
        fleet: &impl Fleet,
        rules: &Rules,
        now: ClusterTime,
    ) -> Vec<VerdictChange> {
        let mut run = Run {
            verdicts: self,
            votes,
            fleet,
            rules,
            now,
            changes: Vec::new(),
        };
        for subject in leaves {
            run.leaf(subject);
        }
        let mut areas = BTreeSet::new();
        for name in members {
            if run.member(&name)
                && let Some(place) = fleet.place(&name)
            {
                areas.extend(place.areas());
            }
        }
        if !areas.is_empty() {
            run.areas(&areas);
        }
        run.changes
    }
}

/// One evaluation.
struct Run<'a, F> {
    verdicts: &'a mut Verdicts,
    votes: &'a VoteBook,
    fleet: &'a F,
    rules: &'a Rules,
    now: ClusterTime,
    changes: Vec<VerdictChange>,
}

impl<F: Fleet> Run<'_, F> {
    /// A gateway or a session of a registered member.
    fn leaf(&mut self, subject: &Subject) {
        let Some(place) = subject_member(subject).and_then(|member| self.fleet.place(member))
        else {
            return;
        };
        let tally = Tally::of(self.votes, subject, self.now, &self.rules.detection);
        let unknown = Standing::default();
        let old = self.verdicts.standings.get(subject).unwrap_or(&unknown);
        let (hold_down_ms, tolerate_ms) = match subject {
            Subject::Session { .. } => (0, place.tolerate_ms),
            _ => (
                old.hold_down_ms(self.rules.hold_down_ms),
                match old.state {
                    // Until it is reached: its agent may be back before its gateway is.
                    VerdictState::Away => place.tolerate_ms,
                    _ => self.away_with_session(subject, place),
                },
            ),
        };
        let rules = LeafRules {
            hold_for_ms: self.rules.detection.hold_for_ms,
            hold_down_ms,
            tolerate_ms,
        };
        let (state, against_since) = leaf::next(old, &tally, self.now, &rules);
        let (votes, rules, now) = (self.votes, self.rules, self.now);
        self.conclude(subject, state, || {
            let (evidence, mut grounds) = on_leaf(subject, votes, rules, now);
            grounds.quorum = Some(tally.quorum());
            (evidence, grounds)
        });
        if let Some(standing) = self.verdicts.standings.get_mut(subject) {
            standing.against_since = against_since;
        }
    }

    /// A gateway that is gone while its cluster's session is heard has failed, whatever was announced.
    fn away_with_session(&self, gateway: &Subject, place: PlaceRef<'_>) -> Option<u64> {
        let tolerate_ms = place.tolerate_ms?;
        let member = subject_member(gateway)?;
        (!self.votes.hears_agent(member)).then_some(tolerate_ms)
    }

    /// Says whether the verdict on a member changed.
    fn member(&mut self, name: &MemberName) -> bool {
        if self.fleet.place(name).is_none() {
            return false;
        }
        let subject = Subject::Member {
            member: name.clone(),
        };
        let mut parts = member::Parts::default();
        for (part, standing) in leaves_in(&self.verdicts.standings, name) {
            match part {
                Subject::Session { .. } => parts.session = standing.state,
                _ if standing.state != VerdictState::Unknown => parts.gateways.push(standing.state),
                _ => {}
            }
        }
        let unknown = Standing::default();
        let old = self.verdicts.standings.get(&subject).unwrap_or(&unknown);
        let hold_down_ms = old.hold_down_ms(self.rules.hold_down_ms);
        let state = member::next(old, &parts, self.now, hold_down_ms);
        let (votes, rules, now) = (self.votes, self.rules, self.now);
        self.conclude(&subject, state, || {
            on_members(std::iter::once(name), votes, rules, now)
        })
    }

    /// Zones and regions, from all members that stand in them.
    fn areas(&mut self, areas: &BTreeSet<Subject>) {
        let mut members: BTreeMap<&Subject, Vec<(&MemberName, VerdictState)>> = BTreeMap::new();
        let regions: BTreeSet<&Region> = areas.iter().filter_map(region_of).collect();
        for (name, place) in self.fleet.places() {
            if !place.region.is_some_and(|region| regions.contains(region)) {
                continue;
            }
            let state = self.verdicts.state(&Subject::Member {
                member: name.clone(),
            });
            for area in place.areas() {
                if let Some(area) = areas.get(&area) {
                    members.entry(area).or_default().push((name, state));
                }
            }
        }
        let (votes, rules, now) = (self.votes, self.rules, self.now);
        for (subject, members) in members {
            let states: Vec<VerdictState> = members.iter().map(|(_, state)| *state).collect();
            let heard = || match subject {
                Subject::Region { region } => Some(votes.hears_replica_in(region.as_str())),
                _ => None,
            };
            let state = area::next(self.verdicts.state(subject), &states, || {
                heard() == Some(true)
            });
            self.conclude(subject, state, || {
                let names = members.iter().map(|(name, _)| *name);
                let (evidence, mut grounds) = on_members(names, votes, rules, now);
                grounds.replica_heard = heard();
                (evidence, grounds)
            });
        }
    }

    /// Enters a conclusion; says whether it is another one than before.
    fn conclude(
        &mut self,
        subject: &Subject,
        state: VerdictState,
        rests_on: impl FnOnce() -> RestsOn,
    ) -> bool {
        let now = self.now;
        let standings = &mut self.verdicts.standings;
        let standing = standings
            .entry(subject.clone())
            .or_insert_with(|| Standing {
                since: now,
                ..Standing::default()
            });
        if standing.state == state {
            return false;
        }
        let from = std::mem::replace(&mut standing.state, state);
        standing.since = now;
        (standing.evidence, standing.grounds) = rests_on();
        let flaps = matches!(subject, Subject::Gateway { .. } | Subject::Member { .. });
        // What overstays its announced absence was gone before.
        if state == VerdictState::Lost && from != VerdictState::Away && flaps {
            standing.penalty.add(now);
        }
        self.changes.push(VerdictChange {
            subject: subject.clone(),
            from,
            to: state,
        });
        true
    }
}

/// The region that an area is, or lies in.
fn region_of(area: &Subject) -> Option<&Region> {
    match area {
        Subject::Region { region } | Subject::Zone { region, .. } => Some(region),
        Subject::Gateway { .. } | Subject::Session { .. } | Subject::Member { .. } => None,
    }
}
