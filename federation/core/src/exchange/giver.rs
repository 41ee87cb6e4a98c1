//! The giving end of one connection: what the peer is to be sent next.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::FactVersion;
use causeway_api::MemberName;
use causeway_api::exchange::{FromGiver, FromTaker};
use causeway_index::FactStore;

use super::{Recent, digest, table};

/// After so many messages of first-hand facts in a row something that was asked for has its turn.
const TURN: u32 = 8;

/// What one peer is to be sent. It begins with the connection and ends with it.
#[derive(Debug)]
pub struct Giver {
    /// Owners that were heard first-hand, with the version from which the peer has not been sent what followed.
    news: BTreeMap<MemberName, Option<FactVersion>>,
    /// Owners that were asked for, with the version that the peer holds.
    wanted: BTreeMap<MemberName, Option<FactVersion>>,
    presence: BTreeSet<MemberName>,
    all_presence: bool,
    offer: bool,
    table: bool,
    in_a_row: u32,
    packs: bool,
}

/// A question of a peer that only an agent can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The number of the question.
    pub id: u64,
    /// The member whose agent is to be asked.
    pub member: MemberName,
}

impl Default for Giver {
    fn default() -> Self {
        Self::new()
    }
}

impl Giver {
    /// A connection begins: the sessions and a digest are due.
    #[must_use]
    pub fn new() -> Self {
        Self {
            news: BTreeMap::new(),
            wanted: BTreeMap::new(),
            presence: BTreeSet::new(),
            all_presence: true,
            offer: true,
            table: false,
            in_a_row: 0,
            packs: false,
        }
    }

    /// The same toward a peer that takes packed facts ([`causeway_api::peer::PACKED_FACTS`]).
    #[must_use]
    pub fn packing() -> Self {
        Self {
            packs: true,
            ..Self::new()
        }
    }

    /// Whether it sends packed facts.
    #[must_use]
    pub fn packs(&self) -> bool {
        self.packs
    }

    /// Facts of an owner were heard first-hand, on top of `base`.
    pub fn news(&mut self, owner: &MemberName, base: Option<FactVersion>) {
        // What was not sent before begins earlier.
        self.news.entry(owner.clone()).or_insert(base);
    }

    /// A session opened, closed or did something.
    pub fn present(&mut self, member: &MemberName) {
        if !self.all_presence {
            self.presence.insert(member.clone());
        }
    }

    /// It is time to compare again.
    pub fn offer(&mut self) {
        self.offer = true;
    }

    /// Hears the peer. A question for an agent is handed back.
    pub fn hear(&mut self, message: FromTaker) -> Option<Asked> {
        match message {
            FromTaker::Compare => self.table = true,
            FromTaker::Want(rows) => {
                for row in rows {
                    self.wanted.insert(row.owner, row.held);
                }
            }
            FromTaker::AskDiff { id, member } => return Some(Asked { id, member }),
        }
        None
    }

    /// Whether anything is to be sent.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.all_presence
            || self.offer
            || self.table
            || !self.presence.is_empty()
            || !self.news.is_empty()
            || !self.wanted.is_empty()
    }

    /// How many names are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.news.len() + self.wanted.len() + self.presence.len()
    }

    /// Whether no name is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members whose sessions the peer is to be told of next, before anything else ([`FromGiver::Presence`]):
    /// `Some(None)` is all of them, which is said even where there are none, since it replaces what the peer holds from
    /// an earlier connection.
    #[must_use]
    pub fn presence_due(&mut self) -> Option<Option<BTreeSet<MemberName>>> {
        let members = std::mem::take(&mut self.presence);
        if std::mem::take(&mut self.all_presence) {
            return Some(None);
        }
        (!members.is_empty()).then_some(Some(members))
    }

    /// The next message; `None`: nothing is due. Call it again only after the last one was handed to the transport.
    #[must_use]
    pub fn take(&mut self, facts: &FactStore, recent: &Recent) -> Option<FromGiver> {
        if std::mem::take(&mut self.offer) {
            return Some(FromGiver::Offer {
                digest: digest(facts),
            });
        }
        if std::mem::take(&mut self.table) {
            return Some(FromGiver::Table(table(facts).collect()));
        }
        let has_waited = self.in_a_row >= TURN && !self.wanted.is_empty();
        while !has_waited && let Some((owner, base)) = self.news.pop_first() {
            if let Some(message) = since(facts, recent, &owner, base, self.packs) {
                self.in_a_row += 1;
                return Some(message);
            }
        }
        self.in_a_row = 0;
        while let Some((owner, held)) = self.wanted.pop_first() {
            self.news.remove(&owner);
            if let Some(message) = since(facts, recent, &owner, held, self.packs) {
                return Some(message);
            }
        }
        None
    }
}

/// What followed `version`, or all.
fn since(
    facts: &FactStore,
    recent: &Recent,
    owner: &MemberName,
    version: Option<FactVersion>,
    packs: bool,
) -> Option<FromGiver> {
    let held = facts.owner(owner)?;
    let delta = version
        .and_then(|version| recent.since(owner, version))
        .filter(|given| given.delta.version == held.version && given.delta.rows() < held.rows());
    let given = match delta {
        Some(given) => given,
        None if packs => return Some(FromGiver::Packed(Box::new(facts.packed(owner)?))),
        None => facts.given(owner)?,
    };
    Some(FromGiver::Facts(Box::new(given)))
}
