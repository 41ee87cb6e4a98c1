//! kube-controller-manager, for the tests that need one.

use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use crate::{ApiServer, assets, process::Process};

/// Some of Kubernetes' own controllers, running on one cluster.
#[derive(Debug)]
pub struct Controllers {
    process: Process,
}

impl Controllers {
    /// Those that most tests want: they delete namespaces and orphans, and give each namespace its service account.
    pub const USUAL: &'static [&'static str] = &[
        "namespace-controller",
        "garbage-collector-controller",
        "serviceaccount-controller",
    ];

    /// Starts these controllers, and waits until the namespace `default` has its service account if
    /// `serviceaccount-controller` is among them.
    ///
    /// # Errors
    /// If they don't start within a minute; with the end of their log.
    pub async fn start(cluster: &ApiServer, controllers: &[&str]) -> anyhow::Result<Self> {
        let kubeconfig = cluster.kubeconfig()?.to_string_lossy().into_owned();
        let program = assets::file("kube-controller-manager", "kube-controller-manager")?;
        let mut process = Process::new("kube-controller-manager", program, cluster.folder())
            .args([
                "--kubeconfig",
                &kubeconfig,
                "--authentication-kubeconfig",
                &kubeconfig,
            ])
            .args([
                "--authorization-kubeconfig",
                &kubeconfig,
                "--leader-elect=false",
                "--secure-port=0",
            ])
            .args([format!("--controllers={}", controllers.join(","))]);
        process.start()?;
        let accounts = Api::<ServiceAccount>::namespaced(cluster.client().await?, "default");
        let wanted = controllers.contains(&"serviceaccount-controller");
        let ready = || {
            let accounts = accounts.clone();
            async move {
                ensure!(
                    !wanted || accounts.get_opt("default").await?.is_some(),
                    "no service account 'default' yet"
                );
                Ok(())
            }
        };
        process.ready(Duration::from_secs(60), ready).await?;
        Ok(Self { process })
    }

    /// The process, to kill or pause it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
