//! Witnesses inside: agents in a region that is lost, whose last word was that they reach it.
//!
//! Apart from the other shapes, since here it matters whose votes still arrive: what is cut off from the first region casts
//! none, is not heard for as long as production takes to notice, and its last word stands until then. Every run is played
//! twice, with those witnesses and without, on the same network: they may not delay a loss, nor cause one.

use std::collections::BTreeMap;

use causeway_api::ReplicaId;
use causeway_api::spec::Detection;
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Subject, VerdictState, Vote};
use causeway_discovery::probe::impaired::{Held, impaired};
use causeway_failover::verdict::quorum::{AGENT_SILENT_MS, REPLICA_SILENT_MS};
use causeway_failover::verdict::{Place, Rules, Topology, Verdicts, VoteBook};

use super::detectors::{Any, Kind};
use super::network::Draw;

/// When trouble begins.
const BEGIN_MS: u64 = 20_000;
/// When a run ends.
const END_MS: u64 = 110_000;
const STEP_MS: u64 = 250;
/// How long a quorum has to hold something lost.
pub(crate) const HOLD_MS: u64 = 10_000;
/// A session, or a link between replicas, that is silent for so long is given up, as in production; what one replica hears
/// another one knows half a second later.
const GIVEN_UP_MS: (u64, u64) = (3_000, 4_000);
const TOLD_MS: u64 = 500;

/// Who is where: regions are failure domains, and the first one has the leader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) replicas: &'static [usize],
    pub(crate) members: &'static [usize],
}

/// Two regions, all replicas in one of them.
pub(crate) const TWO: Layout = Layout {
    replicas: &[0, 0, 0],
    members: &[0, 1, 1],
};
/// Two regions, the smaller half of the replicas in the one that has trouble.
pub(crate) const TWO_SPLIT: Layout = Layout {
    replicas: &[0, 0, 1],
    members: &[0, 1, 1],
};
/// Three regions with a replica each, most members in the one that has trouble.
pub(crate) const THREE: Layout = Layout {
    replicas: &[0, 1, 2],
    members: &[0, 1, 1, 1, 2],
};

/// What befalls the second region, for so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody outside reaches anything in it, nor the other way round.
    Dark(u64),
    /// Its gateways answer nobody outside, while its agents speak, but for so many milliseconds within.
    GatewaysOnly(u64, u64),
    /// So many percent of all attempts on its gateways from outside are lost, while its agents fall silent for so long.
    Grey(u64, u64),
}

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// When each gateway was taken for lost first.
    pub(crate) lost: BTreeMap<Subject, u64>,
}

impl Layout {
    fn outside(from: usize, to: usize) -> bool {
        from != to && (from == 1 || to == 1)
    }
}

impl Trouble {
    fn within(at: u64, from: u64, for_ms: u64) -> bool {
        (from..from.saturating_add(for_ms)).contains(&at)
    }

    /// Whether an attempt on a gateway is answered.
    fn answers(self, at: u64, from: usize, to: usize, draw: &mut Draw) -> bool {
        let lost = draw.below(100);
        let outside = Layout::outside(from, to);
        match self {
            Self::Dark(ms) => !(outside && Self::within(at, BEGIN_MS, ms)),
            Self::GatewaysOnly(ms, _) => !(outside && to == 1 && Self::within(at, BEGIN_MS, ms)),
            Self::Grey(percent, _) => !(outside && to == 1 && at >= BEGIN_MS) || lost >= percent,
        }
    }

    /// Whether replicas hear each other.
    fn linked(self, at: u64, from: usize, to: usize) -> bool {
        match self {
            Self::Dark(ms) => !(Layout::outside(from, to) && Self::within(at, BEGIN_MS, ms)),
            Self::GatewaysOnly(..) | Self::Grey(..) => true,
        }
    }

    /// Whether an agent speaks with a replica.
    fn speaks(self, at: u64, agent: usize, replica: usize) -> bool {
        let silent = |ms| agent == 1 && Self::within(at, BEGIN_MS + 20_000, ms);
        match self {
            Self::Dark(_) => self.linked(at, agent, replica),
            Self::GatewaysOnly(_, ms) | Self::Grey(_, ms) => !silent(ms),
        }
    }
}

struct Eye {
    observer: ObserverId,
    region: usize,
    member: usize,
    detector: Any,
    every_ms: u64,
    next_ms: u64,
    /// Its last word that arrived, and when.
    said: Option<(Ballot, u64)>,
}

struct World {
    layout: Layout,
    trouble: Trouble,
    votes: VoteBook,
    verdicts: Verdicts,
    topology: Topology,
    rules: Rules,
    story: Story,
}

