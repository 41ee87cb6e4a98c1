//! The Kubernetes cluster that a process speaks to: a `kube::Client` out of kubeconfig or the pod's service account.

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::args::KubeArgs;

/// Connects lazily: no request is sent yet, so an API server that is away is no error here.
///
/// # Errors
/// Where there is no usable kubeconfig; the message names file and context.
pub async fn client(args: &KubeArgs) -> anyhow::Result<Client> {
    let options = KubeConfigOptions {
        context: args.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = match (&args.kubeconfig, &args.context) {
        (Some(file), _) => {
            let kubeconfig = Kubeconfig::read_from(file)
                .with_context(|| format!("cannot read the kubeconfig {} (--kubeconfig)", file.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.with_context(|| {
                let context = args.context.as_deref().unwrap_or("the current one");
                format!("the kubeconfig {} cannot be used with context {context}", file.display())
            })?
        }
        (None, Some(context)) => Config::from_kubeconfig(&options)
            .await
            .with_context(|| format!("no usable kubeconfig with context {context} ($KUBECONFIG, ~/.kube/config)"))?,
        (None, None) => Config::infer().await.context(
            "no cluster is named: give --kubeconfig or --context, set KUBECONFIG, or run in a pod with a service account",
        )?,
    };
    Client::try_from(config).context("the kubeconfig's certificates or proxy cannot be used")
}
