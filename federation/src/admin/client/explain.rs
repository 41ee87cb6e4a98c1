//! Why things are as they are, or were.

use causeway_api::ids::{FailureDomain, ServiceKey};
use causeway_api::shift::ShiftKey;
use causeway_api::verdict::Subject;

use super::{Client, ClientError};
use crate::admin::api::{
    DomainExplanation, Explanation, Origin, ShiftExplanation, SubjectExplanation, When,
};

impl Client {
    /// `GET /v1/explain/service/{namespace}/{name}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain(
        &self,
        service: &ServiceKey,
        from: Option<&Origin>,
        at: Option<When>,
    ) -> Result<Explanation, ClientError> {
        let from = from.map(|from| format!("from={from}"));
        self.get(&format!(
            "/v1/explain/service/{}/{}{}",
            service.namespace,
            service.name,
            query(from, at)
        ))
        .await
    }

    /// `GET /v1/explain/subject/{subject}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain_subject(
        &self,
        subject: &Subject,
        at: Option<When>,
    ) -> Result<SubjectExplanation, ClientError> {
        let query = query(None, at);
        self.get(&format!("/v1/explain/subject/{subject}{query}"))
            .await
    }

    /// `GET /v1/explain/domain/{name}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain_domain(
        &self,
        domain: &FailureDomain,
        at: Option<When>,
    ) -> Result<DomainExplanation, ClientError> {
        let query = query(None, at);
        self.get(&format!("/v1/explain/domain/{domain}{query}"))
            .await
    }

    /// `GET /v1/explain/shift/{namespace}/{name}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain_shift(
        &self,
        shift: &ShiftKey,
        at: Option<When>,
    ) -> Result<ShiftExplanation, ClientError> {
        let query = query(None, at);
        self.get(&format!("/v1/explain/shift/{shift}{query}")).await
    }
}

/// Members, regions, zones and moments hold no character that a query would have to escape, but for the slash, which may stand in
/// a query as it is (RFC 3986, 3.4).
fn query(from: Option<String>, at: Option<When>) -> String {
    let parts: Vec<String> = from
        .into_iter()
        .chain(at.map(|at| format!("at={at}")))
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("?{}", parts.join("&")),
    }
}
