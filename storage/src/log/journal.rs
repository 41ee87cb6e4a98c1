//! The journal: a file of one size that the writer appends to, in front of the tables.
//!
//! A commit of the tables writes pages in eight or nine places; a record of the journal goes behind the one before it, and
//! one sync makes it durable. What is in the journal is carried over to the tables when it is full, and whenever a log is
//! opened or closed; it is all zeros after that.
//!
//! A record carries what was committed together, a number that rises by one, and checksums. It begins on a border of
//! [`ALIGN`] bytes, so that its head is never torn between sectors. The end of what is written is where zeros begin:
//!
//! * a record of which a sector never came is torn: it was never acknowledged, and ends the journal;
//! * a record that is whole and does not fit its checksum is damaged, and one that stands behind the end, or whose number
//!   does not follow, says that something is missing: both are refused, since it may have been acknowledged.
//!
//! No record reaches the file's last sector, which is zeros always. A [*beat*](Journal::beat) writes them again, so that a disk
//! that stalls is noticed where nothing is committed: it takes the way that a record takes, and nothing can be lost by it.

use std::io;

use causeway_seam::Disk;
use causeway_seam::disk::Backend;
use redb::StorageBackend;
use serde::{Deserialize, Serialize};

use super::change::Change;
use crate::error::StorageError;

/// The journal's file.
pub(super) const FILE: &str = "log.journal";

/// The version of the file's layout.
const FORMAT: u32 = 1;

/// The first bytes of the file.
const MAGIC: [u8; 8] = *b"cwjournl";

/// What a disk writes whole or not at all, in bytes. The file's own head takes one.
const SECTOR: usize = 512;

/// Records begin on borders of so many bytes; a head fits in.
const ALIGN: usize = 64;

/// The first bytes of a record.
const MARK: [u8; 4] = *b"rec\x01";

/// The mark, the length and number of what follows, its checksum, and that of the head so far.
const HEAD: usize = 24;

/// The last byte of a record's body: were it zero, a flipped bit before it could pass for a torn write.
const END: u8 = 0xff;

