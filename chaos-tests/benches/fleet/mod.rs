//! Whole replicas without Kubernetes, each in a process of its own (this program once more, told by its environment), with
//! members registered; and agents of which there is nothing but their sessions, over gRPC and mTLS.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod agent;

use std::{collections::BTreeMap, fs, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use causeway::{
    certs::{Authority, Identity, Role, Validity, tls::Pems},
    peers::{Me, PeerLinks},
    replica::{
        ProbeTimes, Replica, ReplicaConfig,
        among::{Among, Begin, Tuning},
    },
    session::{PeerDialer, PeerListener, TonicListener},
    telemetry::Metrics,
};
use causeway_api::{MemberName, ReplicaId, peer::PeerAddresses, spec::MemberSpec};
use causeway_chaos_tests::{Scratch, port::Port};
use causeway_discovery::probe::TcpProbe;
use causeway_seam::real::{Folder, env};
use causeway_state::Command;
use causeway_storage::{Consensus, PeerCall, PeerError, Peers, ReplicaNode, Settings};
use serde::{Deserialize, Serialize};
use tokio::{
    process::Child,
    sync::{Mutex, Semaphore},
    task::JoinSet,
};

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
    peers: String,
    sessions: String,
}

/// Whether this process is a replica.
pub(crate) fn told() -> Option<anyhow::Result<Told>> {
    let text = std::env::var(TOLD).ok()?;
    Some(serde_json::from_str(&text).context("what the replica was told"))
}

/// A replica's process, until its input ends.
pub(crate) async fn play(told: Told) -> anyhow::Result<()> {
    let env = env();
    let pems = Pems {
        ca: told.ca.into(),
        certificate: told.certificate.into(),
        key: told.key.into(),
    };
    let sessions = TonicListener::bind(&env, &told.sessions, &pems).await?;
    let me = Me {
        replica: ReplicaId(told.id),
        domain: format!("d{}", told.id),
        addresses: PeerAddresses {
            peers: told.peers.clone(),
            sessions: told.sessions,
            admin: String::new(),
        },
        join: Vec::new(),
    };
    let among = Among {
        links: PeerLinks::new(&env, me, Some(Arc::new(PeerDialer::new(&env, &pems)?))),
        acceptor: Box::new(PeerListener::bind(&env, &told.peers, &pems).await?),
        begin: Begin::Unsaid,
        tuning: Tuning::default(),
    };
    let config = ReplicaConfig {
        id: ReplicaId(told.id),
        domain: format!("d{}", told.id).parse()?,
        root_namespace: "causeway-system".parse()?,
        probe: ProbeTimes::default(),
    };
    let replica = Replica::start_among(
        env.clone(),
        Arc::new(Folder::open(&told.folder)?),
        None,
        Box::new(sessions),
        Arc::new(TcpProbe::new(env.clone())),
        Metrics::new("controller"),
        config,
        Some(among),
    )
    .await?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    replica.stop().await;
    Ok(())
}

/// Replicas whose processes run.
pub(crate) struct Fleet {
    pub(crate) authority: Authority,
    pub(crate) validity: Validity,
    pub(crate) sessions: Vec<String>,
    pub(crate) processes: Vec<Option<Child>>,
    _ports: Vec<Port>,
}

/// A member's name.
pub(crate) fn member(number: usize) -> anyhow::Result<MemberName> {
    Ok(format!("member-{number}").parse()?)
}

impl Fleet {
    /// Starts so many replicas, which know so many members.
    pub(crate) async fn start(
        scratch: &Scratch,
        replicas: usize,
        members: usize,
    ) -> anyhow::Result<Self> {
        let validity = Validity {
            now: env().wall(),
            days: 1,
        };
        let authority = Authority::generate(validity)?;
        let ports: Vec<Port> = (0..2 * replicas)
            .map(|_| Port::any())
            .collect::<anyhow::Result<_>>()?;
        let address = |at: usize| {
            ports
                .get(at)
                .map_or_else(String::new, |port| port.address().to_string())
        };
        let mut tolds = Vec::new();
        for at in 0..replicas {
            let id = at as u64 + 1;
            let who = Identity::new(Role::Replica, format!("r{id}").parse()?);
            let pair = authority.sign(&who, &["127.0.0.1".to_owned()], validity)?;
            tolds.push(Told {
                id,
                folder: scratch.folder(&format!("replica-{id}"))?,
                ca: authority.certificate_pem().to_owned(),
                certificate: pair.certificate_pem,
                key: pair.key_pem,
                peers: address(2 * at),
                sessions: address(2 * at + 1),
            });
        }
        register(&tolds, members).await?;
        let mut processes = Vec::new();
        for told in &tolds {
            let child = tokio::process::Command::new(std::env::current_exe()?)
                .env(TOLD, serde_json::to_string(told)?)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            processes.push(Some(child));
        }
        Ok(Self {
            authority,
            validity,
            sessions: tolds.into_iter().map(|told| told.sessions).collect(),
            processes,
            _ports: ports,
        })
    }

