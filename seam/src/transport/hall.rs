//! Connections within one process, for tests and simulators: a [`Hall`] has addresses, whoever listens at one has a
//! [`Porch`], and a [`Caller`] dials them. What is sent between two addresses arrives in order, and may be delayed or
//! held back: a cut wire loses nothing by itself, as TCP does not; who waits too long gives up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use super::{Accept, Connection, Dial, TransportError};
use crate::clock::Monotonic;
use crate::env::Env;

/// Messages that wait in each queue of a connection before the sender has to.
const QUEUE: usize = 64;

/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(5);

/// The way from one address to another, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wire {
    /// How long a message takes.
    pub delay: Duration,
    /// Whether nothing gets through: what is sent waits.
    pub cut: bool,
}

type Key = (String, String);

#[derive(Debug, Default)]
struct Wires {
    ways: BTreeMap<Key, watch::Sender<Wire>>,
    usual: Wire,
}

/// All addresses. `D` is what dials send, `A` what is answered. Cheap to clone.
pub struct Hall<D, A> {
    env: Env,
    wires: Arc<Mutex<Wires>>,
    doors: Arc<Mutex<Doors<D, A>>>,
}

/// Whoever listens, by address.
type Doors<D, A> = BTreeMap<String, mpsc::Sender<Connection<A, D>>>;

impl<D, A> Clone for Hall<D, A> {
    fn clone(&self) -> Self {
        Self {
            env: self.env.clone(),
            wires: Arc::clone(&self.wires),
            doors: Arc::clone(&self.doors),
        }
    }
}

impl<D, A> std::fmt::Debug for Hall<D, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hall").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D: Send + 'static, A: Send + 'static> Hall<D, A> {
    /// With nobody in it. Its messages travel in tasks of `env`.
    #[must_use]
    pub fn new(env: &Env) -> Self {
        Self {
            env: env.clone(),
            wires: Arc::default(),
            doors: Arc::default(),
        }
    }

    /// Listens at `address`, in the place of whoever did before.
    #[must_use]
    pub fn listen(&self, address: &str) -> Porch<D, A> {
        let (tell, connections) = mpsc::channel(QUEUE);
        lock(&self.doors).insert(address.to_owned(), tell);
        Porch { connections }
    }

    /// Dials from `address`, as `identity`.
    #[must_use]
    pub fn caller(&self, address: &str, identity: &str) -> Caller<D, A> {
        Caller {
            hall: self.clone(),
            from: address.to_owned(),
            identity: identity.to_owned(),
        }
    }

    /// Sets the way from one address to another; the way back is another one.
    pub fn set(&self, from: &str, to: &str, wire: Wire) {
        self.way(from, to).send_replace(wire);
    }

    /// Sets all ways, those that were set before too.
    pub fn set_all(&self, wire: Wire) {
        let mut wires = lock(&self.wires);
        wires.usual = wire;
        for way in wires.ways.values() {
            way.send_replace(wire);
        }
    }

    fn way(&self, from: &str, to: &str) -> watch::Sender<Wire> {
        let mut wires = lock(&self.wires);
        let usual = wires.usual;
        let way = wires.ways.entry((from.to_owned(), to.to_owned()));
        way.or_insert_with(|| watch::Sender::new(usual)).clone()
    }

    /// Carries what is sent on a way, until either end is dropped.
    fn carry<T: Send + 'static>(
        &self,
        from: &str,
        to: &str,
    ) -> (mpsc::Sender<T>, mpsc::Receiver<Result<T, TransportError>>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let (arrive, receiver) = mpsc::channel(QUEUE);
        let way = self.way(from, to).subscribe();
        let carry = carry(self.env.clone(), way, queue, arrive, from.to_owned());
        self.env.spawn("wire", carry).detach();
        (sender, receiver)
    }
}

/// Stamps what is sent with when it is due, and delivers it then. Both in one task: what was stamped before a delay
/// was shortened still arrives first.
async fn carry<T>(
    env: Env,
    mut way: watch::Receiver<Wire>,
    mut queue: mpsc::Receiver<T>,
    arrive: mpsc::Sender<Result<T, TransportError>>,
    from: String,
) {
    let mut travelling: VecDeque<(Monotonic, T)> = VecDeque::new();
    let mut open = true;
    loop {
        let wire = *way.borrow_and_update();
        let now = env.now();
        let next = travelling.front().map(|(due, _)| *due);
        let ready = !wire.cut && next.is_some_and(|due| due <= now);
        if ready {
            if let Some((_, message)) = travelling.pop_front()
                && arrive.send(Ok(message)).await.is_err()
            {
                return;
            }
            continue;
        }
        if !open && travelling.is_empty() {
            let reason = "the other side ended it".to_owned();
            let closed = TransportError::Closed {
                address: from,
                reason,
            };
            let _ = arrive.send(Err(closed)).await;
            return;
        }
        let left = next.map(|due| due.since(now)).filter(|_| !wire.cut);
        tokio::select! {
            biased;
            () = arrive.closed() => return,
            changed = way.changed() => if changed.is_err() { return },
            message = queue.recv(), if open && travelling.len() < QUEUE => match message {
                Some(message) => travelling.push_back((env.now().plus(wire.delay), message)),
                None => open = false,
            },
            () = env.sleep(left.unwrap_or_default()), if left.is_some() => {}
        }
    }
}

