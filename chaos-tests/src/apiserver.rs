//! A real kube-apiserver for each cluster of a test.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, ServiceAccount},
};
use kube::{Api, Client, api::PostParams};

use crate::{
    Scratch, assets,
    etcd::Etcd,
    kubeconfig::{Access, Identity},
    pki::{Authority, signing_key},
    port::Port,
    process::Process,
};

const READY_WITHIN: Duration = Duration::from_secs(120);
const ADMIN_TOKEN: &str = "admin-of-the-test";
/// Names another component to run instead: `verify --long` runs tests on the oldest release as well.
const OTHER_RELEASE: &str = "CAUSEWAY_KUBE_APISERVER";

/// A running API server with RBAC and no controllers: tests write what those would, or
/// start [`crate::controllers::Controllers`].
#[derive(Debug)]
pub struct ApiServer {
    name: String,
    port: Port,
    folder: PathBuf,
    authority: Authority,
    process: Process,
}

impl ApiServer {
    /// Starts the cluster `name` and waits until it's ready. `index` gives it a range of
    /// service addresses of its own, 10.(100 + index).0.0/16.
    ///
    /// # Errors
    /// If it isn't ready within two minutes; with the end of its log.
    pub async fn start(
        scratch: &Scratch,
        etcd: &Etcd,
        name: &str,
        index: u8,
    ) -> anyhow::Result<Self> {
        let folder = scratch.folder(name)?;
        let authority = Authority::new(&format!("root of {name}"))?;
        let serving = authority.server(&["kubernetes.default.svc"])?;
        let tokens = signing_key()?;
        for (file, text) in [
            ("root.pem", authority.root().to_owned()),
            ("serving.pem", serving.certificate),
            ("serving.key", serving.key),
            ("tokens.key", tokens.private),
            ("tokens.pub", tokens.public),
            (
                "tokens.csv",
                format!("{ADMIN_TOKEN},admin,admin,\"system:masters\"\n"),
            ),
        ] {
            fs::write(folder.join(file), text)
                .with_context(|| format!("writing {file} for {name}"))?;
        }
        let port = Port::any()?;
        let number = port.number().to_string();
        let etcd = format!("http://{}", etcd.address());
        let process = Process::new(
            "kube-apiserver",
            assets::file(&component(), "kube-apiserver")?,
            &folder,
        )
        .args([
            "--etcd-servers",
            &etcd,
            "--etcd-prefix",
            &format!("/{name}"),
        ])
        .args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--secure-port",
            &number,
        ])
        .args([
            "--tls-cert-file=serving.pem",
            "--tls-private-key-file=serving.key",
        ])
        .args([
            "--client-ca-file=root.pem",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=RBAC",
        ])
        .args([
            "--service-cluster-ip-range",
            &format!("10.{}.0.0/16", 100 + u16::from(index)),
        ])
        .args([
            "--endpoint-reconciler-type=none",
            "--disable-admission-plugins=ServiceAccount",
        ])
        .args(["--service-account-issuer=https://kubernetes.default.svc"])
        .args([
            "--service-account-key-file=tokens.pub",
            "--service-account-signing-key-file=tokens.key",
        ]);
        let mut server = Self {
            name: name.to_owned(),
            port,
            folder,
            authority,
            process,
        };
        server.restart().await?;
        Ok(server)
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A folder of this cluster, for logs and configuration.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `https://…`; stays the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.port.address())
    }

    /// The process, to pause it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it at once; what was written stays in etcd.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port, and waits until it's ready.
    ///
    /// # Errors
    /// If it runs, or isn't ready within two minutes.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.start()?;
        let client = self.client().await?;
        // The namespace comes a little after readiness, and every test needs it.
        let ready = || {
            let client = client.clone();
            async move {
                let answer = client
                    .request_text(http::Request::get("/readyz").body(Vec::new())?)
                    .await?;
                ensure!(answer == "ok", "readyz says {answer}");
                Api::<Namespace>::all(client)
                    .get("default")
                    .await
                    .context("the namespace 'default'")?;
                Ok(())
            }
        };
        self.process.ready(READY_WITHIN, ready).await
    }

    /// How to reach it as `identity`.
    #[must_use]
    pub fn access(&self, identity: Identity) -> Access {
        Access {
            cluster: self.name.clone(),
            server: self.url(),
            root: self.authority.root().to_owned(),
            identity,
        }
    }

    /// How to reach it as its administrator.
    #[must_use]
    pub fn admin(&self) -> Access {
        self.access(Identity::Token(ADMIN_TOKEN.to_owned()))
    }

    /// How to reach it as a user, by a client certificate, who may do what RBAC lets them.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn user(&self, user: &str, group: Option<&str>) -> anyhow::Result<Access> {
        Ok(self.access(Identity::Certificate(self.authority.user(user, group)?)))
    }

    /// How to reach it as a service account that exists, by a token with `audiences` (none: the API server).
    ///
    /// # Errors
    /// If the API server gives no token.
    pub async fn service_account(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[&str],
    ) -> anyhow::Result<Access> {
        let api = Api::<ServiceAccount>::namespaced(self.client().await?, namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: audiences
                    .iter()
                    .map(|&audience| audience.to_owned())
                    .collect(),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = api
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .with_context(|| format!("a token for the service account {namespace}/{name}"))?;
        Ok(self.access(Identity::Token(
            answer
                .status
                .context("the token request has no status")?
                .token,
        )))
    }

    /// A client with the administrator's rights; it belongs to the runtime that it's made in.
    ///
    /// # Errors
    /// Never for a server that was started.
    pub async fn client(&self) -> anyhow::Result<Client> {
        self.admin().client().await
    }

    /// A client of a user; see [`Self::user`].
    ///
    /// # Errors
    /// If the random source fails.
    pub async fn client_as(&self, user: &str, group: Option<&str>) -> anyhow::Result<Client> {
        self.user(user, group)?.client().await
    }

    /// A kubeconfig file with the administrator's rights.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn kubeconfig(&self) -> anyhow::Result<PathBuf> {
        self.admin().write(&self.folder, "admin.kubeconfig")
    }
}

fn component() -> String {
    std::env::var(OTHER_RELEASE).unwrap_or_else(|_| "kube-apiserver".to_owned())
}
