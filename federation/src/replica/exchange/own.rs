//! What this replica says of the sessions that it has, or had.

use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::exchange::Presence;
use causeway_api::session::PROTOCOL;
use causeway_api::view::Applied;
use causeway_seam::Monotonic;

use crate::replica::sessions::Session;
use crate::replica::shared::Shared;

/// A session that ended here.
pub(super) struct Ended {
    presence: Presence,
    at: Monotonic,
}

impl Shared {
    /// A session opened here.
    pub(crate) fn say_opened(&self, member: &MemberName) {
        self.exchange.inner().ended.remove(member);
        self.exchange.present(member);
    }

    /// A session ended here.
    pub(crate) fn say_ended(&self, session: &Session) {
        let member = &session.hello.member;
        let now = self.env.now();
        // Said also where it goes on elsewhere: nobody else can take back that it was open here.
        if self.sessions.of(member).is_none() {
            let presence = Presence {
                open: false,
                ..presence(session, now)
            };
            let ended = Ended { presence, at: now };
            self.exchange.inner().ended.insert(member.clone(), ended);
        }
        self.exchange.present(member);
    }

    /// What to say of one member's session, or of all.
    pub(super) fn presences(&self, of: Option<&MemberName>) -> Vec<Presence> {
        let now = self.env.now();
        let open = match of {
            Some(member) => self.sessions.of(member).into_iter().collect(),
            None => self.sessions.all(),
        };
        let mut rows: Vec<Presence> = open.iter().map(|open| presence(open, now)).collect();
        let inner = self.exchange.inner();
        let ended = inner.ended.iter().filter(|(member, _)| {
            of.is_none_or(|of| of == *member) && !rows.iter().any(|row| row.member == **member)
        });
        let ended: Vec<Presence> = ended
            .map(|(_, ended)| Presence {
                for_ms: millis(now.since(ended.at)),
                ..ended.presence.clone()
            })
            .collect();
        rows.extend(ended);
        rows
    }
}

fn presence(session: &Session, now: Monotonic) -> Presence {
    let heard = session.heard();
    let (epoch, sequence) = session.order();
    Presence {
        member: session.hello.member.clone(),
        epoch,
        sequence,
        open: true,
        for_ms: millis(now.since(session.opened)),
        version: session.hello.version.clone(),
        protocol: session.hello.protocol.min(PROTOCOL),
        sent: session.outbox().generation(),
        // Whose versions it has seen is the home's business, and long.
        applied: heard.applied.map(|applied| Applied {
            owners: std::collections::BTreeMap::new(),
            ..applied
        }),
        behind_ms: heard.behind_since.map(|since| millis(now.since(since))),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
