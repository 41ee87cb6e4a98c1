//! What this replica observes of members, as votes: gateways by probing, sessions by hearing them.
//!
//! Only a change of vote is proposed, and a negative vote again before it expires: a quiet fleet commits nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::facts::GatewayAddress;
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_discovery::probe::{Probe, ProbeConfig, Prober, Target};
use causeway_seam::Monotonic;
use causeway_state::command::Command;

use super::shared::Shared;

/// How long a session may be away before its silence is a vote: an agent that moves to another replica needs as much.
const GRACE: Duration = Duration::from_secs(4);
/// How often silence is looked at and negative votes are renewed.
const LOOK: Duration = Duration::from_millis(500);
/// A negative vote is renewed this often; it expires later (`causeway_failover::verdict::VOTE_TTL_MS`).
const RENEW: Duration = Duration::from_secs(10);

/// Probes the gateways of all members; runs until it is dropped.
pub(crate) async fn probe_gateways(
    shared: Arc<Shared>,
    probe: Arc<dyn Probe>,
    config: ProbeConfig,
) {
    let (mut prober, mut cast) = Prober::start(&shared.env, probe, config);
    let mut decided = shared.consensus.position();
    let mut known: BTreeMap<Subject, BTreeSet<(GatewayAddress, u16)>> = BTreeMap::new();
    loop {
        let subjects = gateways(&shared);
        // What is held of them changes with each vote of ours, and is of interest only when probing begins.
        let addresses = subjects
            .iter()
            .map(|(subject, target)| (subject.clone(), target.addresses.clone()))
            .collect();
        if known != addresses {
            known = addresses;
            prober.set_subjects(subjects);
        }
        tokio::select! {
            biased;
            votes = cast.recv() => match votes {
                Some(votes) => propose(&shared, votes).await,
                None => return,
            },
            changed = decided.changed() => if changed.is_err() { return },
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

async fn propose(shared: &Shared, votes: Vec<Vote>) {
    for vote in &votes {
        tracing::info!(subject = %vote.subject, ballot = ?vote.ballot, evidence = %vote.evidence, "vote");
    }
    if let Err(error) = shared.propose(Command::CastVotes(votes)).await {
        // The detector renews what is negative; what is positive is said again with the next change.
        tracing::warn!(%error, "votes could not be cast");
    }
}

/// What is held of one member's session.
struct Session {
    heard: Monotonic,
    /// Whether it was open when it was looked at last.
    open: bool,
    said: Option<(Ballot, Monotonic)>,
}

/// Votes on sessions; runs until it is dropped.
pub(crate) async fn watch_sessions(shared: Arc<Shared>) {
    let mut changes = shared.status_changes();
    let mut held: BTreeMap<MemberName, Session> = BTreeMap::new();
    loop {
        let votes = look(&shared, &mut held);
        if !votes.is_empty() {
            propose(&shared, votes).await;
        }
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            () = shared.env.sleep(LOOK), if held.values().any(|session| !session.is_content()) => {}
        }
    }
}

impl Session {
    /// Whether only a change of sessions can change the vote.
    fn is_content(&self) -> bool {
        self.said
            .is_some_and(|(ballot, _)| ballot == Ballot::Reachable)
    }
}

fn look(shared: &Shared, held: &mut BTreeMap<MemberName, Session>) -> Vec<Vote> {
    let now = shared.env.now();
    let observer = ObserverId::Replica(shared.id);
    let members: BTreeMap<MemberName, Option<Ballot>> = shared.consensus.read(|state| {
        let said = |member: &MemberName| {
            let vote = state.vote_of(
                &observer,
                &Subject::Session {
                    member: member.clone(),
                },
            );
            vote.map(|vote| vote.ballot)
        };
        state
            .members
            .keys()
            .map(|member| (member.clone(), said(member)))
            .collect()
    });
    held.retain(|member, _| members.contains_key(member));
    let mut votes = Vec::new();
    for (member, committed) in members {
        // A replica that starts gives every agent the time to come back.
        let session = held.entry(member.clone()).or_insert(Session {
            heard: now,
            open: false,
            said: None,
        });
        let open = shared.sessions.of(&member);
        match &open {
            Some(open) => session.heard = open.heard().at.max(session.heard),
            // Nobody looks at a session that is well, and its end is looked at at once: the grace begins here.
            None if session.open => session.heard = now,
            None => {}
        }
        session.open = open.is_some();
        let silent = now.since(session.heard);
        let ballot = match (&open, committed) {
            (Some(_), _) => Ballot::Reachable,
            // Nobody was ever heard: nothing is known, and nothing is said.
            (None, None | Some(Ballot::Abstain)) => continue,
            (None, Some(_)) if silent < GRACE => {
                session.said = None;
                continue;
            }
            (None, Some(_)) => Ballot::Unreachable,
        };
        let due = match session.said {
            Some((said, at)) => {
                said != ballot || ballot == Ballot::Unreachable && now.since(at) >= RENEW
            }
            None => ballot == Ballot::Unreachable || committed != Some(ballot),
        };
        session.said = Some((
            ballot,
            session.said.filter(|_| !due).map_or(now, |(_, at)| at),
        ));
        if due {
            let evidence = match ballot {
                Ballot::Reachable => "its agent has a session here".to_owned(),
                _ => format!(
                    "its agent has had no session here for {} s",
                    silent.as_secs()
                ),
            };
            votes.push(Vote {
                observer: observer.clone(),
                domain: shared.domain.clone(),
                subject: Subject::Session { member },
                ballot,
                evidence,
            });
        }
    }
    votes
}
