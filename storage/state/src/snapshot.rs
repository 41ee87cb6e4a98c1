//! The state as bytes: the version of their form in front, so that an older form stays readable and a newer one is
//! refused by name.

use serde::de::DeserializeOwned;

use crate::form1::{Form1, Form1Ref};
use crate::state::State;

/// What every snapshot begins with.
const MAGIC: &[u8; 4] = b"CWS2";

/// The newest form that this build writes, from level 2 on: the state as it is. Below it the previous form is written, which
/// the previous build reads. Both are read.
pub const FORMAT_VERSION: u32 = 2;

/// Why bytes are no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot at all.
    #[error(
        "these {len} bytes are no snapshot of the state: they do not begin with CWS2 and a version (CWST was written by a build before the first release)"
    )]
    NoSnapshot {
        /// How many bytes were given.
        len: usize,
    },
    /// Written by a newer build.
    #[error(
        "the snapshot has form {found} and this build reads up to {FORMAT_VERSION}: upgrade this replica to the version \
         that wrote it"
    )]
    Newer {
        /// The form that was found.
        found: u32,
    },
    /// The form is known, the content is not readable.
    #[error("the snapshot of form {form} is damaged: {reason}")]
    Damaged {
        /// The form.
        form: u32,
        /// What went wrong.
        reason: String,
    },
    /// The state could not be written.
    #[error("the state cannot be written as a snapshot: {reason}")]
    Unwritable {
        /// What went wrong.
        reason: String,
    },
}

/// Writes a state, in the form that belongs to its level.
///
/// # Errors
/// [`SnapshotError::Unwritable`] where the encoder refuses, which no value of these types makes it do.
pub fn encode(state: &State) -> Result<Vec<u8>, SnapshotError> {
    encode_behind(Vec::new(), state)
}

/// The same behind what is there already: a large state need not be copied behind its head.
///
/// # Errors
/// As [`encode`].
pub fn encode_behind(mut bytes: Vec<u8>, state: &State) -> Result<Vec<u8>, SnapshotError> {
    bytes.extend_from_slice(MAGIC);
    let form = form_of(state);
    bytes.extend_from_slice(&form.to_le_bytes());
    let written = match form {
        1 => postcard::to_extend(&Form1Ref::from(state), bytes),
        _ => postcard::to_extend(state, bytes),
    };
    written.map_err(|error| SnapshotError::Unwritable {
        reason: error.to_string(),
    })
}

/// The form in which a state is written.
#[must_use]
pub fn form_of(state: &State) -> u32 {
    if state.feature_level < 2 { 1 } else { 2 }
}

/// Reads a state.
///
/// # Errors
/// [`SnapshotError`] says whether the bytes are foreign, newer or damaged. Their integrity is the store's to check.
pub fn decode(bytes: &[u8]) -> Result<State, SnapshotError> {
    let foreign = || SnapshotError::NoSnapshot { len: bytes.len() };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(foreign)?;
    let (version, body) = rest.split_first_chunk::<4>().ok_or_else(foreign)?;
    match u32::from_le_bytes(*version) {
        0 => Err(foreign()),
        1 => read::<Form1>(1, body).map(State::from),
        2 => read(2, body),
        found => Err(SnapshotError::Newer { found }),
    }
}

fn read<T: DeserializeOwned>(form: u32, body: &[u8]) -> Result<T, SnapshotError> {
    let damaged = |reason: String| SnapshotError::Damaged { form, reason };
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(damaged(format!("{} bytes follow the state", rest.len()))),
        Err(error) => Err(damaged(error.to_string())),
    }
}
