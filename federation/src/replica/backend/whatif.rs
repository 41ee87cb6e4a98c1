//! What a loss would do: computed outside all locks from what is committed.

use causeway_api::domain::Domain;
use causeway_core::whatif::Committed;

use crate::admin::api::AdminError;
use crate::admin::api::whatif::{ReadinessReport, SimulationReport};
use crate::replica::shared::Shared;

fn busy() -> AdminError {
    AdminError::unavailable("the replica is stopping", "ask again, or another replica")
}

/// How well the rest would carry the loss of each domain.
pub(super) async fn readiness(shared: &Shared) -> Result<ReadinessReport, AdminError> {
    let (generation, committed) = shared
        .consensus
        .read(|state| (state.last_applied, Committed::of(state)));
    let domains = match shared.preparations.readiness() {
        Some(prepared) => prepared,
        None => {
            let anew = shared.env.blocking(move || committed.readiness());
            anew.await.ok_or_else(busy)?
        }
    };
    Ok(ReadinessReport {
        generation,
        domains,
    })
}

/// What the loss of a domain would do.
pub(super) async fn simulate(
    shared: &Shared,
    domain: &Domain,
) -> Result<SimulationReport, AdminError> {
    let (generation, committed, verdicts) = shared.consensus.read(|state| {
        (
            state.last_applied,
            Committed::of(state),
            state.verdicts.clone(),
        )
    });
    let known = committed.domains();
    let asked = domain.clone();
    let loss = shared
        .env
        .blocking(move || committed.lose(&asked, &|subject| verdicts.verdict(subject)))
        .await
        .ok_or_else(busy)?;
    let Some(loss) = loss else {
        return Err(unknown(domain, &known));
    };
    Ok(SimulationReport {
        domain: domain.clone(),
        generation,
        loss,
    })
}

/// Nothing lives in a domain.
pub(super) fn unknown(domain: &Domain, known: &[Domain]) -> AdminError {
    const NAMED: usize = 12;
    let names: Vec<String> = known.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match known.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more (causeway readiness)"),
    };
    AdminError::not_found(
        format!(
            "nothing would be lost with {domain}: no member stands in it, or others lead to the same place"
        ),
        if names.is_empty() {
            "no member is registered: see `causeway clusters`".to_owned()
        } else {
            format!("domains are {}{more}", names.join(", "))
        },
    )
}
