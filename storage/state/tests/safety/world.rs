//! A service that hz calls and others serve, and people who move it.

use causeway_api::plan::{PlanInputs, Rate, Source, SourceInput};
use causeway_api::rules::{FailbackMode, FailoverMode, TrafficLimit};
use causeway_api::shift::{Shift, ShiftAction, ShiftKey, Urgency};
use causeway_api::spec::{MemberSpec, PolicySpec};
use causeway_api::verdict::Ballot;
use causeway_api::{Generation, ServiceKey, plan::DestinationInput};
use causeway_failover::safety::{Rule, SafetyRefusal};
use causeway_state::brain::{Approvable, Ramp};
use causeway_state::{Command, Effect, Outcome, PlanProposal, Refusal};

use crate::support::{Machine, place_in, root_policy};

pub(crate) const MEMBERS: [&str; 3] = ["hz", "sh", "sg"];

pub(crate) struct World {
    pub(crate) machine: Machine,
    /// Ready endpoints of sh and sg, of 4 each.
    pub(crate) ready: [u32; 2],
    pub(crate) demand_rps: u64,
    /// Ready endpoints of s2, which stands beside sh in its region, where there is one.
    pub(crate) beside: Option<u32>,
}

pub(crate) fn cart() -> ServiceKey {
    "shop/cart".parse().unwrap()
}

pub(crate) fn key(name: &str) -> ShiftKey {
    format!("causeway-system/{name}").parse().unwrap()
}

/// In the root namespace, for all services, for an hour.
pub(crate) fn shift(name: &str, action: ShiftAction) -> Shift {
    Shift {
        urgency: Urgency::Emergency,
        requested_by: "ann".to_owned(),
        ..Shift::new(key(name), action, 3_600_000, "a test")
    }
}

pub(crate) fn evacuate(domain: &str) -> Shift {
    let name = domain.replace('/', "-");
    shift(&name, ShiftAction::Evacuate(domain.parse().unwrap()))
}

pub(crate) fn overriding(mut shift: Shift, rule: Rule) -> Shift {
    shift.override_rules.insert(rule.name().to_owned());
    shift
}

impl World {
    /// hz calls; sh and sg serve, with room for 320/s each; 200/s are asked for.
    pub(crate) fn new(rules: impl FnOnce(&mut PolicySpec)) -> Self {
        let mut machine = Machine::raised(&MEMBERS);
        let mut policy = root_policy();
        rules(&mut policy);
        if policy != root_policy() {
            machine.accept(Command::PutPolicy(policy));
        }
        let mut world = Self {
            machine,
            ready: [4, 4],
            demand_rps: 200,
            beside: None,
        };
        assert!(world.plan().refused.is_empty());
        world
    }

    /// The same, where s2 serves beside sh in its region, and sh has as much as the two others together.
    pub(crate) fn wider(rules: impl FnOnce(&mut PolicySpec)) -> Self {
        let mut world = Self::new(rules);
        let spec = MemberSpec::minimal("s2".parse().unwrap());
        world.machine.accept(Command::PutMember(spec));
        world.machine.accept(place_in("s2", "sh", &["eastwest"]));
        world.beside = Some(4);
        world.ready = [8, 4];
        assert!(world.plan().refused.is_empty());
        world
    }

    /// What the root policy says besides, from now on.
    pub(crate) fn policy(&mut self, rules: impl FnOnce(&mut PolicySpec)) {
        let mut policy = root_policy();
        rules(&mut policy);
        self.machine.accept(Command::PutPolicy(policy));
    }

    pub(crate) fn mode(mode: FailoverMode) -> Self {
        Self::new(|policy| policy.rules.mode = Some(mode))
    }

    pub(crate) fn limited(percent: u8, window_ms: u64) -> Self {
        Self::new(|policy| {
            policy.rules.limits.max_traffic_moved = Some(TrafficLimit { percent, window_ms });
        })
    }

    pub(crate) fn failing_back(mode: FailbackMode, steps: &[u8]) -> Self {
        Self::new(|policy| {
            policy.rules.failback.mode = Some(mode);
            policy.rules.failback.step_percents = steps.to_vec();
            policy.rules.failback.interval_ms = Some(20_000);
        })
    }

