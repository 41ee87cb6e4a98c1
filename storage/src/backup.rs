//! Backups: the decisions of a clusterset in one file, that any replica writes while it runs.
//!
//! `CWBACK\r\n` · version (4 bytes, little-endian) · SHA-256 of all that follows (32) · length of the contents (4) · contents ·
//! state. The contents are JSON, so that anybody can read what is inside ([`Contents`]; fields are only ever added); the
//! state is `causeway_state`'s own form, with a version of its own, of which every later version reads this one.
//!
//! A backup holds decisions: members, policies, votes, verdicts, plans. It holds no facts, which the members' agents tell
//! anew, and no keys or certificates.

use causeway_api::{Generation, MemberName, ReplicaId};
use causeway_seam::Env;
use causeway_state::snapshot::SnapshotError;
use causeway_state::{LogPosition, State, snapshot};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::consensus::Consensus;

const MARK: &[u8; 8] = b"CWBACK\r\n";

/// The version of the layout above.
pub const VERSION: u32 = 1;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The version of Causeway that wrote it.
    pub version: String,
    /// The replica that wrote it.
    pub replica: ReplicaId,
    /// When, by that replica's clock, in milliseconds since 1970.
    pub taken_at_ms: i64,
    /// Whether a majority confirmed that nothing newer was decided; else the replica may have been behind.
    pub confirmed: bool,
    /// Names the clusterset, as sixteen hexadecimal digits; zeros: it has no number yet.
    pub clusterset: String,
    /// The last decision in it.
    pub generation: Generation,
    /// The level of behaviour in force.
    pub feature_level: u32,
    /// The form of the state.
    pub state_form: u32,
    /// The size of the state, in bytes.
    pub state_bytes: u64,
    /// SHA-256 of the state as replicas compare it.
    pub digest: String,
    /// The members' names.
    pub members: Vec<MemberName>,
    /// How many policies there are.
    pub policies: u64,
    /// How many services have a plan.
    pub services: u64,
    /// The replicas at that time.
    pub replicas: Vec<BackedReplica>,
}

/// A replica at the time of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedReplica {
    /// Its id.
    pub replica: ReplicaId,
    /// Where the others reached it.
    pub address: String,
    /// Its failure domain.
    pub domain: String,
    /// Whether it voted.
    pub voter: bool,
}

/// A backup that was read and is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// What it says of itself.
    pub contents: Contents,
    /// The decisions.
    pub(crate) state: State,
}

/// Why there is no backup, or a file is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Nothing was decided yet.
    #[error("this replica belongs to no clusterset yet: there is nothing to back up")]
    Nothing,
    /// The file is no backup.
    #[error(
        "this is no backup of Causeway: it does not begin with CWBACK. Give a file that causeway backup create wrote"
    )]
    NoBackup,
    /// It was written by a newer version.
    #[error(
        "the backup has format {found} and this build reads up to {VERSION}: use the version of Causeway that wrote it, or a newer \
         one"
    )]
    Newer {
        /// The format that was found.
        found: u32,
    },
    /// It is damaged.
    #[error("the backup is damaged: {0}. Use another one")]
    Damaged(String),
    /// The state in it cannot be read, or written.
    #[error(transparent)]
    State(#[from] SnapshotError),
}

/// Writes a backup of what a running replica has applied: consistent, and as new as that replica is.
///
/// # Errors
/// [`BackupError`] where nothing was decided yet.
pub async fn create(
    consensus: &Consensus,
    env: &Env,
    version: &str,
) -> Result<Vec<u8>, BackupError> {
    if consensus.read(|state| state.incarnation) == 0 {
        return Err(BackupError::Nothing);
    }
    // Asked first: what was decided before is in the state then.
    let confirmed = consensus.linearizable().await.is_ok();
    let status = consensus.status();
    let state = consensus.read(State::clone);
    let replicas = status.members.into_iter().map(|member| BackedReplica {
        replica: member.replica,
        address: member.node.address,
        domain: member.node.domain,
        voter: member.voter,
    });
    let contents = Contents {
        replica: status.replica,
        taken_at_ms: env.wall().0,
        confirmed,
        replicas: replicas.collect(),
        ..Contents::of(&state, version)
    };
    let composed = env.blocking(move || compose(contents, &state)).await;
    composed.unwrap_or_else(|| Err(BackupError::Damaged("it could not be written".into())))
}

