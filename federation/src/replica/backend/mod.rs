//! Answers operators from what this replica has applied and heard.
//!
//! Each row is built by a pure function in a file of its own; conditions are those that [`super::status`] writes.
//! [`memory`] keeps when what changed, since cluster time stands still while no timer is pending.

mod attention;
mod backup;
mod circumstances;
mod clusters;
mod diff;
mod domain;
mod explain;
mod incidents;
pub(crate) mod memory;
pub(crate) mod overrides;
mod past;
pub(crate) mod quorum;
mod registry;
mod replay;
mod replicas;
mod services;
mod shift;
pub(crate) mod sights;
mod subject;
mod totals;
mod whatif;

use std::sync::Arc;

use async_trait::async_trait;
use causeway_api::domain::Domain;
use causeway_api::ids::{FailureDomain, ServiceKey};
use causeway_api::shift::{Shift, ShiftKey};
use causeway_api::verdict::Subject;
use causeway_api::{Generation, MemberName};
use causeway_storage::Consistency;

use super::calendar;
use super::shared::Shared;
use super::status::counts;
use super::status::look::{Known, Look};
use super::status::scope::Scope;
use crate::admin::api::overrides::{
    ApproveRequest, EndRequest, OverridesReport, ReleaseRequest, ShiftAnswer,
};
use crate::admin::api::registry::{ConfirmRequest, Done, MoveRequest, RegistryReport};
use crate::admin::api::replicas::{ReplicaChange, ReplicasReport};
use crate::admin::api::whatif::{ReadinessReport, ReplayReport, SimulationReport};
use crate::admin::api::{
    AdminError, ClusterRow, DiffReport, DomainExplanation, Explanation, Moment, Origin,
    ServiceQuery, ServiceRow, Severity, ShiftExplanation, StatusReport, SubjectExplanation, When,
};
use crate::admin::backend::AdminBackend;
use memory::Ages;

/// What answers.
pub(crate) struct Backend {
    shared: Arc<Shared>,
}

/// What rows are built from.
struct Sight<'a> {
    look: &'a Look<'a>,
    ages: Ages,
    /// Plans that were refused, and not accepted since.
    refused: std::collections::BTreeMap<ServiceKey, String>,
    /// Whether it is of the past: then nothing is known beside the state.
    past: bool,
    /// Plans that this replica's facts do not bear out.
    doubts: std::collections::BTreeMap<ServiceKey, String>,
    /// Why the leader's clock is not believed.
    clock: Option<String>,
}

impl<'a> Sight<'a> {
    /// Of a moment that is over only what the log holds is known.
    fn of_the_past(
        look: &'a Look<'a>,
        refused: std::collections::BTreeMap<ServiceKey, String>,
    ) -> Self {
        Self {
            look,
            ages: Ages::default(),
            refused,
            past: true,
            doubts: std::collections::BTreeMap::new(),
            clock: None,
        }
    }
}

impl Backend {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Calls `f` with everything at one moment. Locks are held meanwhile: it computes and returns.
    fn see<T>(&self, f: impl FnOnce(&Sight<'_>) -> T) -> T {
        let shared = &self.shared;
        let known = Known::now(shared, &Scope::Everything);
        let mut ages = shared.memory.ages(shared.env.now(), shared.env.wall());
        ages.left_elsewhere(&shared.exchange.all_elsewhere());
        let mut refused = shared.metrics.refused_plans();
        let doubts = shared.doubts.lasting(shared.env.now());
        let clock = calendar::doubt(shared);
        Look::now(shared, &known, |look| {
            // What a safety rule refused is decided, and known to all replicas.
            for (service, row) in &look.state.brain.refused {
                refused.insert(service.clone(), row.refusal.to_string());
            }
            f(&Sight {
                look,
                ages,
                refused,
                doubts,
                clock,
                past: false,
            })
        })
    }
}

impl Backend {
    /// Calls `f` with everything as it is now, or with what the log tells of a moment.
    async fn see_at<T>(
        &self,
        at: Option<When>,
        f: impl FnOnce(&Sight<'_>) -> T + Send,
    ) -> Result<(T, Option<Moment>), AdminError> {
        let Some(when) = at else {
            return Ok((self.see(f), None));
        };
        let (state, moment) = past::state(&self.shared, when).await?;
        Ok((past::see(&self.shared, &state, f), Some(moment)))
    }
}

#[async_trait]
impl AdminBackend for Backend {
    async fn registry(&self) -> Result<RegistryReport, AdminError> {
        Ok(self.see(|sight| registry::report(sight.look.state, sight.look.rows)))
    }

    async fn move_object(&self, asked: &MoveRequest) -> Result<Done, AdminError> {
        registry::move_to(&self.shared, asked).await
    }

    async fn confirm_removal(&self, asked: &ConfirmRequest) -> Result<Done, AdminError> {
        registry::confirm(&self.shared, asked).await
    }

    async fn replicas(&self) -> Result<ReplicasReport, AdminError> {
        Ok(replicas::report(&self.shared))
    }

    async fn change_replicas(&self, asked: &ReplicaChange) -> Result<Done, AdminError> {
        replicas::change(&self.shared, asked).await
    }

    async fn overrides(&self) -> Result<OverridesReport, AdminError> {
        Ok(self.shared.consensus.read(overrides::report))
    }

    async fn shift(&self, asked: &Shift, by: &str) -> Result<ShiftAnswer, AdminError> {
        overrides::shift(&self.shared, asked, by).await
    }

