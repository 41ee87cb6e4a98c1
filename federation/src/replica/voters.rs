//! What this replica observes of members, as votes: gateways by probing, sessions by hearing them; and what agents observe.
//!
//! Only a change of vote is proposed, and a negative vote again before it expires: a quiet fleet commits nothing.

mod agents;
mod in_doubt;
mod observers;
mod silence;
mod unsaid;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::probe::Observed;
use causeway_api::verdict::{ObserverId, Subject, Vote};
use causeway_core::observed;
use causeway_discovery::probe::{Probe, ProbeConfig, Prober, Sight, Target};
use causeway_state::apply::votes::VOTES;
use causeway_state::command::Command;
use tokio::sync::watch;

use super::shared::Shared;
pub(crate) use agents::hear_agents;
use in_doubt::InDoubt;
pub(crate) use observers::watch_observers;
use silence::{Seen, Silence};
use unsaid::Unsaid;

/// How often silence is looked at, negative votes are renewed, and votes that could not be cast are tried again.
const LOOK: Duration = Duration::from_millis(500);
/// By which names a gateway is asked follows what its member exports, which is no decision: it is looked at so often.
const NAMES: Duration = Duration::from_secs(10);

/// Probes the gateways of all members; runs until it is dropped.
pub(crate) async fn probe_gateways(
    shared: Arc<Shared>,
    probe: Arc<dyn Probe>,
    config: ProbeConfig,
    sight: watch::Sender<Sight>,
) {
    let (mut prober, mut cast) = Prober::start(&shared.env, probe, config);
    let mut places = shared.places();
    let mut known: BTreeMap<Subject, Observed> = BTreeMap::new();
    let mut read_at = None;
    let mut own = prober.sight();
    let mut unsaid = Unsaid::default();
    let mut doubt = InDoubt::default();
    loop {
        let now = shared.env.now();
        if read_at.is_none_or(|at| now.since(at) >= NAMES) {
            read_at = Some(now);
            let gateways = shared
                .consensus
                .read(|state| observed::gateways(state, &shared.facts()));
            if known != gateways {
                known = gateways;
                unsaid.retain(|subject| known.contains_key(subject));
                doubt.retain(|_, subject| known.contains_key(subject));
                prober.set_subjects(targets(&shared, &known));
            }
        }
        let again = overtaken(&shared, &mut doubt);
        unsaid.add_unless_newer(again);
        tokio::select! {
            biased;
            votes = cast.recv() => match votes {
                Some(votes) => {
                    told(&votes);
                    unsaid.add(votes);
                    say(&shared, &mut unsaid, &mut doubt).await;
                }
                None => return,
            },
            changed = places.changed() => {
                if changed.is_err() {
                    return;
                }
                read_at = None;
            }
            changed = own.changed() => {
                if changed.is_err() {
                    return;
                }
                sight.send_replace(own.borrow_and_update().clone());
            }
            // The prober tells a change of mind once: what could not be cast is kept here.
            () = shared.env.sleep(LOOK), if !unsaid.is_empty() => say(&shared, &mut unsaid, &mut doubt).await,
            () = shared.env.sleep(LOOK), if !doubt.is_empty() => {}
            () = shared.env.sleep(NAMES) => {}
        }
    }
}

/// With what was held of each before a restart, which is of interest only when probing begins.
fn targets(shared: &Shared, gateways: &BTreeMap<Subject, Observed>) -> BTreeMap<Subject, Target> {
    let observer = ObserverId::Replica(shared.id);
    shared.consensus.read(|state| {
        let target = |(subject, observed): (&Subject, &Observed)| {
            let held = state.vote_of(&observer, subject).map(|vote| vote.ballot);
            let target = Target {
                addresses: observed.addresses.clone(),
                held,
                place: observed.place.clone(),
                how: observed.how.clone(),
            };
            (subject.clone(), target)
        };
        gateways.iter().map(target).collect()
    })
}

fn told(votes: &[Vote]) {
    for vote in votes {
        tracing::info!(subject = %vote.subject, ballot = ?vote.ballot, evidence = %vote.evidence, "vote");
    }
}

/// Casts all that waits; what could not be cast goes on waiting.
async fn say(shared: &Shared, unsaid: &mut Unsaid, doubt: &mut InDoubt) {
    while !unsaid.is_empty() {
        let votes = unsaid.batch();
        if !cast(shared, votes.clone()).await {
            doubt.failed(&votes, shared.env.now());
            return;
        }
        doubt.said(&votes, shared.env.now());
        unsaid.said(&votes);
    }
}

/// Votes in whose place an older one is in force.
fn overtaken(shared: &Shared, doubt: &mut InDoubt) -> Vec<Vote> {
    if doubt.is_empty() {
        return Vec::new();
    }
    let now = shared.env.now();
    shared.consensus.read(|state| {
        doubt.overtaken(now, |observer, subject| {
            state.vote_of(observer, subject).map(|vote| vote.ballot)
        })
    })
}

/// Whether the votes were cast.
async fn cast(shared: &Shared, votes: Vec<Vote>) -> bool {
    match shared.propose(Command::CastVotes(votes)).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "votes could not be cast; they are tried again");
            false
        }
    }
}

/// Votes on sessions; runs until it is dropped.
pub(crate) async fn watch_sessions(shared: Arc<Shared>, sight: watch::Receiver<Sight>) {
    let mut changes = shared.status_changes();
    let mut silence = Silence::new(ObserverId::Replica(shared.id), shared.domain.clone());
    loop {
        let impaired = match &*sight.borrow() {
            Sight::Impaired(reason) => Some(reason.clone()),
            Sight::Clear | Sight::TooFewPlaces(_) => None,
        };
        let votes = silence.look(shared.env.now(), seen(&shared), impaired.as_deref());
        told(&votes);
        for some in votes.chunks(VOTES) {
            if !cast(&shared, some.to_vec()).await {
                silence.failed(some);
                // Whatever else changes meanwhile does not make it succeed.
                shared.env.sleep(LOOK).await;
            }
        }
        tokio::select! {
            biased;
            changed = changes.everything() => if !changed { return },
            () = shared.env.sleep(LOOK), if !silence.is_content() => {}
        }
    }
}

/// The registered members, and what is heard of each here.
fn seen(shared: &Shared) -> BTreeMap<MemberName, Seen> {
    let observer = ObserverId::Replica(shared.id);
    let mut members: BTreeMap<MemberName, Seen> = shared.consensus.read(|state| {
        let seen = |member: &MemberName| {
            let subject = Subject::Session {
                member: member.clone(),
            };
            Seen {
                heard: None,
                committed: state.vote_of(&observer, &subject).map(|vote| vote.ballot),
            }
        };
        state
            .members
            .keys()
            .map(|member| (member.clone(), seen(member)))
            .collect()
    });
    for (member, seen) in &mut members {
        let here = shared.sessions.of(member).map(|open| open.heard().at);
        // A session with any replica that is heard of here is as good as one here.
        let elsewhere = || {
            let heard = shared.exchange.is_heard_elsewhere(member);
            heard.then(|| shared.env.now())
        };
        seen.heard = here.or_else(elsewhere);
    }
    members
}