impl Contents {
    fn of(state: &State, version: &str) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            version: version.to_owned(),
            replica: ReplicaId(0),
            taken_at_ms: 0,
            confirmed: false,
            clusterset: format!("{:016x}", state.clusterset),
            generation: state.last_applied,
            feature_level: state.feature_level,
            state_form: snapshot::form_of(state),
            state_bytes: 0,
            digest: state.digest_hex(),
            members: state.members.keys().cloned().collect(),
            policies: count(state.policies.len()),
            services: count(
                state
                    .plans
                    .values()
                    .filter(|row| row.value.is_some())
                    .count(),
            ),
            replicas: Vec::new(),
        }
    }
}

fn compose(mut contents: Contents, state: &State) -> Result<Vec<u8>, BackupError> {
    if state.incarnation == 0 {
        return Err(BackupError::Nothing);
    }
    let state = snapshot::encode(state)?;
    contents.state_bytes = u64::try_from(state.len()).unwrap_or(u64::MAX);
    let unwritable = |error: String| SnapshotError::Unwritable { reason: error };
    let head = serde_json::to_vec_pretty(&contents).map_err(|e| unwritable(e.to_string()))?;
    let len = u32::try_from(head.len()).map_err(|e| unwritable(e.to_string()))?;
    let len = len.to_le_bytes();
    let sum: [u8; 32] = sum(&[&len, &head, &state]);
    let version = VERSION.to_le_bytes();
    Ok([MARK.as_slice(), &version, &sum, &len, &head, &state].concat())
}

fn sum(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

impl Backup {
    /// Reads a backup and checks all of it.
    ///
    /// # Errors
    /// [`BackupError`] says whether it is foreign, newer or damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, BackupError> {
        let damaged = |reason: &str| BackupError::Damaged(reason.to_owned());
        let short = || damaged("it is cut short");
        let rest = bytes.strip_prefix(MARK).ok_or(BackupError::NoBackup)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        match u32::from_le_bytes(*version) {
            VERSION => {}
            0 => return Err(damaged("it has format 0, which there is not")),
            found => return Err(BackupError::Newer { found }),
        }
        let (found, body) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        if sum(&[body]) != *found {
            return Err(damaged("its checksum does not fit"));
        }
        let (len, rest) = body.split_first_chunk::<4>().ok_or_else(short)?;
        let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| short())?;
        let (head, state) = rest.split_at_checked(len).ok_or_else(short)?;
        let contents = serde_json::from_slice(head)
            .map_err(|error| BackupError::Damaged(format!("its contents: {error}")))?;
        Ok(Self {
            contents,
            state: snapshot::decode(state)?,
        })
    }

    /// The decisions in it.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The place of the last decision in it.
    pub(crate) fn last(&self) -> LogPosition {
        LogPosition {
            term: self.state.last_applied.term,
            index: self.state.last_applied.index,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use causeway_state::{ClientId, Command, Request, apply};

    use super::*;

    fn backup() -> Vec<u8> {
        let mut state = State::default();
        let client = ClientId {
            replica: ReplicaId(1),
            nonce: 5,
        };
        let request = Request {
            client,
            serial: 1,
            command: Command::Bootstrap { incarnation: 1 },
        };
        apply(&mut state, LogPosition { term: 1, index: 1 }, &request);
        compose(Contents::of(&state, "0.0.0"), &state).unwrap()
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let bytes = backup();
        assert_eq!(Backup::read(&bytes).unwrap().state.incarnation, 1);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Backup::read(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Backup::read(&bytes[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn what_is_refused_says_what_to_do() {
        let say = |bytes: &[u8]| Backup::read(bytes).unwrap_err().to_string();
        assert!(say(b"PK\x03\x04").contains("causeway backup create"));
        let mut newer = backup();
        newer[8] = 9;
        assert!(say(&newer).contains("format 9"), "{}", say(&newer));
        let mut damaged = backup();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(say(&damaged).contains("checksum"));
        let empty = State::default();
        let nothing = compose(Contents::of(&empty, "0"), &empty);
        assert_eq!(nothing.unwrap_err(), BackupError::Nothing);
    }
}
