//! The least that carrying an event takes, in processes of their own: a bare watch that reads each slice into the few
//! fields that matter and drops it, as JSON and as protobuf, and a bare stream with mutual TLS that carries a message such as an agent sends for
//! each event, whose receiver drops it. One thread each; nothing is done with what arrives.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, pin::Pin, time::Duration};

use anyhow::Context as _;
use bytes::{Buf as _, BytesMut};
use causeway_api::{
    FactVersion,
    facts::{Change, EndpointCounts, EndpointKey, FactDelta},
    session::FromAgent,
};
use causeway_chaos_tests::{Scratch, pki::Authority, process::Process};
use causeway_wire::proto::{
    AgentMessage, ReplicaMessage,
    session_client::SessionClient,
    session_server::{Session, SessionServer},
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http_body_util::BodyExt as _;
use kube::{
    Client, Config,
    api::{WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::request::Request,
};
use prost::Message as _;
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};
use tonic::{
    Request as Call, Response, Status, Streaming,
    transport::{Certificate, Channel, ClientTlsConfig, Identity, Server, ServerTlsConfig},
};

/// Which part a process of this program plays, and what with.
const PART: &str = "CAUSEWAY_BENCH_PART";

/// The processes.
pub(crate) struct Floor {
    _scratch: Scratch,
    parts: Vec<(&'static str, Process)>,
}

impl Floor {
    /// Starts them: the watch on the cluster of `kubeconfig`, and a stream of so many messages a second.
    ///
    /// # Errors
    /// If one does not start.
    pub(crate) async fn start(kubeconfig: &Path, rate: u32) -> anyhow::Result<Self> {
        let scratch = Scratch::new()?;
        let folder = scratch.path();
        let authority = Authority::new("floor")?;
        let (server, client) = (authority.server(&[])?, authority.user("client", None)?);
        for (name, text) in [
            ("root.pem", authority.root()),
            ("server.pem", &server.certificate),
            ("server.key", &server.key),
            ("client.pem", &client.certificate),
            ("client.key", &client.key),
        ] {
            std::fs::write(folder.join(name), text)?;
        }
        let start = |name: &'static str, part: &str, arguments: &[&str]| {
            let program = std::env::current_exe()?;
            let mut process = Process::new(name, program, folder)
                .args(arguments)
                .env(PART, part);
            process.start()?;
            anyhow::Ok((name, process))
        };
        let kubeconfig = kubeconfig.to_string_lossy();
        let at = folder.to_string_lossy();
        let watch = start("bare watch", "watch", &[&kubeconfig])?;
        let frames = start("bare watch of protobuf", "frames", &[&kubeconfig])?;
        let server = start("bare receiver", "receive", &[&at])?;
        let address = address(&server.1).await?;
        let client = start("bare sender", "send", &[&at, &address, &rate.to_string()])?;
        Ok(Self {
            _scratch: scratch,
            parts: vec![watch, frames, server, client],
        })
    }

    /// Names and ids.
    ///
    /// # Errors
    /// If one has ended.
    pub(crate) fn processes(&self) -> anyhow::Result<BTreeMap<&'static str, u32>> {
        let ids = self.parts.iter().map(|(name, process)| {
            let id = process.id().with_context(|| format!("{name} has ended"))?;
            Ok((*name, id))
        });
        ids.collect()
    }
}

/// What the receiver printed first.
async fn address(receiver: &Process) -> anyhow::Result<String> {
    causeway_chaos_tests::eventually(
        Duration::from_secs(10),
        "the receiver's address",
        || async {
            let log = std::fs::read_to_string(receiver.log())?;
            let line = log.lines().find_map(|line| line.strip_prefix("at "));
            Ok(line.context("not yet")?.to_owned())
        },
    )
    .await
}

/// Plays the part that this process was started for; `false` where it is the bench itself.
///
/// # Errors
/// If the part cannot go on.
pub(crate) async fn play() -> anyhow::Result<bool> {
    let Ok(part) = std::env::var(PART) else {
        return Ok(false);
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str).unwrap_or_default();
    match part.as_str() {
        "watch" => watch(Path::new(argument(0))).await?,
        "frames" => frames(Path::new(argument(0))).await?,
        "receive" => receive(Path::new(argument(0))).await?,
        "send" => {
            let rate = argument(2).parse()?;
            send(Path::new(argument(0)), argument(1), rate).await?;
        }
        other => anyhow::bail!("no part is called {other}"),
    }
    Ok(true)
}

/// As the agent's own border type: what else an object holds is skipped while it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slice {
    metadata: Meta,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    namespace: String,
    resource_version: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    addresses: Vec<String>,
    #[serde(default)]
    conditions: BTreeMap<String, bool>,
    node_name: Option<String>,
    zone: Option<String>,
    target_ref: Option<Target>,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    name: String,
    uid: Option<String>,
}

/// The same fields as they stand in protobuf, in an event, in an object with its kind.
mod wire {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Event {
        #[prost(string, tag = "1")]
        pub(super) kind: String,
        #[prost(message, optional, tag = "2")]
        pub(super) object: Option<Raw>,
    }

