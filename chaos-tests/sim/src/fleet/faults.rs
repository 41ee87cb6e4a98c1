//! What goes wrong with a clusterset, and when.

use std::sync::Arc;
use std::time::Duration;

use causeway_faults::Survival;

use super::probe::gateway_host;
use super::witness::Witness;
use super::world::{MEMBERS, World, agent_place, replica_place};
use crate::dice::Dice;
use crate::executor::{self, Job};

/// The longest that a late write may be on its way.
const LATE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ReplicaDies(Option<Survival>),
    ReplicaFreezes,
    AgentDies(Option<Survival>),
    AgentFreezes,
    /// A second agent starts before the first one is killed.
    AgentRolls,
    GatewayLost,
    MemberLost,
    SessionCut,
    SessionReset,
    ApiDark,
    ApiRefuses,
    ApiSlow,
    ApiFails,
    WatchesDrop,
    HistoryForgotten,
}

/// Draws faults.
#[derive(Clone)]
pub struct Faults {
    world: Arc<World>,
    witness: Arc<Witness>,
    dice: Arc<Dice>,
    replicas: u64,
}

impl Faults {
    /// None yet.
    #[must_use]
    pub fn new(world: &Arc<World>, witness: &Arc<Witness>, dice: Dice, replicas: u64) -> Self {
        Self {
            world: Arc::clone(world),
            witness: Arc::clone(witness),
            dice: Arc::new(dice),
            replicas,
        }
    }

    /// Makes trouble for `duration`, and returns once all of it is over.
    pub async fn rage(&self, duration: Duration) {
        let until = tokio::time::Instant::now() + duration;
        let mut under_way: Vec<Job<()>> = Vec::new();
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(self.dice.millis(500, 15_000)).await;
            let faults = self.clone();
            under_way.push(executor::spawn(async move { faults.episode().await }));
        }
        for episode in under_way {
            let _ = episode.await;
        }
    }

    fn survival(&self) -> Option<Survival> {
        match self.dice.percent(50) {
            true => None,
            false => self.dice.pick(&Survival::ALL).copied(),
        }
    }

    fn fault(&self) -> Fault {
        match self.dice.between(0, 99) {
            0..12 => Fault::ReplicaDies(self.survival()),
            12..17 => Fault::ReplicaFreezes,
            17..27 => Fault::AgentDies(self.survival()),
            27..34 => Fault::AgentFreezes,
            34..40 => Fault::AgentRolls,
            40..50 => Fault::GatewayLost,
            50..58 => Fault::MemberLost,
            58..66 => Fault::SessionCut,
            66..72 => Fault::SessionReset,
            72..78 => Fault::ApiDark,
            78..83 => Fault::ApiRefuses,
            83..88 => Fault::ApiSlow,
            88..92 => Fault::ApiFails,
            92..96 => Fault::WatchesDrop,
            _ => Fault::HistoryForgotten,
        }
    }

    async fn episode(&self) {
        let fault = self.fault();
        let at = usize::try_from(self.dice.between(0, 2)).unwrap_or_default();
        let Some((member, name)) = self.world.members.get(at).zip(MEMBERS.get(at)) else {
            return;
        };
        let (world, wires) = (&self.world, &self.world.wires);
        let replica_id = self.dice.between(1, self.replicas);
        let replica = replica_place(replica_id);
        let agent = agent_place(name, 1);
        let (host, gateway) = (format!("host-{name}"), gateway_host(name));
        // Now and then as long as a Lease lasts, or a hold.
        let lasts = match self.dice.percent(25) {
            true => self.dice.millis(10_000, 40_000),
            false => self.dice.millis(200, 8_000),
        };
        let who = match fault {
            Fault::ReplicaDies(_) | Fault::ReplicaFreezes => replica.as_str(),
            _ => host.as_str(),
        };
        world.history.note(who, format_args!("* {fault:?} begins"));
        let wait = || tokio::time::sleep(lasts);
        let excuse = || self.witness.excuse(name, world.history.now() + LATE);
        match fault {
            Fault::ReplicaDies(power) => {
                world.end(&replica, power);
                wait().await;
                if let Err(error) = world.start_replica(replica_id).await {
                    world
                        .history
                        .violated("restarts", format_args!("{error:#}"));
                }
            }
            Fault::AgentDies(power) => {
                world.end(&agent, power);
                wait().await;
                world.start_agent(name, 1);
            }
            Fault::ReplicaFreezes | Fault::AgentFreezes => {
                let place = if fault == Fault::ReplicaFreezes {
                    &replica
                } else {
                    &agent
                };
                let process = world.process(place);
                process.iter().for_each(|process| process.freeze());
                wait().await;
                if fault == Fault::AgentFreezes {
                    excuse();
                }
                process.iter().for_each(|process| process.thaw());
            }
            Fault::AgentRolls => {
                world.start_agent(name, 2);
                wait().await;
                world.end(&agent, None);
                wait().await;
                world.start_agent(name, 1);
                tokio::time::sleep(self.dice.millis(0, 20_000)).await;
                world.end(&agent_place(name, 2), None);
            }
            Fault::GatewayLost => {
                wires.darken(&gateway);
                wait().await;
                wires.lighten(&gateway);
            }
            Fault::MemberLost => {
                world.lose(name);
                wait().await;
                excuse();
                world.regain(name);
            }
            Fault::SessionCut => {
                let (from, to) = match self.dice.percent(50) {
                    true => (&host, &replica),
                    false => (&replica, &host),
                };
                wires.cut(from, to);
                wait().await;
                wires.mend(from, to);
            }
            Fault::SessionReset => wires.reset(&host, &replica),
            Fault::ApiDark | Fault::ApiRefuses | Fault::ApiFails => {
                match fault {
                    Fault::ApiDark => member.cluster.go_dark(),
                    Fault::ApiRefuses => member.cluster.refuse(),
                    _ => member.cluster.answer_with(503),
                }
                wait().await;
                excuse();
                member.cluster.come_back();
            }
            Fault::ApiSlow => {
                member.cluster.delay(self.dice.millis(50, 3_000));
                wait().await;
                excuse();
                member.cluster.delay(Duration::ZERO);
            }
            Fault::WatchesDrop => member.cluster.drop_watches(),
            Fault::HistoryForgotten => {
                self.witness.look(at);
                member.cluster.compact();
            }
        }
        world.history.note(who, format_args!("* {fault:?} ends"));
    }
}
