//! One run of one seed: a clusterset is begun, used and harmed, then healed and judged.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use causeway_memory::MemoryMember;

use super::brain::Meant;
use super::disaster;
use super::faults::Faults;
use super::hasty_time;
use super::mind::converged;
use super::operators::{self, operate};
use super::size::Size;
use super::witness::Witness;
use super::work::Work;
use super::world::{MEMBERS, World};
use crate::clients::{Client, Ground, Ledger, Op, Ret};
use crate::dice::Dice;
use crate::executor::{self, Job};
use crate::history::History;
use crate::invariant::{Acknowledged, linearizable};
use crate::plant::Plant;

/// The registers that clients write, before a disaster and after it: what was lost by it is not judged.
const REGISTERS: [Range<u64>; 2] = [0..3, 3..6];

/// The longest pause of a client between two questions, in milliseconds.
const PAUSE: u64 = 4_000;

/// Runs a seed to its end; what it found is in the history.
pub async fn run(seed: u64, plant: Option<Plant>, history: &History) {
    let dice = Dice::new(seed).fork("fleet");
    let host = Arc::default();
    let told = super::brain::watch(history, Meant::of(&dice, plant), &host);
    let size = Size::draw(&dice.fork("size"));
    let world = World::new(&dice, history, plant, told, size.services);
    declares(&host, &world);
    let witness = Witness::new(&world, size.residency);
    let witnesses: Vec<_> = (0..MEMBERS.len())
        .map(|at| executor::spawn(Arc::clone(&witness).follow(at)))
        .collect();
    let looking = {
        let ground: Arc<dyn Ground> = Arc::clone(&world) as Arc<dyn Ground>;
        world.watch.seen().terms.lasts(true, history.now());
        executor::spawn(world.watch.clone().look(ground))
    };
    let hastening = (plant == Some(Plant::HastyTime))
        .then(|| executor::spawn(hasty_time::run(Arc::clone(&world))));
    if begin(&world, &dice, size.replicas).await {
        history.note("world", "has converged");
        world.has_begun();
        trouble(&world, &witness, &dice, size, plant).await;
        // The last writes are judged, too.
        for (at, following) in witnesses.iter().enumerate() {
            following.abort();
            witness.look(at);
        }
    }
    hastening.iter().for_each(Job::abort);
    looking.abort();
    history.note("world", "ends");
}

/// Where people declare what they mean.
fn declares(host: &OnceLock<MemoryMember>, world: &World) {
    // There is one host cluster for each world.
    let _ = host.set(world.host.cluster.clone());
}

/// Begins a clusterset of so many replicas, and waits until all is well.
pub(super) async fn begin(world: &Arc<World>, dice: &Dice, count: u64) -> bool {
    world
        .history
        .note("world", format_args!("{count} replicas"));
    world.register();
    world.enlist();
    world.start_and_tell(1).await;
    for _ in 1..count {
        if !operators::grow(world, dice).await {
            world
                .history
                .violated("begins", "a replica has got no vote");
            return false;
        }
    }
    world.heal().await;
    converged(world, "begins").await
}

/// Uses and harms it, heals it, and judges.
async fn trouble(
    world: &Arc<World>,
    witness: &Arc<Witness>,
    dice: &Dice,
    size: Size,
    plant: Option<Plant>,
) {
    let ledgers = [Arc::new(Ledger::default()), Arc::new(Ledger::default())];
    let client = |number: u64, at: usize| Client {
        number,
        replicas: Arc::clone(world) as Arc<dyn Ground>,
        ledger: Arc::clone(ledgers.get(at).unwrap_or(&ledgers[0])),
        dice: dice.fork(&format!("client {number} {at}")),
        registers: REGISTERS.get(at).cloned().unwrap_or_default(),
        plant,
    };
    let clients = |at: usize| -> Vec<Job<()>> {
        let numbers = 1..=3;
        numbers
            .map(|number| executor::spawn(client(number, at).run(PAUSE)))
            .collect()
    };
    let mut asking = clients(0);
    let work = Arc::new(Work::new(world, witness, dice.fork("work"), size.residency));
    let working = executor::spawn(Arc::clone(&work).run());
    let operating = size.operated.then(|| {
        let operating = operate(Arc::clone(world), dice.fork("operators"));
        executor::spawn(operating)
    });
    let faults = Faults::new(world, witness, dice.fork("faults"), size.long_percent);
    faults.rage(size.trouble).await;
    working.abort();
    operating.iter().for_each(Job::abort);
    world.history.note("world", "heals");
    world.heal().await;
    work.undo();
    if operating.is_some() {
        operators::tidy(world).await;
    }
    let disaster = dice.fork("disaster");
    let mut era = 0;
    if size.disaster && converged(world, "healed").await {
        end(&asking);
        if !judge(world, &client(9, 0), 1).await {
            return;
        }
        era = 1;
        if !disaster::strike(world, &disaster).await {
            return;
        }
        asking = clients(1);
    }
    world.heal().await;
    if converged(world, "converges").await {
        end(&asking);
        judge(world, &client(9, era), era as u64 + 1).await;
    }
}

fn end(clients: &[Job<()>]) {
    clients.iter().for_each(Job::abort);
}

/// Reads everything once more, and judges all that clients were told in one incarnation.
async fn judge(world: &Arc<World>, last: &Client, incarnation: u64) -> bool {
    for register in last.registers.clone() {
        let leader = world.leader().unwrap_or(1);
        let (_, ret) = last.ask(leader, register, Op::Read).await;
        if !matches!(ret, Ret::Value(_)) {
            world.history.violated(
                "healed",
                format_args!("m{register} cannot be read after everything has healed: {ret:?}"),
            );
        }
    }
    let logs = world.ids().into_iter().filter_map(|id| world.log(id));
    let applied = logs.map(|(_, log)| log.position().borrow().index).min();
    let entries = last.ledger.entries();
    let decided = {
        let mut seen = world.watch.seen();
        let decided = &seen.of(incarnation).decided;
        Acknowledged::judge(&entries, decided, applied.unwrap_or(0))
    };
    if let Err(message) = decided {
        world.history.violated("acknowledged", message);
    }
    if let Err(message) = linearizable::judge(&entries) {
        world.history.violated("linearizable", message);
    }
    !world.history.is_violated()
}