/// Plays a run. `inside`: whether agents in the second region observe its gateways; no others do.
pub(crate) fn run(layout: Layout, trouble: Trouble, seed: u64, inside: bool) -> Story {
    let mut world = World::new(layout, trouble);
    let mut eyes = world.eyes(inside, &mut Draw::new(seed));
    // Each its own, so that who is not there shifts nothing.
    let mut draws: Vec<Draw> = (0..eyes.len() as u64)
        .map(|at| Draw::new(seed.wrapping_mul(1_000).wrapping_add(at)))
        .collect();
    let mut sessions = Sessions::new(layout, &mut Draw::new(!seed));
    for at in (0..END_MS).step_by(STEP_MS as usize) {
        let mut cast: Vec<Vote> = Vec::new();
        for (eye, draw) in eyes.iter_mut().zip(&mut draws) {
            if eye.next_ms <= at {
                let to = layout.members[eye.member];
                let answered = trouble.answers(at, eye.region, to, draw);
                eye.detector.observe(at, answered);
                eye.next_ms = at + eye.every_ms / 2 + draw.below(eye.every_ms / 2);
            }
        }
        sessions.pass(&mut world, at, &mut cast);
        world.say(&mut eyes, &sessions, at, &mut cast);
        world.conclude(&cast, at);
    }
    world.story
}

impl World {
    fn new(layout: Layout, trouble: Trouble) -> Self {
        let place = |region: &usize| Place {
            region: format!("r{region}").parse().ok(),
            ..Place::default()
        };
        let rows = layout.members.iter().enumerate();
        let members = rows.map(|(at, region)| (name(at).parse().unwrap(), place(region)));
        Self {
            layout,
            trouble,
            votes: VoteBook::default(),
            verdicts: Verdicts::default(),
            topology: Topology {
                members: members.collect(),
            },
            rules: Rules {
                detection: Detection {
                    hold_for_ms: HOLD_MS,
                    ..Detection::default()
                },
                ..Rules::default()
            },
            story: Story::default(),
        }
    }

    fn eyes(&self, inside: bool, draw: &mut Draw) -> Vec<Eye> {
        let Layout { replicas, members } = self.layout;
        let mut eyes = Vec::new();
        let mut eye = |observer: ObserverId, region, member, every_ms| {
            eyes.push(Eye {
                observer,
                region,
                member,
                detector: Any::new(Kind::Adaptive),
                every_ms,
                next_ms: draw.below(every_ms),
                said: None,
            });
        };
        for (at, region) in replicas.iter().enumerate() {
            for member in 0..members.len() {
                eye(replica(at), *region, member, 1_000);
            }
        }
        let agents = members
            .iter()
            .enumerate()
            .filter(|(_, r)| inside && **r == 1);
        for (at, region) in agents {
            let others = (0..members.len()).filter(|to| *to != at && members[*to] == 1);
            for member in others {
                eye(
                    ObserverId::Agent(name(at).parse().unwrap()),
                    *region,
                    member,
                    2_000,
                );
            }
        }
        eyes
    }

    /// Whose words arrive: of replicas that the leader hears, and of agents that speak with one of these.
    fn arrives(&self, eye: &Eye, sessions: &Sessions, at: u64) -> bool {
        match &eye.observer {
            ObserverId::Replica(_) => self.trouble.linked(at, eye.region, 0),
            ObserverId::Agent(member) => (0..self.layout.members.len())
                .any(|m| *member.as_str() == *name(m) && sessions.is_open(self, m, at)),
        }
    }

    /// A change of mind, or a renewal, is a vote.
    fn say(&self, eyes: &mut [Eye], sessions: &Sessions, at: u64, cast: &mut Vec<Vote>) {
        let members = self.layout.members;
        let mut out: BTreeMap<ObserverId, bool> = BTreeMap::new();
        for eye in eyes.iter() {
            let mine = eyes.iter().filter(|other| other.observer == eye.observer);
            let held = mine.filter_map(|eye| {
                Some(Held {
                    place: &members[eye.member],
                    failing: eye.detector.failing()?,
                    suspected: eye.detector.ballot() == Ballot::Unreachable,
                })
            });
            out.entry(eye.observer.clone())
                .or_insert_with(|| impaired(false, held));
        }
        for eye in eyes {
            let ballot = match out.get(&eye.observer) {
                Some(true) => Ballot::Abstain,
                _ => eye.detector.ballot(),
            };
            let due = eye.said.is_none_or(|(said, since)| {
                said != ballot || ballot == Ballot::Unreachable && at - since >= 20_000
            });
            let ObserverId::Replica(id) = &eye.observer else {
                if due && self.arrives(eye, sessions, at) {
                    eye.said = Some((ballot, at));
                    cast.push(vote(eye, ballot));
                }
                continue;
            };
            let anew = self.votes.silent().contains(id);
            if (due || anew) && self.arrives(eye, sessions, at) {
                eye.said = Some((ballot, at));
                cast.push(vote(eye, ballot));
            }
        }
    }

