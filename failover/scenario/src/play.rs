//! From event to event in cluster time.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{NetworkName, Region};
use causeway_api::verdict::{Ballot, ObserverId, Subject, VerdictState, Vote};
use causeway_failover::checker::check;
use causeway_failover::verdict::renew_after_ms;
use causeway_state::level::FEATURE_LEVEL;
use causeway_state::{Command, Refusal};

use crate::expect;
use crate::report::{Checked, Happened, Kind, Report};
use crate::scenario::{Action, Observer, Scenario};
use crate::world::{News, World};

/// What people say in a scenario.
const REASON: &str = "the scenario says so";
/// The longest step of cluster time, in milliseconds: as long as one command may carry.
const STEP_MS: u64 = 1_000;

/// Plays a scenario to its end.
#[must_use]
pub fn play(scenario: &Scenario) -> Report {
    let mut play = Play::begin(scenario);
    let before = play.world.reports();
    let mut expectations = scenario.expectations.iter().peekable();
    let mut checked: Vec<Checked> = Vec::new();
    for event in &scenario.events {
        // What is expected at the time of an event is expected before it.
        while let Some(next) = expectations.next_if(|e| e.at_ms.is_some_and(|at| at < event.at_ms))
        {
            play.advance(next.at_ms.unwrap_or(0));
            checked.extend(expect::check(
                next,
                &play.world,
                &play.happened,
                play.now_ms,
            ));
        }
        play.advance(event.at_ms);
        play.befall(&event.action);
    }
    for next in expectations {
        play.advance(next.at_ms.unwrap_or(scenario.until_ms));
        checked.extend(expect::check(
            next,
            &play.world,
            &play.happened,
            play.now_ms,
        ));
    }
    play.advance(scenario.until_ms);
    play.end(before, checked)
}

struct Play<'s> {
    scenario: &'s Scenario,
    world: World,
    now_ms: u64,
    happened: Vec<Happened>,
    silent: BTreeSet<ObserverId>,
    /// What cannot be reached: gateways and sessions.
    lost: BTreeSet<Subject>,
    /// Regions that are lost, with the observers in them.
    dark: BTreeSet<Region>,
    /// When a negative vote was last cast.
    cast_ms: BTreeMap<(ObserverId, Subject), u64>,
}

impl<'s> Play<'s> {
    /// Registers everything, lets every observer reach everything once, and plans.
    fn begin(scenario: &'s Scenario) -> Self {
        let mut world = World::new(&scenario.members, &scenario.services);
        world.decide(Command::Bootstrap {
            incarnation: scenario.incarnation,
        });
        if scenario.incarnation > 0 {
            world.decide(Command::RaiseLevel {
                level: FEATURE_LEVEL,
            });
        }
        for policy in &scenario.policies {
            world.decide(Command::PutPolicy(policy.clone()));
        }
        for member in &scenario.members {
            world.decide(Command::PutMember(member.spec.clone()));
        }
        for member in &scenario.members {
            world.hear(&member.spec.name);
        }
        let mut play = Self {
            scenario,
            world,
            now_ms: 0,
            happened: Vec::new(),
            silent: BTreeSet::new(),
            lost: BTreeSet::new(),
            dark: BTreeSet::new(),
            cast_ms: BTreeMap::new(),
        };
        let everything = play.leaves(|_| true);
        play.look(&everything);
        play.world.plan();
        play.note();
        play
    }

    /// Cluster time passes: negative votes are renewed, verdicts are drawn, and what follows is planned.
    fn advance(&mut self, to_ms: u64) {
        while self.now_ms < to_ms {
            let step = STEP_MS.min(to_ms - self.now_ms);
            self.now_ms += step;
            let elapsed_ms = u32::try_from(step).unwrap_or(1_000);
            self.world.decide(Command::Tick { elapsed_ms });
            self.renew();
            self.settle();
        }
    }