/// The end at which somebody listens.
#[derive(Debug)]
pub struct Porch<D, A> {
    connections: mpsc::Receiver<Connection<A, D>>,
}

#[async_trait]
impl<D: Send + 'static, A: Send + 'static> Accept<A, D> for Porch<D, A> {
    async fn accept(&mut self) -> Option<Connection<A, D>> {
        self.connections.recv().await
    }
}

/// Dials from one address. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller<D, A> {
    hall: Hall<D, A>,
    from: String,
    identity: String,
}

#[async_trait]
impl<D: Send + 'static, A: Send + 'static> Dial<D, A> for Caller<D, A> {
    async fn dial(&self, address: &str) -> Result<Connection<D, A>, TransportError> {
        let (hall, from) = (&self.hall, self.from.as_str());
        let unreachable = |reason: &str| TransportError::Unreachable {
            address: address.to_owned(),
            reason: reason.to_owned(),
        };
        let there = async {
            for (from, to) in [(from, address), (address, from)] {
                let mut way = hall.way(from, to).subscribe();
                let whole = way.wait_for(|wire| !wire.cut).await.map(|wire| *wire);
                hall.env.sleep(whole.unwrap_or_default().delay).await;
            }
        };
        let reached = hall.env.timeout(DIAL, there).await;
        reached.map_err(|_| unreachable("it does not answer"))?;
        let door = lock(&hall.doors).get(address).cloned();
        let door = door.ok_or_else(|| unreachable("nobody listens there"))?;
        let (to_them, theirs) = hall.carry(from, address);
        let (to_us, ours) = hall.carry(address, from);
        let accepted = Connection {
            remote: from.to_owned(),
            identity: Some(self.identity.clone()),
            sender: to_us,
            receiver: theirs,
        };
        let taken = door.send(accepted).await;
        taken.map_err(|_| unreachable("nobody listens there any more"))?;
        Ok(Connection {
            remote: address.to_owned(),
            identity: None,
            sender: to_them,
            receiver: ours,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::real::env;

    const CUT: Wire = Wire {
        delay: Duration::ZERO,
        cut: true,
    };

    #[tokio::test(start_paused = true)]
    async fn messages_take_their_time_and_arrive_in_order() {
        let env = env();
        let hall = Hall::<u32, u32>::new(&env);
        hall.set_all(Wire {
            delay: Duration::from_millis(40),
            cut: false,
        });
        let mut porch = hall.listen("b");
        let dialled = hall.caller("a", "anna").dial("b").await.unwrap();
        let mut accepted = porch.accept().await.unwrap();
        assert_eq!(accepted.identity.as_deref(), Some("anna"));
        let start = env.now();
        for n in 0..10 {
            dialled.sender.send(n).await.unwrap();
        }
        for n in 0..10 {
            assert_eq!(accepted.receiver.recv().await.unwrap().unwrap(), n);
        }
        assert_eq!(env.now().since(start), Duration::from_millis(40));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_holds_back_and_a_heal_delivers() {
        let env = env();
        let hall = Hall::<u32, u32>::new(&env);
        let mut porch = hall.listen("b");
        let mut dialled = hall.caller("a", "anna").dial("b").await.unwrap();
        let mut accepted = porch.accept().await.unwrap();
        hall.set("a", "b", CUT);
        dialled.sender.send(1).await.unwrap();
        let limit = Duration::from_secs(60);
        assert!(env.timeout(limit, accepted.receiver.recv()).await.is_err());
        // The other way is whole.
        accepted.sender.send(2).await.unwrap();
        assert_eq!(dialled.receiver.recv().await.unwrap().unwrap(), 2);
        assert!(hall.caller("a", "anna").dial("b").await.is_err());
        hall.set("a", "b", Wire::default());
        assert_eq!(accepted.receiver.recv().await.unwrap().unwrap(), 1);
        drop(dialled);
        assert!(accepted.receiver.recv().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn nobody_listens() {
        let hall = Hall::<u32, u32>::new(&env());
        assert!(hall.caller("a", "anna").dial("b").await.is_err());
        drop(hall.listen("b"));
        assert!(hall.caller("a", "anna").dial("b").await.is_err());
    }
}
