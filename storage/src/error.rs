//! What is refused, with the object and the remedy.

use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::Fenced;
use causeway_seam::DiskError;

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The database cannot be read or written.
    #[error(
        "{path}: {reason}. Restore it from a backup, or empty the data folder and let the replica join anew, under a new id"
    )]
    Database {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A snapshot cannot be read.
    #[error(
        "{path}: {reason}. Restore it from a backup, or empty the data folder and let the replica join anew, under a new id"
    )]
    Snapshot {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The data folder belongs to another replica.
    #[error(
        "{path} is the data folder of replica {found}, and this is replica {wanted}: give each replica a data folder of its own, \
         and never use an id twice"
    )]
    ForeignReplica {
        /// The folder.
        path: String,
        /// Whose it is.
        found: ReplicaId,
        /// Who opened it.
        wanted: ReplicaId,
    },
    /// The data folder was written by a newer version.
    #[error("{path} has format {found} and this build reads up to {known}: upgrade this replica")]
    Newer {
        /// The file.
        path: String,
        /// The format that was found.
        found: u32,
        /// The newest that this build reads.
        known: u32,
    },
    /// The data folder was written by a build before the first release.
    #[error(
        "{path} has format {found}, of a build before the first release, and this build reads from {oldest} on: start with an \
         empty data folder; the registry is read again from the host clusters"
    )]
    Unreleased {
        /// The file.
        path: String,
        /// The format that was found.
        found: u32,
        /// The oldest that this build reads.
        oldest: u32,
    },
    /// This replica has no part in its clusterset any more: it was removed, or is of an older incarnation.
    #[error(
        "{path}: this replica has no part in its clusterset any more ({said}). {}",
        Fenced::REMEDY
    )]
    Fenced {
        /// The folder.
        path: String,
        /// Who said so.
        said: String,
    },
    /// A setting is out of bounds.
    #[error("the settings of the log do not fit together: {0}")]
    Settings(String),
    /// The log stopped while it was being opened.
    #[error("the log did not start: {0}")]
    Stopped(String),
}

/// Why a command was not decided, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Another replica leads.
    #[error("replica {leader} leads (at {address}): propose it there")]
    NotLeader {
        /// Who leads.
        leader: ReplicaId,
        /// Where it answers.
        address: String,
    },
    /// Nobody led for as long as a proposal may take. Nothing was decided.
    #[error("no replica leads since {waited:?}: a majority of the replicas must reach each other")]
    NoLeader {
        /// How long it was waited.
        waited: Duration,
    },
    /// It was proposed, and no answer came in time: it may be decided yet.
    #[error(
        "no answer within {waited:?}: the command may be decided yet, so read the state before sending it again"
    )]
    Unknown {
        /// How long it was waited.
        waited: Duration,
    },
    /// The command is too large for one entry.
    #[error("the command has {found} bytes: at most {limit} fit one entry; send it in several")]
    TooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Not every replica would understand it.
    #[error(
        "the command needs feature level {needs}, and {of} {has}: upgrade all replicas to one version, and the level rises by \
         itself"
    )]
    Level {
        /// What it needs.
        needs: u32,
        /// What there is.
        has: u32,
        /// Of what.
        of: &'static str,
    },
    /// The leader did not propose it.
    #[error("the leader refused it: {0}")]
    Refused(String),
    /// The log stopped: the disk failed, or it is being shut down. Terminal.
    #[error("the log of this replica has stopped: {0}")]
    Stopped(String),
}

/// Why a read has no guarantee.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Another replica leads.
    #[error("replica {leader} leads (at {address}): ask it")]
    NotLeader {
        /// Who leads.
        leader: ReplicaId,
        /// Where it answers.
        address: String,
    },
    /// Leadership could not be confirmed with a majority.
    #[error(
        "leadership was not confirmed by a majority within {waited:?}; a local read needs none"
    )]
    NoQuorum {
        /// How long it was waited.
        waited: Duration,
    },
    /// The log stopped.
    #[error("the log of this replica has stopped: {0}")]
    Stopped(String),
}

/// Why a clusterset was not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// There is one already.
    #[error(
        "this data folder already holds a clusterset (incarnation {incarnation}): a clusterset is begun once and only once"
    )]
    Exists {
        /// Its incarnation.
        incarnation: u64,
    },
    /// The log has other members than this replica alone.
    #[error("this replica already belongs to a clusterset that it did not begin: {0}")]
    Joined(String),
    /// The first command was not decided; may be tried again.
    #[error("the first command was not decided: {0}")]
    Propose(#[from] ProposeError),
    /// The first command was refused.
    #[error("the first command was refused: {0}")]
    Refused(String),
}