    /// The id of a replica's process.
    pub(crate) fn process(&self, at: usize) -> anyhow::Result<u32> {
        let child = self.processes.get(at).and_then(Option::as_ref);
        child.and_then(Child::id).context("it runs no longer")
    }

    /// Kills a replica.
    pub(crate) async fn kill(&mut self, at: usize) -> anyhow::Result<()> {
        let child = self.processes.get_mut(at).and_then(Option::take);
        Ok(child.context("it runs no longer")?.kill().await?)
    }

    /// The papers of a member's agent.
    pub(crate) fn papers(&self, member: &MemberName) -> anyhow::Result<Pems> {
        let who = Identity::new(Role::Member, member.as_str().parse()?);
        let pair = self.authority.sign(&who, &[], self.validity)?;
        Ok(Pems {
            ca: self.authority.certificate_pem().to_owned().into(),
            certificate: pair.certificate_pem.into(),
            key: pair.key_pem.into(),
        })
    }

    /// Memory that a replica's process has, in MiB: `VmRSS` of proc_pid_status(5).
    pub(crate) fn memory(&self, at: usize) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process(at)?))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kib: f64 = number.context("a status without VmRSS")?.parse()?;
        Ok(kib / 1024.0)
    }
}

/// Calls within this process, to write the data folders before the replicas start.
#[derive(Default)]
struct Here(Mutex<BTreeMap<u64, Consensus>>);

struct Calls(Arc<Here>);

#[async_trait]
impl Peers for Calls {
    async fn call(
        &self,
        replica: ReplicaId,
        _node: &ReplicaNode,
        call: PeerCall,
    ) -> Result<Vec<u8>, PeerError> {
        let failed = |reason| PeerError { replica, reason };
        let log = self.0.0.lock().await.get(&replica.0).cloned();
        let log = log.ok_or_else(|| failed("it has not begun".to_owned()))?;
        log.answer(call).await.map_err(failed)
    }
}

/// Writes data folders of replicas that know each other and so many members.
async fn register(tolds: &[Told], members: usize) -> anyhow::Result<()> {
    let here = Arc::new(Here::default());
    let mut nodes = BTreeMap::new();
    for told in tolds {
        let disk = Arc::new(Folder::open(&told.folder)?);
        let calls = Arc::new(Calls(Arc::clone(&here)));
        let settings = Settings {
            propose_limit: LIMIT,
            ..Settings::default()
        };
        let log = Consensus::open(env(), disk, ReplicaId(told.id), settings, calls).await?;
        here.0.lock().await.insert(told.id, log);
        let node = ReplicaNode {
            address: told.peers.clone(),
            domain: format!("d{}", told.id),
        };
        nodes.insert(ReplicaId(told.id), node);
    }
    let logs: Vec<Consensus> = here.0.lock().await.values().cloned().collect();
    let first = logs.first().context("no replica")?;
    first.bootstrap_together(nodes).await?;
    let room = Arc::new(Semaphore::new(256));
    let mut tasks = JoinSet::new();
    for number in 0..members {
        let (log, room) = (first.clone(), Arc::clone(&room));
        let spec = MemberSpec::minimal(member(number)?);
        tasks.spawn(async move {
            let _room = room.acquire_owned().await;
            log.propose(Command::PutMember(spec)).await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let end = first.status().applied;
    for log in &logs {
        let mut position = log.position();
        let there = position.wait_for(|position| Some(position.index) >= Some(end));
        tokio::time::timeout(LIMIT, there).await??;
    }
    for log in &logs {
        log.stop().await;
    }
    here.0.lock().await.clear();
    Ok(())
}
