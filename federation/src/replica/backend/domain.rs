//! What a domain is that members declare, and how it stands with it.

use std::collections::BTreeSet;

use causeway_api::domain::Domain;
use causeway_api::ids::{FailureDomain, MemberName};
use causeway_api::verdict::Subject;
use causeway_state::State;

use super::{circumstances, subject};
use crate::admin::api::{AdminError, DomainExplanation};

/// The explanation.
pub(super) fn explain(
    state: &State,
    name: &FailureDomain,
) -> Result<DomainExplanation, AdminError> {
    let domain = Domain::Declared(name.clone());
    let members: BTreeSet<MemberName> = state.members_in(&domain).into_iter().cloned().collect();
    if members.is_empty() {
        let held = state.members.values();
        let known: BTreeSet<&str> = held
            .flat_map(|held| &held.spec.failure_domains)
            .map(FailureDomain::as_str)
            .collect();
        let known: Vec<&str> = known.into_iter().collect();
        return Err(AdminError::not_found(
            format!("no member declares the failure domain {name}"),
            match known.is_empty() {
                true => "none is declared: spec.topology.failureDomains of a MemberCluster does that; a service of that name is \
                         asked for as svc/domain/NAME"
                    .to_owned(),
                false => format!(
                    "declared are {}; a service of that name is asked for as svc/domain/NAME",
                    known.join(", ")
                ),
            },
        ));
    }
    let verdict = |member: &MemberName| {
        state.verdict(&Subject::Member {
            member: member.clone(),
        })
    };
    Ok(DomainExplanation {
        members: members.iter().filter_map(verdict).collect(),
        services: subject::left_out(state, &members),
        around: circumstances::of_domain(state, Some(&domain), &members),
        cluster_time_ms: state.cluster_time.0,
        domain,
        at: None,
    })
}
