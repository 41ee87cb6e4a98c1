//! The replicas, as this one sees them; and changes of them.

use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::{Fenced, PeerHello};
use causeway_storage::{Change, ChangeError, ReplicaNode, Role, domains};

use crate::admin::api::registry::Done;
use crate::admin::api::replicas::{ReplicaChange, ReplicaRow, ReplicasReport};
use crate::admin::api::{AdminError, ErrorKind};
use crate::replica::shared::Shared;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn measured(number: u32) -> Option<u64> {
    (number != 0).then_some(u64::from(number))
}

/// The replicas.
pub(super) fn report(shared: &Shared) -> ReplicasReport {
    let log = &shared.consensus;
    let status = log.status();
    let voters = causeway_storage::consensus::members::voters(&status);
    let progress = log.progress();
    let links = shared.links.get();
    let mut seen = links.map(|links| links.seen()).unwrap_or_default();
    let transfers = log.transfers();
    let now = shared.env.now();
    let mut rows = Vec::new();
    for member in &status.members {
        let id = member.replica;
        let mut row = ReplicaRow {
            id: id.0,
            role: match member.voter {
                _ if status.leader == Some(id) => "leader",
                true => "voter",
                false => "learner",
            }
            .to_owned(),
            domain: member.node.domain.clone(),
            address: member.node.address.clone(),
            ..ReplicaRow::default()
        };
        let lag = progress
            .get(&id)
            .map(|p| status.last_index.saturating_sub(p.matched));
        row.lag = lag;
        if id == shared.id {
            row.reachable = true;
            row.lag = row
                .lag
                .or_else(|| (status.role == Role::Leader).then_some(0));
            row.version = env!("CARGO_PKG_VERSION").to_owned();
            row.highest = shared.highest();
            row.disk_us = log.disk().takes().map(micros);
            let out = shared.out().map(|why| format!("{why}. {}", Fenced::REMEDY));
            let unserved = || shared.unserved().map(|(why, _)| why);
            let misplaced = || links.and_then(|links| links.misplaced());
            row.note = out
                .or_else(unserved)
                .or(status.stopped.clone())
                .or_else(misplaced);
            if let Some(links) = links {
                row.majority_us = measured(links.own().majority_us);
                row.sessions.clone_from(&links.me().addresses.sessions);
                row.admin.clone_from(&links.me().addresses.admin);
            }
        } else if let Some(other) = seen.remove(&id) {
            row.reachable = other.reachable();
            row.heard_ms = other.heard.map(|at| millis(now.since(at)));
            row.round_trip_us = other.round_trip().map(micros);
            row.highest = other.highest;
            row.clock_offset_ms = other.clock_offset_ms;
            let refused = links.and_then(|links| links.turned_away(id));
            let refused = refused.filter(|_| !row.reachable);
            let refused = refused.map(|why| format!("it came and was refused: {why}"));
            row.note = refused.or(other.trouble.clone());
            if let Some(hello) = &other.hello {
                row.version.clone_from(&hello.version);
                row.sessions.clone_from(&hello.addresses.sessions);
                row.admin.clone_from(&hello.addresses.admin);
            }
            if let Some(said) = links.and_then(|links| links.said(id)) {
                row.majority_us = measured(said.majority_us);
                row.disk_us = measured(said.disk_us);
            }
        } else if links.is_none() {
            row.note =
                Some("the replica that answers has no links: start it with --peer-listen".into());
        }
        if !member.voter && row.note.is_none() {
            row.note = Some("catching up".into());
        }
        let transfer = transfers.iter().find(|transfer| transfer.to == Some(id));
        row.snapshot = transfer.map(|transfer| (transfer.done, transfer.total));
        rows.push(row);
    }
    for hello in links.map(|links| links.waiting()).unwrap_or_default() {
        rows.push(waiting(&hello));
    }
    ReplicasReport {
        asked: shared.id.to_string(),
        asked_at_ms: shared.env.wall().0,
        leader: status.leader.map(|leader| leader.to_string()),
        leader_for_ms: status.leader_for_ms,
        term: status.term,
        quorum_heard_ms: status.quorum_heard_ms,
        voters: voters.len() as u64,
        quorum: domains::quorum(voters.len()) as u64,
        heartbeat_ms: log.timing().heartbeat_ms,
        election_ms: log.timing().election_min_ms,
        domain_risk: domains::weakest(&voters).map(|risk| risk.to_string()),
        replicas: rows,
    }
}