    /// Of an event, and of an object with its kind.
    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Raw {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) raw: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Unknown {
        #[prost(bytes = "vec", tag = "2")]
        pub(super) raw: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Slice {
        #[prost(message, optional, tag = "1")]
        meta: Option<Meta>,
        #[prost(message, repeated, tag = "2")]
        endpoints: Vec<Endpoint>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Meta {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "3")]
        namespace: String,
        #[prost(string, tag = "6")]
        resource_version: String,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Endpoint {
        #[prost(string, repeated, tag = "1")]
        addresses: Vec<String>,
        #[prost(message, optional, tag = "2")]
        conditions: Option<Conditions>,
        #[prost(message, optional, tag = "4")]
        target: Option<Target>,
        #[prost(string, optional, tag = "6")]
        node: Option<String>,
        #[prost(string, optional, tag = "7")]
        zone: Option<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Conditions {
        #[prost(bool, optional, tag = "1")]
        ready: Option<bool>,
        #[prost(bool, optional, tag = "2")]
        serving: Option<bool>,
        #[prost(bool, optional, tag = "3")]
        terminating: Option<bool>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Target {
        #[prost(string, tag = "3")]
        name: String,
        #[prost(string, tag = "4")]
        uid: String,
    }
}

async fn frames(kubeconfig: &Path) -> anyhow::Result<()> {
    let client = client(kubeconfig).await?;
    let mut request = Request::new(SLICES).watch(&WatchParams::default(), "0")?;
    let accept = "application/vnd.kubernetes.protobuf".parse()?;
    request.headers_mut().insert(http::header::ACCEPT, accept);
    let answer = client.send(request.map(kube::client::Body::from)).await?;
    anyhow::ensure!(answer.status().is_success(), "{}", answer.status());
    let mut body = answer.into_body().into_data_stream();
    let mut held = BytesMut::new();
    while let Some(bytes) = body.try_next().await? {
        held.extend_from_slice(&bytes);
        while let Some(length) = held
            .first_chunk::<4>()
            .map(|head| u32::from_be_bytes(*head))
        {
            let length = usize::try_from(length)?;
            if held.len() < length + 4 {
                break;
            }
            held.advance(4);
            let event = wire::Event::decode(held.split_to(length))?;
            anyhow::ensure!(event.kind != "ERROR", "the watch ended");
            let object = event.object.context("an event without an object")?.raw;
            let object = object.strip_prefix(b"k8s\0").context("another form")?;
            wire::Slice::decode(&*wire::Unknown::decode(object)?.raw)?;
        }
    }
    anyhow::bail!("the watch ended")
}

const SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";

async fn client(kubeconfig: &Path) -> anyhow::Result<Client> {
    causeway_chaos_tests::choose_tls();
    let config = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

async fn watch(kubeconfig: &Path) -> anyhow::Result<()> {
    let client = client(kubeconfig).await?;
    let request = Request::new(SLICES).watch(&WatchParams::default(), "0")?;
    let events = client.request_events::<Slice>(request).await?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.try_next().await? {
        if let WatchEvent::Error(status) = event {
            anyhow::bail!("the watch ended: {status:?}");
        }
    }
    anyhow::bail!("the watch ended")
}

fn pem(folder: &Path, name: &str) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(folder.join(name))?)
}

struct Dropping;

#[tonic::async_trait]
impl Session for Dropping {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ReplicaMessage, Status>> + Send>>;

    async fn connect(
        &self,
        call: Call<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let mut messages = call.into_inner();
        tokio::spawn(async move { while let Ok(Some(_)) = messages.message().await {} });
        Ok(Response::new(stream::pending().boxed()))
    }
}

async fn receive(folder: &Path) -> anyhow::Result<()> {
    causeway_chaos_tests::choose_tls();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(
            pem(folder, "server.pem")?,
            pem(folder, "server.key")?,
        ))
        .client_ca_root(Certificate::from_pem(pem(folder, "root.pem")?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("at {}", listener.local_addr()?);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    Server::builder()
        .tls_config(tls)?
        .add_service(SessionServer::new(Dropping))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

async fn send(folder: &Path, address: &str, rate: u32) -> anyhow::Result<()> {
    causeway_chaos_tests::choose_tls();
    let address: SocketAddr = address.parse()?;
    let tls = ClientTlsConfig::new()
        .identity(Identity::from_pem(
            pem(folder, "client.pem")?,
            pem(folder, "client.key")?,
        ))
        .ca_certificate(Certificate::from_pem(pem(folder, "root.pem")?))
        .domain_name("localhost");
    let channel = Channel::from_shared(format!("https://{address}"))?
        .tls_config(tls)?
        .connect()
        .await?;
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let messages = stream::unfold((ticks, 1), |(mut ticks, number)| async move {
        ticks.tick().await;
        Some((
            AgentMessage::from(&event(number).ok()?),
            (ticks, number + 1),
        ))
    });
    let answers = SessionClient::new(channel).connect(messages).await?;
    let mut answers = answers.into_inner();
    while answers.message().await?.is_some() {}
    anyhow::bail!("the receiver ended it")
}

/// What an agent says when one endpoint more or less is ready.
fn event(number: u64) -> anyhow::Result<FromAgent> {
    let at = |sequence| FactVersion { epoch: 1, sequence };
    let mut delta = FactDelta::empty("m1".parse()?, Some(at(number)), at(number + 1));
    let key = EndpointKey {
        service: "shop/web".parse()?,
        port: causeway_api::ids::PortName::new("http")?,
        locality: "r1/r1-a".parse()?,
    };
    let ready = 5 + u32::try_from(number % 40)?;
    let counts = EndpointCounts {
        ready,
        serving: ready,
        total: ready,
    };
    delta.endpoints.push(Change::set(key, counts));
    Ok(FromAgent::Facts(Box::new(delta)))
}