/// What a record holds.
#[derive(Serialize, Deserialize)]
enum Form<'a> {
    Append(#[serde(borrow)] Vec<(u64, &'a [u8])>),
    Vote(&'a [u8]),
    Committed(&'a [u8]),
    TruncateAfter(Option<u64>),
    Purge { upto: u64, purged: &'a [u8] },
}

impl<'a> From<&'a Change> for Form<'a> {
    fn from(change: &'a Change) -> Self {
        match change {
            Change::Append(rows) => {
                let rows = rows.iter().map(|(index, row)| (*index, row.as_ref()));
                Self::Append(rows.collect())
            }
            Change::Vote(row) => Self::Vote(row),
            Change::Committed(row) => Self::Committed(row),
            Change::TruncateAfter(last) => Self::TruncateAfter(*last),
            Change::Purge { upto, purged } => Self::Purge {
                upto: *upto,
                purged,
            },
        }
    }
}

impl From<Form<'_>> for Change {
    fn from(form: Form<'_>) -> Self {
        match form {
            Form::Append(rows) => {
                let rows = rows.into_iter().map(|(index, row)| (index, row.into()));
                Self::Append(rows.collect())
            }
            Form::Vote(row) => Self::Vote(row.to_vec()),
            Form::Committed(row) => Self::Committed(row.to_vec()),
            Form::TruncateAfter(last) => Self::TruncateAfter(last),
            Form::Purge { upto, purged } => Self::Purge {
                upto,
                purged: purged.to_vec(),
            },
        }
    }
}

/// The open file.
pub(super) struct Journal {
    file: Box<dyn StorageBackend>,
    len: usize,
    /// Where the next record goes.
    at: usize,
}

/// For messages: the journal of a folder.
pub(super) fn path(disk: &dyn Disk) -> String {
    disk.location().join(FILE).display().to_string()
}

fn bad(disk: &dyn Disk, reason: impl Into<String>) -> StorageError {
    StorageError::Database {
        path: path(disk),
        reason: reason.into(),
    }
}

/// Makes an empty journal for records of so many bytes, for a folder that has no tables yet.
pub(super) fn create(disk: &dyn Disk, bytes: usize) -> Result<(), StorageError> {
    let around = 2 * SECTOR;
    let mut content = vec![0; around.saturating_add(bytes.next_multiple_of(SECTOR))];
    let head = head_of_file(content.len());
    content
        .iter_mut()
        .zip(head)
        .for_each(|(byte, of)| *byte = of);
    disk.create_database(FILE, &content)?;
    // One that is there already may hold what some other tables never got.
    let there = disk.read(FILE)?.unwrap_or_default();
    if !zeros(there.get(SECTOR..).unwrap_or_default()) {
        return Err(bad(
            disk,
            "it is there with something in it, and the database beside it is not",
        ));
    }
    Ok(())
}

fn head_of_file(len: usize) -> Vec<u8> {
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    let mut head = [&MAGIC[..], &FORMAT.to_le_bytes(), &len.to_le_bytes()].concat();
    head.extend(crc32fast::hash(&head).to_le_bytes());
    head
}

impl Journal {
    /// Opens a journal, and reads what it holds beyond the record `after`: the changes, and the number of the last one.
    pub(super) fn open(
        disk: &dyn Disk,
        after: u64,
    ) -> Result<(Self, Vec<Change>, u64), StorageError> {
        if !disk.list()?.iter().any(|name| name == FILE) {
            let reason = "it is not there, and the database beside it is: what was acknowledged last may be missing";
            return Err(bad(disk, reason));
        }
        let file: Box<dyn StorageBackend> = Box::new(Backend::new(disk.database(FILE)?));
        let content = read(file.as_ref()).map_err(|error| bad(disk, error.to_string()))?;
        check_head(disk, &content)?;
        let (changes, last) = records(&content, after).map_err(|reason| bad(disk, reason))?;
        let written = content.chunks(ALIGN).rposition(|part| !zeros(part));
        let journal = Self {
            file,
            len: content.len(),
            at: written.map_or(SECTOR, |last| ((last + 1) * ALIGN).max(SECTOR)),
        };
        Ok((journal, changes, last))
    }

    /// Writes a record durably; `false`: there is no room for it.
    pub(super) fn append(&mut self, number: u64, changes: &[Change]) -> io::Result<bool> {
        let record = write(number, changes)?;
        let end = self.at.saturating_add(record.len());
        if end > self.beats_at() {
            return Ok(false);
        }
        self.file.write(place(self.at)?, &record)?;
        self.file.sync_data()?;
        self.at = end;
        Ok(true)
    }

    /// Where the sector begins that no record reaches.
    fn beats_at(&self) -> usize {
        self.len.saturating_sub(SECTOR)
    }

    /// Writes durably what is there already, at a place at which nothing else ever is.
    pub(super) fn beat(&mut self) -> io::Result<()> {
        // Shorter than any that is made; there would be no such place.
        if self.at > self.beats_at() {
            return Ok(());
        }
        self.file.write(place(self.beats_at())?, &[0; SECTOR])?;
        self.file.sync_data()
    }

    /// Makes it empty, durably.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let used = self.at.saturating_sub(SECTOR);
        if used > 0 {
            self.file.write(place(SECTOR)?, &vec![0; used])?;
            self.file.sync_data()?;
            self.at = SECTOR;
        }
        Ok(())
    }
}

/// Compared by blocks: byte by byte would take a debug build tens of milliseconds.
fn zeros(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    bytes
        .chunks(ZEROS.len())
        .all(|part| ZEROS.starts_with(part))
}

fn place(at: usize) -> io::Result<u64> {
    u64::try_from(at).map_err(io::Error::other)
}

fn read(file: &dyn StorageBackend) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut content = vec![0; len];
    file.read(0, &mut content)?;
    Ok(content)
}

fn check_head(disk: &dyn Disk, content: &[u8]) -> Result<(), StorageError> {
    let wanted = head_of_file(content.len());
    if content.starts_with(&wanted) {
        return Ok(());
    }
    let format = content.get(MAGIC.len()..).and_then(<[u8]>::first_chunk);
    let format = format.map_or(0, |bytes| u32::from_le_bytes(*bytes));
    // What a later version writes behind it is not known here.
    if content.starts_with(&MAGIC) && format > FORMAT && format < FORMAT + 1_000 {
        return Err(StorageError::Newer {
            path: path(disk),
            found: format,
            known: FORMAT,
        });
    }
    Err(bad(disk, "it was cut, or its head is damaged"))
}

