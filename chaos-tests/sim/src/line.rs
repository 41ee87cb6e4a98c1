//! Connections of typed messages between simulated hosts: `causeway_seam::transport` over [`Wires`].
//!
//! An [`Exchange`] is all addresses of one protocol. Messages of a connection arrive in order, each after its own time
//! on the way. A connection breaks where its hosts' ways are reset, and ends where either side drops it, as when its
//! process is killed: the other side hears of it only if the way is whole.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use causeway_seam::transport::{Accept, Connection, Dial, TransportError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::executor;
use crate::history::History;
use crate::wires::Wires;

/// Messages that wait in each queue of a connection before the sender has to.
const QUEUE: usize = 64;

/// Messages that may be on the way.
const ON_THE_WAY: usize = 256;

/// What a message is, in a few words, for the history; `None`: it is not worth a line.
pub type Describe<T> = fn(&T) -> Option<String>;

/// Whether a message is lost: a bug that is planted, since no network of ours loses what was sent.
pub type Loses<T> = fn(&T) -> bool;

/// All addresses of a protocol: `D` is what dials send, `A` what is answered. Clones are the same.
pub struct Exchange<D, A> {
    shared: Arc<Shared<D, A>>,
    loses: Loses<D>,
    loses_answers: Loses<A>,
}

impl<D, A> Clone for Exchange<D, A> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            loses: self.loses,
            loses_answers: self.loses_answers,
        }
    }
}

struct Shared<D, A> {
    wires: Wires,
    history: History,
    doors: Mutex<BTreeMap<String, Door<D, A>>>,
    describe: (Describe<D>, Describe<A>),
}

struct Door<D, A> {
    host: String,
    open: mpsc::Sender<Connection<A, D>>,
}

impl<D: Send + 'static, A: Send + 'static> Exchange<D, A> {
    /// Nobody listens yet.
    #[must_use]
    pub fn new(wires: &Wires, history: &History, dials: Describe<D>, answers: Describe<A>) -> Self {
        Self {
            shared: Arc::new(Shared {
                wires: wires.clone(),
                history: history.clone(),
                doors: Mutex::default(),
                describe: (dials, answers),
            }),
            loses: |_| false,
            loses_answers: |_| false,
        }
    }

    /// The same, where such messages of those who dial never arrive.
    #[must_use]
    pub fn losing(self, loses: Loses<D>) -> Self {
        Self { loses, ..self }
    }

    /// The same, where such answers never arrive.
    #[must_use]
    pub fn losing_answers(self, loses_answers: Loses<A>) -> Self {
        Self {
            loses_answers,
            ..self
        }
    }

    /// A host listens at an address, until the returned value is dropped; whoever listened there before no longer does.
    #[must_use]
    pub fn listen(&self, host: &str, address: &str) -> Porch<D, A> {
        let (open, arriving) = mpsc::channel(QUEUE);
        let door = Door {
            host: host.to_owned(),
            open,
        };
        self.doors().insert(address.to_owned(), door);
        Porch(arriving)
    }

    /// How a host dials. `identity` is what its certificate proves.
    #[must_use]
    pub fn dialer(&self, host: &str, identity: &str) -> Dialer<D, A> {
        Dialer {
            exchange: self.clone(),
            host: host.to_owned(),
            identity: identity.to_owned(),
        }
    }

    fn doors(&self) -> MutexGuard<'_, BTreeMap<String, Door<D, A>>> {
        let doors = self.shared.doors.lock();
        doors.unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one direction.
    fn run<T: Send + 'static>(
        &self,
        from: &str,
        to: &str,
        describe: Describe<T>,
        loses: Loses<T>,
    ) -> (mpsc::Sender<T>, mpsc::Receiver<Result<T, TransportError>>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let (deliver, receiver) = mpsc::channel(QUEUE);
        let direction = Direction {
            wires: self.shared.wires.clone(),
            history: self.shared.history.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            describe,
            loses,
        };
        // Of the network, and of no process.
        executor::spawn(direction.carry(queue, deliver));
        (sender, receiver)
    }
}

/// How one host dials; see [`Exchange::dialer`].
pub struct Dialer<D, A> {
    exchange: Exchange<D, A>,
    host: String,
    identity: String,
}

#[async_trait]
impl<D: Send + 'static, A: Send + 'static> Dial<D, A> for Dialer<D, A> {
    async fn dial(&self, address: &str) -> Result<Connection<D, A>, TransportError> {
        let unreachable = |reason: &str| TransportError::Unreachable {
            address: address.to_owned(),
            reason: reason.to_owned(),
        };
        let shared = &self.exchange.shared;
        let door = {
            let doors = self.exchange.doors();
            let door = doors.get(address);
            door.map(|door| (door.host.clone(), door.open.clone()))
        };
        let (host, open) = door.ok_or_else(|| unreachable("nobody knows this address"))?;
        shared.wires.travel(&self.host, &host).await;
        let (sender, arrives) =
            self.exchange
                .run(&self.host, &host, shared.describe.0, self.exchange.loses);
        let (answers, receiver) = self.exchange.run(
            &host,
            &self.host,
            shared.describe.1,
            self.exchange.loses_answers,
        );
        let other = Connection {
            remote: self.host.clone(),
            identity: Some(self.identity.clone()),
            sender: answers,
            receiver: arrives,
        };
        let taken = open.try_send(other);
        shared.wires.travel(&host, &self.host).await;
        taken.map_err(|_| unreachable("the connection was refused"))?;
        Ok(Connection {
            remote: address.to_owned(),
            identity: None,
            sender,
            receiver,
        })
    }
}

/// Takes up the connections to one address; see [`Exchange::listen`].
pub struct Porch<D, A>(mpsc::Receiver<Connection<A, D>>);

