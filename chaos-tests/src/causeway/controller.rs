//! `causeway controller` as a process.

use std::{net::SocketAddr, path::Path, time::Duration};

use super::{binary, certificates::Certificates, cli::Cli};
use crate::{Scratch, http, port::Port, process::Process};

/// A running controller.
#[derive(Debug)]
pub struct Controller {
    process: Process,
    sessions: Port,
    admin: Port,
    metrics: Port,
    cli: Cli,
}

impl Controller {
    /// Starts one whose host cluster is that of `kubeconfig`, and waits until it's ready.
    ///
    /// # Errors
    /// If it isn't ready within a minute; with the end of its log.
    pub async fn start(
        scratch: &Scratch,
        certificates: &Certificates,
        kubeconfig: &Path,
    ) -> anyhow::Result<Self> {
        let mut controller = Self::prepare(scratch, certificates, kubeconfig).await?;
        controller.restart().await?;
        Ok(controller)
    }

    /// As [`Self::start`], without starting it.
    ///
    /// # Errors
    /// If its certificates can't be made.
    pub async fn prepare(
        scratch: &Scratch,
        certificates: &Certificates,
        kubeconfig: &Path,
    ) -> anyhow::Result<Self> {
        let folder = scratch.folder("controller")?;
        let [sessions, admin, metrics] = [Port::any()?, Port::any()?, Port::any()?];
        certificates
            .make("replica", &["--name", "replica-1", "--host", "127.0.0.1"])
            .await?;
        let server = admin.address().to_string();
        certificates
            .make("operator", &["--name", "ada", "--server", &server])
            .await?;
        let process = Process::new("controller", binary::path()?.to_owned(), &folder)
            .args(["controller", "--data-dir", "data", "--failure-domain", "d1"])
            .args(["--listen", &sessions.address().to_string()])
            .args(["--admin-listen", &server])
            .args(["--metrics-listen", &metrics.address().to_string()])
            .args(certificates.arguments("replica-1"))
            .args([Path::new("--kubeconfig"), kubeconfig])
            .args(["--log-format", "json", "--log-level", "info,causeway=debug"]);
        let cli = Cli::new(certificates.file("ada-context.yaml"));
        Ok(Self {
            process,
            sessions,
            admin,
            metrics,
            cli,
        })
    }

    /// Where agents connect.
    #[must_use]
    pub fn sessions(&self) -> SocketAddr {
        self.sessions.address()
    }

    /// Where operators connect.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin.address()
    }

    /// An operator's command line.
    #[must_use]
    pub fn cli(&self) -> &Cli {
        &self.cli
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics.address()
    }

    /// Its metrics in Prometheus' text format.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let body = http::get(self.metrics.address(), "/metrics").await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The process, to pause it or to read its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it at once; what it decided is on its disk.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again with its data, and waits until it's ready.
    ///
    /// # Errors
    /// If it runs, or isn't ready within a minute; with the end of its log.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.start()?;
        let address = self.metrics.address();
        self.process
            .ready(Duration::from_secs(60), || async move {
                http::get(address, "/readyz").await.map(drop)
            })
            .await
    }
}
