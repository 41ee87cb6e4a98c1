//! A host cluster without etcd: the in-memory member behind a port, as a controller in another process reaches it.

use std::path::{Path, PathBuf};

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use causeway_chaos_tests::Scratch;
use causeway_memory::{Config, MemoryMember};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The namespace of what is declared here.
pub(crate) const NAMESPACE: &str = "shop";

/// A host cluster.
pub(crate) struct HostCluster {
    memory: MemoryMember,
    kubeconfig: PathBuf,
    task: JoinHandle<()>,
}

impl HostCluster {
    /// Starts the host cluster of that number.
    pub(crate) async fn start(scratch: &Scratch, number: u64) -> anyhow::Result<Self> {
        let config = Config::new(&format!("host-{number}")).seed(number);
        let memory = MemoryMember::new(config, causeway_seam::real::env());
        for name in ["causeway-system", NAMESPACE] {
            memory.put(
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
            )?;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let app = axum::Router::new()
            .fallback(forward)
            .with_state(memory.client());
        let task = tokio::spawn(async move {
            // It ends with this process.
            let _ = axum::serve(listener, app).await;
        });
        let kubeconfig = scratch
            .folder(&format!("host-{number}"))?
            .join("kubeconfig");
        let content = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: host\nclusters: [{{name: host, cluster: {{server: 'http://{address}'}}}}]\n\
             contexts: [{{name: host, context: {{cluster: host, user: nobody}}}}]\nusers: [{{name: nobody, user: {{}}}}]\n"
        );
        std::fs::write(&kubeconfig, content)?;
        Ok(Self {
            memory,
            kubeconfig,
            task,
        })
    }

    /// How it is reached.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Declares a policy that concerns nobody.
    pub(crate) fn declare(&self, name: &str) -> anyhow::Result<Value> {
        Ok(self.memory.put(json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": "FailoverPolicy",
            "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": { "targetRefs": [{ "group": "multicluster.x-k8s.io", "kind": "ServiceExport", "name": name }] },
        }))?)
    }
}

impl Drop for HostCluster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(State(client): State<kube::Client>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = async {
        let body = axum::body::to_bytes(body, 16 << 20).await?;
        let request = http::Request::from_parts(parts, Body::from(body.to_vec()));
        anyhow::Ok(client.send(request).await?)
    };
    match answer.await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(error) => (http::StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}
