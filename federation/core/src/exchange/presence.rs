//! Which replica has, or had, the session of which member, as each replica says of itself.
//!
//! Presence is not relayed: what a replica says of its sessions is as good as the connection to it. While that is there
//! an open session counts as heard whenever the replica is; once it is gone the session ages with it.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_api::exchange::Presence;
use causeway_api::{MemberName, ReplicaId};

/// What other replicas say of their sessions.
#[derive(Debug, Default)]
pub struct Presences {
    givers: BTreeMap<ReplicaId, Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    /// When the replica was heard last, by this replica's clock.
    heard: Duration,
    connected: bool,
    /// The next word replaces all that was said on an earlier connection.
    anew: bool,
    rows: BTreeMap<MemberName, (Presence, Duration)>,
}

/// A session at another replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The replica.
    pub home: ReplicaId,
    /// What it said of the session last.
    pub presence: &'a Presence,
    /// When it said so, by this replica's clock.
    pub said: Duration,
    /// When it was heard last.
    pub heard: Duration,
    /// Whether there is a connection to it now.
    pub connected: bool,
}

impl Presences {
    /// A connection from a replica begins.
    pub fn begin(&mut self, giver: ReplicaId, now: Duration) {
        let sessions = self.givers.entry(giver).or_default();
        sessions.connected = true;
        sessions.anew = true;
        sessions.heard = now;
    }

    /// The connection ended, or nothing was heard for too long.
    pub fn end(&mut self, giver: ReplicaId) {
        if let Some(sessions) = self.givers.get_mut(&giver) {
            sessions.connected = false;
        }
    }

    /// The replica is no longer of the clusterset.
    pub fn forget(&mut self, giver: ReplicaId) {
        self.givers.remove(&giver);
    }

    /// Something was heard of a replica. Says whether it had been silent.
    pub fn heard(&mut self, giver: ReplicaId, now: Duration) -> bool {
        let Some(sessions) = self.givers.get_mut(&giver) else {
            return false;
        };
        sessions.heard = sessions.heard.max(now);
        !std::mem::replace(&mut sessions.connected, true)
    }

    /// A replica spoke of its sessions. Returns the members about whom something is new.
    pub fn take(
        &mut self,
        giver: ReplicaId,
        rows: Vec<Presence>,
        now: Duration,
    ) -> Vec<MemberName> {
        let sessions = self.givers.entry(giver).or_default();
        let mut changed: Vec<MemberName> = Vec::new();
        if std::mem::take(&mut sessions.anew) {
            let named: Vec<&MemberName> = rows.iter().map(|row| &row.member).collect();
            let gone = sessions.rows.keys().filter(|key| !named.contains(key));
            changed.extend(gone.cloned());
            for member in &changed {
                sessions.rows.remove(member);
            }
        }
        for row in rows {
            changed.push(row.member.clone());
            sessions.rows.insert(row.member.clone(), (row, now));
        }
        changed
    }

    /// The newest session of a member elsewhere: an open one before one that has ended, a connected replica's before
    /// another's, then by epoch and sequence.
    #[must_use]
    pub fn of<'a>(&'a self, member: &'a MemberName) -> Option<Seen<'a>> {
        self.all_of(member).max_by_key(|seen| {
            (
                seen.presence.open && seen.connected,
                seen.presence.open,
                seen.presence.order(),
                seen.said,
            )
        })
    }

    /// Every session of a member elsewhere.
    pub fn all_of<'a>(&'a self, member: &'a MemberName) -> impl Iterator<Item = Seen<'a>> {
        self.givers.iter().filter_map(|(home, sessions)| {
            let (presence, said) = sessions.rows.get(member)?;
            Some(Seen {
                home: *home,
                presence,
                said: *said,
                heard: sessions.heard,
                connected: sessions.connected,
            })
        })
    }

    /// The members of whom any replica spoke.
    pub fn members(&self) -> impl Iterator<Item = &MemberName> {
        let all: std::collections::BTreeSet<&MemberName> = self
            .givers
            .values()
            .flat_map(|sessions| sessions.rows.keys())
            .collect();
        all.into_iter()
    }

    /// The replicas that spoke.
    pub fn givers(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.givers.keys().copied()
    }

    /// When a replica was heard last, and whether there is a connection from it.
    #[must_use]
    pub fn giver(&self, giver: ReplicaId) -> Option<(Duration, bool)> {
        self.givers
            .get(&giver)
            .map(|sessions| (sessions.heard, sessions.connected))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn row(member: &str, epoch: u64, sequence: u64, open: bool) -> Presence {
        Presence {
            member: member.parse().unwrap(),
            epoch,
            sequence,
            open,
            for_ms: 0,
            version: String::new(),
            protocol: 1,
            sent: causeway_api::Generation::default(),
            applied: None,
            behind_ms: None,
        }
    }

    #[test]
    fn an_open_session_counts_while_its_replica_is_heard() {
        let mut held = Presences::default();
        let member = "a".parse().unwrap();
        held.begin(ReplicaId(1), SECOND);
        held.take(ReplicaId(1), vec![row("a", 1, 1, true)], SECOND);
        held.heard(ReplicaId(1), SECOND * 9);
        assert_eq!(held.of(&member).unwrap().heard, SECOND * 9);
        held.end(ReplicaId(1));
        held.begin(ReplicaId(2), SECOND * 9);
        held.take(ReplicaId(2), vec![row("a", 1, 2, false)], SECOND * 9);
        let seen = held.of(&member).unwrap();
        assert_eq!(seen.heard, SECOND * 9, "as old as its replica");
        assert_eq!(seen.home, ReplicaId(1), "open, as far as is known");
        held.take(ReplicaId(2), vec![row("a", 1, 3, true)], SECOND * 10);
        assert_eq!(held.of(&member).unwrap().home, ReplicaId(2));
    }

    #[test]
    fn a_new_connection_replaces_what_was_said_on_the_last() {
        let mut held = Presences::default();
        held.begin(ReplicaId(1), SECOND);
        held.take(
            ReplicaId(1),
            vec![row("a", 1, 1, true), row("b", 1, 1, true)],
            SECOND,
        );
        held.end(ReplicaId(1));
        held.begin(ReplicaId(1), SECOND * 2);
        assert_eq!(
            held.members().count(),
            2,
            "nothing is lost before something is said"
        );
        let changed = held.take(ReplicaId(1), vec![row("b", 2, 1, true)], SECOND * 2);
        assert_eq!(changed.len(), 2);
        assert!(held.of(&"a".parse().unwrap()).is_none());
    }
}
