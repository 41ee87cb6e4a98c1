//! Wires between processes that can be cut: a TCP proxy in this process, in front of each one's listener.
//!
//! A [`Wires`] has a [`Door`] for each process; the others are told the door's address instead of the process's own. Who
//! dialled is found out by the kernel: the process that holds the other end of the connection (`/proc`). So each ordered
//! pair of processes has a [`Wire`] of its own, whoever of them dialled: bytes from `a` to `b` pass `a → b`.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

/// How bytes go from one process to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// At once.
    #[default]
    Open,
    /// Not at all, and nobody is told, the end of a connection neither. What was sent meanwhile arrives once the wire is
    /// open again, as TCP sends again what was lost.
    Cut,
    /// Connections are reset, and new ones, too.
    Reset,
    /// Late and slowly.
    Slow {
        /// How late.
        delay: Duration,
        /// So many bytes a second, on each connection.
        rate: u32,
    },
}

/// Chunks that may be under way on one connection in one direction.
const UNDER_WAY: usize = 256;

/// The wires among some processes, by name.
#[derive(Debug, Clone, Default)]
pub struct Wires(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    wires: Mutex<BTreeMap<(String, String), watch::Sender<Wire>>>,
    processes: Mutex<BTreeMap<String, u32>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wires {
    /// Says which process has this name now.
    pub fn runs(&self, name: &str, process: Option<u32>) {
        let mut processes = lock(&self.0.processes);
        match process {
            Some(id) => processes.insert(name.to_owned(), id),
            None => processes.remove(name),
        };
    }

    /// Changes one wire.
    pub fn set(&self, from: &str, to: &str, wire: Wire) {
        self.wire(from, to).send_replace(wire);
    }

    /// Changes both wires between two.
    pub fn between(&self, one: &str, other: &str, wire: Wire) {
        self.set(one, other, wire);
        self.set(other, one, wire);
    }

    /// Changes all wires from and to one.
    pub fn around<'a>(&self, one: &str, others: impl IntoIterator<Item = &'a str>, wire: Wire) {
        for other in others.into_iter().filter(|other| *other != one) {
            self.between(one, other, wire);
        }
    }

    /// Opens all.
    pub fn heal(&self) {
        for wire in lock(&self.0.wires).values() {
            wire.send_replace(Wire::Open);
        }
    }

    fn wire(&self, from: &str, to: &str) -> watch::Sender<Wire> {
        let mut wires = lock(&self.0.wires);
        let key = (from.to_owned(), to.to_owned());
        wires.entry(key).or_default().clone()
    }

    /// Who holds the other end of a connection that was accepted here.
    fn dialler(&self, stream: &TcpStream) -> Option<String> {
        let inode = inode(stream.peer_addr().ok()?, stream.local_addr().ok()?)?;
        let processes = lock(&self.0.processes).clone();
        processes
            .into_iter()
            .find(|(_, process)| holds(*process, inode))
            .map(|(name, _)| name)
    }

    /// A door in front of the process `name`, which listens at `target`.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn door(&self, name: &str, target: SocketAddr) -> anyhow::Result<Door> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .with_context(|| format!("a door for {name}"))?;
        let address = listener.local_addr()?;
        let (wires, name) = (self.clone(), name.to_owned());
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    sleep(Duration::from_millis(20)).await;
                    continue;
                };
                // The kernel's table is no snapshot: a line may be missed while it changes.
                let mut from = wires.dialler(&stream);
                for _ in 0..3 {
                    if from.is_some() {
                        break;
                    }
                    sleep(Duration::from_millis(20)).await;
                    from = wires.dialler(&stream);
                }
                // Whoever is nobody of ours, or is gone already, is shown the door.
                if let Some(from) = from {
                    let there = (wires.wire(&from, &name), wires.wire(&name, &from));
                    tokio::spawn(carry(stream, target, there));
                }
            }
        });
        Ok(Door { address, task })
    }
}

/// Where others dial a process.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Door {
    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The socket of a connection with these ends, from the kernel's table (proc(5), `/proc/net/tcp`).
fn inode(local: SocketAddr, remote: SocketAddr) -> Option<u64> {
    let (SocketAddr::V4(local), SocketAddr::V4(remote)) = (local, remote) else {
        return None;
    };
    let end = |end: std::net::SocketAddrV4| {
        let address = u32::from_ne_bytes(end.ip().octets());
        format!("{address:08X}:{:04X}", end.port())
    };
    let (local, remote) = (end(local), end(remote));
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let ours =
            columns.get(1) == Some(&local.as_str()) && columns.get(2) == Some(&remote.as_str());
        let inode = columns.get(9)?.parse().ok()?;
        (ours && inode != 0).then_some(inode)
    })
}

fn holds(process: u32, inode: u64) -> bool {
    let wanted = format!("socket:[{inode}]");
    let open = fs::read_dir(format!("/proc/{process}/fd"));
    open.into_iter().flatten().flatten().any(|entry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str())
    })
}

