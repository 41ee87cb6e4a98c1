//! What messages are, in a few words, for the history.

use causeway_api::exchange::{FromGiver, FromTaker};
use causeway_api::peer::{FromPeer, ToPeer};
use causeway_api::session::{FromAgent, FromReplica};

fn brief(message: &impl std::fmt::Debug) -> String {
    format!("{message:?}").chars().take(80).collect()
}

/// What an agent says.
pub fn agent(message: &FromAgent) -> Option<String> {
    match message {
        FromAgent::Heartbeat => None,
        FromAgent::Hello(hello) => Some(format!(
            "hello of {}, epoch {}, highest {}",
            hello.member, hello.epoch, hello.highest
        )),
        FromAgent::Facts(delta) => {
            Some(format!("facts of {} up to {}", delta.owner, delta.version))
        }
        FromAgent::Applied(applied) => Some(format!(
            "applied up to {}, {} objects",
            applied.generation, applied.objects
        )),
        FromAgent::Votes(votes) => Some(format!("{} votes", votes.len())),
        FromAgent::Diff { id, .. } => Some(format!("difference {id}")),
    }
}

/// What a replica says to an agent.
pub fn replica(message: &FromReplica) -> Option<String> {
    match message {
        FromReplica::Heartbeat => None,
        FromReplica::Welcome(welcome) => Some(format!(
            "welcome by {}, highest {}",
            welcome.replica, welcome.highest
        )),
        FromReplica::Refused { reason, .. } => Some(format!("refused: {reason}")),
        FromReplica::View(delta) => Some(format!(
            "view: {} services, {} networks, {} owners{}",
            delta.services.len(),
            delta.networks.len(),
            delta.owners.len(),
            if delta.complete { ", complete" } else { "" }
        )),
        FromReplica::FactsHeld(version) => Some(format!("holds facts up to {version}")),
        other => Some(brief(other)),
    }
}

/// What a replica says to one that it dialled.
pub fn dialler(message: &ToPeer) -> Option<String> {
    match message {
        ToPeer::Ping(_) | ToPeer::Call(_) => None,
        ToPeer::Hello(hello) => Some(format!(
            "hello of {} for {:?}, highest {}",
            hello.replica, hello.lane, hello.highest
        )),
        ToPeer::Fenced(fenced) => Some(format!("fenced by {}", fenced.by)),
        ToPeer::Facts(facts) => match facts {
            FromGiver::Alive | FromGiver::Offer { .. } => None,
            FromGiver::Table(rows) => Some(format!("facts: a table of {} rows", rows.len())),
            FromGiver::Facts(facts) => Some(format!(
                "facts of {} up to {}",
                facts.delta.owner, facts.delta.version
            )),
            FromGiver::Packed(facts) => Some(format!(
                "packed facts of {} up to {}",
                facts.delta.owner, facts.delta.version
            )),
            FromGiver::Presence(rows) => Some(format!("{} presences", rows.len())),
            other @ FromGiver::Diff { .. } => Some(brief(other)),
        },
    }
}

/// What a replica that was dialled says.
pub fn dialled(message: &FromPeer) -> Option<String> {
    match message {
        FromPeer::Pong(_) | FromPeer::Answer { .. } => None,
        FromPeer::Hello(hello) => Some(format!("hello by {} on {:?}", hello.replica, hello.lane)),
        FromPeer::Refused { reason, .. } => Some(format!("refused: {reason}")),
        FromPeer::Fenced(fenced) => Some(format!("fenced by {}", fenced.by)),
        FromPeer::Facts(FromTaker::Compare) => Some("facts: compare".to_owned()),
        FromPeer::Facts(FromTaker::Want(rows)) => Some(format!("facts: wants {}", rows.len())),
        FromPeer::Facts(other) => Some(brief(other)),
    }
}
