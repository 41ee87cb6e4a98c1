//! A snapshot goes in pieces. The receiver says how much it has, so that a transfer that broke off goes on where it was,
//! and installs the whole once its checksum fits. Few pieces are under way at a time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use causeway_api::ReplicaId;
use futures::stream::{FuturesOrdered, StreamExt};
use openraft::errors::Unreachable;
use openraft::raft::SnapshotResponse;
use serde::{Deserialize, Serialize};

use super::{Link, Raft, read, write};
use crate::peers::PeerCallKind;
use crate::snapshot::Draft;
use crate::types::{Snapshot, SnapshotMeta, Types, Vote};

/// Bytes of one piece.
const PIECE: usize = 512 << 10;

/// Pieces under way.
const UNDER_WAY: usize = 6;

/// The largest snapshot that is taken, in bytes.
const LARGEST: u64 = 4 << 30;

/// How long the answer to a piece may take; the last one's waits until all is on disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a piece is of, in front of its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    vote: Vote,
    meta: SnapshotMeta,
    /// Bytes of the whole, and their checksum.
    total: u64,
    sum: u32,
    /// Where the piece begins.
    offset: u64,
}

/// Where a piece begins that carries something.
#[cfg(test)]
pub(crate) fn begins(body: &[u8]) -> Option<u64> {
    let (len, rest) = body.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let (head, bytes) = rest.split_at_checked(len)?;
    let head: Head = read(head).ok()?;
    (!bytes.is_empty()).then_some(head.offset)
}

/// The answer to a piece.
#[derive(Debug, Serialize, Deserialize)]
enum Taken {
    /// So much is there: go on from here.
    Have(u64),
    /// It is installed, or refused by vote.
    Done(SnapshotResponse<Types>),
}

/// A snapshot on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transfer {
    /// To whom it is sent; `None`: it comes in.
    pub to: Option<ReplicaId>,
    /// The last entry that it contains.
    pub index: u64,
    /// Bytes that have arrived.
    pub done: u64,
    /// Bytes of the whole.
    pub total: u64,
}

/// The snapshots that are on their way.
#[derive(Default)]
pub(crate) struct Transfers {
    out: Mutex<BTreeMap<ReplicaId, Transfer>>,
    partial: Mutex<Option<Partial>>,
}

struct Partial {
    draft: Draft,
    total: u64,
    sum: u32,
    /// The checksum of what there is.
    found: crc32fast::Hasher,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transfers {
    /// Those that are under way now.
    pub(crate) fn all(&self) -> Vec<Transfer> {
        let partial = lock(&self.partial);
        let coming = partial.as_ref().map(|partial| Transfer {
            to: None,
            index: partial.draft.meta().last_log_id.map_or(0, |id| id.index),
            done: size(partial.draft.len()),
            total: partial.total,
        });
        lock(&self.out).values().copied().chain(coming).collect()
    }
}

fn size(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Removes the row of a transfer when it ends, however it does.
struct Row<'a>(&'a Transfers, ReplicaId);

impl Drop for Row<'_> {
    fn drop(&mut self) {
        lock(&self.0.out).remove(&self.1);
    }
}

/// Sends a snapshot and returns what the other side made of it.
pub(super) async fn send(
    link: &Link,
    vote: Vote,
    snapshot: Snapshot,
) -> Result<SnapshotResponse<Types>, Unreachable<Types>> {
    let Snapshot {
        meta,
        snapshot: image,
    } = snapshot;
    let snapshot = image.state();
    let head = Head {
        vote,
        total: size(snapshot.len()),
        sum: crc32fast::hash(snapshot),
        meta,
        offset: 0,
    };
    let _row = Row(&link.transfers, link.replica);
    let index = head.meta.last_log_id.map_or(0, |id| id.index);
    // A piece without bytes asks how much is there.
    let mut next = match piece(link, &head, &[]).await? {
        Taken::Done(response) => return Ok(response),
        Taken::Have(have) => have,
    };
    let mut under_way: FuturesOrdered<Piece> = FuturesOrdered::new();
    loop {
        lock(&link.transfers.out).insert(
            link.replica,
            Transfer {
                to: Some(link.replica),
                index,
                done: next.min(head.total),
                total: head.total,
            },
        );
        while under_way.len() < UNDER_WAY && next < head.total {
            let from = usize::try_from(next).unwrap_or(usize::MAX);
            let rest = snapshot.get(from..).unwrap_or_default();
            let bytes = rest.get(..PIECE.min(rest.len())).unwrap_or_default();
            let head = Head {
                offset: next,
                ..head.clone()
            };
            let expected = next + size(bytes.len());
            let sending = one(link.clone(), compose(link, &head, bytes)?, expected);
            let mut sending: Piece = Box::pin(sending);
            let first = futures::poll!(&mut sending);
            under_way.push_back(match first {
                Poll::Ready(taken) => Box::pin(std::future::ready(taken)),
                Poll::Pending => sending,
            });
            next = expected;
        }
        let Some((expected, taken)) = under_way.next().await else {
            return Err(link.failed("it took the whole snapshot and did not install it"));
        };
        match taken? {
            Taken::Done(response) => return Ok(response),
            Taken::Have(have) if have == expected => {}
            // It lost what it had, such as in a restart.
            Taken::Have(have) => {
                under_way = FuturesOrdered::new();
                next = have;
            }
        }
    }
}

