//! What goes wrong with a clusterset, and when.

use std::sync::Arc;
use std::time::Duration;

use causeway_faults::Survival;
use causeway_seam::Random as _;

use super::cuts::Cut;
use super::probe::gateway_host;
use super::witness::Witness;
use super::world::{MEMBERS, World, agent_place, region_of};
use crate::clients::{Ground as _, host};
use crate::dice::Dice;
use crate::executor::{self, Job};

/// The longest that a late write may be on its way.
const LATE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ReplicaDies(Option<Survival>),
    ReplicaFreezes,
    ReplicaSluggish,
    /// All replicas lose their power at once.
    Blackout(Survival),
    Ways(Cut),
    ClockJumps,
    AgentDies(Option<Survival>),
    AgentFreezes,
    /// A second agent starts before the first one is killed.
    AgentRolls,
    GatewayLost,
    MemberLost,
    /// A member and the replicas of its region.
    RegionLost,
    HostDark,
    ApiDark,
    ApiRefuses,
    ApiSlow,
    ApiFails,
    WatchesDrop,
    HistoryForgotten,
}

impl Fault {
    /// Whether it is a replica's.
    fn is_replica_s(self) -> bool {
        use Fault::{Blackout, ReplicaDies, ReplicaFreezes, ReplicaSluggish, Ways};
        matches!(
            self,
            ReplicaDies(_) | ReplicaFreezes | ReplicaSluggish | Blackout(_) | Ways(_)
        )
    }
}

/// Draws faults.
#[derive(Clone)]
pub struct Faults {
    world: Arc<World>,
    witness: Arc<Witness>,
    dice: Arc<Dice>,
    /// How many of a hundred last long.
    long_percent: u64,
}

impl Faults {
    /// None yet.
    #[must_use]
    pub fn new(world: &Arc<World>, witness: &Arc<Witness>, dice: Dice, long_percent: u64) -> Self {
        Self {
            long_percent,
            world: Arc::clone(world),
            witness: Arc::clone(witness),
            dice: Arc::new(dice),
        }
    }

