//! What a loss would do: computed outside all locks from what is committed.

use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::verdict::{Subject, Verdict};
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
    let asked = domain.clone();
    let verdict = move |subject: &Subject| verdicts.verdict(subject);
    shared
        .env
        .blocking(move || simulation(generation, &committed, &asked, &verdict))
        .await
        .ok_or_else(busy)?
}

fn simulation(
    generation: Generation,
    committed: &Committed,
    domain: &Domain,
    verdict: &dyn Fn(&Subject) -> Option<Verdict>,
) -> Result<SimulationReport, AdminError> {
    let loss = committed.lose(domain, verdict);
    let loss = loss.ok_or_else(|| unknown(domain, &committed.domains()))?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::admin::api::ErrorKind;
    use crate::replica::status::world::World;

    fn asked(world: &World, domain: &str) -> Result<SimulationReport, AdminError> {
        let state = &world.state;
        let verdict = |subject: &Subject| state.verdict(subject);
        let committed = Committed::of(state);
        simulation(
            state.last_applied,
            &committed,
            &domain.parse().unwrap(),
            &verdict,
        )
    }

    #[test]
    fn a_loss_is_told_from_what_is_committed() {
        let mut world = World::new();
        world.member("a");
        world.member("b");
        world.plan("shop/cart");
        let report = asked(&world, "member/a").unwrap();
        assert_eq!(report.generation, world.state.last_applied);
        assert_eq!(report.loss.members, ["a".parse().unwrap()]);
        assert_eq!(report.loss.services.len(), 1);
        assert_eq!(
            report.loss.services[0].service.to_string(),
            "shop/cart",
            "{report:?}"
        );
    }

    #[test]
    fn where_nothing_would_be_lost_the_domains_are_named() {
        let error = asked(&World::new(), "region/nowhere").unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(
            error.remedy.contains("no member is registered"),
            "{error:?}"
        );
        let mut world = World::new();
        world.member("a");
        let error = asked(&world, "region/nowhere").unwrap_err();
        assert!(
            error.error.contains("region/nowhere") && error.remedy.contains("member/a"),
            "{error:?}"
        );
        let many: Vec<Domain> = (0..20)
            .map(|at| format!("member/m{at}").parse().unwrap())
            .collect();
        let error = unknown(&many[0], &many);
        assert!(error.remedy.contains("and 8 more"), "{error:?}");
    }
}
