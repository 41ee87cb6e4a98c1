//! Judges what the failover brain decides: each plan that is committed, and each move of a verdict.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use causeway_api::Generation;
use causeway_api::ids::NetworkName;
use causeway_api::plan::Rate;
use causeway_api::rules::TrafficLimit;
use causeway_state::{CommittedPlan, Effect, Outcome, State};

use causeway_memory::MemoryMember;

use super::policies::{self, Declared, EACH};
use crate::dice::Dice;
use crate::history::History;
use crate::invariant::{
    Gateways, HoldDown, OneMove, Velocity, carries, declared, honest_time, plans_checked,
    recomputed, shifts_kept,
};
use crate::plant::Plant;
use crate::watch::Told;

/// What people mean, by which decisions are judged: whatever of it replicas have read.
pub struct Meant {
    hold_down_ms: u64,
    gateways: BTreeMap<NetworkName, Rate>,
    /// What policies without any rule were declared to limit.
    lost_limit: Option<TrafficLimit>,
}

impl Meant {
    /// By the people of a seed.
    #[must_use]
    pub fn of(dice: &Dice, plant: Option<Plant>) -> Self {
        let declared = Declared::of(dice);
        let limit = TrafficLimit {
            percent: 10,
            window_ms: 30_000,
        };
        Self {
            hold_down_ms: declared.hold_down_ms(),
            gateways: declared.gateways().collect(),
            lost_limit: (plant == Some(Plant::LimitLost)).then_some(limit),
        }
    }
}

/// What was seen of decisions, in their order.
struct Judges {
    newest: Generation,
    hold_down: HoldDown,
    one_move: OneMove,
    velocity: Velocity,
    gateways: Gateways,
}

/// Judges each decision once, whichever replica applies it first. `host`: where people declare what they mean, once there is
/// such a cluster.
#[must_use]
pub fn watch(history: &History, meant: Meant, host: &Arc<OnceLock<MemoryMember>>) -> Told {
    let (history, host) = (history.clone(), Arc::clone(host));
    let judges = Mutex::new(Judges {
        newest: Generation::default(),
        hold_down: HoldDown::new(meant.hold_down_ms),
        one_move: OneMove::new(meant.hold_down_ms),
        velocity: Velocity::new(meant.lost_limit),
        gateways: Gateways::new(meant.gateways),
    });
    Arc::new(move |log, decision| {
        let mut judges = judges.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = log.read(|state| match &decision.outcome {
            Outcome::Accepted { generation, effect } => judges.see(state, *generation, effect),
            _ => Vec::new(),
        });
        if let (Outcome::Accepted { .. }, Some(host)) = (&decision.outcome, host.get()) {
            let command = &decision.request.command;
            let judged =
                declared::judge(command, |object| policies::standing(host).contains(object));
            found.extend(judged.err().map(|message| ("declared", message)));
        }
        let time = log.read(|state| state.cluster_time);
        let honest = honest_time::judge(time, history.now());
        found.extend(honest.err().map(|message| ("honest_time", message)));
        for (invariant, message) in found {
            history.violated(invariant, message);
        }
    })
}

impl Judges {
    fn see(
        &mut self,
        state: &State,
        at: Generation,
        effect: &Effect,
    ) -> Vec<(&'static str, String)> {
        if at <= self.newest {
            return Vec::new();
        }
        // The state may contain later decisions already: rows that those changed are judged when they come.
        let plans: Vec<&CommittedPlan> = effect
            .planned
            .iter()
            .filter_map(|service| state.plans.get(service))
            .filter(|row| row.generation == at || state.last_applied == at)
            .filter_map(|row| row.value.as_ref())
            .collect();
        let mut found = Vec::new();
        let mut note = |name: &'static str, judged: Result<(), String>| {
            found.extend(judged.err().map(|message| (name, message)));
        };
        for plan in &plans {
            note("plans_checked", plans_checked::judge(plan));
            note("recomputed", recomputed::judge(plan));
            note("carries", carries::judge(plan, Rate::from_rps(EACH)));
        }
        if state.last_applied != at {
            // Another replica may see it alone; else what follows from decisions in a row begins anew.
            self.velocity.forget();
            self.gateways.forget();
            return found;
        }
        self.newest = at;
        note("hold_down", self.hold_down.see(state, at, &effect.verdicts));
        self.one_move.lose(state, &effect.verdicts);
        for plan in &plans {
            note("one_move", self.one_move.see(state, plan));
            note("shifts_kept", shifts_kept::judge(state, plan));
        }
        if effect.policies {
            self.velocity.forget();
        }
        note("velocity", self.velocity.see(state, &plans));
        note("gateways", self.gateways.see(state, &plans));
        found
    }
}
