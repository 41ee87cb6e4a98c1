//! Several clusters on one etcd.

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;

use crate::{ApiServer, Scratch, etcd::Etcd};

/// Clusters of one test, each an API server of its own over a shared etcd.
#[derive(Debug)]
pub struct Fleet {
    // In the order in which they must go: an API server without its etcd ends slowly.
    clusters: Vec<ApiServer>,
    etcd: Etcd,
    scratch: Scratch,
}

impl Fleet {
    /// Starts clusters of these names, and waits until all are ready.
    ///
    /// # Errors
    /// If one isn't ready within two minutes; with the end of its log.
    pub async fn start(names: &[&str]) -> anyhow::Result<Self> {
        let scratch = Scratch::new()?;
        let etcd = Etcd::start(&scratch).await?;
        let starts = names.iter().enumerate().map(|(index, name)| {
            let index = u8::try_from(index).unwrap_or(u8::MAX);
            Box::pin(ApiServer::start(&scratch, &etcd, name, index))
        });
        ensure!(
            names.len() <= 100,
            "at most 100 clusters have service addresses of their own"
        );
        let clusters = try_join_all(starts).await?;
        Ok(Self {
            clusters,
            etcd,
            scratch,
        })
    }

    /// The cluster of that name.
    ///
    /// # Errors
    /// If there is none.
    pub fn cluster(&self, name: &str) -> anyhow::Result<&ApiServer> {
        self.clusters
            .iter()
            .find(|cluster| cluster.name() == name)
            .with_context(|| format!("no cluster '{name}'"))
    }

    /// The cluster of that name, to kill or restart it.
    ///
    /// # Errors
    /// If there is none.
    pub fn cluster_mut(&mut self, name: &str) -> anyhow::Result<&mut ApiServer> {
        self.clusters
            .iter_mut()
            .find(|cluster| cluster.name() == name)
            .with_context(|| format!("no cluster '{name}'"))
    }

    /// All clusters, in the order given.
    #[must_use]
    pub fn clusters(&self) -> &[ApiServer] {
        &self.clusters
    }

    /// The etcd that they share.
    pub fn etcd(&mut self) -> &mut Etcd {
        &mut self.etcd
    }

    /// The folder for logs and other files of this test.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}