    fn befall(&mut self, action: &Action) {
        self.event(describe(action));
        match action {
            Action::Lose(subject) => {
                if let Subject::Region { region } = subject {
                    self.dark.insert(region.clone());
                    self.silence_replicas(region);
                }
                let leaves = self.leaves_of(subject);
                self.lost.extend(leaves.iter().cloned());
                self.look(&leaves);
            }
            Action::Restore(subject) => {
                if let Subject::Region { region } = subject {
                    self.dark.remove(region);
                }
                let leaves = self.leaves_of(subject);
                self.lost.retain(|subject| !leaves.contains(subject));
                // Observers that come back with their region look at everything.
                let seen = match subject {
                    Subject::Region { .. } => self.leaves(|_| true),
                    _ => leaves,
                };
                self.look(&seen);
            }
            Action::Votes(votes) => {
                let votes = votes.iter().filter_map(|(observer, subject, ballot)| {
                    self.vote(observer, subject, *ballot)
                });
                let votes: Vec<Vote> = votes.collect();
                self.cast(&votes);
            }
            Action::Silence(observers) => self.silent.extend(observers.iter().cloned()),
            Action::Ready(service, member, zone, ready) => {
                self.world.set_ready(service, member, zone.clone(), *ready);
            }
            Action::Ejected(service, member, networks) => {
                self.world.set_ejected(service, member, networks.clone());
            }
            Action::Policy(policy) => {
                self.world
                    .decide(Command::PutPolicy(policy.as_ref().clone()));
            }
            Action::RemovePolicy(key) => {
                self.world.decide(Command::RemovePolicy(key.clone()));
            }
            Action::RemoveMember(name) => {
                self.world.decide(Command::RemoveMember(name.clone()));
            }
            Action::Report(member, uid) => self.world.place(member, Some(uid)),
            Action::Bootstrap(incarnation) => {
                self.world.decide(Command::Bootstrap {
                    incarnation: *incarnation,
                });
            }
            Action::Propose(service, fault) => self.world.propose(service, *fault),
            Action::Shift(shift) => {
                self.world.decide(Command::PutShift(shift.as_ref().clone()));
            }
            Action::EndShift(shift, by) => {
                self.world.decide(Command::EndShift {
                    shift: shift.clone(),
                    by: by.clone(),
                    reason: REASON.to_owned(),
                });
            }
            Action::Approve(what, by) => {
                let seen = self.world.state.generation_of(what);
                self.world.decide(Command::Approve {
                    seen,
                    what: what.clone(),
                    by: by.clone(),
                    reason: REASON.to_owned(),
                });
            }
            Action::ReleaseBrake(by) => {
                let brake = self.world.state.brain.brake.as_ref();
                let seen = brake.map_or_else(Default::default, |brake| brake.generation);
                self.world.decide(Command::ReleaseBrake {
                    seen,
                    by: by.clone(),
                    reason: REASON.to_owned(),
                });
            }
        }
        self.note();
        self.world.plan();
        self.settle();
    }

    /// Everybody who can votes on what they reach.
    fn look(&mut self, subjects: &BTreeSet<Subject>) {
        let mut votes = Vec::new();
        for observer in &self.scenario.observers {
            if self.is_out(observer) {
                continue;
            }
            for subject in subjects {
                let ballot = if self.lost.contains(subject) {
                    Ballot::Unreachable
                } else {
                    Ballot::Reachable
                };
                votes.extend(self.vote(&observer.id, subject, ballot));
            }
        }
        self.cast(&votes);
    }

    /// Whether an observer says nothing: it is silent, or lost with where it stands.
    fn is_out(&self, observer: &Observer) -> bool {
        let dark = self.dark.iter().any(|region| stands_in(observer, region));
        let gone = match &observer.id {
            ObserverId::Agent(member) => self.lost.contains(&Subject::Session {
                member: member.clone(),
            }),
            ObserverId::Replica(_) => false,
        };
        dark || gone || self.silent.contains(&observer.id)
    }

    /// A vote, unless it would be an agent's on its own member, which says nothing of how others reach it.
    fn vote(&self, id: &ObserverId, subject: &Subject, ballot: Ballot) -> Option<Vote> {
        let observer = self.scenario.observers.iter().find(|o| o.id == *id)?;
        let own = match (id, subject) {
            (
                ObserverId::Agent(own),
                Subject::Gateway { member, .. } | Subject::Session { member },
            ) => own == member,
            _ => false,
        };
        let evidence = match ballot {
            Ballot::Reachable => "it answers",
            Ballot::Unreachable => "it does not answer",
            Ballot::Abstain => "cannot tell",
        };
        (!own).then(|| Vote {
            observer: id.clone(),
            domain: observer.domain.clone(),
            subject: subject.clone(),
            ballot,
            evidence: evidence.to_owned(),
        })
    }

