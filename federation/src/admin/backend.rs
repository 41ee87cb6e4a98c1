//! What a replica implements to answer the admin API.

use async_trait::async_trait;
use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::ids::{FailureDomain, MemberName, ServiceKey};
use causeway_api::shift::{Shift, ShiftKey};
use causeway_api::verdict::Subject;
use causeway_storage::Consistency;

use super::api::overrides::{
    ApproveRequest, EndRequest, OverridesReport, ReleaseRequest, ShiftAnswer,
};
use super::api::registry::{ConfirmRequest, Done, MoveRequest, RegistryReport};
use super::api::replicas::{ReplicaChange, ReplicasReport};
use super::api::whatif::{ReadinessReport, ReplayReport, SimulationReport};
use super::api::{
    AdminError, ClusterRow, DiffReport, DomainExplanation, Explanation, Origin, ServiceQuery,
    ServiceRow, ShiftExplanation, StatusReport, SubjectExplanation, When,
};

/// Answers questions, each from what this replica has applied and heard; few verbs change anything, by a decision.
#[async_trait]
pub trait AdminBackend: Send + Sync + 'static {
    /// The state of the whole clusterset.
    ///
    /// # Errors
    /// [`AdminError`] while it cannot tell.
    async fn status(&self) -> Result<StatusReport, AdminError>;

    /// The members, by name.
    ///
    /// # Errors
    /// [`AdminError`] while it cannot tell.
    async fn clusters(&self) -> Result<Vec<ClusterRow>, AdminError>;

    /// The services that the query asks for, by namespace and name.
    ///
    /// # Errors
    /// [`AdminError`] while it cannot tell.
    async fn services(&self, query: &ServiceQuery) -> Result<Vec<ServiceRow>, AdminError>;

    /// Why a service's traffic goes where it goes; with `from`, for those callers alone ([`Explanation::of`] does it); with
    /// `at`, why it went there at that moment.
    ///
    /// # Errors
    /// Not found where the service has no plan; the remedy says whether it is unknown, not exported or not imported. Not found
    /// where the log no longer tells of that moment.
    async fn explain(
        &self,
        service: &ServiceKey,
        from: Option<&Origin>,
        at: Option<When>,
    ) -> Result<Explanation, AdminError>;

    /// Why a subject counts as lost, or not; with `at`, at that moment.
    ///
    /// # Errors
    /// Not found where nobody ever voted on it, or where the log no longer tells of that moment.
    async fn explain_subject(
        &self,
        subject: &Subject,
        at: Option<When>,
    ) -> Result<SubjectExplanation, AdminError>;

    /// What a domain is that members declare, and how it stands with it; with `at`, at that moment.
    ///
    /// # Errors
    /// Not found where no member declares it, or where the log no longer tells of that moment.
    async fn explain_domain(
        &self,
        domain: &FailureDomain,
        at: Option<When>,
    ) -> Result<DomainExplanation, AdminError>;

    /// What an override does, and what became of it; with `at`, at that moment.
    ///
    /// # Errors
    /// Not found where neither the overrides in force nor the audit know it, or where the log no longer tells of that moment.
    async fn explain_shift(
        &self,
        shift: &ShiftKey,
        at: Option<When>,
    ) -> Result<ShiftExplanation, AdminError>;

    /// What would be written into a member, asked of its agent.
    ///
    /// # Errors
    /// Not found where the member is not registered; unavailable where its agent has no session or does not answer.
    async fn diff(&self, member: &MemberName) -> Result<DiffReport, AdminError>;

    /// Which host cluster owns which declaration.
    ///
    /// # Errors
    /// [`AdminError`] while it cannot tell.
    async fn registry(&self) -> Result<RegistryReport, AdminError> {
        Ok(RegistryReport::default())
    }

    /// Makes another host cluster the owner of a declaration.
    ///
    /// # Errors
    /// Not found where there is no such object or host; unavailable without a quorum.
    async fn move_object(&self, asked: &MoveRequest) -> Result<Done, AdminError> {
        Err(AdminError::not_found(
            format!("{} is not in the registry", asked.object),
            "see `causeway registry list`",
        ))
    }

    /// A person confirms that a declaration is to go.
    ///
    /// # Errors
    /// Not found where there is no such object; unavailable without a quorum.
    async fn confirm_removal(&self, asked: &ConfirmRequest) -> Result<Done, AdminError> {
        Err(AdminError::not_found(
            format!("{} is not in the registry", asked.object),
            "see `causeway registry list`",
        ))
    }

    /// The replicas, as this one sees them.
    ///
    /// # Errors
    /// [`AdminError`] while it cannot tell.
    async fn replicas(&self) -> Result<ReplicasReport, AdminError> {
        Ok(ReplicasReport::default())
    }

    /// Adds, promotes or removes a replica, or passes the lead on; on whichever replica leads.
    ///
    /// # Errors
    /// Bad request where it must not be; unavailable without a quorum.
    async fn change_replicas(&self, asked: &ReplicaChange) -> Result<Done, AdminError> {
        Err(AdminError::unavailable(
            format!("there are no replicas to change here: {asked:?}"),
            "ask a controller",
        ))
    }

    /// What people override, and what waits for them.
    ///
    /// # Errors
    /// [`AdminError`] while it cannot tell.
    async fn overrides(&self) -> Result<OverridesReport, AdminError> {
        Ok(OverridesReport::default())
    }

    /// Overrides automation, or with `dry_run` says what that would bring about; `by`: whom the certificate speaks for.
    ///
    /// # Errors
    /// Refused where the log or a safety rule refuses it whole; unavailable without a quorum.
    async fn shift(&self, asked: &Shift, by: &str) -> Result<ShiftAnswer, AdminError> {
        Err(nobody_decides(&format!("{:?} of {by}", asked.action)))
    }

    /// Ends an override.
    ///
    /// # Errors
    /// Not found where there is none; unavailable without a quorum.
    async fn end_shift(&self, asked: &EndRequest, by: &str) -> Result<Done, AdminError> {
        Err(nobody_decides(&format!("{} for {by}", asked.shift)))
    }

    /// Approves what waits.
    ///
    /// # Errors
    /// Refused where nothing waits, or by whoever asked for it; unavailable without a quorum.
    async fn approve(&self, asked: &ApproveRequest, by: &str) -> Result<Done, AdminError> {
        Err(nobody_decides(&format!("{} for {by}", asked.what)))
    }

    /// Releases the fleet-wide brake.
    ///
    /// # Errors
    /// Refused where it is not on; unavailable without a quorum.
    async fn release_brake(&self, asked: &ReleaseRequest, by: &str) -> Result<Done, AdminError> {
        Err(nobody_decides(&format!("{} for {by}", asked.reason)))
    }

    /// How well the rest would carry the loss of each domain.
    ///
    /// # Errors
    /// [`AdminError`] while it cannot tell.
    async fn readiness(&self) -> Result<ReadinessReport, AdminError> {
        Err(nobody_decides("readiness"))
    }

    /// What the loss of a domain would do now.
    ///
    /// # Errors
    /// Not found where nothing lives in it.
    async fn simulate(&self, domain: &Domain) -> Result<SimulationReport, AdminError> {
        Err(nobody_decides(&domain.to_string()))
    }

    /// A decision, computed again from its stored inputs.
    ///
    /// # Errors
    /// Not found where it is neither in the log nor in force.
    async fn replay(&self, generation: Generation) -> Result<ReplayReport, AdminError> {
        Err(nobody_decides(&generation.to_string()))
    }

    /// Waits until what is answered next has that consistency.
    ///
    /// # Errors
    /// Unavailable without a quorum.
    async fn confirm(&self, consistency: Consistency) -> Result<(), AdminError> {
        match consistency {
            Consistency::Local => Ok(()),
            _ => Err(AdminError::unavailable(
                "this answers from what it has alone",
                "ask a controller",
            )),
        }
    }

    /// A backup of what this replica has applied, as [`causeway_storage::backup`] writes it.
    ///
    /// # Errors
    /// [`AdminError`] while nothing was decided yet.
    async fn backup(&self) -> Result<Vec<u8>, AdminError>;
}

fn nobody_decides(what: &str) -> AdminError {
    AdminError::unavailable(
        format!("nothing is decided here: {what}"),
        "ask a controller",
    )
}
