//! What people ask before they act, and what they do.

use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::shift::Shift;

use super::{Client, ClientError};
use crate::admin::api::overrides::{
    ApproveRequest, EndRequest, OverridesReport, ReleaseRequest, ShiftAnswer,
};
use crate::admin::api::registry::Done;
use crate::admin::api::whatif::{ReadinessReport, ReplayReport, SimulationReport};

impl Client {
    /// `GET /v1/overrides`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn overrides(&self) -> Result<OverridesReport, ClientError> {
        self.get("/v1/overrides").await
    }

    /// `POST /v1/overrides`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn shift(&self, asked: &Shift) -> Result<ShiftAnswer, ClientError> {
        self.post("/v1/overrides", asked).await
    }

    /// `POST /v1/overrides/end`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn end_shift(&self, asked: &EndRequest) -> Result<Done, ClientError> {
        self.post("/v1/overrides/end", asked).await
    }

    /// `POST /v1/approve`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn approve(&self, asked: &ApproveRequest) -> Result<Done, ClientError> {
        self.post("/v1/approve", asked).await
    }

    /// `POST /v1/brake/release`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn release_brake(&self, asked: &ReleaseRequest) -> Result<Done, ClientError> {
        self.post("/v1/brake/release", asked).await
    }

    /// `GET /v1/readiness`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn readiness(&self) -> Result<ReadinessReport, ClientError> {
        self.get("/v1/readiness").await
    }

    /// `GET /v1/simulate/{domain}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn simulate(&self, domain: &Domain) -> Result<SimulationReport, ClientError> {
        // The parts of a domain hold no character that a path would have to escape.
        self.get(&format!("/v1/simulate/{domain}")).await
    }

    /// `GET /v1/replay/{generation}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn replay(&self, generation: Generation) -> Result<ReplayReport, ClientError> {
        self.get(&format!("/v1/replay/{generation}")).await
    }
}
