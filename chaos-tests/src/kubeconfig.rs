//! Kubeconfig files and clients for one API server.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::pki::Credentials;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Whoever this bearer token stands for.
    Token(String),
    /// Whoever this client certificate names.
    Certificate(Credentials),
}

/// How to reach an API server, and as whom.
#[derive(Debug, Clone)]
pub struct Access {
    /// The cluster's name; context and user are called likewise.
    pub cluster: String,
    /// `https://…`
    pub server: String,
    /// PEM of the root that signed the server's certificate.
    pub root: String,
    /// Who asks.
    pub identity: Identity,
}

impl Access {
    fn kubeconfig(&self) -> Value {
        let user = match &self.identity {
            Identity::Token(token) => json!({ "token": token }),
            Identity::Certificate(credentials) => json!({
                "client-certificate-data": base64(&credentials.certificate),
                "client-key-data": base64(&credentials.key),
            }),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.cluster,
            "clusters": [{
                "name": self.cluster,
                "cluster": { "server": self.server, "certificate-authority-data": base64(&self.root) },
            }],
            "users": [{ "name": self.cluster, "user": user }],
            "contexts": [{ "name": self.cluster, "context": { "cluster": self.cluster, "user": self.cluster } }],
        })
    }

    /// A client; it belongs to the runtime that it's made in.
    ///
    /// # Errors
    /// If the credentials are unusable.
    pub async fn client(&self) -> anyhow::Result<Client> {
        crate::choose_tls();
        let kubeconfig: Kubeconfig = serde_json::from_value(self.kubeconfig())?;
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// Writes a kubeconfig file into `folder`, for components and commands.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, self.kubeconfig().to_string())
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// One kubeconfig with a context for each, of its cluster's name.
#[must_use]
pub fn merged<'a>(each: impl IntoIterator<Item = &'a Access>) -> Value {
    let mut all = json!({ "apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [] });
    for access in each {
        let mut one = access.kubeconfig();
        for part in ["clusters", "users", "contexts"] {
            let added = one.get_mut(part).and_then(Value::as_array_mut);
            if let Some((list, added)) = all.get_mut(part).and_then(Value::as_array_mut).zip(added)
            {
                list.append(added);
            }
        }
    }
    all
}

fn base64(text: &str) -> Value {
    // k8s-openapi's byte strings are written in base64.
    serde_json::to_value(k8s_openapi::ByteString(text.as_bytes().to_vec())).unwrap_or_default()
}