    /// What a leader would compute.
    pub(crate) fn inputs(&self) -> PlanInputs {
        let state = &self.machine.state;
        let mut members = MEMBERS.to_vec();
        members.extend(self.beside.map(|_| "s2"));
        let mut inputs = self.machine.inputs(&members);
        inputs.policy = state.policy(&cart()).policy;
        inputs.sources.retain(|source: &SourceInput| {
            source.source
                == Source {
                    member: "hz".parse().unwrap(),
                    zone: None,
                }
        });
        inputs.sources[0].demand = Some(Rate::from_rps(self.demand_rps));
        inputs
            .destinations
            .retain(|zone: &DestinationInput| zone.member.as_str() != "hz");
        let ready = self.ready.into_iter().chain(self.beside);
        for (zone, ready) in inputs.destinations.iter_mut().zip(ready) {
            zone.ready = ready;
            zone.capacity = Some(Rate::from_rps(u64::from(ready) * 100));
            state.settle_standing(&cart(), zone);
        }
        inputs
    }

    pub(crate) fn proposal(&self) -> PlanProposal {
        let inputs = self.inputs();
        PlanProposal {
            service: cart(),
            plan: Some((inputs.clone(), causeway_failover::plan::plan(&inputs))),
            previous: None,
        }
    }

    pub(crate) fn propose(&mut self, proposal: PlanProposal) -> Effect {
        match self.machine.apply(Command::CommitPlans(vec![proposal])) {
            Outcome::Accepted { effect, .. } => effect,
            Outcome::Unchanged => Effect::default(),
            other => unreachable!("{other:?}"),
        }
    }

    /// A leader's round.
    pub(crate) fn plan(&mut self) -> Effect {
        let proposal = self.proposal();
        self.propose(proposal)
    }

    /// Whether a leader would propose anything.
    pub(crate) fn worth_proposing(&self) -> bool {
        let proposal = self.proposal();
        let (inputs, plan) = proposal.plan.as_ref().unwrap();
        let state = &self.machine.state;
        !state.is_committed(inputs, plan) && state.worth_proposing(&proposal)
    }

    /// A round that a safety rule refuses.
    pub(crate) fn refused(&mut self) -> SafetyRefusal {
        let effect = self.plan();
        match effect.refused.into_iter().next() {
            Some((_, Refusal::Safety(refusal))) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// What leaves hz, in percent: to sh and to sg.
    pub(crate) fn shares(&self) -> [u32; 2] {
        [self.share("sh"), self.share("sg")]
    }

    /// What leaves hz for a member, in percent.
    pub(crate) fn share(&self, member: &str) -> u32 {
        let row = self.machine.state.plan(&cart()).unwrap();
        let plan = &row.value.as_ref().unwrap().plan;
        let shares = plan.sources[0].shares.iter();
        let there = shares.filter(|share| share.destination.to_string().contains(member));
        there.map(|share| share.parts).sum::<u32>() / 100
    }

    /// What stands in the way of traffic that returns to a member.
    pub(crate) fn ramp(&self, domain: &str) -> Option<&Ramp> {
        let rows = self.machine.state.brain.ramps.get(&cart())?;
        rows.get(&domain.parse().unwrap())
    }

    /// A tick of a second, and what it brought about.
    pub(crate) fn tick(&mut self) -> Effect {
        self.machine.accept(Command::Tick { elapsed_ms: 1_000 })
    }

    pub(crate) fn put(&mut self, shift: Shift) -> Effect {
        self.machine.accept(Command::PutShift(shift))
    }

    pub(crate) fn approve(&mut self, what: Approvable, by: &str) -> Outcome {
        let seen = self.machine.state.generation_of(&what);
        self.approve_seen(what, seen, by)
    }

    pub(crate) fn approve_seen(
        &mut self,
        what: Approvable,
        seen: Option<Generation>,
        by: &str,
    ) -> Outcome {
        self.machine.apply(Command::Approve {
            what,
            seen,
            by: by.to_owned(),
            reason: "looked".to_owned(),
        })
    }

    pub(crate) fn end(&mut self, name: &str) -> Effect {
        self.machine.accept(Command::EndShift {
            shift: key(name),
            by: "ann".to_owned(),
            reason: "done".to_owned(),
        })
    }

    pub(crate) fn tick_s(&mut self, seconds: u64) {
        self.machine.tick_ms(seconds * 1_000);
    }

    /// Reached again; the hold-down of ten seconds begins.
    pub(crate) fn recover(&mut self, member: &str) {
        self.machine
            .vote(&format!("gateway/{member}/eastwest"), Ballot::Reachable);
        self.machine
            .vote(&format!("session/{member}"), Ballot::Reachable);
    }
}