    fn conclude(&mut self, cast: &[Vote], at: u64) {
        let now = ClusterTime(at);
        let (votes, verdicts) = (&mut self.votes, &mut self.verdicts);
        let mut changes = Vec::new();
        if !cast.is_empty() {
            let touched = votes.cast_all(cast, now);
            changes = verdicts.reconsider(&touched, votes, &self.topology, &self.rules, now);
        }
        if at.is_multiple_of(1_000) {
            changes.extend(verdicts.pass_time(votes, &self.topology, &self.rules, now));
        }
        for change in changes {
            if change.to == VerdictState::Lost && matches!(change.subject, Subject::Gateway { .. })
            {
                self.story.lost.entry(change.subject).or_insert(at);
            }
        }
    }

    fn silence(&mut self, at: u64, id: ReplicaId) {
        if self.votes.silence(id) {
            let (topology, rules) = (&self.topology, &self.rules);
            let changes = self
                .verdicts
                .evaluate(&self.votes, topology, rules, ClusterTime(at));
            for change in changes {
                let gateway = matches!(change.subject, Subject::Gateway { .. });
                if change.to == VerdictState::Lost && gateway {
                    self.story.lost.entry(change.subject).or_insert(at);
                }
            }
        }
    }
}

/// What replicas hear of agents and of each other.
struct Sessions {
    layout: Layout,
    /// When each replica heard of each member's agent last, here or elsewhere.
    heard: Vec<Vec<u64>>,
    said: Vec<Vec<Option<(Ballot, u64)>>>,
    /// When the leader heard each replica last.
    linked: Vec<u64>,
    /// When replicas look, between two seconds.
    phase: Vec<u64>,
}

impl Sessions {
    fn new(layout: Layout, draw: &mut Draw) -> Self {
        let (replicas, members) = (layout.replicas.len(), layout.members.len());
        Self {
            layout,
            heard: vec![vec![0; members]; replicas],
            said: vec![vec![None; members]; replicas],
            linked: vec![0; replicas],
            phase: (0..replicas).map(|_| draw.below(2) * STEP_MS).collect(),
        }
    }

    /// Whether an agent speaks with a replica that the leader hears.
    fn is_open(&self, world: &World, member: usize, at: u64) -> bool {
        let agent = self.layout.members[member];
        let mut replicas = self.layout.replicas.iter();
        replicas.any(|replica| {
            world.trouble.linked(at, *replica, 0) && world.trouble.speaks(at, agent, *replica)
        })
    }

    fn pass(&mut self, world: &mut World, at: u64, cast: &mut Vec<Vote>) {
        let Layout { replicas, members } = self.layout;
        let trouble = world.trouble;
        for (me, my_region) in replicas.iter().enumerate() {
            for (member, agent) in members.iter().enumerate() {
                let here = trouble.speaks(at, *agent, *my_region);
                let elsewhere = replicas.iter().any(|other| {
                    trouble.linked(at, *my_region, *other) && trouble.speaks(at, *agent, *other)
                });
                if here || elsewhere {
                    self.heard[me][member] = at;
                }
                let silent_ms = at - self.heard[me][member];
                let noticed_ms = GIVEN_UP_MS.0 + TOLD_MS + self.phase[me];
                let ballot = if silent_ms < noticed_ms + AGENT_SILENT_MS {
                    Ballot::Reachable
                } else {
                    Ballot::Unreachable
                };
                let due = self.said[me][member].is_none_or(|(said, since)| {
                    said != ballot || ballot == Ballot::Unreachable && at - since >= 10_000
                });
                if due && trouble.linked(at, *my_region, 0) {
                    self.said[me][member] = Some((ballot, at));
                    cast.push(Vote {
                        observer: replica(me),
                        domain: format!("r{my_region}").parse().unwrap(),
                        subject: format!("session/{}", name(member)).parse().unwrap(),
                        ballot,
                        evidence: String::new(),
                    });
                }
            }
            if trouble.linked(at, *my_region, 0) {
                self.linked[me] = at;
            } else if at - self.linked[me] >= GIVEN_UP_MS.1 + REPLICA_SILENT_MS {
                let ObserverId::Replica(id) = replica(me) else {
                    continue;
                };
                world.silence(at, id);
            }
        }
    }
}

fn vote(eye: &Eye, ballot: Ballot) -> Vote {
    Vote {
        observer: eye.observer.clone(),
        domain: format!("r{}", eye.region).parse().unwrap(),
        subject: gateway(eye.member),
        ballot,
        evidence: String::new(),
    }
}

fn replica(at: usize) -> ObserverId {
    ObserverId::Replica(ReplicaId(at as u64 + 1))
}

fn name(member: usize) -> String {
    format!("m{member}")
}

/// The gateway of a member.
pub(crate) fn gateway(member: usize) -> Subject {
    format!("gateway/m{member}/eastwest").parse().unwrap()
}
