//! How things stand on disk: forms of our own, so that what was written outlives openraft's types; each with a version
//! and a checksum, so that a flipped bit is found and never read as data.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use causeway_state::Request;
use openraft::EntryPayload;
use openraft::vote::leader_id_std::{CommittedLeaderId, LeaderId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::peers::ReplicaNode;
use crate::types::{Entry, LogId, Membership, Proposal, StoredMembership, Vote};

/// The version of the forms in this file.
const VERSION: u8 = 1;

/// Version, then checksum.
const HEAD: usize = 5;

/// The place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogIdForm {
    pub(crate) term: u64,
    pub(crate) index: u64,
}

impl From<&LogId> for LogIdForm {
    fn from(id: &LogId) -> Self {
        Self {
            term: id.leader_id.term,
            index: id.index,
        }
    }
}

impl From<LogIdForm> for LogId {
    fn from(form: LogIdForm) -> Self {
        Self {
            leader_id: CommittedLeaderId::new(form.term),
            index: form.index,
        }
    }
}

/// Whom this replica votes for, and whether a majority did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoteForm {
    term: u64,
    replica: u64,
    committed: bool,
}

impl From<&Vote> for VoteForm {
    fn from(vote: &Vote) -> Self {
        Self {
            term: vote.leader_id.term,
            replica: vote.leader_id.voted_for,
            committed: vote.committed,
        }
    }
}

impl From<VoteForm> for Vote {
    fn from(form: VoteForm) -> Self {
        Self {
            leader_id: LeaderId {
                term: form.term,
                voted_for: form.replica,
            },
            committed: form.committed,
        }
    }
}

/// Who votes and who only listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MembershipForm {
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, ReplicaNode>,
}

impl From<&Membership> for MembershipForm {
    fn from(membership: &Membership) -> Self {
        let nodes = membership.nodes().map(|(id, node)| (*id, node.clone()));
        Self {
            configs: membership.get_joint_config().clone(),
            nodes: nodes.collect(),
        }
    }
}

impl MembershipForm {
    fn read(self) -> io::Result<Membership> {
        // The membership before the first one is empty, which the checked constructor does not take.
        if self.configs.is_empty() && self.nodes.is_empty() {
            return Ok(Membership::default());
        }
        Membership::new(self.configs, self.nodes).map_err(|error| damaged(&error.to_string()))
    }
}

/// A membership and the entry that it came by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMembershipForm {
    log_id: Option<LogIdForm>,
    membership: MembershipForm,
}

impl From<&StoredMembership> for StoredMembershipForm {
    fn from(stored: &StoredMembership) -> Self {
        Self {
            log_id: stored.log_id().as_ref().map(Into::into),
            membership: stored.membership().into(),
        }
    }
}

impl StoredMembershipForm {
    pub(crate) fn read(self) -> io::Result<StoredMembership> {
        let membership = self.membership.read()?;
        Ok(StoredMembership::new(
            self.log_id.map(Into::into),
            membership,
        ))
    }
}

/// A row of the log. Variants are only ever added at the end.
#[derive(Serialize, Deserialize)]
enum PayloadForm {
    Blank,
    Request(Arc<Request>),
    Membership(MembershipForm),
    /// A request that builds before level 2 cannot read, in a frame.
    Framed(Proposal),
}

/// Writes an entry. What a build before level 2 understands is written as that one did.
pub(crate) fn write_entry(entry: &Entry) -> io::Result<Vec<u8>> {
    let payload = match &entry.payload {
        EntryPayload::Blank => PayloadForm::Blank,
        EntryPayload::Normal(Proposal(request)) if request.command.level() < 2 => {
            PayloadForm::Request(Arc::clone(request))
        }
        EntryPayload::Normal(proposal) => PayloadForm::Framed(proposal.clone()),
        EntryPayload::Membership(membership) => PayloadForm::Membership(membership.into()),
    };
    seal(&(LogIdForm::from(&entry.log_id), payload))
}

/// Reads an entry.
pub(crate) fn read_entry(bytes: &[u8]) -> io::Result<Entry> {
    let (id, payload): (LogIdForm, PayloadForm) = open(bytes)?;
    let payload = match payload {
        PayloadForm::Blank => EntryPayload::Blank,
        PayloadForm::Request(request) => EntryPayload::Normal(Proposal(request)),
        PayloadForm::Framed(proposal) => EntryPayload::Normal(proposal),
        PayloadForm::Membership(form) => EntryPayload::Membership(form.read()?),
    };
    Ok(Entry {
        log_id: id.into(),
        payload,
    })
}

/// Encodes a value, with version and checksum in front.
pub(crate) fn seal<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(value, vec![VERSION, 0, 0, 0, 0])
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    if let Some((head, body)) = bytes.split_at_mut_checked(HEAD) {
        let sum = checksum(body).to_le_bytes();
        head.iter_mut()
            .skip(1)
            .zip(sum)
            .for_each(|(byte, sum)| *byte = sum);
    }
    Ok(bytes)
}

/// Decodes what [`seal`] wrote.
pub(crate) fn open<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    let Some(([version, sum @ ..], body)) = bytes.split_first_chunk::<HEAD>() else {
        return Err(damaged("it is too short"));
    };
    if checksum(body).to_le_bytes() != *sum {
        return Err(damaged("its checksum does not fit"));
    }
    if *version != VERSION {
        return Err(damaged(&format!(
            "it has form {version} and this build reads up to {VERSION}"
        )));
    }
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(damaged(&format!("{} bytes follow it", rest.len()))),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

/// CRC-32 of the body and the version.
fn checksum(body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[VERSION]);
    hasher.update(body);
    hasher.finalize()
}

pub(crate) fn damaged(reason: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a stored row is damaged: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let vote = VoteForm {
            term: 3,
            replica: 1,
            committed: true,
        };
        let bytes = seal(&vote).unwrap();
        assert_eq!(open::<VoteForm>(&bytes).unwrap(), vote);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open::<VoteForm>(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(open::<VoteForm>(&bytes[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn memberships_read_back() {
        let node = |n: u64| ReplicaNode {
            address: format!("10.0.0.{n}:7443"),
            domain: format!("d{n}"),
        };
        let nodes: BTreeMap<u64, ReplicaNode> = (1..=3).map(|n| (n, node(n))).collect();
        let joint = vec![BTreeSet::from([1]), BTreeSet::from([1, 2])];
        for membership in [
            Membership::default(),
            Membership::new(joint, nodes).unwrap(),
        ] {
            let bytes = seal(&MembershipForm::from(&membership)).unwrap();
            assert_eq!(
                open::<MembershipForm>(&bytes).unwrap().read().unwrap(),
                membership
            );
        }
    }
}
