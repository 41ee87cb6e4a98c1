//! Three etcds that sync their disks, as they do by default.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::{
    Scratch, assets, http as plain, pki::Authority, pki::Credentials, port::Port, process::Process,
};
use http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::load::{self, Load};

/// etcd's messages, as far as they are used (api/etcdserverpb/rpc.proto of etcd 3.7).
#[derive(Clone, PartialEq, prost::Message)]
struct Put {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Nothing {}

#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct State {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

/// Connections that the clients share.
const CONNECTIONS: usize = 8;

pub(crate) struct Etcds {
    members: Vec<Process>,
    clients: Vec<String>,
    tls: ClientTlsConfig,
}

impl Etcds {
    pub(crate) async fn start(scratch: &Scratch) -> anyhow::Result<Self> {
        let program = assets::file("etcd", "etcd")?;
        let ports: Vec<[Port; 3]> = (0..3)
            .map(|_| Ok([Port::any()?, Port::any()?, Port::any()?]))
            .collect::<anyhow::Result<_>>()?;
        let url = |port: &Port| format!("https://{}", port.address());
        let cluster: Vec<String> = ports
            .iter()
            .enumerate()
            .map(|(n, [_, peer, _])| format!("e{n}={}", url(peer)))
            .collect();
        let authority = Authority::new("bench")?;
        let papers = authority.server(&[])?;
        let certificates = write(scratch, &authority, &papers)?;
        let mut members = Vec::new();
        for (n, [client, peer, health]) in ports.iter().enumerate() {
            let folder = scratch.folder(&format!("etcd-{n}"))?;
            let mut process = Process::new(&format!("etcd-{n}"), program.clone(), &folder)
                .args(["--name", &format!("e{n}"), "--data-dir", "data"])
                .args(["--log-level", "warn"])
                .args(["--listen-client-urls", &url(client)])
                .args(["--advertise-client-urls", &url(client)])
                .args(["--listen-peer-urls", &url(peer)])
                .args(["--initial-advertise-peer-urls", &url(peer)])
                .args([
                    "--listen-metrics-urls",
                    &format!("http://{}", health.address()),
                ])
                .args(["--initial-cluster", &cluster.join(",")])
                .args(&certificates);
            process.start()?;
            members.push(process);
        }
        for (process, [_, _, health]) in members.iter_mut().zip(&ports) {
            let address = health.address();
            let healthy = || async move {
                let body = plain::get(address, "/health").await?;
                let well = body.windows(6).any(|part| part == b"\"true\"");
                ensure!(well, "{}", String::from_utf8_lossy(&body));
                Ok(())
            };
            process.ready(Duration::from_secs(60), healthy).await?;
        }
        Ok(Self {
            members,
            clients: ports.iter().map(|[client, _, _]| url(client)).collect(),
            tls: ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(authority.root()))
                .identity(Identity::from_pem(&papers.certificate, &papers.key))
                .domain_name("localhost"),
        })
    }

    /// Writes to the leader.
    pub(crate) async fn load(&mut self, clients: usize) -> anyhow::Result<Load> {
        let leader = self.leader().await?;
        let mut channels = Vec::new();
        for _ in 0..CONNECTIONS.min(clients) {
            channels.push(self.connect(&leader).await?);
        }
        let processes: Vec<u32> = (self.members.iter().filter_map(Process::id)).collect();
        let before = load::switches(&processes);
        let load = load::run(clients, move |client, number| {
            let channel = channels[client % channels.len()].clone();
            async move {
                let mut value = vec![0x5a; super::BYTES];
                value[..8].copy_from_slice(&number.to_le_bytes());
                let key = format!("/bench/{}", client % 8).into_bytes();
                call::<_, Nothing>(channel, "/etcdserverpb.KV/Put", Put { key, value }).await?;
                Ok(())
            }
        })
        .await?;
        Ok(load.since(before, &processes))
    }

    async fn connect(&self, url: &str) -> anyhow::Result<Channel> {
        let endpoint = Endpoint::from_shared(url.to_owned())?.tls_config(self.tls.clone())?;
        Ok(endpoint.connect().await?)
    }

    async fn leader(&self) -> anyhow::Result<String> {
        for url in &self.clients {
            let channel = self.connect(url).await?;
            let path = "/etcdserverpb.Maintenance/Status";
            let state: State = call(channel, path, Nothing {}).await?;
            if state
                .header
                .is_some_and(|header| header.member == state.leader)
            {
                return Ok(url.clone());
            }
        }
        anyhow::bail!("no etcd leads")
    }
}

/// Writes certificates, and says with which arguments a member uses them toward clients and the other members.
fn write(
    scratch: &Scratch,
    authority: &Authority,
    papers: &Credentials,
) -> anyhow::Result<Vec<String>> {
    let folder = scratch.folder("etcd-certificates")?;
    let mut arguments = Vec::new();
    for (name, content) in [
        ("trusted-ca-file", authority.root()),
        ("cert-file", &papers.certificate),
        ("key-file", &papers.key),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content)?;
        for flag in [format!("--{name}"), format!("--peer-{name}")] {
            arguments.extend([flag, path.display().to_string()]);
        }
    }
    arguments.extend(["--client-cert-auth", "--peer-client-cert-auth"].map(str::to_owned));
    Ok(arguments)
}

async fn call<Q, A>(channel: Channel, path: &'static str, question: Q) -> anyhow::Result<A>
where
    Q: prost::Message + Default + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.context("a connection to etcd")?;
    let codec = tonic_prost::ProstCodec::<Q, A>::default();
    let path = PathAndQuery::from_static(path);
    let answer = client.unary(tonic::Request::new(question), path, codec);
    Ok(answer.await?.into_inner())
}
