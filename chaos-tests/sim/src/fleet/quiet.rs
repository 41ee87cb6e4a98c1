//! A clusterset to which nothing happens: what is committed all the same is counted, and must be what is named here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::members::SERVICES;
use super::restless;
use super::run::begin;
use super::world::World;
use crate::clients::Ground as _;
use crate::dice::Dice;
use crate::executor::{self, Job};
use crate::history::History;
use crate::plant::Plant;
use crate::watch::Told;

/// After the beginning, until what it led to has settled: ramps have ended, and what is prepared for losses is named.
const SETTLES: Duration = Duration::from_secs(300);

/// How long is counted.
pub const COUNTED: Duration = Duration::from_secs(600);

/// What a quiet clusterset may commit: cluster time goes on where something waits for it, and replicas compare what they hold.
const ALLOWED: [&str; 2] = ["Tick", "CompareDigest"];

/// What was committed, each entry once, whichever replica applies it first.
#[derive(Default)]
struct Counted {
    upto: u64,
    kinds: BTreeMap<String, u64>,
}

/// Runs one of three replicas, three members and all services, and counts what it commits in [`COUNTED`].
pub async fn quiet(seed: u64, plant: Option<Plant>, history: &History) {
    let dice = Dice::new(seed).fork("quiet");
    let counted = Arc::new(Mutex::new(Counted::default()));
    let world = World::new(&dice, history, plant, count(&counted), &SERVICES);
    if !begin(&world, &dice, 3).await {
        return;
    }
    let restless = (plant == Some(Plant::Restless))
        .then(|| executor::spawn(restless::run(Arc::clone(&world))));
    tokio::time::sleep(SETTLES).await;
    let take = || std::mem::take(&mut counted.lock().unwrap_or_else(PoisonError::into_inner).kinds);
    let last = || {
        world
            .log(1)
            .map_or(0, |(_, log)| log.position().borrow().index)
    };
    let (_, begun) = (take(), last());
    tokio::time::sleep(COUNTED).await;
    let (kinds, entries) = (take(), last().saturating_sub(begun));
    restless.iter().for_each(Job::abort);
    let seconds = COUNTED.as_secs();
    history.note(
        "quiet",
        format_args!("{entries} entries in {seconds} s: {kinds:?}"),
    );
    for (kind, times) in &kinds {
        if !ALLOWED.contains(&kind.as_str()) {
            history.violated("quiet", format_args!("{kind} was committed {times} times"));
        }
    }
    if entries != kinds.values().sum::<u64>() {
        history.violated(
            "quiet",
            format_args!("{entries} entries were written, and {kinds:?} was applied"),
        );
    }
}

fn count(counted: &Arc<Mutex<Counted>>) -> Told {
    let counted = Arc::clone(counted);
    Arc::new(move |_, decision| {
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        if decision.at.index <= counted.upto {
            return;
        }
        counted.upto = decision.at.index;
        let text = format!("{:?}", decision.request.command);
        let kind: String = text
            .chars()
            .take_while(|letter| letter.is_alphanumeric())
            .collect();
        *counted.kinds.entry(kind).or_default() += 1;
    })
}
