//! Which links there are: one on each lane that is always up, to each member.

use std::sync::Weak;

use causeway_api::peer::Lane;

use super::{Inner, lock};

/// Keeps links to all members on the lanes that are always up, and forgets those who are members no longer.
pub(super) async fn keep(inner: Weak<Inner>) {
    let followed = inner.upgrade().and_then(|inner| {
        let log = inner.consensus()?;
        Some((log.membership(), log.position()))
    });
    let Some((mut members, mut position)) = followed else {
        return;
    };
    loop {
        if let Some(inner) = inner.upgrade() {
            position.mark_unchanged();
            let now = inner.members();
            let joining = inner.highest().incarnation == 0;
            for (id, node) in &now {
                if *id != inner.me.replica {
                    let peer = inner.peer(*id, &node.address);
                    inner.slot(&peer, Lane::Raft);
                    inner.slot(&peer, Lane::Facts);
                }
            }
            if !joining && !now.is_empty() {
                let mut peers = lock(&inner.peers);
                peers.retain(|id, peer| {
                    let member = now.contains_key(id);
                    if !member {
                        peer.end();
                    }
                    member
                });
            }
            inner.turn_out();
            inner.note_change();
        } else {
            return;
        }
        let changing = inner.upgrade().is_some_and(|inner| inner.is_changing());
        let ended = tokio::select! {
            biased;
            changed = members.changed() => changed.is_err(),
            // A removal is decided a moment after the log leaves somebody out.
            changed = position.changed(), if changing => changed.is_err(),
        };
        if ended {
            return;
        }
    }
}
