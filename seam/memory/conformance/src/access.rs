//! What RBAC forbids.

use anyhow::ensure;

use crate::cluster::{Cluster, text};
use crate::objects::{entries, entry};

pub(crate) async fn forbidden_is_told(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("forbidden_is_told").await?;
    let services = format!("/api/v1/namespaces/{ns}/services");
    let path = entries(&ns);
    for (method, path, form, body, says) in [
        (
            "GET",
            "/api/v1/services".to_owned(),
            "application/json",
            None,
            "cannot list resource \"services\" in API group \"\" at the cluster scope",
        ),
        (
            "GET",
            services.clone(),
            "application/json",
            None,
            "cannot list resource \"services\"",
        ),
        (
            "GET",
            format!("{services}?watch=true"),
            "application/json",
            None,
            "cannot watch resource \"services\"",
        ),
        (
            "GET",
            format!("{path}/a"),
            "application/json",
            None,
            "cannot get resource \"workloadentries\" in API group \"networking.istio.io\"",
        ),
        (
            "POST",
            path.clone(),
            "application/json",
            Some(entry("a", "10.0.0.1")),
            "cannot create resource",
        ),
        (
            "PATCH",
            format!("{path}/a?fieldManager=causeway"),
            "application/apply-patch+yaml",
            Some(entry("a", "10.0.0.1")),
            "cannot patch resource",
        ),
        (
            "DELETE",
            format!("{path}/a"),
            "application/json",
            None,
            "cannot delete resource",
        ),
    ] {
        let answer = Cluster::send_as(&c.stranger, method, &path, form, body.as_ref()).await?;
        let refused = answer.refused(403, "Forbidden")?;
        ensure!(
            text(&refused, "/message").contains(says),
            "{method} {path}: {refused}"
        );
    }
    Ok(())
}
