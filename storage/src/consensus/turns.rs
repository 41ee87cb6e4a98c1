//! Whose serials the proposals of this process carry.
//!
//! The state remembers a bounded window of serials for each client and takes an older one for applied. So a client's serials
//! that are under way lie within one window, whatever becomes of the oldest of them; and so that a stuck one holds nobody
//! up, and thousands of proposals may be under way at once, a process speaks as several clients.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use causeway_state::ClientId;
use causeway_state::clients::SERIALS;
use tokio::sync::Notify;

/// As how many clients a process speaks: with seven replicas, a fraction of those that the state remembers.
const CLIENTS: u64 = 16;

/// The clients of a process.
pub(super) struct Turns {
    clients: Mutex<Vec<Client>>,
    freed: Notify,
}

struct Client {
    id: ClientId,
    next: u64,
    under_way: BTreeSet<u64>,
}

/// A serial that is under way until this is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    pub(super) client: ClientId,
    pub(super) serial: u64,
}

impl Turns {
    /// As the clients that follow this one.
    pub(super) fn new(client: ClientId) -> Self {
        let clients = (1..=CLIENTS).map(|number| Client {
            id: ClientId {
                nonce: client.nonce.wrapping_add(number),
                ..client
            },
            next: 1,
            under_way: BTreeSet::new(),
        });
        Self {
            clients: Mutex::new(clients.collect()),
            freed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A serial of the first client that has room; waits where none has.
    pub(super) async fn take(&self) -> Turn<'_> {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From here on it is told, so that nothing is missed between looking and waiting.
            freed.as_mut().enable();
            if let Some(turn) = self.try_take() {
                // One that ended may have made room for many.
                self.freed.notify_one();
                return turn;
            }
            freed.await;
        }
    }

    fn try_take(&self) -> Option<Turn<'_>> {
        let mut clients = self.lock();
        let client = clients.iter_mut().find(|client| client.has_room())?;
        let serial = client.next;
        client.next += 1;
        client.under_way.insert(serial);
        Some(Turn {
            turns: self,
            client: client.id,
            serial,
        })
    }
}

impl Client {
    fn has_room(&self) -> bool {
        let oldest = self.under_way.first();
        oldest.is_none_or(|oldest| self.next - oldest < SERIALS as u64)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut clients = self.turns.lock();
        if let Some(client) = clients.iter_mut().find(|client| client.id == self.client) {
            client.under_way.remove(&self.serial);
        }
        drop(clients);
        self.turns.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::ReplicaId;
    use causeway_state::clients::Clients;

    use super::*;

    fn turns() -> Turns {
        Turns::new(ClientId {
            replica: ReplicaId(1),
            nonce: 7,
        })
    }

    #[test]
    fn a_serial_that_is_stuck_never_counts_as_applied() {
        let turns = turns();
        let stuck = turns.try_take().unwrap();
        let mut state = Clients::default();
        for index in 0..10_000 {
            let turn = turns.try_take().unwrap();
            state.remember(turn.client, turn.serial, index);
            assert!(!state.applied(stuck.client, stuck.serial), "{index}");
        }
    }

    #[test]
    fn a_quiet_process_speaks_as_one_client() {
        let turns = turns();
        let clients: BTreeSet<_> = (0..1_000)
            .map(|_| turns.try_take().unwrap().client)
            .collect();
        assert_eq!(clients.len(), 1);
    }

    #[tokio::test]
    async fn whoever_waits_is_served_once_there_is_room() {
        let turns = turns();
        let mut held: Vec<_> = std::iter::from_fn(|| turns.try_take()).collect();
        assert_eq!(held.len(), SERIALS * usize::try_from(CLIENTS).unwrap());
        let waiting = futures::future::join_all((0..200).map(|_| turns.take()));
        let served = async {
            tokio::task::yield_now().await;
            // The first of a client's window opens as many places as it holds.
            held.drain(..2 * SERIALS);
        };
        let (turns, ()) = tokio::join!(waiting, served);
        assert_eq!(turns.len(), 200);
    }
}
