//! A snapshot as it stands in its file, in memory once: what is written, sent and received is this, and never a copy of it.
//!
//! `CWSNAP\r\n` · version (4 bytes, little-endian) · CRC-32 of all that follows (4) · length of the head (4) · head · state.
//! The head says which entries the state contains; the state is `causeway_state`'s own form, with a version of its own.
//! The line end in the mark shows a file that was mangled as text.

use std::io;

use serde::{Deserialize, Serialize};

use crate::form::{self, LogIdForm, StoredMembershipForm};
use crate::types::SnapshotMeta;

const MARK: &[u8; 8] = b"CWSNAP\r\n";

/// The version of the layout above.
pub(super) const VERSION: u32 = 1;

/// Where the checksum stands, and where begins what it is of.
const SUM: std::ops::Range<usize> = 12..16;

#[derive(Serialize, Deserialize)]
struct Head {
    last: Option<LogIdForm>,
    membership: StoredMembershipForm,
}

/// A whole snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    meta: SnapshotMeta,
    bytes: Vec<u8>,
    /// Where the state begins.
    at: usize,
}

/// A snapshot that is being made: all but the end of its state is there, and no checksum yet.
#[derive(Debug)]
pub(crate) struct Draft {
    meta: SnapshotMeta,
    bytes: Vec<u8>,
    at: usize,
    sum: crc32fast::Hasher,
    /// How much of the bytes is in the checksum.
    summed: usize,
}

/// Why a file is no snapshot.
#[derive(Debug)]
pub(super) enum Bad {
    Newer(u32),
    Damaged(String),
}

impl Draft {
    /// Begins one whose state has about so many bytes.
    pub(crate) fn new(meta: SnapshotMeta, about: usize) -> io::Result<Self> {
        let head = form::seal(&Head {
            last: meta.last_log_id.as_ref().map(Into::into),
            membership: (&meta.last_membership).into(),
        })?;
        let len = u32::try_from(head.len()).map_err(io::Error::other)?;
        let at = SUM.end + 4 + head.len();
        let mut bytes = Vec::new();
        // Memory that is never written to costs nothing; where there is none, no half of it is of use.
        bytes
            .try_reserve_exact(at.saturating_add(about))
            .map_err(io::Error::other)?;
        bytes.extend_from_slice(MARK);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&head);
        Ok(Self {
            meta,
            bytes,
            at,
            sum: crc32fast::Hasher::new(),
            summed: SUM.end,
        })
    }

    /// What it is of.
    pub(crate) fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Bytes of the state that are there.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// More of the state.
    pub(crate) fn push(&mut self, state: &[u8]) {
        self.bytes.extend_from_slice(state);
        self.count();
    }

    /// The state, written behind what there is by one who gives the bytes back with it.
    pub(crate) fn written(
        mut self,
        write: impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>>,
    ) -> io::Result<Self> {
        self.bytes = write(self.bytes)?;
        Ok(self)
    }

    /// Puts what is not in the checksum yet into it.
    fn count(&mut self) {
        self.sum
            .update(self.bytes.get(self.summed..).unwrap_or_default());
        self.summed = self.bytes.len();
    }

    /// Ends it.
    pub(crate) fn end(mut self) -> Image {
        self.count();
        let sum = self.sum.finalize().to_le_bytes();
        if let Some(place) = self.bytes.get_mut(SUM) {
            place.copy_from_slice(&sum);
        }
        Image {
            meta: self.meta,
            bytes: self.bytes,
            at: self.at,
        }
    }
}

impl Image {
    /// Reads and checks a file.
    pub(super) fn parse(content: Vec<u8>) -> Result<Self, Bad> {
        let damaged = |reason: &str| Bad::Damaged(reason.to_owned());
        let short = || damaged("the snapshot is cut short");
        let rest = content
            .strip_prefix(MARK)
            .ok_or_else(|| damaged("this is no snapshot"))?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        match u32::from_le_bytes(*version) {
            VERSION => {}
            0 => return Err(damaged("the snapshot has version 0, which there is not")),
            found => return Err(Bad::Newer(found)),
        }
        let (sum, body) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(damaged(
                "the snapshot is damaged: its checksum does not fit",
            ));
        }
        let (len, rest) = body.split_first_chunk::<4>().ok_or_else(short)?;
        let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| short())?;
        let (head, state) = rest.split_at_checked(len).ok_or_else(short)?;
        let at = content.len() - state.len();
        let unreadable = |error: io::Error| Bad::Damaged(format!("the snapshot's head: {error}"));
        let head: Head = form::open(head).map_err(unreadable)?;
        let meta = SnapshotMeta {
            last_log_id: head.last.map(Into::into),
            last_membership: head.membership.read().map_err(unreadable)?,
        };
        Ok(Self {
            meta,
            bytes: content,
            at,
        })
    }

    /// What it is of.
    pub(crate) fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// The state's own form.
    pub(crate) fn state(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The whole file.
    pub(super) fn file(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::tests::meta;
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let mut draft = Draft::new(meta(7), 0).unwrap();
        draft.push(b"the ");
        draft.push(b"state");
        let image = draft.end();
        let content = image.file().to_vec();
        let read = Image::parse(content.clone()).unwrap();
        assert_eq!((read.state(), read.meta()), (&b"the state"[..], &meta(7)));
        assert_eq!(read, image);
        for bit in 0..content.len() * 8 {
            let mut flipped = content.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Image::parse(flipped).is_err(), "bit {bit}");
        }
        for len in 0..content.len() {
            assert!(
                Image::parse(content[..len].to_vec()).is_err(),
                "cut to {len}"
            );
        }
    }

    #[test]
    fn what_is_pushed_and_what_is_written_behind_is_the_same() {
        let mut pushed = Draft::new(meta(7), 9).unwrap();
        assert_eq!(pushed.len(), 0);
        pushed.push(b"the state");
        assert_eq!(pushed.len(), 9);
        let written = Draft::new(meta(7), 0).unwrap().written(|mut bytes| {
            bytes.extend_from_slice(b"the state");
            Ok(bytes)
        });
        assert_eq!(pushed.end(), written.unwrap().end());
    }
}