type Piece = Pin<Box<dyn Future<Output = (u64, Result<Taken, Unreachable<Types>>)> + Send>>;

async fn one(link: Link, body: Vec<u8>, expected: u64) -> (u64, Result<Taken, Unreachable<Types>>) {
    let answer = link.raw(PeerCallKind::Snapshot, body, PATIENCE).await;
    (expected, answer.and_then(|answer| link.understood(&answer)))
}

async fn piece(link: &Link, head: &Head, bytes: &[u8]) -> Result<Taken, Unreachable<Types>> {
    one(link.clone(), compose(link, head, bytes)?, 0).await.1
}

/// Length of the head (4 bytes, little-endian) · head · bytes.
fn compose(link: &Link, head: &Head, bytes: &[u8]) -> Result<Vec<u8>, Unreachable<Types>> {
    let head = postcard::to_stdvec(head).map_err(|error| link.failed(error.to_string()))?;
    let len = u32::try_from(head.len()).map_err(|error| link.failed(error.to_string()))?;
    Ok([&len.to_le_bytes(), head.as_slice(), bytes].concat())
}

/// Takes a piece. What is done before the first await is done in the order in which pieces came.
pub(super) async fn take(
    raft: &Raft,
    transfers: &Transfers,
    body: &[u8],
) -> Result<Vec<u8>, String> {
    let short = || "the piece of a snapshot is cut short".to_owned();
    let (len, rest) = body.split_first_chunk::<4>().ok_or_else(short)?;
    let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| short())?;
    let (head, bytes) = rest.split_at_checked(len).ok_or_else(short)?;
    let head: Head = read(head)?;
    if head.total > LARGEST {
        return Err(format!(
            "a snapshot of {} bytes is offered, and at most {LARGEST} are taken",
            head.total
        ));
    }
    let whole = {
        let mut slot = lock(&transfers.partial);
        let same = slot.as_ref().is_some_and(|partial| {
            *partial.draft.meta() == head.meta
                && partial.total == head.total
                && partial.sum == head.sum
        });
        if !same {
            // What there is of another one goes first: both need room.
            *slot = None;
            let about = usize::try_from(head.total).unwrap_or(usize::MAX);
            let draft = Draft::new(head.meta.clone(), about);
            *slot = Some(Partial {
                draft: draft.map_err(|error| format!("a snapshot is not taken: {error}"))?,
                total: head.total,
                sum: head.sum,
                found: crc32fast::Hasher::new(),
            });
        }
        let Some(partial) = slot.as_mut() else {
            return Err(short());
        };
        let fits = size(bytes.len()) <= head.total.saturating_sub(head.offset);
        if size(partial.draft.len()) == head.offset && fits {
            partial.draft.push(bytes);
            partial.found.update(bytes);
        }
        let have = size(partial.draft.len());
        if !fits {
            *slot = None;
            return Err("a snapshot is longer than was said".into());
        }
        if have < head.total {
            return write(Ok::<_, String>(Taken::Have(have)));
        }
        slot.take()
    };
    let Some(whole) = whole else {
        return Err(short());
    };
    if whole.found.finalize() != whole.sum {
        return Err("a snapshot was altered on its way: it is taken again".into());
    }
    let snapshot = Snapshot {
        meta: head.meta,
        snapshot: Arc::new(whole.draft.end()),
    };
    let installed = raft.install_full_snapshot(head.vote, snapshot).await;
    write(installed.map(Taken::Done))
}
