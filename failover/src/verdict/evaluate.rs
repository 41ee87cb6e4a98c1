//! All stages in order, and what changed.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::MemberName;
use causeway_api::ids::{Region, Zone};
use causeway_api::verdict::{Ballot, ClusterTime, Evidence, Subject, VerdictState};

use super::quorum::{Rules, Tally, negative_ttl_ms};
use super::standing::{Standing, Verdicts};
use super::votes::{VoteBook, subject_member};
use super::{area, leaf, member};

/// At most so many pieces of evidence are kept with a verdict.
pub const EVIDENCE_ROWS: usize = 32;

/// Where members are, as far as it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Region and zones of each registered member. A zone is concluded only from members that stand in it alone.
    pub members: BTreeMap<MemberName, Place>,
}

/// Where one member is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Its region, where known.
    pub region: Option<Region>,
    /// Its zones, where known.
    pub zones: BTreeSet<Zone>,
}

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
        topology: &Topology,
        rules: &Rules,
        now: ClusterTime,
    ) -> Vec<VerdictChange> {
        let mut changes = Vec::new();
        for subject in votes.subjects() {
            let known = subject_member(subject).is_some_and(|m| topology.members.contains_key(m));
            if known {
                self.leaf(subject, votes, rules, now, &mut changes);
            }
        }
        let parts = self.parts();
        let (unknown, silent) = (Standing::default(), member::Parts::default());
        let mut areas: BTreeMap<Subject, Vec<(MemberName, VerdictState)>> = BTreeMap::new();
        for (name, place) in &topology.members {
            let subject = Subject::Member {
                member: name.clone(),
            };
            let parts = parts.get(name).unwrap_or(&silent);
            let old = self.standings.get(&subject).unwrap_or(&unknown);
            let state = member::next(old, parts, now, rules.hold_down_ms);
            self.conclude(subject, state, now, &mut changes, || {
                member_evidence(name, votes, rules, now)
            });
            for area in areas_of(place) {
                areas.entry(area).or_default().push((name.clone(), state));
            }
        }
        self.standings
            .retain(|subject, _| subject_member(subject).is_some() || areas.contains_key(subject));
        for (subject, members) in areas {
            let states: Vec<VerdictState> = members.iter().map(|(_, state)| *state).collect();
            let state = area::next(self.state(&subject), &states);
            self.conclude(subject, state, now, &mut changes, || {
                let all = members
                    .iter()
                    .flat_map(|(name, _)| member_evidence(name, votes, rules, now));
                all.take(EVIDENCE_ROWS).collect()
            });
        }
        changes
    }

    /// When the passing of time alone may next change a verdict; `None`: no timer is pending, and no tick is needed.
    #[must_use]
    pub fn next_deadline(
        &self,
        votes: &VoteBook,
        rules: &Rules,
        now: ClusterTime,
    ) -> Option<ClusterTime> {
        let ttl_ms = negative_ttl_ms(&rules.detection);
        let expiry = |subject: &Subject| {
            let against = votes
                .heard(subject)
                .filter(|(_, vote)| vote.ballot == Ballot::Unreachable);
            let expiries = against.map(|(_, vote)| vote.at.plus_ms(ttl_ms));
            expiries.filter(|expiry| *expiry > now).min()
        };
        let of = |(subject, standing): (&Subject, &Standing)| match standing.state {
            VerdictState::Recovering => Some(standing.since.plus_ms(rules.hold_down_ms))
                .filter(|_| !matches!(subject, Subject::Zone { .. } | Subject::Region { .. })),
            VerdictState::Degraded => {
                let hold = standing
                    .against_since
                    .map(|since| since.plus_ms(rules.detection.hold_for_ms));
                hold.into_iter().chain(expiry(subject)).min()
            }
            // Only where somebody reaches it can the silence of those who do not bring it back.
            VerdictState::Lost => {
                let mut votes = votes.heard(subject);
                let reached = votes.any(|(_, vote)| vote.ballot == Ballot::Reachable);
                reached.then(|| expiry(subject)).flatten()
            }
            _ => None,
        };
        self.standings.iter().filter_map(of).min()
    }

    fn leaf(
        &mut self,
        subject: &Subject,
        votes: &VoteBook,
        rules: &Rules,
        now: ClusterTime,
        changes: &mut Vec<VerdictChange>,
    ) {
        let tally = Tally::count(
            votes.heard(subject).map(|(_, vote)| vote),
            now,
            &rules.detection,
        );
        let hold_down_ms = match subject {
            Subject::Session { .. } => 0,
            _ => rules.hold_down_ms,
        };
        let unknown = Standing::default();
        let old = self.standings.get(subject).unwrap_or(&unknown);
        let (state, against_since) = leaf::next(old, &tally, now, rules, hold_down_ms);
        self.conclude(subject.clone(), state, now, changes, || {
            evidence_on(subject, votes, rules, now, false)
        });
        if let Some(standing) = self.standings.get_mut(subject) {
            standing.against_since = against_since;
        }
    }

    fn conclude(
        &mut self,
        subject: Subject,
        state: VerdictState,
        now: ClusterTime,
        changes: &mut Vec<VerdictChange>,
        evidence: impl FnOnce() -> Vec<Evidence>,
    ) {
        let standing = self
            .standings
            .entry(subject.clone())
            .or_insert_with(|| Standing {
                since: now,
                ..Standing::default()
            });
        if standing.state == state {
            return;
        }
        let from = standing.state;
        standing.state = state;
        standing.since = now;
        standing.evidence = evidence();
        changes.push(VerdictChange {
            subject,
            from,
            to: state,
        });
    }

    fn parts(&self) -> BTreeMap<MemberName, member::Parts> {
        let mut parts: BTreeMap<MemberName, member::Parts> = BTreeMap::new();
        for (subject, standing) in &self.standings {
            match subject {
                Subject::Gateway { member, .. } if standing.state != VerdictState::Unknown => {
                    let parts = parts.entry(member.clone()).or_default();
                    parts.gateways.push(standing.state);
                }
                Subject::Session { member } => {
                    parts.entry(member.clone()).or_default().session = standing.state;
                }
                _ => {}
            }
        }
        parts
    }
}

