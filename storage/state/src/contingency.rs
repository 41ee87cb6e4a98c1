//! What is prepared for losses, as far as it is decided: the name of each content, and which one is in force.
//!
//! The contents themselves follow from the state, and every replica computes them: only their hashes are committed.

use std::collections::BTreeMap;

use causeway_api::contingency::{ContentHash, Readiness};
use causeway_api::domain::Domain;
use causeway_api::verdict::{ClusterTime, Subject, VerdictState};
use causeway_api::{Generation, MemberName};
use causeway_failover::contingency::Place;
use serde::{Deserialize, Serialize};

use crate::state::{RegisteredMember, State};

/// What is prepared. Empty below level 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Contingencies {
    /// By domain.
    pub rows: BTreeMap<Domain, ContingencyRow>,
    /// The one in force.
    pub active: Option<Activation>,
}

/// What is prepared for the loss of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContingencyRow {
    /// Its content.
    pub hash: ContentHash,
    /// When it was committed: a plan that is newer is not part of it any more.
    pub generation: Generation,
    /// How well the rest would carry the loss.
    pub readiness: Readiness,
}

/// A contingency that came into force in the very commit of the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// What was lost.
    pub domain: Domain,
    /// What is in force since.
    pub hash: ContentHash,
    /// When that was committed.
    pub prepared: Generation,
    /// When it came into force: the generation of its plans.
    pub generation: Generation,
    /// The same in cluster time.
    pub at: ClusterTime,
}

impl State {
    /// Where members stand, as far as they can fall.
    #[must_use]
    pub fn places(&self) -> BTreeMap<MemberName, Place> {
        let place = |(name, member): (&MemberName, &RegisteredMember)| {
            let placement = member.placement.as_ref();
            let zones = placement.map(|placed| placed.zones.clone());
            let gateways = placement.map(|placed| self.gateways(name, member, placed).collect());
            let session = Subject::Session {
                member: name.clone(),
            };
            let place = Place {
                region: member.region().cloned(),
                zones: zones.unwrap_or_default(),
                network: placement.map(|placed| placed.network.clone()),
                gateways: gateways.unwrap_or_default(),
                domains: member.spec.failure_domains.clone(),
                heard: self.verdicts.state(&session) != VerdictState::Unknown,
            };
            (name.clone(), place)
        };
        self.members.iter().map(place).collect()
    }
}
