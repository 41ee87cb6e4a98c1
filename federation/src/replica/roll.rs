//! Which replicas there are, for agents: said with each welcome and again whenever it changes, so that an agent whose home
//! dies knows those that were added since it came.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_api::session::Roll;
use tokio::sync::watch;

use super::shared::Shared;
use crate::peers::PeerLinks;

/// The roll as it is now, for whoever follows it.
pub(crate) struct Rolls(watch::Sender<Roll>);

impl Default for Rolls {
    fn default() -> Self {
        Self(watch::Sender::new(Roll::default()))
    }
}

impl Rolls {
    /// Follows the roll.
    pub(crate) fn follow(&self) -> watch::Receiver<Roll> {
        self.0.subscribe()
    }
}

impl Shared {
    /// Looks who there is.
    pub(crate) fn call_roll(&self) {
        let addresses = self.exchange.addresses();
        let roll = self.consensus.read(|state| {
            let address = |id: ReplicaId| addresses.get(&id).cloned().unwrap_or_default();
            let members = state.replicas.members();
            Roll {
                changed: state.replicas.changed(),
                replicas: members.map(|(id, _)| (id, address(id))).collect(),
            }
        });
        // Below the level that knows replicas: whoever said where it is.
        let roll = match roll.replicas.is_empty() {
            true => Roll {
                replicas: addresses,
                ..roll
            },
            false => roll,
        };
        self.rolls.0.send_if_modified(|held| {
            let news = *held != roll;
            *held = roll;
            news
        });
    }
}

/// Keeps the roll until it is dropped.
pub(super) async fn keep(shared: Arc<Shared>, links: PeerLinks) {
    let mut changes = links.changes();
    let mut members = shared.consensus.membership();
    let mut position = shared.consensus.position();
    let mut addresses = shared.exchange.follow_addresses();
    loop {
        position.mark_unchanged();
        shared.call_roll();
        let ended = tokio::select! {
            biased;
            changed = changes.changed() => changed.is_err(),
            changed = addresses.changed() => changed.is_err(),
            changed = members.changed() => changed.is_err(),
            // Who is a member is decided a moment after the log says so.
            changed = position.changed(), if is_behind(&shared) => changed.is_err(),
        };
        if ended {
            return std::future::pending().await;
        }
    }
}

fn is_behind(shared: &Shared) -> bool {
    let members = shared.consensus.members();
    shared.consensus.read(|state| {
        let decided: BTreeMap<ReplicaId, ()> =
            state.replicas.members().map(|(id, _)| (id, ())).collect();
        !decided.is_empty() && decided.keys().ne(members.keys())
    })
}