fn waiting(hello: &PeerHello) -> ReplicaRow {
    ReplicaRow {
        id: hello.replica.0,
        role: "waiting".to_owned(),
        domain: hello.domain.clone(),
        address: hello.addresses.peers.clone(),
        sessions: hello.addresses.sessions.clone(),
        admin: hello.addresses.admin.clone(),
        reachable: true,
        version: hello.version.clone(),
        highest: hello.highest,
        note: Some(format!("add it: causeway replica add {}", hello.replica.0)),
        ..ReplicaRow::default()
    }
}

/// Does what is asked, on whichever replica leads.
pub(super) async fn change(shared: &Shared, asked: &ReplicaChange) -> Result<Done, AdminError> {
    let change = meant(shared, asked)?;
    let sentence = match &change {
        Change::Add { replica, .. } => {
            format!("replica {replica} is a member and follows; it votes once it has caught up")
        }
        Change::Promote { replica, .. } => format!("replica {replica} votes"),
        Change::Remove { replica, .. } => {
            if shared.consensus.members().contains_key(replica) {
                format!("replica {replica} is no member any more; its id is used up")
            } else {
                format!(
                    "replica {replica} was no member: nothing was changed (causeway replica list)"
                )
            }
        }
        Change::Transfer { .. } => "the lead has passed".to_owned(),
    };
    match shared.consensus.change(change).await {
        Ok(()) => Ok(Done {
            changed: true,
            message: sentence,
        }),
        Err(ChangeError::Refused(reason)) => Err(AdminError::new(
            ErrorKind::BadRequest,
            reason,
            "see causeway replica list",
        )),
        Err(error) => Err(AdminError::unavailable(
            error.to_string(),
            "see causeway replica list, and ask again",
        )),
    }
}

/// A replica is to be added, and nobody knows where it is.
fn unheard(shared: &Shared, replica: ReplicaId) -> AdminError {
    let (here, id, links) = (shared.id, replica.0, shared.links.get());
    if let Some(why) = links.and_then(|links| links.turned_away(replica)) {
        return AdminError::not_found(
            format!("replica {replica} came to {here} and was refused: {why}"),
            "mend that, and ask again",
        );
    }
    let peers = links.map_or("ADDRESS", |links| links.me().addresses.peers.as_str());
    AdminError::not_found(
        format!("replica {replica} has not introduced itself to {here}"),
        format!(
            "start its controller with --replica-id {id} and --join {peers}; where it runs, wait until causeway replica list shows \
             it waiting, or say where it is: --address HOST:PORT"
        ),
    )
}

fn meant(shared: &Shared, asked: &ReplicaChange) -> Result<Change, AdminError> {
    let waits = |id: ReplicaId| {
        let links = shared.links.get();
        let waiting = links.map(|links| links.waiting()).unwrap_or_default();
        waiting.into_iter().find(|hello| hello.replica == id)
    };
    Ok(match asked {
        ReplicaChange::Add {
            id,
            address,
            domain,
            replace,
            accept_domain_risk,
        } => {
            let replica = ReplicaId(*id);
            let hello = waits(replica);
            let said = hello.as_ref();
            let member = shared.consensus.members().remove(&replica);
            let address = address
                .clone()
                .or_else(|| said.map(|hello| hello.addresses.peers.clone()))
                .or_else(|| member.as_ref().map(|node| node.address.clone()))
                .ok_or_else(|| unheard(shared, replica))?;
            let domain = domain
                .clone()
                .or_else(|| said.map(|hello| hello.domain.clone()))
                .unwrap_or_default();
            Change::Add {
                replica,
                node: ReplicaNode { address, domain },
                folder: said.map_or(0, |hello| hello.folder),
                replaces: replace.map(ReplicaId),
                accept_domain_risk: *accept_domain_risk,
            }
        }
        ReplicaChange::Promote {
            id,
            replace,
            accept_domain_risk,
        } => Change::Promote {
            replica: ReplicaId(*id),
            replaces: replace.map(ReplicaId),
            accept_domain_risk: *accept_domain_risk,
        },
        ReplicaChange::Remove {
            id,
            accept_domain_risk,
        } => Change::Remove {
            replica: ReplicaId(*id),
            accept_domain_risk: *accept_domain_risk,
        },
        ReplicaChange::Transfer { to } => Change::Transfer {
            to: to.map(ReplicaId),
        },
    })
}
