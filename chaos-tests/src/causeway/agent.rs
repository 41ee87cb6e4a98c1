//! `causeway agent` as a process.

use std::{net::SocketAddr, path::Path, time::Duration};

use super::{binary, certificates::Certificates};
use crate::{Scratch, http, port::Port, process::Process};

/// A cluster's agent, running or not.
#[derive(Debug)]
pub struct Agent {
    process: Process,
    metrics: Port,
}

impl Agent {
    /// Describes the agent of `member`, whose API server is that of `kubeconfig`. `folder` names its own folder and its
    /// identity in the Lease. The member's certificate is there already.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn new(
        scratch: &Scratch,
        certificates: &Certificates,
        (folder, member): (&str, &str),
        kubeconfig: &Path,
        controller: SocketAddr,
    ) -> anyhow::Result<Self> {
        let folder = scratch.folder(folder)?;
        let metrics = Port::any()?;
        let process = Process::new("agent", binary::path()?.to_owned(), &folder)
            .args([
                "agent",
                "--member",
                member,
                "--controllers",
                &controller.to_string(),
            ])
            .args([
                "--data-dir",
                "data",
                "--metrics-listen",
                &metrics.address().to_string(),
            ])
            .args(certificates.arguments(member))
            .args([Path::new("--kubeconfig"), kubeconfig])
            .args(["--log-format", "json", "--log-level", "info,causeway=debug"]);
        Ok(Self { process, metrics })
    }

    /// Starts it, or starts it again with its data. It's at work at once, whoever answers it.
    ///
    /// # Errors
    /// If it runs.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.process.start()
    }

    /// Waits until it says that it's ready.
    ///
    /// # Errors
    /// If it isn't within a minute; with the end of its log.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let address = self.metrics.address();
        self.process
            .ready(Duration::from_secs(60), || async move {
                http::get(address, "/readyz").await.map(drop)
            })
            .await
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// The process, to pause it or to read its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its metrics in Prometheus' text format.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let body = http::get(self.metrics.address(), "/metrics").await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}
