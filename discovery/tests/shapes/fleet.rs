//! One run: observers probe, vote, and verdicts are drawn as the state machine draws them.

use std::collections::BTreeMap;

use causeway_api::ReplicaId;
use causeway_api::spec::Detection;
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Subject, VerdictState, Vote};
use causeway_discovery::probe::impaired::{Held, impaired};
use causeway_failover::verdict::{Place, Rules, Topology, Verdicts, VoteBook};

use super::detectors::{Any, Kind};
use super::network::{BEGIN_MS, Draw, END_MS, MEMBERS, Network, OBSERVERS, Shape, Target};

/// How long traffic waits before it returns, in milliseconds.
pub(crate) const HOLD_DOWN_MS: u64 = 30_000;
/// How long a quorum has to hold something lost.
pub(crate) const HOLD_MS: u64 = 10_000;
/// Within what time after its beginning a loss must be concluded.
const DEADLINE_MS: u64 = 45_000;
/// Time goes in such steps.
const STEP_MS: u64 = 250;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Score {
    /// Gateways and members that were taken for lost and were not.
    pub(crate) false_moves: u32,
    /// Those that were lost and were not taken for it in time.
    pub(crate) missed: u32,
    /// Traffic that moved away twice within one hold-down.
    pub(crate) hasty: u32,
    /// Votes against what the observer could reach, but for chance.
    pub(crate) false_votes: u32,
    /// Changes of votes: each costs a commit.
    pub(crate) votes: u32,
    /// How long each observer took to vote against what it could not reach, in milliseconds.
    pub(crate) detection_ms: Vec<u64>,
}

struct Eye {
    observer: usize,
    target: Target,
    detector: Any,
    next_ms: u64,
    held: Option<(Ballot, u64)>,
}

/// Plays a shape. `observers`: only so many of the five.
pub(crate) fn run(shape: Shape, seed: u64, kind: Kind, observers: usize) -> Score {
    // Drawn apart, so that every detector sees the same attempts answered.
    let mut draw = Draw::new(seed);
    let network = Network::new(shape, &mut draw);
    let mut eyes: Vec<Vec<Eye>> = Vec::new();
    for observer in 0..observers {
        let mut mine = Vec::new();
        for member in 0..MEMBERS.len() {
            for session in [false, true] {
                mine.push(Eye {
                    observer,
                    target: Target { member, session },
                    detector: Any::new(kind),
                    next_ms: draw.below(1_000),
                    held: None,
                });
            }
        }
        eyes.push(mine);
    }
    let mut judge = Judge::new();
    let mut out = vec![false; observers];
    let mut at = 0;
    while at < END_MS {
        let mut looked = vec![false; observers];
        for eye in eyes.iter_mut().flatten().filter(|eye| eye.next_ms <= at) {
            let answered = network.answers(at, eye.observer, eye.target, &mut draw);
            eye.detector.observe(at, answered);
            // As the prober does: each second, shortened by up to half.
            eye.next_ms = at + 500 + draw.below(500);
            looked[eye.observer] = true;
        }
        let mut voted = false;
        for observer in (0..observers).filter(|observer| looked[*observer]) {
            let mine = &mut eyes[observer];
            let held = mine.iter().filter_map(|eye| {
                Some(Held {
                    place: &MEMBERS[eye.target.member],
                    failing: eye.detector.failing()?,
                    suspected: eye.detector.ballot() == Ballot::Unreachable,
                })
            });
            let was = std::mem::replace(&mut out[observer], false);
            out[observer] = impaired(was, held);
            for eye in mine {
                if was && !out[observer] {
                    eye.detector.forgive();
                }
                let ballot = if out[observer] {
                    Ballot::Abstain
                } else {
                    eye.detector.ballot()
                };
                voted |= judge.hear(&network, at, eye, ballot);
            }
        }
        if voted || at % 1_000 == 0 {
            judge.conclude(&network, at);
        }
        at += STEP_MS;
    }
    judge.end(&network)
}

struct Judge {
    votes: VoteBook,
    verdicts: Verdicts,
    topology: Topology,
    rules: Rules,
    score: Score,
    /// When each subject became Lost first, and last.
    lost: BTreeMap<Subject, (u64, u64)>,
}