    /// Makes trouble for `duration`, and returns once all of it is over.
    pub async fn rage(&self, duration: Duration) {
        let until = tokio::time::Instant::now() + duration;
        let mut under_way: Vec<Job<()>> = Vec::new();
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(self.dice.millis(500, 10_000)).await;
            let faults = self.clone();
            under_way.push(executor::spawn(async move { faults.episode().await }));
        }
        for episode in under_way {
            let _ = episode.await;
        }
    }

    fn survival(&self) -> Survival {
        let all = self.dice.pick(&Survival::ALL).copied();
        all.unwrap_or(Survival::Nothing)
    }

    fn death(&self) -> Option<Survival> {
        match self.dice.percent(50) {
            true => None,
            false => Some(self.survival()),
        }
    }

    fn fault(&self) -> Fault {
        match self.dice.between(0, 99) {
            0..13 => Fault::ReplicaDies(self.death()),
            13..18 => Fault::ReplicaFreezes,
            18..21 => Fault::ReplicaSluggish,
            21..23 => Fault::Blackout(self.survival()),
            23..45 => Fault::Ways(Cut::draw(&self.dice)),
            45..48 => Fault::ClockJumps,
            48..56 => Fault::AgentDies(self.death()),
            56..62 => Fault::AgentFreezes,
            62..67 => Fault::AgentRolls,
            67..74 => Fault::GatewayLost,
            74..79 => Fault::MemberLost,
            79..84 => Fault::RegionLost,
            84..86 => Fault::HostDark,
            86..89 => Fault::ApiDark,
            89..92 => Fault::ApiRefuses,
            92..95 => Fault::ApiSlow,
            95..97 => Fault::ApiFails,
            97..99 => Fault::WatchesDrop,
            _ => Fault::HistoryForgotten,
        }
    }

    /// Whom it hits: often the one that leads.
    fn victim(&self) -> u64 {
        let leader = self.world.leader().filter(|_| self.dice.percent(40));
        leader
            .or_else(|| self.dice.pick(&self.world.ids()).copied())
            .unwrap_or(1)
    }

    async fn episode(&self) {
        let fault = self.fault();
        let at = usize::try_from(self.dice.below(3)).unwrap_or_default();
        let Some(name) = MEMBERS.get(at) else { return };
        let id = self.victim();
        // Now and then as long as a Lease lasts, or a hold.
        let lasts = match self.dice.percent(self.long_percent) {
            true => self.dice.millis(10_000, 40_000),
            false => self.dice.millis(200, 8_000),
        };
        let who = match fault.is_replica_s() {
            true => host(id),
            false => format!("host-{name}"),
        };
        let note = |what: &str| {
            self.world
                .history
                .note(&who, format_args!("* {fault:?} {what}"));
        };
        note("begins");
        match fault.is_replica_s() {
            true => self.of_replica(fault, id, lasts).await,
            false => self.of_member(fault, at, name, lasts).await,
        }
        note("ends");
    }

    async fn of_replica(&self, fault: Fault, id: u64, lasts: Duration) {
        let world = &self.world;
        let place = host(id);
        let wait = || tokio::time::sleep(lasts);
        match fault {
            Fault::ReplicaDies(power) => {
                if power.is_some() {
                    // Nobody hears that it is gone.
                    world.wires.darken(&place);
                }
                world.end(&place, power);
                wait().await;
                world.wires.lighten(&place);
                world.start_and_tell(id).await;
            }
            Fault::Blackout(survival) => {
                let ids = world.ids();
                for id in &ids {
                    world.end(&host(*id), Some(survival));
                }
                wait().await;
                let starting: Vec<Job<()>> = ids
                    .into_iter()
                    .map(|id| {
                        let world = Arc::clone(world);
                        executor::spawn(async move { world.start_and_tell(id).await })
                    })
                    .collect();
                for started in starting {
                    let _ = started.await;
                }
            }
            Fault::ReplicaFreezes => {
                let process = world.places.process(&place);
                process.iter().for_each(|process| process.freeze());
                wait().await;
                process.iter().for_each(|process| process.thaw());
            }
            Fault::ReplicaSluggish => {
                let process = world.places.process(&place);
                let longest = self.dice.millis(20, 1_500);
                process.iter().for_each(|process| process.set_disk(longest));
                wait().await;
                let usual = crate::process::Quirks::default().disk;
                process.iter().for_each(|process| process.set_disk(usual));
            }
            Fault::Ways(cut) => cut.run(world, &self.dice, id, lasts).await,
            _ => {}
        }
    }

    async fn of_member(&self, fault: Fault, at: usize, name: &'static str, lasts: Duration) {
        let (world, wires) = (&self.world, &self.world.wires);
        let Some(member) = world.members.get(at) else {
            return;
        };
        let agent = agent_place(name, 1);
        let gateway = gateway_host(name);
        let wait = || tokio::time::sleep(lasts);
        let excuse = || self.witness.excuse(name, world.history.now() + LATE);
        match fault {
            Fault::ClockJumps => {
                let processes = world.places.processes();
                let jump = i64::try_from(self.dice.between(0, 7_200_000)).unwrap_or(0) - 3_600_000;
                if let Some(process) = self.dice.pick(&processes) {
                    process.set_wall(jump);
                }
            }
            Fault::AgentDies(power) => {
                world.end(&agent, power);
                wait().await;
                world.start_agent(name, 1);
            }
            Fault::AgentFreezes => {
                let process = world.places.process(&agent);
                process.iter().for_each(|process| process.freeze());
                wait().await;
                excuse();
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
            Fault::RegionLost => {
                let mut ids = world.ids();
                ids.retain(|id| region_of(*id) == name);
                world.lose(name);
                ids.iter().for_each(|id| wires.darken(&host(*id)));
                let power = self.death();
                if power.is_some() {
                    ids.iter().for_each(|id| world.end(&host(*id), power));
                }
                wait().await;
                excuse();
                world.regain(name);
                for id in ids {
                    wires.lighten(&host(id));
                    world.start_and_tell(id).await;
                }
            }
            Fault::HostDark => {
                world.host.cluster.go_dark();
                wait().await;
                world.host.cluster.come_back();
            }
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
            _ => {}
        }
    }
}
