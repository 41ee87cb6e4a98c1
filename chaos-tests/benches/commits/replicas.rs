//! Three replicas' decision logs, each in a process of its own: this program once more, told by its environment.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use causeway::{
    certs::{Authority, Identity, Role, Validity, tls::Pems},
    peers::{Me, PeerLinks},
    session::{PeerDialer, PeerListener},
};
use causeway_api::{ReplicaId, peer::PeerAddresses, spec::MemberSpec};
use causeway_chaos_tests::{Scratch, port::Port};
use causeway_seam::real::{Folder, env};
use causeway_state::Command;
use causeway_storage::{Consensus, ReplicaNode, Settings};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};

use super::load::{self, Load};

const TOLD: &str = "CAUSEWAY_BENCH_REPLICA";
const LIMIT: Duration = Duration::from_secs(60);

/// What a replica's process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    id: u64,
    folder: PathBuf,
    ca: String,
    certificate: String,
    key: String,
    addresses: BTreeMap<u64, String>,
}

/// Whether this process is a replica.
pub(crate) fn told() -> Option<anyhow::Result<Told>> {
    let text = std::env::var(TOLD).ok()?;
    Some(serde_json::from_str(&text).context("what the replica was told"))
}

/// A replica's process: says whether it leads, and runs clients, as it is asked on its standard input.
pub(crate) async fn play(told: &Told) -> anyhow::Result<()> {
    let env = env();
    let pems = Pems {
        ca: told.ca.clone().into(),
        certificate: told.certificate.clone().into(),
        key: told.key.clone().into(),
    };
    let address = |id: u64| told.addresses.get(&id).cloned().unwrap_or_default();
    let listener = PeerListener::bind(&env, &address(told.id), &pems).await?;
    let dialler = Arc::new(PeerDialer::new(&env, &pems)?);
    let node = |id: u64| ReplicaNode {
        address: address(id),
        domain: format!("d{id}"),
    };
    let me = Me {
        replica: ReplicaId(told.id),
        domain: format!("d{}", told.id),
        addresses: PeerAddresses {
            peers: address(told.id),
            sessions: String::new(),
            admin: String::new(),
        },
        join: Vec::new(),
    };
    let links = PeerLinks::new(&env, me, Some(dialler));
    let settings = Settings {
        propose_limit: LIMIT,
        ..Settings::default()
    };
    let disk = Arc::new(Folder::open(&told.folder)?);
    let id = ReplicaId(told.id);
    let log = Consensus::open(env, disk, id, settings, Arc::new(links.clone())).await?;
    links.attach(&log, Some(Box::new(listener)));

    while let Some(line) = tokio::task::spawn_blocking(read_line).await?? {
        let answer = match line.split_once(' ') {
            None if line == "begin" => {
                let members = told.addresses.keys().map(|id| (ReplicaId(*id), node(*id)));
                log.bootstrap_together(members.collect()).await?;
                "begun".to_owned()
            }
            None if line == "leader" => {
                let leader = log.status().leader;
                leader.map_or_else(|| "0".to_owned(), |leader| leader.0.to_string())
            }
            Some(("load", clients)) => {
                let log = log.clone();
                let write = move |client: usize, number: u64| {
                    let log = log.clone();
                    async move {
                        log.propose(command(client, number)).await?;
                        Ok(())
                    }
                };
                let load = load::run(clients.parse()?, write).await?;
                serde_json::to_string(&load)?
            }
            _ => break,
        };
        println!("{answer}");
    }
    log.stop().await;
    Ok(())
}

fn read_line() -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    let bytes = std::io::stdin().read_line(&mut line)?;
    Ok((bytes > 0).then(|| line.trim_end().to_owned()))
}

/// A declaration of 256 bytes that differs from the one before it.
fn command(client: usize, number: u64) -> Command {
    let name = format!("bench-{}", client % 8);
    let mut spec = MemberSpec::minimal(name.parse().unwrap_or_else(|_| unreachable!()));
    let domain = |n: usize| format!("{number:020}-{n:06}").parse();
    spec.failure_domains = (0..super::BYTES / 30)
        .filter_map(|n| domain(n).ok())
        .collect();
    Command::PutMember(spec)
}

struct Replica {
    child: Child,
    ask: ChildStdin,
    hear: Lines<BufReader<ChildStdout>>,
}

/// Three of them.
pub(crate) struct Replicas(Vec<Replica>);

impl Replicas {
    pub(crate) async fn start(scratch: &Scratch) -> anyhow::Result<Self> {
        let validity = Validity {
            now: env().wall(),
            days: 1,
        };
        let authority = Authority::generate(validity)?;
        let ports: Vec<Port> = (0..3).map(|_| Port::any()).collect::<anyhow::Result<_>>()?;
        let addresses: BTreeMap<u64, String> = (1..)
            .zip(&ports)
            .map(|(id, port)| (id, port.address().to_string()))
            .collect();
        let mut replicas = Vec::new();
        for id in 1..=3_u64 {
            let name = format!("r{id}").parse()?;
            let who = Identity::new(Role::Replica, name);
            let pair = authority.sign(&who, &["127.0.0.1".to_owned()], validity)?;
            let told = Told {
                id,
                folder: scratch.folder(&format!("replica-{id}"))?,
                ca: authority.certificate_pem().to_owned(),
                certificate: pair.certificate_pem,
                key: pair.key_pem,
                addresses: addresses.clone(),
            };
            let mut child = tokio::process::Command::new(std::env::current_exe()?)
                .env(TOLD, serde_json::to_string(&told)?)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            let ask = child.stdin.take().context("its input")?;
            let hear = child.stdout.take().context("its output")?;
            replicas.push(Replica {
                child,
                ask,
                hear: BufReader::new(hear).lines(),
            });
        }
        let mut all = Self(replicas);
        all.ask(0, "begin").await?;
        all.leader().await?;
        Ok(all)
    }

    /// Writes at a follower, which passes it to the leader.
    pub(crate) async fn load(&mut self, clients: usize) -> anyhow::Result<Load> {
        let leader = self.leader().await?;
        let follower = if leader == 1 { 1 } else { 0 };
        let processes: Vec<u32> = (self.0.iter().filter_map(|one| one.child.id())).collect();
        let before = load::switches(&processes);
        let said = self.ask(follower, &format!("load {clients}")).await?;
        Ok(serde_json::from_str::<Load>(&said)?.since(before, &processes))
    }

    async fn leader(&mut self) -> anyhow::Result<u64> {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let mut said = Vec::new();
            for at in 0..self.0.len() {
                said.push(self.ask(at, "leader").await?);
            }
            match said.first().map(|first| (first.parse::<u64>(), first)) {
                Some((Ok(leader), first)) if leader > 0 && said.iter().all(|one| one == first) => {
                    return Ok(leader);
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        anyhow::bail!("the replicas have no leader")
    }

    async fn ask(&mut self, at: usize, question: &str) -> anyhow::Result<String> {
        let replica = &mut self.0[at];
        replica
            .ask
            .write_all(format!("{question}\n").as_bytes())
            .await?;
        replica.ask.flush().await?;
        let line = replica.hear.next_line().await?;
        line.context("a replica's process ended: see above")
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        for replica in &mut self.0 {
            replica.ask.write_all(b"end\n").await?;
        }
        Ok(())
    }
}
