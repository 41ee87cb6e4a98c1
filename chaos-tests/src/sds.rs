//! The server that gives an Envoy under istiod its certificate. Istio's agent does this
//! in production; without it, Envoy never finishes to set up a cluster that uses mTLS.

use std::{net::SocketAddr, sync::Arc};

use envoy_types::pb::{
    envoy::{
        config::core::v3::{DataSource, data_source::Specifier},
        extensions::transport_sockets::tls::v3::{
            CertificateValidationContext, Secret, TlsCertificate, secret::Type as SecretType,
        },
        service::{
            discovery::v3::{
                DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
            },
            secret::v3::secret_discovery_service_server::{
                SecretDiscoveryService, SecretDiscoveryServiceServer,
            },
        },
    },
    google::protobuf::Any,
};
use futures::{StreamExt as _, stream::BoxStream};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

use crate::pki::{Authority, Credentials};

const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// A running SDS server for one workload.
#[derive(Debug)]
pub struct SdsServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl SdsServer {
    /// Serves a certificate for `spiffe_id` as `default` and the root as `ROOTCA`, which are Istio's names.
    ///
    /// # Errors
    /// If the id isn't a URI or there's no port.
    pub async fn start(authority: &Authority, spiffe_id: &str) -> anyhow::Result<Self> {
        let secrets = Secrets {
            workload: authority.workload(spiffe_id)?,
            root: authority.root().to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tonic::transport::Server::builder()
            .add_service(SecretDiscoveryServiceServer::new(Service(Arc::new(
                secrets,
            ))))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let task = tokio::spawn(async move {
            if let Err(error) = server.await {
                eprintln!("the SDS server of a test ended: {error}");
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SdsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Secrets {
    workload: Credentials,
    root: String,
}

impl Secrets {
    fn get(&self, name: &str) -> anyhow::Result<Any> {
        let kind = match name {
            "default" => SecretType::TlsCertificate(TlsCertificate {
                certificate_chain: Some(inline(&self.workload.certificate)),
                private_key: Some(inline(&self.workload.key)),
                ..TlsCertificate::default()
            }),
            "ROOTCA" => SecretType::ValidationContext(CertificateValidationContext {
                trusted_ca: Some(inline(&self.root)),
                ..CertificateValidationContext::default()
            }),
            _ => anyhow::bail!("there is no secret '{name}' in this test"),
        };
        let secret = Secret {
            name: name.to_owned(),
            r#type: Some(kind),
        };
        Ok(Any {
            type_url: SECRET.to_owned(),
            value: secret.encode_to_vec(),
        })
    }

    /// The answer to a request; an acknowledgement gets none, for nothing ever changes.
    fn answer(&self, request: &DiscoveryRequest) -> Option<Result<DiscoveryResponse, Status>> {
        if !request.response_nonce.is_empty() {
            return None;
        }
        let resources: Result<Vec<_>, _> = request
            .resource_names
            .iter()
            .map(|name| self.get(name))
            .collect();
        Some(
            resources
                .map_err(|error| Status::not_found(error.to_string()))
                .map(|resources| DiscoveryResponse {
                    version_info: "1".to_owned(),
                    nonce: "1".to_owned(),
                    type_url: SECRET.to_owned(),
                    resources,
                    ..DiscoveryResponse::default()
                }),
        )
    }
}

fn inline(text: &str) -> DataSource {
    DataSource {
        specifier: Some(Specifier::InlineString(text.to_owned())),
        ..DataSource::default()
    }
}

struct Service(Arc<Secrets>);

#[tonic::async_trait]
impl SecretDiscoveryService for Service {
    type StreamSecretsStream = BoxStream<'static, Result<DiscoveryResponse, Status>>;
    type DeltaSecretsStream = BoxStream<'static, Result<DeltaDiscoveryResponse, Status>>;

    async fn stream_secrets(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamSecretsStream>, Status> {
        let secrets = Arc::clone(&self.0);
        let answers = request.into_inner().filter_map(move |request| {
            let answer = match request {
                Ok(request) => secrets.answer(&request),
                Err(status) => Some(Err(status)),
            };
            futures::future::ready(answer)
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn delta_secrets(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaSecretsStream>, Status> {
        Err(Status::unimplemented(
            "Istio's clusters ask for secrets by state of the world",
        ))
    }

    async fn fetch_secrets(
        &self,
        _request: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented(
            "Istio's clusters ask for secrets by a stream",
        ))
    }
}