    async fn end_shift(&self, asked: &EndRequest, by: &str) -> Result<Done, AdminError> {
        overrides::end(&self.shared, asked, by).await
    }

    async fn approve(&self, asked: &ApproveRequest, by: &str) -> Result<Done, AdminError> {
        overrides::approve(&self.shared, asked, by).await
    }

    async fn release_brake(&self, asked: &ReleaseRequest, by: &str) -> Result<Done, AdminError> {
        overrides::release(&self.shared, asked, by).await
    }

    async fn readiness(&self) -> Result<ReadinessReport, AdminError> {
        whatif::readiness(&self.shared).await
    }

    async fn simulate(&self, domain: &Domain) -> Result<SimulationReport, AdminError> {
        whatif::simulate(&self.shared, domain).await
    }

    async fn replay(&self, generation: Generation) -> Result<ReplayReport, AdminError> {
        replay::report(&self.shared, generation)
    }

    async fn confirm(&self, consistency: Consistency) -> Result<(), AdminError> {
        let confirmed = self.shared.consensus.confirm(consistency).await;
        confirmed.map_err(|error| {
            AdminError::unavailable(
                error.to_string(),
                "without --consistency the answer is what this replica has, and needs no quorum",
            )
        })
    }

    async fn backup(&self) -> Result<Vec<u8>, AdminError> {
        backup::backup(&self.shared).await
    }

    async fn status(&self) -> Result<StatusReport, AdminError> {
        let shared = &self.shared;
        let sights::Here {
            quorum,
            replicas,
            log,
            waiting,
        } = sights::here(shared);
        let asked_at_ms = self.shared.env.wall().0;
        let divergence = self.shared.consensus.divergence();
        let out = attention::out(shared);
        let disks = attention::disks(&replicas);
        let report = self.see(|sight| {
            let members = clusters::rows(sight);
            StatusReport {
                severity: Severity::Fine,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                asked: self.shared.id.to_string(),
                asked_at_ms,
                quorum,
                replicas,
                log,
                waiting,
                generation: sight.look.state.last_applied,
                data_age_ms: members
                    .iter()
                    .filter(|row| row.agent.connected)
                    .filter_map(|row| row.agent.facts_age_ms)
                    .max(),
                incidents: incidents::incidents(sight),
                needs_you: attention::diverged(divergence.as_ref())
                    .into_iter()
                    .chain(out)
                    .chain(disks)
                    .chain(attention::attention(sight, &members))
                    .collect(),
                services: totals::totals(sight),
                overrides: overrides::in_effect(sight.look.state),
                members,
            }
        });
        Ok(report.judged())
    }

    async fn clusters(&self) -> Result<Vec<ClusterRow>, AdminError> {
        Ok(self.see(clusters::rows))
    }

    async fn services(&self, query: &ServiceQuery) -> Result<Vec<ServiceRow>, AdminError> {
        Ok(self.see(|sight| services::rows(sight, query)))
    }

    async fn explain(
        &self,
        service: &ServiceKey,
        from: Option<&Origin>,
        at: Option<When>,
    ) -> Result<Explanation, AdminError> {
        let answer = |sight: &Sight<'_>| explain::explain(sight, service, from);
        let (found, at) = self.see_at(at, answer).await?;
        Ok(Explanation { at, ..found? })
    }

    async fn explain_subject(
        &self,
        subject: &Subject,
        at: Option<When>,
    ) -> Result<SubjectExplanation, AdminError> {
        let answer = |sight: &Sight<'_>| subject::explain(sight, subject);
        let (found, at) = self.see_at(at, answer).await?;
        Ok(SubjectExplanation { at, ..found? })
    }

    async fn explain_domain(
        &self,
        domain: &FailureDomain,
        at: Option<When>,
    ) -> Result<DomainExplanation, AdminError> {
        let answer = |sight: &Sight<'_>| domain::explain(sight.look.state, domain);
        let (found, at) = self.see_at(at, answer).await?;
        Ok(DomainExplanation { at, ..found? })
    }

    async fn explain_shift(
        &self,
        shift: &ShiftKey,
        at: Option<When>,
    ) -> Result<ShiftExplanation, AdminError> {
        let answer = |sight: &Sight<'_>| shift::explain(sight.look.state, shift);
        let (found, at) = self.see_at(at, answer).await?;
        Ok(ShiftExplanation { at, ..found? })
    }

    async fn diff(&self, member: &MemberName) -> Result<DiffReport, AdminError> {
        let session = self.shared.sessions.of(member);
        let asked =
            self.see(|sight| diff::ask(sight, member, sight.look.sessions.contains_key(member)))?;
        let Some(session) = session else {
            let home = self.shared.exchange.elsewhere(member);
            let home = home.filter(|seen| seen.presence.open && seen.connected);
            let Some(home) = home else {
                return Err(diff::silent(member));
            };
            let entries = self.shared.ask_home(member, &home).await;
            let entries = entries.map_err(|error| {
                let remedy = format!("ask replica {} itself, or again", home.home);
                AdminError::unavailable(error, remedy)
            })?;
            return Ok(DiffReport { entries, ..asked });
        };
        let entries = session.diff(&self.shared.env).await.map_err(|error| {
            AdminError::unavailable(
                error,
                format!("see the log of the agent of member {member}, and ask again"),
            )
        })?;
        Ok(DiffReport { entries, ..asked })
    }
}

/// A count as a number of the API.
fn count(number: usize) -> u64 {
    counts::count(number)
}

#[cfg(test)]
mod tests;