fn areas_of(place: &Place) -> Vec<Subject> {
    let Some(region) = &place.region else {
        return Vec::new();
    };
    let mut areas = vec![Subject::Region {
        region: region.clone(),
    }];
    let mut zones = place.zones.iter();
    if let (Some(zone), None) = (zones.next(), zones.next()) {
        areas.push(Subject::Zone {
            region: region.clone(),
            zone: zone.clone(),
        });
    }
    areas
}

/// The votes on one subject as they count now. `named`: each sentence begins with the subject.
fn evidence_on(
    subject: &Subject,
    votes: &VoteBook,
    rules: &Rules,
    now: ClusterTime,
    named: bool,
) -> Vec<Evidence> {
    let ttl_ms = negative_ttl_ms(&rules.detection);
    let row = |(observer, vote): (&causeway_api::verdict::ObserverId, &super::CastVote)| Evidence {
        observer: observer.clone(),
        domain: vote.domain.clone(),
        ballot: vote.ballot,
        at: vote.at,
        evidence: if named {
            format!("{subject}: {}", vote.evidence)
        } else {
            vote.evidence.clone()
        },
        not_counted: match vote.ballot {
            Ballot::Abstain => Some("abstains".to_owned()),
            _ if votes.is_silent(observer) => {
                Some("the leader has not heard of it for a while".to_owned())
            }
            _ if vote.expired(now, ttl_ms) => {
                Some(format!("expired: not renewed for {} s", ttl_ms / 1000))
            }
            _ => None,
        },
    };
    votes.on(subject).take(EVIDENCE_ROWS).map(row).collect()
}

fn member_evidence(
    name: &MemberName,
    votes: &VoteBook,
    rules: &Rules,
    now: ClusterTime,
) -> Vec<Evidence> {
    let all = votes
        .subjects()
        .filter(|subject| subject_member(subject) == Some(name))
        .flat_map(|subject| evidence_on(subject, votes, rules, now, true));
    all.take(EVIDENCE_ROWS).collect()
}