    fn cast(&mut self, votes: &[Vote]) {
        for vote in votes {
            let key = (vote.observer.clone(), vote.subject.clone());
            if vote.ballot == Ballot::Unreachable {
                self.cast_ms.insert(key, self.now_ms);
            } else {
                self.cast_ms.remove(&key);
            }
        }
        for batch in votes.chunks(512) {
            self.world.decide(Command::CastVotes(batch.to_vec()));
        }
    }

    /// Negative votes are renewed in time by those who can still speak.
    fn renew(&mut self) {
        let after_ms = renew_after_ms(&self.world.state.detection());
        let out: BTreeSet<&ObserverId> = self
            .scenario
            .observers
            .iter()
            .filter(|observer| self.is_out(observer))
            .map(|observer| &observer.id)
            .collect();
        let due = self.cast_ms.iter().filter(|((observer, _), at)| {
            !out.contains(observer) && self.now_ms.saturating_sub(**at) >= after_ms
        });
        let votes = due.filter_map(|((observer, subject), _)| {
            self.vote(observer, subject, Ballot::Unreachable)
        });
        let votes: Vec<Vote> = votes.collect();
        self.cast(&votes);
    }

    /// The leader notices that it hears nothing of the replicas in a region.
    fn silence_replicas(&mut self, region: &Region) {
        for observer in &self.scenario.observers {
            if let (ObserverId::Replica(replica), true) =
                (&observer.id, stands_in(observer, region))
            {
                self.world.decide(Command::Silence { replica: *replica });
            }
        }
    }

    /// Gateways and sessions that fall with a subject.
    fn leaves_of(&self, subject: &Subject) -> BTreeSet<Subject> {
        match subject {
            Subject::Region { region } => {
                let members = self.scenario.members.iter();
                let here: BTreeSet<_> = members
                    .filter(|member| member.region.as_ref() == Some(region))
                    .map(|member| member.spec.name.clone())
                    .collect();
                self.leaves(|member| here.contains(member))
            }
            Subject::Member { member } => self.leaves(|name| name == member),
            leaf => BTreeSet::from([leaf.clone()]),
        }
    }

    /// Gateways and sessions of members.
    fn leaves(&self, of: impl Fn(&causeway_api::MemberName) -> bool) -> BTreeSet<Subject> {
        let members = self.scenario.members.iter().filter(|m| of(&m.spec.name));
        let leaves = members.flat_map(|member| {
            let name = &member.spec.name;
            let gateways = member.gateways.iter().map(|gateway| Subject::Gateway {
                member: name.clone(),
                gateway: gateway.clone(),
            });
            gateways.chain([Subject::Session {
                member: name.clone(),
            }])
        });
        leaves.collect()
    }

    /// Plans anew where anything changed, and writes down what happened.
    fn settle(&mut self) {
        if self.note() {
            self.world.plan();
            self.note();
        }
    }

    /// Writes down what came of commands; says whether a verdict changed.
    fn note(&mut self) -> bool {
        let mut moved = false;
        for news in self.world.news() {
            moved |= matches!(news, News::Verdict(..) | News::Changed);
            let (kind, what, refusal, verdict) = match news {
                News::Verdict(subject, from, to) => {
                    let what = format!("{subject}: {from} → {to}");
                    (Kind::Verdict, what, None, Some((subject, from, to)))
                }
                News::Planned(service) => {
                    (Kind::Plan, format!("{service} has a new plan"), None, None)
                }
                News::Refused(refusal) => (
                    Kind::Refused,
                    refusal.to_string(),
                    Some(kind_of(&refusal)),
                    None,
                ),
                News::Waits(service, waits) => {
                    (Kind::Waits, format!("{service}: {waits}"), None, None)
                }
                News::Changed => continue,
            };
            self.happened.push(Happened {
                at_ms: self.now_ms,
                kind,
                what,
                refusal,
                verdict,
            });
        }
        moved
    }

