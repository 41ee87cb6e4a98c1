//! The state as bytes: the version of their form in front, so that an older form stays readable and a newer one is
//! refused by name.

use sha2::{Digest, Sha256};

use crate::state::State;

/// What every snapshot begins with.
const MAGIC: &[u8; 4] = b"CWST";

/// The form that this build writes. Older forms that it reads: none yet.
pub const FORMAT_VERSION: u32 = 1;

/// Why bytes are no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot at all.
    #[error(
        "these {len} bytes are no snapshot of the state: they do not begin with CWST and a version"
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

/// Writes a state.
///
/// # Errors
/// [`SnapshotError::Unwritable`] where the encoder refuses, which no value of these types makes it do.
pub fn encode(state: &State) -> Result<Vec<u8>, SnapshotError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    postcard::to_extend(state, bytes).map_err(|error| SnapshotError::Unwritable {
        reason: error.to_string(),
    })
}

/// Reads a state.
///
/// # Errors
/// [`SnapshotError`] says whether the bytes are foreign, newer or damaged. Their integrity is the store's to check.
pub fn decode(bytes: &[u8]) -> Result<State, SnapshotError> {
    let foreign = || SnapshotError::NoSnapshot { len: bytes.len() };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(foreign)?;
    let (version, body) = rest.split_first_chunk::<4>().ok_or_else(foreign)?;
    let damaged = |form, reason: String| SnapshotError::Damaged { form, reason };
    match u32::from_le_bytes(*version) {
        1 => {
            let (state, rest) =
                postcard::take_from_bytes(body).map_err(|e| damaged(1, e.to_string()))?;
            if rest.is_empty() {
                Ok(state)
            } else {
                Err(damaged(1, format!("{} bytes follow the state", rest.len())))
            }
        }
        0 => Err(foreign()),
        found => Err(SnapshotError::Newer { found }),
    }
}

impl State {
    /// SHA-256 of the state: equal on all replicas that applied the same log. All zeros where it cannot be written.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        encode(self).map_or([0; 32], |bytes| Sha256::digest(bytes).into())
    }

    /// [`Self::digest`] as 64 hexadecimal digits.
    #[must_use]
    pub fn digest_hex(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in self.digest() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
