//! Which requests were applied: a request that is sent again, because its answer was lost, changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::command::ClientId;

/// How many clients are remembered; beyond it the one that was quiet for longest is forgotten.
pub const CLIENTS: usize = 256;

/// How many serials of a client are remembered; an older one counts as applied.
pub const SERIALS: usize = 128;

/// The clients, each with the serials that were applied.
///
/// A client may have several requests under way, which may enter the log in another order than they were numbered in;
/// so a set is kept and not just the highest. A client never has more than [`SERIALS`] under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(from = "Vec<(ClientId, Row)>", into = "Vec<(ClientId, Row)>")]
pub struct Clients {
    rows: BTreeMap<ClientId, Row>,
}

/// A list of pairs, since a key of two parts is no key of a JSON object.
impl From<Clients> for Vec<(ClientId, Row)> {
    fn from(clients: Clients) -> Self {
        clients.rows.into_iter().collect()
    }
}

impl From<Vec<(ClientId, Row)>> for Clients {
    fn from(rows: Vec<(ClientId, Row)>) -> Self {
        Self {
            rows: rows.into_iter().collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
struct Row {
    /// Serials below this count as applied.
    floor: u64,
    /// Serials from the floor on that were applied.
    applied: BTreeSet<u64>,
    /// The log index of the last request.
    index: u64,
}

impl Clients {
    /// Whether a request was applied already.
    #[must_use]
    pub fn applied(&self, client: ClientId, serial: u64) -> bool {
        let row = self.rows.get(&client);
        row.is_some_and(|row| serial < row.floor || row.applied.contains(&serial))
    }

    /// Remembers a request, applied at a log index.
    pub fn remember(&mut self, client: ClientId, serial: u64, index: u64) {
        let row = self.rows.entry(client).or_default();
        row.applied.insert(serial);
        row.index = index;
        while row.applied.len() > SERIALS {
            if let Some(oldest) = row.applied.pop_first() {
                row.floor = oldest.saturating_add(1);
            }
        }
        while self.rows.len() > CLIENTS {
            let quiet = self.rows.iter().min_by_key(|(id, row)| (row.index, **id));
            if let Some(id) = quiet.map(|(id, _)| *id) {
                self.rows.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::ReplicaId;

    use super::*;

    fn client(nonce: u64) -> ClientId {
        ClientId {
            replica: ReplicaId(1),
            nonce,
        }
    }

    #[test]
    fn order_within_the_window_does_not_matter() {
        let mut clients = Clients::default();
        clients.remember(client(1), 5, 10);
        assert!(!clients.applied(client(1), 4));
        clients.remember(client(1), 4, 11);
        assert!(clients.applied(client(1), 4) && clients.applied(client(1), 5));
        assert!(!clients.applied(client(2), 5));
    }

    #[test]
    fn memory_is_bounded() {
        let mut clients = Clients::default();
        for serial in 0..1_000 {
            clients.remember(client(1), serial, serial);
        }
        assert_eq!(clients.rows.get(&client(1)).unwrap().applied.len(), SERIALS);
        assert!(
            clients.applied(client(1), 0),
            "older than the window counts as applied"
        );
        for nonce in 2..600 {
            clients.remember(client(nonce), 1, 1_000 + nonce);
        }
        assert_eq!(clients.rows.len(), CLIENTS);
        assert!(clients.applied(client(599), 1) && !clients.applied(client(2), 1));
    }
}
