//! What is known of an agent's session, as a value.

use std::collections::BTreeMap;

use causeway_api::session::PROTOCOL;
use causeway_api::view::Applied;
use causeway_api::{Generation, MemberName};
use causeway_seam::WallClock;

use crate::replica::shared::Shared;

/// One session at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SessionInfo {
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

/// All sessions of this replica.
pub(crate) fn all(shared: &Shared) -> BTreeMap<MemberName, SessionInfo> {
    let now = shared.env.now();
    let ms =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let info = |session: &super::super::sessions::Session| {
        let heard = session.heard();
        SessionInfo {
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
    let sessions = shared.sessions.all();
    sessions
        .iter()
        .map(|session| (session.hello.member.clone(), info(session)))
        .collect()
}