type Both = (watch::Sender<Wire>, watch::Sender<Wire>);

/// Carries one connection until it ends.
async fn carry(mut dialled: TcpStream, target: SocketAddr, (there, back): Both) {
    let Ok(mut served) = TcpStream::connect(target).await else {
        let _ = dialled.set_zero_linger();
        return;
    };
    let _ = (dialled.set_nodelay(true), served.set_nodelay(true));
    let reset = {
        let (from_dialled, to_dialled) = dialled.split();
        let (from_served, to_served) = served.split();
        let (mut forward, mut backward) = (there.subscribe(), back.subscribe());
        tokio::select! {
            biased;
            _ = forward.wait_for(|wire| *wire == Wire::Reset) => true,
            _ = backward.wait_for(|wire| *wire == Wire::Reset) => true,
            _ = async {
                tokio::join!(
                    pump(from_dialled, to_served, there.subscribe()),
                    pump(from_served, to_dialled, back.subscribe()),
                )
            } => false,
        }
    };
    if reset {
        let _ = (dialled.set_zero_linger(), served.set_zero_linger());
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut wire: watch::Receiver<Wire>) {
    let (tell, mut queue) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let read = async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if tell.send((Instant::now(), bytes)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((came, bytes)) = queue.recv().await {
            passes(&mut wire, came, bytes.len()).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        passes(&mut wire, Instant::now(), 0).await;
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

/// Returns once so many bytes that came then may go on.
async fn passes(wire: &mut watch::Receiver<Wire>, came: Instant, count: usize) {
    loop {
        let now = *wire.borrow_and_update();
        let due = match now {
            Wire::Open => return,
            Wire::Cut | Wire::Reset => None,
            Wire::Slow { delay, .. } => Some(came + delay),
        };
        tokio::select! {
            biased;
            changed = wire.changed() => if changed.is_err() { return },
            () = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            } => {
                if let Wire::Slow { rate, .. } = now {
                    let bytes = u32::try_from(count).unwrap_or(u32::MAX);
                    sleep(Duration::from_secs(1) * bytes / rate.max(1)).await;
                }
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);
    const MOMENT: Duration = Duration::from_millis(50);

    /// A process that sends back what it gets, and a connection to it through its door.
    async fn echo(wires: &Wires) -> (Door, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        wires.runs("a", Some(std::process::id()));
        let door = wires.door("b", target).await.unwrap();
        let stream = TcpStream::connect(door.address()).await.unwrap();
        (door, stream)
    }

    async fn answer(stream: &mut TcpStream) -> u8 {
        timeout(LIMIT, stream.read_u8()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn each_direction_is_cut_by_itself_and_what_was_sent_arrives_later() {
        let wires = Wires::default();
        let (_door, mut stream) = echo(&wires).await;
        stream.write_u8(1).await.unwrap();
        assert_eq!(answer(&mut stream).await, 1);
        for (from, to) in [("a", "b"), ("b", "a")] {
            wires.set(from, to, Wire::Cut);
            stream.write_u8(2).await.unwrap();
            assert!(timeout(MOMENT, stream.read_u8()).await.is_err());
            wires.set(from, to, Wire::Open);
            assert_eq!(answer(&mut stream).await, 2);
        }
        wires.between(
            "a",
            "b",
            Wire::Slow {
                delay: MOMENT,
                rate: 1_000,
            },
        );
        let start = Instant::now();
        stream.write_u8(3).await.unwrap();
        assert_eq!(answer(&mut stream).await, 3);
        assert!(start.elapsed() >= 2 * MOMENT);
    }

    #[tokio::test]
    async fn a_reset_ends_what_is_open_and_what_comes() {
        let wires = Wires::default();
        let (door, mut stream) = echo(&wires).await;
        stream.write_u8(1).await.unwrap();
        assert_eq!(answer(&mut stream).await, 1);
        wires.set("b", "a", Wire::Reset);
        assert!(timeout(LIMIT, stream.read_u8()).await.unwrap().is_err());
        let mut another = TcpStream::connect(door.address()).await.unwrap();
        assert!(timeout(LIMIT, another.read_u8()).await.unwrap().is_err());
        wires.heal();
        let mut third = TcpStream::connect(door.address()).await.unwrap();
        third.write_u8(4).await.unwrap();
        assert_eq!(answer(&mut third).await, 4);
    }

    #[tokio::test]
    async fn who_is_no_process_of_ours_has_no_wire() {
        let wires = Wires::default();
        let (door, _stream) = echo(&wires).await;
        wires.runs("a", None);
        let mut stranger = TcpStream::connect(door.address()).await.unwrap();
        let read = timeout(LIMIT, stranger.read_u8()).await.unwrap();
        assert!(read.is_err());
    }
}
