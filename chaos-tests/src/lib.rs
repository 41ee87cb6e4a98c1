//! A harness for tests against the real components: etcd, Kubernetes API servers,
//! istiod and Envoy, all as processes on loopback addresses of this machine.
//!
//! `cargo xtask assets` provides the binaries. A test usually starts with a [`Fleet`]:
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use causeway_chaos_tests::{Fleet, crds, objects};
//!
//! let fleet = Fleet::start(&["eu-1", "us-1"]).await?;
//! let client = fleet.cluster("eu-1")?.client().await?;
//! crds::install_istio(&client).await?;
//! objects::put_namespace(&client, &objects::namespace("shop", &[])).await?;
//! # Ok(()) }
//! ```
//!
//! What holds for all of it:
//! - everything that is started ends with the value that stands for it, and with the test process at the latest;
//! - nothing waits by sleeping: [`wait::eventually`] looks again until a deadline and then says what it saw last;
//! - ports come from the operating system and stay reserved while a component is down;
//! - logs are in a temporary folder, which stays if a test fails or `CAUSEWAY_KEEP` is set.

pub mod ads;
pub mod apiserver;
pub mod assets;
pub mod causeway;
pub mod controllers;
pub mod crds;
pub mod endpoints;
pub mod envoy;
pub mod etcd;
pub mod fleet;
pub mod http;
pub mod istiod;
pub mod kubeconfig;
pub mod node;
pub mod objects;
pub mod pki;
pub mod port;
pub mod process;
pub mod proxy;
pub mod scratch;
pub mod sds;
pub mod wait;

mod envoy_bootstrap;
mod json;

pub use apiserver::ApiServer;
pub use endpoints::Endpoint;
pub use fleet::Fleet;
pub use scratch::Scratch;
pub use wait::eventually;

/// Chooses the TLS implementation for this process. With none or two compiled in, rustls would
/// panic at its first use; whoever comes first here wins, the others change nothing.
pub fn choose_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
