//! What a replica implements to answer the admin API.

use async_trait::async_trait;
use causeway_api::ids::{MemberName, ServiceKey};
use causeway_api::verdict::Subject;
use causeway_storage::Consistency;

use super::api::registry::{ConfirmRequest, Done, MoveRequest, RegistryReport};
use super::api::replicas::{ReplicaChange, ReplicasReport};
use super::api::{
    AdminError, ClusterRow, DiffReport, Explanation, Origin, ServiceQuery, ServiceRow,
    StatusReport, SubjectExplanation,
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

    /// Why a service's traffic goes where it goes; with `from`, for those callers alone ([`Explanation::of`] does it).
    ///
    /// # Errors
    /// Not found where the service has no plan; the remedy says whether it is unknown, not exported or not imported.
    async fn explain(
        &self,
        service: &ServiceKey,
        from: Option<&Origin>,
    ) -> Result<Explanation, AdminError>;

    /// Why a subject counts as lost, or not.
    ///
    /// # Errors
    /// Not found where nobody ever voted on it.
    async fn explain_subject(&self, subject: &Subject) -> Result<SubjectExplanation, AdminError>;

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