/// A record as it stands in the file, up to the next one.
fn write(number: u64, changes: &[Change]) -> io::Result<Vec<u8>> {
    let forms: Vec<Form<'_>> = changes.iter().map(Into::into).collect();
    let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidInput, error);
    let mut record =
        postcard::to_extend(&forms, vec![0; HEAD]).map_err(|error| invalid(error.to_string()))?;
    record.push(END);
    let body = record.get(HEAD..).unwrap_or_default();
    let len = u32::try_from(body.len()).map_err(|error| invalid(error.to_string()))?;
    let sum = crc32fast::hash(body).to_le_bytes();
    let mut head = [
        &MARK[..],
        &len.to_le_bytes(),
        &number.to_le_bytes(),
        &sum[..],
    ]
    .concat();
    head.extend(crc32fast::hash(&head).to_le_bytes());
    record
        .iter_mut()
        .zip(head)
        .for_each(|(byte, of)| *byte = of);
    record.resize(record.len().next_multiple_of(ALIGN), 0);
    Ok(record)
}

struct Head {
    len: usize,
    number: u64,
    sum: u32,
}

impl Head {
    fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let (checked, own) = bytes.split_last_chunk::<4>()?;
        let (mark, rest) = checked.split_first_chunk::<4>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (number, sum) = rest.split_first_chunk::<8>()?;
        let fits = *mark == MARK && crc32fast::hash(checked).to_le_bytes() == *own;
        fits.then_some(Self {
            len: usize::try_from(u32::from_le_bytes(*len)).ok()?,
            number: u64::from_le_bytes(*number),
            sum: u32::from_le_bytes(*sum.first_chunk()?),
        })
    }
}

/// What stands at a place.
enum Found<'a> {
    /// Zeros.
    Nothing,
    /// A record that was being written when the power went.
    Torn,
    Whole {
        number: u64,
        body: &'a [u8],
        next: usize,
    },
}

fn find(content: &[u8], at: usize) -> Result<Found<'_>, String> {
    let rest = content.get(at..).unwrap_or_default();
    let Some(bytes) = rest.first_chunk::<HEAD>() else {
        return Ok(Found::Nothing);
    };
    if zeros(bytes) {
        return Ok(Found::Nothing);
    }
    let damaged = |what: &str| format!("the record at byte {at} is damaged: {what}");
    let head = Head::read(bytes).ok_or_else(|| damaged("its head does not fit its checksum"))?;
    let end = HEAD.saturating_add(head.len);
    let record = rest.get(..end).ok_or_else(|| damaged("it is cut"))?;
    let body = record.get(HEAD..).unwrap_or_default();
    if crc32fast::hash(body) != head.sum {
        return match torn(record, at) {
            true => Ok(Found::Torn),
            false => Err(damaged("it does not fit its checksum")),
        };
    }
    Ok(Found::Whole {
        number: head.number,
        body,
        next: at.saturating_add(end).next_multiple_of(ALIGN),
    })
}

/// Whether one of the sectors of a record never came.
fn torn(record: &[u8], at: usize) -> bool {
    let first = SECTOR.saturating_sub(at % SECTOR).min(record.len());
    let (first, rest) = record.split_at(first);
    let mut sectors = std::iter::once(first).chain(rest.chunks(SECTOR));
    sectors.any(zeros)
}

/// The changes of all records beyond `after`, and the number of the last one.
fn records(content: &[u8], after: u64) -> Result<(Vec<Change>, u64), String> {
    let (mut changes, mut last, mut at) = (Vec::new(), after, SECTOR);
    let hole = |number: u64, last: u64| {
        format!("it has a hole: record {number} is there, and what follows record {last} is not")
    };
    while let Found::Whole { number, body, next } = find(content, at)? {
        // Those before are in the tables: the power went before the journal was made empty.
        if number > after {
            if number != last.saturating_add(1) {
                return Err(hole(number, last));
            }
            changes.extend(decode(body).ok_or_else(|| {
                format!("record {number} cannot be read: a build of another version wrote it")
            })?);
            last = number;
        }
        at = next;
    }
    let behind = (at..content.len()).step_by(ALIGN).find_map(|at| {
        let marked = content.get(at..)?.starts_with(&MARK);
        match marked.then(|| find(content, at)) {
            Some(Ok(Found::Whole { number, .. })) => Some(number).filter(|number| *number > last),
            _ => None,
        }
    });
    match behind {
        Some(number) => Err(hole(number, last)),
        None => Ok((changes, last)),
    }
}

fn decode(body: &[u8]) -> Option<Vec<Change>> {
    match postcard::take_from_bytes::<Vec<Form<'_>>>(body) {
        Ok((forms, [END])) => Some(forms.into_iter().map(Into::into).collect()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
