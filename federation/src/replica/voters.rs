//! What this replica observes of members, as votes: gateways by probing, sessions by hearing them.
//!
//! Only a change of vote is proposed, and a negative vote again before it expires: a quiet fleet commits nothing.

mod observers;
mod silence;
mod unsaid;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::facts::GatewayAddress;
use causeway_api::verdict::{ObserverId, Subject, Vote};
use causeway_discovery::probe::{Probe, ProbeConfig, Prober, Target};
use causeway_state::apply::votes::VOTES;
use causeway_state::command::Command;

use super::shared::Shared;
pub(crate) use observers::watch_observers;
use silence::{Seen, Silence};
use unsaid::Unsaid;

/// How often silence is looked at, negative votes are renewed, and votes that could not be cast are tried again.
const LOOK: Duration = Duration::from_millis(500);

/// Probes the gateways of all members; runs until it is dropped.
pub(crate) async fn probe_gateways(
    shared: Arc<Shared>,
    probe: Arc<dyn Probe>,
    config: ProbeConfig,
) {
    let (mut prober, mut cast) = Prober::start(&shared.env, probe, config);
    let mut decided = shared.consensus.position();
    let mut known: BTreeMap<Subject, BTreeSet<(GatewayAddress, u16)>> = BTreeMap::new();
    let mut unsaid = Unsaid::default();
    loop {
        let subjects = gateways(&shared);
        // What is held of them changes with each vote of ours, and is of interest only when probing begins.
        let addresses = subjects
            .iter()
            .map(|(subject, target)| (subject.clone(), target.addresses.clone()))
            .collect();
        if known != addresses {
            known = addresses;
            unsaid.retain(|subject| known.contains_key(subject));
            prober.set_subjects(subjects);
        }
        tokio::select! {
            biased;
            votes = cast.recv() => match votes {
                Some(votes) => {
                    told(&votes);
                    unsaid.add(votes);
                    say(&shared, &mut unsaid).await;
                }
                None => return,
            },
            changed = decided.changed() => if changed.is_err() { return },
            // The prober tells a change of mind once: what could not be cast is kept here.
            () = shared.env.sleep(LOOK), if !unsaid.is_empty() => say(&shared, &mut unsaid).await,
        }
    }
}

fn gateways(shared: &Shared) -> BTreeMap<Subject, Target> {
    let observer = ObserverId::Replica(shared.id);
    shared.consensus.read(|state| {
        let (observer, placed) = (
            &observer,
            state
                .members
                .iter()
                .filter_map(|(name, member)| Some((name, member.placement.as_ref()?))),
        );
        let gateways = placed.flat_map(|(name, placement)| {
            placement.gateways.iter().map(move |(gateway, fact)| {
                let subject = Subject::Gateway {
                    member: name.clone(),
                    gateway: gateway.clone(),
                };
                let addresses = fact
                    .addresses
                    .iter()
                    .map(|address| (address.clone(), fact.port));
                let held = state.vote_of(observer, &subject).map(|vote| vote.ballot);
                (
                    subject,
                    Target {
                        addresses: addresses.collect(),
                        held,
                    },
                )
            })
        });
        gateways.collect()
    })
}

fn told(votes: &[Vote]) {
    for vote in votes {
        tracing::info!(subject = %vote.subject, ballot = ?vote.ballot, evidence = %vote.evidence, "vote");
    }
}

/// Casts all that waits; what could not be cast goes on waiting.
async fn say(shared: &Shared, unsaid: &mut Unsaid) {
    while !unsaid.is_empty() {
        let votes = unsaid.batch();
        if !cast(shared, votes.clone()).await {
            return;
        }
        unsaid.said(&votes);
    }
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
pub(crate) async fn watch_sessions(shared: Arc<Shared>) {
    let mut changes = shared.status_changes();
    let mut silence = Silence::new(ObserverId::Replica(shared.id), shared.domain.clone());
    loop {
        let votes = silence.look(shared.env.now(), seen(&shared));
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
            changed = changes.changed() => if changed.is_err() { return },
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