    fn event(&mut self, what: String) {
        self.happened.push(Happened {
            at_ms: self.now_ms,
            kind: Kind::Event,
            what,
            refusal: None,
            verdict: None,
        });
    }

    fn end(
        self,
        before: Vec<causeway_failover::explain::PlanReport>,
        expectations: Vec<Checked>,
    ) -> Report {
        let findings = self.world.committed().flat_map(|(inputs, plan)| {
            let found = check(inputs, plan);
            found
                .into_iter()
                .map(|found| format!("{}: {found}", plan.service))
        });
        let findings: Vec<String> = findings.collect();
        let standings = self.world.state.verdicts.iter();
        let verdicts = standings.map(|(subject, standing)| (subject.clone(), standing.state));
        Report {
            name: self.scenario.name.clone(),
            ok: findings.is_empty() && expectations.iter().all(|checked| checked.met),
            ended_ms: self.now_ms,
            verdicts: verdicts
                .filter(|(_, state)| *state != VerdictState::Serving)
                .collect(),
            after: self.world.reports(),
            timeline: self.happened,
            before,
            findings,
            expectations,
        }
    }
}

/// Whether an observer is lost with a region: where it is said to be, else the one that its failure domain is called by.
fn stands_in(observer: &Observer, region: &Region) -> bool {
    match &observer.region {
        Some(own) => own == region,
        None => observer.domain.as_str() == region.as_str(),
    }
}

/// The name of a refusal's kind; for a plan that the checker refuses, also the first check that did; for one whose inputs are not
/// so, also the field.
fn kind_of(refusal: &Refusal) -> String {
    if let Refusal::PlanCheck { check, .. } = refusal {
        return format!("PlanCheck/{check}");
    }
    if let Refusal::InputContradicted { contradiction, .. } = refusal {
        return format!("InputContradicted/{}", contradiction.field);
    }
    if let Refusal::Safety(refusal) = refusal {
        return format!("Safety/{}", refusal.rule());
    }
    match serde_json::to_value(refusal) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn describe(action: &Action) -> String {
    let names = |ids: &[ObserverId]| {
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    match action {
        Action::Lose(subject) => format!("{subject} cannot be reached from outside"),
        Action::Restore(subject) => format!("{subject} can be reached again"),
        Action::Votes(votes) => {
            let votes = votes
                .iter()
                .map(|(who, what, ballot)| format!("{who} votes {ballot:?} on {what}"));
            votes.collect::<Vec<_>>().join(", ")
        }
        Action::Silence(observers) => format!("{} fall silent", names(observers)),
        Action::Ready(service, member, zone, ready) => {
            let zone = zone.as_ref().map_or("-", |zone| zone.as_str());
            format!("{service} has {ready} ready endpoints in {member}/{zone}")
        }
        Action::Ejected(service, member, networks) if networks.is_empty() => {
            format!("callers in {member} eject nothing of {service} any more")
        }
        Action::Ejected(service, member, networks) => {
            let names: Vec<&str> = networks.iter().map(NetworkName::as_str).collect();
            format!(
                "callers in {member} eject {} for {service}",
                names.join(", ")
            )
        }
        Action::Policy(policy) => format!("policy {} is set", policy.key),
        Action::RemovePolicy(key) => format!("policy {key} is removed"),
        Action::RemoveMember(member) => format!("member {member} is removed"),
        Action::Report(member, uid) => format!("an agent of cluster {uid} reports as {member}"),
        Action::Bootstrap(incarnation) => format!("bootstrapped again, incarnation {incarnation}"),
        Action::Propose(service, fault) => {
            format!("the leader proposes a plan of {service} with the fault {fault:?}")
        }
        Action::Shift(shift) => format!(
            "{} asks by TrafficShift {} to {}",
            shift.requested_by, shift.key, shift.action
        ),
        Action::EndShift(shift, by) => format!("{by} ends TrafficShift {shift}"),
        Action::Approve(what, by) => format!("{by} approves {what}"),
        Action::ReleaseBrake(by) => format!("{by} releases the brake"),
    }
}
