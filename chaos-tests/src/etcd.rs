//! One etcd, shared by several API servers.

use std::{net::SocketAddr, time::Duration};

use anyhow::ensure;

use crate::{Scratch, assets, http, port::Port, process::Process};

/// A running etcd. It doesn't sync its disk, so it's for tests that kill processes, not machines.
#[derive(Debug)]
pub struct Etcd {
    process: Process,
    client: Port,
    _peer: Port,
}

impl Etcd {
    /// Starts one and waits until it serves.
    ///
    /// # Errors
    /// If it doesn't within a minute; with the end of its log.
    pub async fn start(scratch: &Scratch) -> anyhow::Result<Self> {
        let folder = scratch.folder("etcd")?;
        let (client, peer) = (Port::any()?, Port::any()?);
        let (client_url, peer_url) = (
            format!("http://{}", client.address()),
            format!("http://{}", peer.address()),
        );
        let process = Process::new("etcd", assets::file("etcd", "etcd")?, &folder)
            .args([
                "--data-dir",
                "data",
                "--unsafe-no-fsync",
                "--log-level",
                "warn",
            ])
            .args([
                "--listen-client-urls",
                &client_url,
                "--advertise-client-urls",
                &client_url,
            ])
            .args([
                "--listen-peer-urls",
                &peer_url,
                "--initial-advertise-peer-urls",
                &peer_url,
            ])
            .args(["--initial-cluster", &format!("default={peer_url}")]);
        let mut etcd = Self {
            process,
            client,
            _peer: peer,
        };
        etcd.restart().await?;
        Ok(etcd)
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// The process, to kill or pause it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again with its data, and waits until it serves.
    ///
    /// # Errors
    /// If it runs, or doesn't serve within a minute.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.start()?;
        let address = self.client.address();
        let healthy = || async move {
            let body = http::get(address, "/health").await?;
            ensure!(
                body.windows(6).any(|part| part == b"\"true\""),
                "{}",
                String::from_utf8_lossy(&body)
            );
            Ok(())
        };
        self.process.ready(Duration::from_secs(60), healthy).await
    }
}