#[async_trait]
impl<D: Send + 'static, A: Send + 'static> Accept<A, D> for Porch<D, A> {
    async fn accept(&mut self) -> Option<Connection<A, D>> {
        self.0.recv().await
    }
}

/// One direction of a connection.
struct Direction<T> {
    wires: Wires,
    history: History,
    from: String,
    to: String,
    describe: Describe<T>,
    loses: Loses<T>,
}

enum Woken<T> {
    Sent(Option<T>),
    Arrived,
    WiresChanged,
    NobodyHears,
}

impl<T: Send + 'static> Direction<T> {
    /// Carries what is sent until either side is gone.
    async fn carry(
        self,
        mut queue: mpsc::Receiver<T>,
        deliver: mpsc::Sender<Result<T, TransportError>>,
    ) {
        let resets = self.wires.resets(&self.from, &self.to);
        let mut changes = self.wires.changes();
        // `None` is the end of what was sent.
        let mut flying: VecDeque<(Instant, Option<T>)> = VecDeque::new();
        let mut sending = true;
        loop {
            if self.wires.resets(&self.from, &self.to) != resets {
                let _ = deliver.send(Err(self.closed("it was reset"))).await;
                return;
            }
            let open = self.wires.is_open(&self.from, &self.to);
            let due = flying.front().map(|(due, _)| *due).filter(|_| open);
            let woken = tokio::select! {
                biased;
                () = deliver.closed() => Woken::NobodyHears,
                message = queue.recv(), if sending && flying.len() < ON_THE_WAY => Woken::Sent(message),
                () = wait(due) => Woken::Arrived,
                _ = changes.changed() => Woken::WiresChanged,
            };
            match woken {
                // The sender learns it from its queue, which closes here; no sooner than word of it can come.
                Woken::NobodyHears => return self.wires.travel(&self.to, &self.from).await,
                Woken::WiresChanged => {}
                Woken::Sent(message) => {
                    sending = message.is_some();
                    let earliest = Instant::now() + self.wires.latency(&self.from, &self.to);
                    let last = flying.back().map_or(earliest, |(due, _)| *due);
                    flying.push_back((earliest.max(last), message));
                }
                Woken::Arrived => match flying.pop_front() {
                    Some((_, Some(message))) if (self.loses)(&message) => {}
                    Some((_, Some(message))) => {
                        match (self.describe)(&message) {
                            Some(what) => {
                                self.history
                                    .note(&self.to, format_args!("<- {}: {what}", self.from));
                            }
                            None => self.history.count(),
                        }
                        if deliver.send(Ok(message)).await.is_err() {
                            return;
                        }
                    }
                    _ => {
                        let _ = deliver
                            .send(Err(self.closed("the other side ended it")))
                            .await;
                        return;
                    }
                },
            }
        }
    }

    fn closed(&self, reason: &str) -> TransportError {
        TransportError::Closed {
            address: self.from.clone(),
            reason: reason.to_owned(),
        }
    }
}

async fn wait(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The longest that anything takes on a whole way, for deadlines in tests.
pub const FAR: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dice::Dice;
    use crate::executor::Executor;

    async fn simulated<F>(test: impl FnOnce(Wires, Exchange<u32, u32>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let history = History::begin();
        let wires = Wires::new(Dice::new(1));
        let exchange = Exchange::new(&wires, &history, |_| None, |_| None);
        Executor::run(Dice::new(1), &history, test(wires, exchange)).await;
        assert_eq!(history.take().2, []);
    }

    async fn arrives(connection: &mut Connection<u32, u32>) -> Option<u32> {
        let next = tokio::time::timeout(FAR, connection.receiver.recv()).await;
        next.ok()??.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn messages_arrive_in_order_wait_at_a_cut_and_break_at_a_reset() {
        let test = async |wires: Wires, exchange: Exchange<u32, u32>| {
            let mut porch = exchange.listen("b", "b:1");
            let dialed = exchange.dialer("a", "me").dial("b:1").await.unwrap();
            let mut taken = porch.accept().await.unwrap();
            assert_eq!(taken.identity.as_deref(), Some("me"));
            for n in 0..100 {
                dialed.sender.send(n).await.unwrap();
                if n == 50 {
                    for expected in 0..=50 {
                        assert_eq!(arrives(&mut taken).await, Some(expected));
                    }
                    wires.cut("a", "b");
                }
            }
            assert_eq!(arrives(&mut taken).await, None);
            taken.sender.send(7).await.unwrap();
            let mut dialed = dialed;
            assert_eq!(arrives(&mut dialed).await, Some(7), "the way back is whole");
            wires.mend("a", "b");
            for expected in 51..100 {
                assert_eq!(arrives(&mut taken).await, Some(expected));
            }
            wires.reset("b", "a");
            assert!(taken.receiver.recv().await.unwrap().is_err());
            assert!(dialed.receiver.recv().await.unwrap().is_err());
        };
        simulated(test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_gone_is_heard_of_only_on_a_whole_way() {
        let test = async |wires: Wires, exchange: Exchange<u32, u32>| {
            let mut porch = exchange.listen("b", "b:1");
            let mut dialed = exchange.dialer("a", "me").dial("b:1").await.unwrap();
            let taken = porch.accept().await.unwrap();
            wires.darken("b");
            drop((taken, porch));
            let heard = tokio::time::timeout(FAR, dialed.receiver.recv()).await;
            assert!(heard.is_err());
            wires.lighten("b");
            assert!(dialed.receiver.recv().await.unwrap().is_err());
            let refused = exchange.dialer("a", "me").dial("b:1").await;
            assert!(refused.is_err());
        };
        simulated(test).await;
    }
}
