//! What people and autoscalers do meanwhile: services grow and shrink, exports, policies and evacuations come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use causeway_seam::Random as _;

use super::members::Member;
use super::policies;
use super::witness::Witness;
use super::world::World;
use crate::dice::Dice;

/// Who works.
pub struct Work {
    world: Arc<World>,
    witness: Arc<Witness>,
    dice: Dice,
    /// Whether policies may forbid regions.
    residency: bool,
    /// How many evacuations there were.
    shifts: AtomicU64,
}

impl Work {
    /// Nothing was done yet.
    #[must_use]
    pub fn new(world: &Arc<World>, witness: &Arc<Witness>, dice: Dice, residency: bool) -> Self {
        Self {
            world: Arc::clone(world),
            witness: Arc::clone(witness),
            dice,
            residency,
            shifts: AtomicU64::new(0),
        }
    }

    /// Works for as long as it is let.
    pub async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.dice.millis(200, 8_000)).await;
            let at = usize::try_from(self.dice.below(3)).unwrap_or_default();
            let services = self.world.services;
            if let (Some(member), Some(service)) = (
                self.world.members.get(at),
                self.dice.pick(services).copied(),
            ) {
                self.act(member, service).await;
            }
        }
    }

    /// Takes back all that people decided; services are as at the beginning.
    pub fn undo(&self) {
        self.caused();
        policies::take_back(&self.world, self.shifts.load(Ordering::Relaxed));
        for member in self.world.members.iter() {
            for service in self.world.services {
                member.scale(service, 3);
                member.export(service, true);
            }
        }
    }

    fn caused(&self) {
        for service in self.world.services {
            self.witness.caused(service);
        }
    }

    async fn act(&self, member: &Member, service: &'static str) {
        let (dice, history) = (&self.dice, &self.world.history);
        let who = format!("member-{}", member.name);
        self.witness.caused(service);
        match dice.between(0, 11) {
            0..8 => {
                let ready = u32::try_from(dice.between(0, 9)).unwrap_or(1);
                history.note(&who, format_args!("{service} has {ready} endpoints"));
                member.scale(service, ready);
            }
            8 | 9 => {
                self.caused();
                let (kind, policy) = policies::draw(dice, self.residency, self.world.plant());
                let put = self.world.host.cluster.put(policy).map(drop);
                history.note("people", format_args!("put a policy, {kind}: {put:?}"));
            }
            10 => {
                self.caused();
                let number = self.shifts.fetch_add(1, Ordering::Relaxed) + 1;
                let shift = policies::evacuation(number, &member.name, self.world.plant());
                let put = self.world.host.cluster.put(shift).map(drop);
                history.note("people", format_args!("evacuate {}: {put:?}", member.name));
                tokio::time::sleep(dice.millis(2_000, 20_000)).await;
                self.caused();
                history.note("people", format_args!("end it for {}", member.name));
                policies::end(&self.world, number);
            }
            _ => {
                let exported = !member.exports(service);
                history.note(&who, format_args!("{service} is exported: {exported}"));
                member.export(service, exported);
                // Whoever changes their mind takes longer than a machine.
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
    }
}
