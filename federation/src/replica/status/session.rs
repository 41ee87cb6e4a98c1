//! What is known of an agent's session, as a value.

use std::collections::BTreeMap;

use causeway_api::session::PROTOCOL;
use causeway_api::view::Applied;
use causeway_api::{Generation, MemberName, ReplicaId};
use causeway_seam::WallClock;

use super::scope::Scope;
use crate::replica::shared::Shared;

/// One session at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SessionInfo {
    /// The replica that it is with; `None`: this one.
    pub(crate) home: Option<ReplicaId>,
    /// The agent's version.
    pub(crate) version: String,
    /// The protocol that both speak.
    pub(crate) protocol: u32,
    /// The epoch of the agent's Lease; 0: it holds none.
    pub(crate) epoch: u64,
    /// How long ago it was heard, in milliseconds.
    pub(crate) heard_ago_ms: u64,
    /// When it was heard, for people.
    pub(crate) heard_at: WallClock,
    /// The highest generation that was sent.
    pub(crate) sent: Generation,
    /// What the agent did with its view.
    pub(crate) applied: Option<Applied>,
    /// How long it has been behind, in milliseconds; `None`: it is not.
    pub(crate) behind_ms: Option<u64>,
}

/// The sessions in scope: of this replica, and of others that are heard, as they say.
pub(crate) fn some(shared: &Shared, scope: &Scope) -> BTreeMap<MemberName, SessionInfo> {
    let (now, wall) = (shared.env.now(), shared.env.wall());
    let ms =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let info = |session: &super::super::sessions::Session| {
        let heard = session.heard();
        SessionInfo {
            home: None,
            version: session.hello.version.clone(),
            protocol: session.hello.protocol.min(PROTOCOL),
            epoch: session.hello.epoch,
            heard_ago_ms: ms(now.since(heard.at)),
            heard_at: heard.wall,
            sent: session.outbox().generation(),
            applied: heard.applied,
            behind_ms: heard.behind_since.map(|since| ms(now.since(since))),
        }
    };
    let (sessions, elsewhere) = match scope {
        Scope::Everything => (shared.sessions.all(), shared.exchange.all_elsewhere()),
        Scope::Members(members) => {
            let of =
                |member: &MemberName| Some((member.clone(), shared.exchange.elsewhere(member)?));
            (
                members
                    .iter()
                    .filter_map(|one| shared.sessions.of(one))
                    .collect(),
                members.iter().filter_map(of).collect(),
            )
        }
    };
    let here = sessions
        .iter()
        .map(|session| (session.hello.member.clone(), info(session)));
    let mut all: BTreeMap<MemberName, SessionInfo> = here.collect();
    for (member, seen) in elsewhere {
        if seen.presence.open && seen.connected {
            all.entry(member).or_insert_with(|| {
                let ago = ms(now.since(seen.heard));
                let since_said = ms(now.since(seen.said));
                SessionInfo {
                    home: Some(seen.home),
                    version: seen.presence.version,
                    protocol: seen.presence.protocol,
                    epoch: seen.presence.epoch,
                    heard_ago_ms: ago,
                    heard_at: WallClock(
                        wall.0
                            .saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)),
                    ),
                    sent: seen.presence.sent,
                    applied: seen.presence.applied,
                    behind_ms: seen
                        .presence
                        .behind_ms
                        .map(|ms| ms.saturating_add(since_said)),
                }
            });
        }
    }
    all
}
