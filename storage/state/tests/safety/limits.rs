//! No sequence of commands passes a limit: what an observer from outside counts never exceeds what policy allows.

use causeway_api::plan::{DestinationInput, Withdrawal};
use causeway_api::shift::{Shift, Urgency};
use causeway_api::verdict::Ballot;
use causeway_state::{Command, level, snapshot};
use proptest::prelude::*;

use super::world::{World, cart, evacuate, key};

/// What befalls the world.
#[derive(Debug, Clone)]
enum Act {
    Tick(u64),
    Vote(usize, bool),
    Ready(usize, u32),
    Demand(u64),
    Evacuate(usize, bool),
    End(usize),
    Plan,
    /// The plan of a leader that knows nothing of what was decided.
    Ignorant,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1_u64..15).prop_map(Act::Tick),
        2 => (0_usize..2, any::<bool>()).prop_map(|(at, up)| Act::Vote(at, up)),
        2 => (0_usize..2, 0_u32..5).prop_map(|(at, ready)| Act::Ready(at, ready)),
        1 => (50_u64..500).prop_map(Act::Demand),
        2 => (0_usize..2, any::<bool>()).prop_map(|(at, steps)| Act::Evacuate(at, steps)),
        1 => (0_usize..2).prop_map(Act::End),
        6 => Just(Act::Plan),
        1 => Just(Act::Ignorant),
    ]
}

const OTHERS: [&str; 2] = ["sh", "sg"];
const WINDOW_MS: u64 = 30_000;
const PERCENT: u64 = 40;

fn play(world: &mut World, act: &Act) {
    match act {
        Act::Tick(seconds) => world.tick_s(*seconds),
        Act::Vote(at, up) => {
            let ballot = if *up {
                Ballot::Reachable
            } else {
                Ballot::Unreachable
            };
            for subject in ["gateway/{}/eastwest", "session/{}"] {
                world
                    .machine
                    .vote(&subject.replace("{}", OTHERS[*at]), ballot);
            }
        }
        Act::Ready(at, ready) => world.ready[*at] = *ready,
        Act::Demand(rps) => world.demand_rps = *rps,
        Act::Evacuate(at, steps) => {
            let shift = Shift {
                urgency: if *steps {
                    Urgency::Planned
                } else {
                    Urgency::Emergency
                },
                step_percents: if *steps {
                    vec![30, 60, 100]
                } else {
                    Vec::new()
                },
                interval_ms: 5_000,
                ..evacuate(&format!("member/{}", OTHERS[*at]))
            };
            world.machine.apply(Command::PutShift(shift));
        }
        Act::End(at) => {
            world.machine.apply(Command::EndShift {
                shift: key(&format!("member-{}", OTHERS[*at])),
                by: "ann".to_owned(),
                reason: "enough".to_owned(),
            });
        }
        Act::Plan => drop(world.plan()),
        Act::Ignorant => {
            let mut proposal = world.proposal();
            if let Some((inputs, plan)) = proposal.plan.as_mut() {
                for zone in &mut inputs.destinations {
                    zone.withdrawn = None;
                    zone.admitted_percent = 100;
                }
                *plan = causeway_failover::plan::plan(inputs);
            }
            drop(world.propose(proposal));
        }
    }
}

/// So many cases; where `PROPTEST_CASES` is set, as many as it says.
fn cases(usual: u32) -> ProptestConfig {
    let said = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: if said { config.cases } else { usual },
        failure_persistence: None,
        ..config
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn no_sequence_moves_more_by_choice_than_the_window_allows(acts in prop::collection::vec(act(), 1..60)) {
        let mut world = World::limited(40, WINDOW_MS);
        // When, how much, whether something that was sent traffic could serve less.
        let mut moved: Vec<(u64, u64, bool)> = Vec::new();
        for act in &acts {
            let before = world.machine.state.plan(&cart()).unwrap().clone();
            play(&mut world, act);
            let after = world.machine.state.plan(&cart()).unwrap();
            let (Some(old), Some(new)) = (&before.value, &after.value) else { continue };
            if old.plan == new.plan {
                continue;
            }
            let now = world.machine.state.cluster_time.0;
            let source = &new.plan.sources[0];
            let demand = new.inputs.sources[0].demand.unwrap().0;
            let mut gone = 0;
            for share in &old.plan.sources[0].shares {
                let same = source.shares.iter().find(|new| new.destination == share.destination);
                let parts = share.parts.saturating_sub(same.map_or(0, |new| new.parts));
                let rate = share.rate.0.saturating_sub(same.map_or(0, |new| new.rate.0));
                gone += (u64::from(parts) * demand / 10_000).min(rate);
            }
            let out = |zone: &DestinationInput| {
                zone.withdrawn.is_some_and(|reason| reason != Withdrawal::Evacuated)
            };
            let dead = old.inputs.destinations.iter().zip(&new.inputs.destinations).any(|(old, new)| {
                new.ready < old.ready || (!out(old) && out(new))
            });
            let window: u64 = moved.iter().filter(|(at, ..)| at + WINDOW_MS > now).map(|(_, gone, _)| gone).sum();
            let total = old.inputs.sources[0].demand.unwrap().0;
            if !dead && gone > 0 {
                prop_assert!(
                    window + gone <= total * PERCENT / 100 + 1,
                    "{gone} after {window} of {total} at {now}: {act:?}"
                );
            }
            moved.push((now, gone, dead));
        }
        // Whatever it was, others who replay it hold the same.
        let bytes = snapshot::encode(&world.machine.state).unwrap();
        let read = snapshot::decode(&bytes).unwrap();
        prop_assert_eq!(read.digest(), world.machine.state.digest());
        prop_assert_eq!(world.machine.state.feature_level, level::FEATURE_LEVEL);
        prop_assert!(world.machine.state.brain.audit.len() <= 1_024);
    }

    #[test]
    fn what_is_dead_is_always_left(acts in prop::collection::vec(act(), 1..40), at in 0_usize..2) {
        let mut world = World::limited(10, WINDOW_MS);
        for act in &acts {
            play(&mut world, act);
        }
        let (dead, alive) = (OTHERS[at], OTHERS[1 - at]);
        world.machine.apply(Command::EndShift {
            shift: key(&format!("member-{alive}")),
            by: "ann".to_owned(),
            reason: "it is needed".to_owned(),
        });
        for subject in ["gateway/{}/eastwest", "session/{}"] {
            world.machine.vote(&subject.replace("{}", alive), Ballot::Reachable);
        }
        world.ready = [4, 4];
        world.tick_s(30);
        world.machine.lose(dead);
        // A leader plans again what is refused and held back, as it is told to.
        for _ in 0..4 {
            world.plan();
        }
        let shares = world.shares();
        prop_assert_eq!(shares[at], 0, "{:?} {:?}", shares, world.machine.state.brain);
    }
}
