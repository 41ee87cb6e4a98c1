//! One run of one seed: a clusterset's log is begun, used and harmed, then healed and judged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_state::State;
use causeway_storage::Settings;
use tokio::time::Instant;

use super::faults::Faults;
use super::replicas::{Replicas, node};
use crate::clients::{Client, Ground, Ledger, Op, Ret};
use crate::dice::Dice;
use crate::executor;
use crate::history::History;
use crate::invariant::{Acknowledged, linearizable};
use crate::plant::Plant;
use crate::watch::Watch;
use crate::wires::Wires;

/// Within this time after healing all must be well.
const HEALED: Duration = Duration::from_secs(30);

/// Runs a seed to its end; what it found is in the history.
pub async fn run(seed: u64, plant: Option<Plant>, history: &History) {
    let dice = Dice::new(seed).fork("log");
    let wires = Wires::new(dice.fork("wires"));
    let count = if dice.percent(75) { 3 } else { 5 };
    let settings = Settings {
        // Small, so that replicas that were away are sent snapshots.
        snapshot_every: dice.between(10, 60),
        keep_entries: dice.between(0, 10),
        // Full after some writes.
        journal_bytes: 16 << 10,
        ..Settings::default()
    };
    history.note(
        "world",
        format_args!(
            "{count} replicas, a snapshot every {} entries",
            settings.snapshot_every
        ),
    );
    let replicas = Replicas::new(
        count,
        history,
        &wires,
        dice.fork("replicas"),
        settings,
        plant,
    );
    let watch = Watch::default();
    if !begin(&replicas, &watch).await {
        return;
    }
    let faults = Faults::new(&replicas, dice.fork("faults"));
    let looking = executor::spawn(watch.clone().look(Arc::clone(&replicas) as Arc<dyn Ground>));
    let judging = executor::spawn(terms(watch.clone(), faults.clone(), Arc::clone(&replicas)));
    let ledger = Arc::new(Ledger::default());
    let client = |number: u64| Client {
        number,
        replicas: Arc::clone(&replicas) as Arc<dyn Ground>,
        ledger: Arc::clone(&ledger),
        dice: dice.fork(&format!("client {number}")),
        registers: 0..12,
        plant,
    };
    let clients: Vec<_> = (1..=4)
        .map(|number| executor::spawn(client(number).run(800)))
        .collect();

    let duration = dice.millis(4_000, 11_000);
    match dice.percent(30) {
        true => faults.tease(duration).await,
        false => faults.rage(duration).await,
    }

    history.note("world", "heals");
    wires.heal();
    for id in replicas.ids() {
        if let Some(up) = replicas.up(id) {
            up.process.thaw();
        }
        faults.start(id).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for client in clients {
        client.abort();
    }
    if healed(&replicas).await {
        judge(&replicas, &watch, &ledger, &client(9)).await;
    }
    judging.abort();
    looking.abort();
    history.note("world", "ends");
}

/// Starts all replicas, and begins the clusterset with all of them.
async fn begin(replicas: &Arc<Replicas>, watch: &Watch) -> bool {
    let hook = watch.clone();
    replicas.on_start(move |id, up, history| {
        hook.follow(id, &up.process, up.log.clone(), history, None);
    });
    for id in replicas.ids() {
        if let Err(error) = replicas.start(id).await {
            replicas
                .history
                .violated("restarts", format_args!("{error:#}"));
            return false;
        }
    }
    let members = replicas
        .ids()
        .into_iter()
        .map(|id| (ReplicaId(id), node(id)))
        .collect();
    let Some(first) = replicas.up(1) else {
        return false;
    };
    let log = first.log.clone();
    let begun = first
        .process
        .spawn(async move { log.bootstrap_together(members).await });
    match begun.await {
        Ok(Ok(_)) => true,
        other => {
            replicas
                .history
                .violated("begins", format_args!("{other:?}"));
            false
        }
    }
}

/// Tells [`crate::invariant::TermStable`] of every cause of an election.
async fn terms(watch: Watch, faults: Faults, replicas: Arc<Replicas>) {
    watch.seen().terms.disturbed(replicas.history.now());
    let mut leader = None;
    loop {
        leader = replicas.leader().or(leader);
        let ids = replicas.ids();
        let well = ids.iter().filter(|id| !faults.touches(**id)).count();
        let quorum = well > ids.len() / 2;
        let led = leader.is_some_and(|leader| !faults.touches(leader));
        watch
            .seen()
            .terms
            .lasts(!(quorum && led), replicas.history.now());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until all replicas run, one leads, and all have the same state.
async fn healed(replicas: &Arc<Replicas>) -> bool {
    let until = Instant::now() + HEALED;
    loop {
        let up = replicas.all_up();
        let states: BTreeSet<(u64, String)> = up
            .iter()
            .map(|(_, up)| {
                (
                    up.log.position().borrow().index,
                    up.log.read(State::digest_hex),
                )
            })
            .collect();
        let all = up.len() == replicas.ids().len();
        if all && states.len() == 1 && replicas.leader().is_some() {
            return true;
        }
        if Instant::now() >= until {
            let said: Vec<_> = up.iter().map(|(_, up)| up.log.status()).collect();
            replicas.history.violated(
                "healed",
                format_args!("{HEALED:?} after everything was whole again, replicas are not of one mind: {said:#?}"),
            );
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads everything once more, and judges all that clients were told.
async fn judge(replicas: &Arc<Replicas>, watch: &Watch, ledger: &Ledger, last: &Client) {
    for register in last.registers.clone() {
        let leader = replicas.leader().unwrap_or(1);
        let (_, ret) = last.ask(leader, register, Op::Read).await;
        if !matches!(ret, Ret::Value(_)) {
            replicas.history.violated(
                "healed",
                format_args!("m{register} cannot be read after everything has healed: {ret:?}"),
            );
        }
    }
    let applied = replicas
        .all_up()
        .iter()
        .map(|(_, up)| up.log.position().borrow().index)
        .min();
    let entries = ledger.entries();
    if let Err(message) =
        Acknowledged::judge(&entries, &watch.seen().of(1).decided, applied.unwrap_or(0))
    {
        replicas.history.violated("acknowledged", message);
    }
    if let Err(message) = linearizable::judge(&entries) {
        replicas.history.violated("linearizable", message);
    }
}
