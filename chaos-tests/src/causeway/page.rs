//! The readiness page of a gateway from which single processes are kept: one pair of places is cut, and every other one
//! still reaches the gateway.
//!
//! On loopback all come from one address. Who asks is told by the kernel: the socket at the other end of a connection, and
//! the process that holds it.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// Nobody takes longer to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any question of ours.
const QUESTION: usize = 4_096;

/// A page that says that a gateway is ready, to everybody who is not kept out.
#[derive(Debug)]
pub struct ReadyPage {
    address: SocketAddr,
    out: Arc<Mutex<BTreeSet<u32>>>,
    task: JoinHandle<()>,
}

impl ReadyPage {
    /// Opens one at 127.0.1.`last`, at a port of the system's choice.
    ///
    /// # Errors
    /// If the address can't be had.
    pub async fn open_at(last: u8) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::new(127, 0, 1, last)), 0)).await?;
        let address = listener.local_addr()?;
        let out = Arc::new(Mutex::default());
        let task = tokio::spawn(serve(listener, Arc::clone(&out)));
        Ok(Self { address, out, task })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on these processes get no answer, and all others do.
    pub fn keep_out(&self, processes: &[u32]) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        *out = processes.iter().copied().collect();
    }
}

impl Drop for ReadyPage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, out: Arc<Mutex<BTreeSet<u32>>>) {
    let mut answering = JoinSet::new();
    while let Ok((stream, from)) = listener.accept().await {
        while answering.try_join_next().is_some() {}
        let out = Arc::clone(&out);
        answering.spawn(async move { timeout(PATIENCE, answer(stream, from, &out)).await });
    }
}

/// Answers, or hangs up; who asks hears of either.
async fn answer(
    mut stream: TcpStream,
    from: SocketAddr,
    out: &Mutex<BTreeSet<u32>>,
) -> std::io::Result<()> {
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") && question.len() < QUESTION {
        if stream.read_buf(&mut question).await? == 0 {
            return Ok(());
        }
    }
    let out = out.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let kept_out = match (out.is_empty(), from, stream.local_addr()?) {
        (false, SocketAddr::V4(from), SocketAddr::V4(here)) => {
            let socket = socket_between(from, here)?;
            socket.is_some_and(|socket| out.iter().any(|process| holds(*process, socket)))
        }
        _ => false,
    };
    if kept_out {
        return Ok(());
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .await
}

/// The number of the socket that connected from there to here, by the kernel's table of connections (proc(5)).
fn socket_between(from: SocketAddrV4, here: SocketAddrV4) -> std::io::Result<Option<u64>> {
    let (from, here) = (in_table(from), in_table(here));
    let table = fs::read_to_string("/proc/net/tcp")?;
    let row = table.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let ends = (words.next()?, words.next()?);
        (ends == (from.as_str(), here.as_str())).then(|| words.nth(6)?.parse().ok())
    });
    Ok(row.flatten())
}

/// An address as that table has it: its bytes as the machine reads them, in hexadecimal.
fn in_table(address: SocketAddrV4) -> String {
    let ip = u32::from_ne_bytes(address.ip().octets());
    format!("{ip:08X}:{:04X}", address.port())
}

/// Whether a process has this socket open.
fn holds(process: u32, socket: u64) -> bool {
    let wanted = format!("socket:[{socket}]");
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    let mut links = open
        .filter_map(Result::ok)
        .filter_map(|one| fs::read_link(one.path()).ok());
    links.any(|link| link == Path::new(&wanted))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn asked(page: &ReadyPage) -> String {
        let mut stream = TcpStream::connect(page.address()).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn only_who_is_kept_out_gets_no_answer() {
        let page = ReadyPage::open_at(200).await.unwrap();
        let ready = "HTTP/1.1 200 OK";
        assert!(asked(&page).await.starts_with(ready));
        page.keep_out(&[std::process::id()]);
        assert_eq!(asked(&page).await, "");
        // The first process of all has none of our sockets.
        page.keep_out(&[1]);
        assert!(asked(&page).await.starts_with(ready));
        page.keep_out(&[]);
        assert!(asked(&page).await.starts_with(ready));
    }
}