impl Judge {
    fn new() -> Self {
        let place = |region: &usize| Place {
            region: format!("r{region}").parse().ok(),
            ..Place::default()
        };
        let rows = MEMBERS.iter().enumerate();
        let members = rows.map(|(at, region)| (format!("m{at}").parse().unwrap(), place(region)));
        Self {
            votes: VoteBook::default(),
            verdicts: Verdicts::default(),
            topology: Topology {
                members: members.collect(),
            },
            rules: Rules {
                detection: Detection {
                    hold_for_ms: HOLD_MS,
                    min_observers: 3,
                    min_failure_domains: 2,
                },
                hold_down_ms: HOLD_DOWN_MS,
            },
            score: Score::default(),
            lost: BTreeMap::new(),
        }
    }

    /// A change of mind, or a renewal, is a vote.
    fn hear(&mut self, network: &Network, at: u64, eye: &mut Eye, ballot: Ballot) -> bool {
        let changed = eye.held.is_none_or(|(held, _)| held != ballot);
        let stale = eye.held.is_some_and(|(_, since)| at - since >= 20_000);
        let renewed = ballot == Ballot::Unreachable && stale;
        if !changed && !renewed {
            return false;
        }
        eye.held = Some((ballot, at));
        if changed {
            self.score.votes += 1;
        }
        if changed && ballot == Ballot::Unreachable {
            // Without chance: what would a lucky attempt find?
            let lucky = (0..64)
                .any(|seed| network.answers(at, eye.observer, eye.target, &mut Draw::new(seed)));
            if lucky {
                self.score.false_votes += 1;
            } else {
                self.score.detection_ms.push(at - BEGIN_MS);
            }
        }
        let vote = Vote {
            observer: ObserverId::Replica(ReplicaId(eye.observer as u64 + 1)),
            domain: format!("d{}", OBSERVERS[eye.observer]).parse().unwrap(),
            subject: subject(eye.target),
            ballot,
            evidence: String::new(),
        };
        self.votes.cast(&vote, ClusterTime(at));
        true
    }

    fn conclude(&mut self, network: &Network, at: u64) {
        let now = ClusterTime(at);
        let changes = self
            .verdicts
            .evaluate(&self.votes, &self.topology, &self.rules, now);
        for change in changes
            .into_iter()
            .filter(|change| change.to == VerdictState::Lost)
        {
            let truly =
                |members: &[usize], name: &str| members.iter().any(|m| name == format!("m{m}"));
            let (right, either) = match &change.subject {
                Subject::Member { member } | Subject::Gateway { member, .. } => {
                    let is_member = matches!(change.subject, Subject::Member { .. });
                    let lost = if is_member {
                        network.lost_members()
                    } else {
                        network.lost_gateways()
                    };
                    let either = (0..MEMBERS.len())
                        .any(|m| member.as_str() == format!("m{m}") && network.either(m));
                    (truly(lost, member.as_str()), either)
                }
                // A session alone moves nothing; zones and regions follow from members.
                _ => continue,
            };
            if !right && !either {
                self.score.false_moves += 1;
            }
            let carried = change.from.may_receive();
            if let Some((_, last)) = self.lost.get(&change.subject)
                && carried
                && at - last < HOLD_DOWN_MS
            {
                self.score.hasty += 1;
            }
            let row = self.lost.entry(change.subject).or_insert((at, at));
            row.1 = at;
        }
    }

    fn end(mut self, network: &Network) -> Score {
        let gateways = network.lost_gateways().iter().map(|m| Target {
            member: *m,
            session: false,
        });
        let members = network
            .lost_members()
            .iter()
            .map(|m| format!("member/m{m}").parse().unwrap());
        let due: Vec<Subject> = gateways.map(subject).chain(members).collect();
        for subject in due {
            let at = self.lost.get(&subject).map(|(first, _)| *first);
            if at.is_none_or(|at| at > BEGIN_MS + DEADLINE_MS) {
                self.score.missed += 1;
            }
        }
        self.score
    }
}

fn subject(target: Target) -> Subject {
    let text = if target.session {
        format!("session/m{}", target.member)
    } else {
        format!("gateway/m{}/eastwest", target.member)
    };
    text.parse().unwrap()
}
