//! What is prepared is named, and comes into force in the commit of the verdict that it was prepared for.
//!
//! Nothing here grows with the number of services: the plans themselves were computed before, by every replica.

use std::collections::BTreeSet;

use causeway_api::contingency::{ContentHash, Readiness};
use causeway_api::domain::Domain;
use causeway_api::plan::Withdrawal;
use causeway_api::{Generation, MemberName};
use causeway_failover::contingency::{Fall, Place};

use super::{Applied, bounded};
use crate::contingency::{Activation, ContingencyRow};
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// The most domains that are prepared for.
pub const DOMAINS: usize = 256;

/// Names what is prepared for domains from now on; `None`: nothing any more. Refused whole where nothing lives in a domain,
/// or where a readiness is of another one.
pub(super) fn commit(
    state: &mut State,
    generation: Generation,
    rows: &[(Domain, Option<(ContentHash, Readiness)>)],
) -> Applied {
    bounded("CommitContingencies", rows.len(), DOMAINS)?;
    let places = state.places();
    let mut kept: BTreeSet<&Domain> = state.brain.contingencies.rows.keys().collect();
    for (domain, row) in rows {
        let Some((_, readiness)) = row else {
            kept.remove(domain);
            continue;
        };
        kept.insert(domain);
        if readiness.domain != *domain || Fall::of(domain, &places) == Fall::default() {
            return Err(Refusal::NotPrepared {
                domain: domain.clone(),
                said: readiness.domain.clone(),
            });
        }
    }
    bounded(
        "CommitContingencies, with those that stay",
        kept.len(),
        DOMAINS,
    )?;
    let held = &mut state.brain.contingencies.rows;
    let mut changed = false;
    for (domain, row) in rows {
        let Some((hash, readiness)) = row else {
            changed |= held.remove(domain).is_some();
            continue;
        };
        let same = |old: &ContingencyRow| old.hash == *hash && old.readiness == *readiness;
        if !held.get(domain).is_some_and(same) {
            changed = true;
            held.insert(
                domain.clone(),
                ContingencyRow {
                    hash: *hash,
                    generation,
                    readiness: readiness.clone(),
                },
            );
        }
    }
    Ok(changed.then(|| Effect {
        contingencies: true,
        ..Effect::default()
    }))
}

/// After verdicts changed: what was prepared for exactly what has fallen comes into force, and what was in force for
/// something else no longer is. Where several fell together, or nothing was prepared, the leader plans afresh.
pub(super) fn activate(state: &mut State, generation: Generation) -> Option<Activation> {
    if state.brain.contingencies.rows.is_empty() && state.brain.contingencies.active.is_none() {
        return None;
    }
    let lost = |member: &&MemberName| state.withdrawal(member) == Some(Withdrawal::Lost);
    let fallen: BTreeSet<MemberName> = state.members.keys().filter(lost).cloned().collect();
    let places = state.places();
    let prepared = fallen.first().and_then(|first| {
        let candidates = containing(first, places.get(first)?);
        let mut rows = candidates.into_iter().filter_map(|domain| {
            let row = state.brain.contingencies.rows.get(&domain)?;
            (Fall::of(&domain, &places).members == fallen).then_some((domain, row))
        });
        rows.next()
    });
    let now = prepared.map(|(domain, row)| Activation {
        domain,
        hash: row.hash,
        prepared: row.generation,
        generation,
        at: state.cluster_time,
    });
    let held = &mut state.brain.contingencies.active;
    // What is in force for this loss stays, even where something newer was prepared since.
    let same = match (&*held, &now) {
        (Some(held), Some(now)) => held.domain == now.domain,
        (None, None) => true,
        _ => false,
    };
    if same {
        return None;
    }
    held.clone_from(&now);
    now
}

/// The domains that a member can fall with, the widest first.
fn containing(member: &MemberName, place: &Place) -> Vec<Domain> {
    let mut domains: Vec<Domain> = place.region.iter().cloned().map(Domain::Region).collect();
    domains.extend(place.domains.iter().cloned().map(Domain::Declared));
    if let Some(region) = &place.region {
        domains.extend(place.zones.iter().map(|zone| Domain::Zone {
            region: region.clone(),
            zone: zone.clone(),
        }));
    }
    domains.push(Domain::Member(member.clone()));
    domains.extend(place.gateways.keys().map(|gateway| Domain::Gateway {
        member: member.clone(),
        gateway: gateway.clone(),
    }));
    domains
}
