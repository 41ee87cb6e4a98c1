//! A client of istiod that listens to endpoints: cheaper than an Envoy, and with the time
//! at which each push arrived.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail, ensure};
use envoy_types::pb::{
    envoy::{
        config::endpoint::v3::ClusterLoadAssignment,
        service::discovery::v3::{
            DiscoveryRequest, DiscoveryResponse,
            aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
        },
    },
    google::protobuf::Any,
};
use prost::Message as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use crate::{
    endpoints::{Endpoint, of_assignment},
    node::ProxyNode,
    scratch::note_trouble,
};

/// How long istiod may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// What istiod last said about one cluster.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Sorted.
    pub endpoints: Vec<Endpoint>,
    /// How many pushes named this cluster.
    pub pushes: u64,
    /// When the last of them arrived.
    pub received: Instant,
}

/// All that istiod said.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// By the cluster's name, `outbound|80||web.shop.svc.cluster.local`.
    pub clusters: BTreeMap<String, Assignment>,
    /// Why the stream ended, if it did.
    pub ended: Option<String>,
}

/// A stream to istiod that's subscribed to the endpoints of some clusters (state of the world).
#[derive(Debug)]
pub struct AdsClient {
    view: watch::Receiver<View>,
    task: JoinHandle<()>,
}

impl AdsClient {
    /// Connects as `node`, and subscribes to the endpoints of the clusters of these names.
    ///
    /// # Errors
    /// If there's no stream within a minute.
    pub async fn connect(
        istiod: SocketAddr,
        node: &ProxyNode,
        clusters: &[&str],
    ) -> anyhow::Result<Self> {
        let channel = Channel::from_shared(format!("http://{istiod}"))?
            .connect_timeout(PATIENCE)
            .connect()
            .await
            .with_context(|| format!("connecting to istiod at {istiod}"))?;
        // A push about ten thousand endpoints is larger than tonic takes by default.
        let mut client =
            AggregatedDiscoveryServiceClient::new(channel).max_decoding_message_size(usize::MAX);
        let (requests, outgoing) = mpsc::channel(16);
        let names: Vec<String> = clusters.iter().map(|&name| name.to_owned()).collect();
        let first = DiscoveryRequest {
            node: Some(node.to_proto()),
            type_url: ENDPOINTS.to_owned(),
            resource_names: names.clone(),
            ..DiscoveryRequest::default()
        };
        requests.send(first).await?;
        let opening = client.stream_aggregated_resources(ReceiverStream::new(outgoing));
        let stream = timeout(PATIENCE, opening)
            .await
            .context("istiod opened no stream in a minute")??;
        let (publish, view) = watch::channel(View::default());
        let task = tokio::spawn(listen(stream.into_inner(), requests, names, publish));
        Ok(Self { view, task })
    }

    /// What istiod said so far.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Waits until what istiod said about `cluster` is accepted by `fits`, and returns it.
    ///
    /// # Errors
    /// At the deadline, with what it said last; or if the stream ends.
    pub async fn wait_for(
        &self,
        cluster: &str,
        deadline: Duration,
        mut fits: impl FnMut(&[Endpoint]) -> bool,
    ) -> anyhow::Result<Assignment> {
        let mut view = self.view.clone();
        let arrives = view.wait_for(|view| {
            view.ended.is_some()
                || view
                    .clusters
                    .get(cluster)
                    .is_some_and(|one| fits(&one.endpoints))
        });
        // Whether it came, the deadline passed or the stream ended shows in what is there then.
        let _ = timeout(deadline, arrives).await;
        let outcome = self.view();
        let seen = outcome.clusters.get(cluster);
        match seen {
            Some(found) if fits(&found.endpoints) => Ok(found.clone()),
            _ => {
                note_trouble();
                let seen = seen.map(|one| &one.endpoints);
                match outcome.ended {
                    Some(why) => bail!(
                        "the stream to istiod ended ({why}); it last said of {cluster}: {seen:?}"
                    ),
                    None => bail!(
                        "not so after {deadline:?}: endpoints of {cluster}; istiod last said: {seen:?}"
                    ),
                }
            }
        }
    }
}

impl Drop for AdsClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(
    mut stream: Streaming<DiscoveryResponse>,
    requests: mpsc::Sender<DiscoveryRequest>,
    names: Vec<String>,
    publish: watch::Sender<View>,
) {
    let why = loop {
        let response = match stream.message().await {
            Ok(Some(response)) => response,
            Ok(None) => break "istiod closed it".to_owned(),
            Err(status) => break status.to_string(),
        };
        let received = Instant::now();
        let acknowledgement = DiscoveryRequest {
            type_url: response.type_url.clone(),
            resource_names: names.clone(),
            version_info: response.version_info.clone(),
            response_nonce: response.nonce.clone(),
            ..DiscoveryRequest::default()
        };
        match decode(&response) {
            Ok(assignments) => publish.send_modify(|view| {
                for assignment in assignments {
                    let endpoints = of_assignment(&assignment);
                    let pushes = view
                        .clusters
                        .get(&assignment.cluster_name)
                        .map_or(0, |one| one.pushes)
                        + 1;
                    view.clusters.insert(
                        assignment.cluster_name,
                        Assignment {
                            endpoints,
                            pushes,
                            received,
                        },
                    );
                }
            }),
            Err(error) => break format!("{error:#}"),
        }
        if requests.send(acknowledgement).await.is_err() {
            break "istiod takes no more requests".to_owned();
        }
    };
    publish.send_modify(|view| view.ended = Some(why));
}

fn decode(response: &DiscoveryResponse) -> anyhow::Result<Vec<ClusterLoadAssignment>> {
    ensure!(
        response.type_url == ENDPOINTS,
        "istiod sent {} unasked",
        response.type_url
    );
    let decode = |any: &Any| ClusterLoadAssignment::decode(any.value.as_slice());
    response
        .resources
        .iter()
        .map(|any| decode(any).context("an EDS resource that isn't one"))
        .collect()
}
