//! Agents as observers: what each is asked to observe, and what becomes of its votes.
//!
//! An agent speaks for itself alone: its votes are entered under the name that its certificate proves, and in the failure
//! domain in which its member stands, whatever it says of either.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::{FailureDomain, NetworkName};
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_api::{Generation, MemberName};
use causeway_core::observed;
use causeway_seam::Monotonic;
use causeway_state::State;
use causeway_state::apply::votes::VOTES;

use super::InDoubt;
use crate::replica::sessions::Session;
use crate::replica::shared::Shared;

/// How often it is looked at most.
const LOOK: Duration = Duration::from_millis(500);
/// Whom agents observe follows gateways and agents that come and go at once. It follows plans too, and need not do that so soon.
const CHOOSE: Duration = Duration::from_secs(10);
/// A negative vote that was said again is cast again after so long: a third of the time after which it expires at the
/// earliest.
const RENEW_MS: u64 = 20_000;

/// What agents were last asked for.
struct Chosen {
    at: Monotonic,
    /// All decisions up to this one were looked at.
    up_to: Generation,
    agents: BTreeSet<MemberName>,
    /// Where members were then.
    places: u64,
}

/// Asks, and enters votes, until it is dropped.
pub(crate) async fn hear_agents(shared: Arc<Shared>) {
    let mut decided = shared.consensus.position();
    let mut places = shared.places();
    let mut chosen: Option<Chosen> = None;
    let mut doubt = InDoubt::default();
    let mut rerouted: BTreeMap<MemberName, BTreeSet<NetworkName>> = BTreeMap::new();
    loop {
        tokio::select! {
            biased;
            () = shared.sessions.voted.notified() => {}
            changed = decided.changed() => if changed.is_err() { return },
            changed = places.changed() => if changed.is_err() { return },
            () = shared.env.sleep(LOOK), if !doubt.is_empty() => {}
            () = shared.env.sleep(CHOOSE) => {}
        }
        let at = *places.borrow();
        choose(&shared, &mut chosen, at);
        enter(&shared, &mut doubt).await;
        reroute(&shared, &mut rerouted);
        shared.env.sleep(LOOK).await;
    }
}

/// Tells each agent what to observe: at once where an agent or a gateway came or went, and in time where a plan did, or what
/// a gateway is asked for.
fn choose(shared: &Shared, chosen: &mut Option<Chosen>, places: u64) {
    let now = shared.env.now();
    let sessions = shared.sessions.all();
    let agents: BTreeSet<MemberName> = sessions
        .iter()
        .map(|session| session.hello.member.clone())
        .collect();
    let up_to = shared.highest();
    if let Some(before) = chosen
        && before.agents == agents
        && before.places == places
        && (before.up_to == up_to || now.since(before.at) < CHOOSE)
    {
        return;
    }
    let gateways = shared
        .consensus
        .read(|state| observed::gateways(state, &shared.facts()));
    let mut lists = shared
        .consensus
        .read(|state| observed::by_agents(state, &gateways, &agents));
    for session in sessions {
        if let Some(list) = lists.remove(&session.hello.member) {
            session.ask_to_observe(list);
        }
    }
    *chosen = Some(Chosen {
        at: now,
        up_to,
        agents,
        places,
    });
}

/// Proposes what agents voted.
async fn enter(shared: &Shared, doubt: &mut InDoubt) {
    // Whoever speaks elsewhere now is set right there.
    doubt.retain(|observer, _| match observer {
        ObserverId::Agent(member) => shared.sessions.of(member).is_some(),
        ObserverId::Replica(_) => false,
    });
    for session in shared.sessions.all() {
        let heard = session.take_votes();
        if heard.is_empty() {
            continue;
        }
        let votes = shared
            .consensus
            .read(|state| entered(state, &session, heard));
        doubt.said(&votes, shared.env.now());
        let news = shared.consensus.read(|state| {
            votes
                .into_iter()
                .filter(|vote| is_news(state, vote))
                .collect()
        });
        cast(shared, doubt, news).await;
    }
    let again = super::overtaken(shared, doubt);
    cast(shared, doubt, again).await;
}

/// Casts votes; those that could not be cast are tried again, unless their agents vote anew.
async fn cast(shared: &Shared, doubt: &mut InDoubt, votes: Vec<Vote>) {
    for some in votes.chunks(VOTES) {
        super::told(some);
        if super::cast(shared, some.to_vec()).await {
            continue;
        }
        doubt.failed(some, shared.env.now());
        for vote in some {
            if let ObserverId::Agent(member) = &vote.observer
                && let Some(session) = shared.sessions.of(member)
            {
                session.put_back([vote.clone()]);
            }
        }
        shared.sessions.voted.notify_one();
    }
}

/// The votes as they are entered.
fn entered(state: &State, session: &Session, heard: Vec<Vote>) -> Vec<Vote> {
    let member = &session.hello.member;
    // A standby speaks for nobody.
    let Some(domain) = domain(state, member).filter(|_| session.hello.epoch != 0) else {
        return Vec::new();
    };
    let observer = ObserverId::Agent(member.clone());
    let heard = heard.into_iter().map(|vote| Vote {
        observer: observer.clone(),
        domain: domain.clone(),
        ..vote
    });
    heard.collect()
}

/// Whether a vote says something new.
fn is_news(state: &State, vote: &Vote) -> bool {
    let held = state.vote_of(&vote.observer, &vote.subject);
    held.is_none_or(|held| {
        let age_ms = state.cluster_time.since_ms(held.at);
        held.ballot != vote.ballot
            || held.domain != vote.domain
            || (held.ballot == Ballot::Unreachable && age_ms >= RENEW_MS)
    })
}

/// Where a member's agent stands: in its region, as replicas do; where none is known, in what it shares with others, or
/// in a place of its own.
fn domain(state: &State, member: &MemberName) -> Option<FailureDomain> {
    let held = state.member(member)?;
    let region = held
        .region()
        .and_then(|region| FailureDomain::new(region.as_str()).ok());
    region
        .or_else(|| held.spec.failure_domains.first().cloned())
        .or_else(|| FailureDomain::new(member.as_str()).ok())
}

/// Has planned anew what calls from a place that alone reaches less, or more, than it did.
fn reroute(shared: &Shared, rerouted: &mut BTreeMap<MemberName, BTreeSet<NetworkName>>) {
    let now: BTreeMap<MemberName, BTreeSet<NetworkName>> = shared.consensus.read(|state| {
        let agents = state.votes.complaining();
        let out = agents.map(|agent| (agent.clone(), state.unreachable_from(agent)));
        out.filter(|(_, networks)| !networks.is_empty()).collect()
    });
    let changed = rerouted
        .keys()
        .chain(now.keys())
        .filter(|member| rerouted.get(*member) != now.get(*member));
    let changed: BTreeSet<MemberName> = changed.cloned().collect();
    for member in &changed {
        tracing::info!(%member, unreachable = ?now.get(member), "what this place alone does not reach");
        shared.brain.member_changed(member);
    }
    *rerouted = now;
}
