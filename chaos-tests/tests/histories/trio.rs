//! Three replicas as processes of their own, each with a host cluster, whose wires can be cut.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway::admin::api::registry::{MoveRequest, RegistryReport};
use causeway::admin::client::{Client, ClientError};
use causeway::admin::context::Context;
use causeway::certs::tls::{self, Pems};
use causeway_api::registry::ObjectKey;
use causeway_chaos_tests::causeway::certificates::Certificates;
use causeway_chaos_tests::causeway::replica::{self, Replica, Role, leader, voters};
use causeway_chaos_tests::proxy::{Door, Wires};
use causeway_chaos_tests::{Scratch, eventually};
use causeway_seam::real;
use causeway_storage::Consistency;

use super::history::{Asked, History, Host, Op, Ret};
use super::hosts::{HostCluster, NAMESPACE};

/// How long anything may take on a machine that is busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// How long a client waits for one answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Three replicas, and a fourth that may join them.
pub(crate) struct Trio {
    replicas: Vec<Replica>,
    pub(crate) wires: Wires,
    clients: Vec<Client>,
    objects: usize,
    used: AtomicUsize,
    _doors: Vec<Door>,
    hosts: Vec<HostCluster>,
    _scratch: Scratch,
}

/// Such as `d1`: a host cluster is called by the failure domain of its replica.
fn host_name(host: Host) -> String {
    format!("d{host}")
}

fn object(number: usize) -> ObjectKey {
    ObjectKey::of("FailoverPolicy", &format!("{NAMESPACE}/p{number}")).unwrap()
}

fn client(context: &std::path::Path) -> anyhow::Result<Client> {
    let text = std::fs::read_to_string(context)?;
    let context = Context::parse(&text, context).map_err(anyhow::Error::msg)?;
    let tls = tls::client(&Pems {
        ca: std::fs::read(&context.ca)?,
        certificate: std::fs::read(&context.certificate)?,
        key: std::fs::read(&context.key)?,
    })?;
    Ok(Client::new(real::env(), &context, tls))
}

impl Trio {
    /// Starts three replicas that vote, and describes more. `objects` are declared in the first host, which owns them then.
    pub(crate) async fn start(
        objects: usize,
        replicas: u64,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let trio = Self::begin(objects, replicas, more).await?;
        trio.owned(&[1], objects).await?;
        Ok(trio)
    }

    /// The same without waiting for owners.
    pub(crate) async fn begin(
        objects: usize,
        replicas: u64,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let scratch = Scratch::new()?;
        let certificates = Certificates::new(&scratch, "pki").await?;
        let wires = Wires::default();
        let (mut hosts, mut doors, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let mut first = None;
        for id in 1..=replicas {
            let host = HostCluster::start(&scratch, id).await?;
            let ports = replica::ports()?;
            let name = format!("r{id}");
            let door = wires.door(&name, ports[3].address()).await?;
            let role = Role {
                id,
                domain: &format!("d{id}"),
                door: Some(door.address()),
                join: first,
                kubeconfig: Some(host.kubeconfig()),
                more,
            };
            all.push(Replica::prepare(&scratch, &certificates, ports, role).await?);
            first = first.or(Some(door.address()));
            hosts.push(host);
            doors.push(door);
        }
        for number in 0..objects {
            hosts[0].declare(&format!("p{number}"))?;
        }
        let clients = all.iter().map(|replica| client(replica.context()));
        let trio = Self {
            clients: clients.collect::<anyhow::Result<_>>()?,
            replicas: all,
            wires,
            objects,
            used: AtomicUsize::new(0),
            _doors: doors,
            hosts,
            _scratch: scratch,
        };
        trio.run(1)?;
        trio.replica(1)
            .until("it leads", |list| leader(list) == Some("r1"))
            .await?;
        trio.run(2)?;
        trio.run(3)?;
        for id in ["2", "3"] {
            let waits =
                |list: &serde_json::Value| list.to_string().contains(&format!("\"id\":{id},"));
            trio.replica(1).until("another waits", waits).await?;
            trio.replica(1).does(&["replica", "add", id]).await?;
        }
        trio.votes(&[1, 2, 3]).await?;
        Ok(trio)
    }

    /// Waits until these replicas know three hosts and so many objects with an owner.
    pub(crate) async fn owned(&self, ids: &[u64], objects: usize) -> anyhow::Result<()> {
        self.registry(ids, "hosts and owners are known", |found| {
            let owned = found.objects.iter().filter(|row| row.owner.is_some());
            found.hosts.len() >= 3 && owned.count() >= objects
        })
        .await
    }

    /// Waits until the registry is as wanted at each of these replicas.
    pub(crate) async fn registry(
        &self,
        ids: &[u64],
        what: &str,
        wanted: impl Fn(&RegistryReport) -> bool,
    ) -> anyhow::Result<()> {
        for id in ids {
            let client = &self.clients[usize::try_from(id - 1)?];
            eventually(DEADLINE, &format!("r{id}: {what}"), || async {
                let found = client.registry().await?;
                ensure!(wanted(&found), "{found:?}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Declares another object in every host, as GitOps does from one repository.
    pub(crate) fn declare(&self, name: &str) -> anyhow::Result<()> {
        let mut hosts = self.hosts.iter();
        hosts.try_for_each(|host| host.declare(name).map(drop))
    }

    /// The replica of that number.
    pub(crate) fn replica(&self, id: u64) -> &Replica {
        &self.replicas[usize::try_from(id - 1).unwrap()]
    }

    /// Starts it, again or for the first time.
    pub(crate) fn run(&self, id: u64) -> anyhow::Result<()> {
        let replica = self.replica(id);
        replica.start()?;
        self.wires.runs(replica.name(), replica.id());
        Ok(())
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(&self, id: u64) {
        self.replica(id).kill();
    }

    /// Waits until exactly these vote, as each of them says.
    pub(crate) async fn votes(&self, wanted: &[u64]) -> anyhow::Result<()> {
        for id in wanted {
            self.replica(*id)
                .until("they vote", |list| voters(list) == wanted)
                .await?;
        }
        Ok(())
    }

    /// Who leads, as a majority of these says.
    pub(crate) async fn leader(&self, ids: &[u64]) -> anyhow::Result<u64> {
        eventually(DEADLINE, "somebody leads", || async {
            let mut said = Vec::new();
            for id in ids {
                let list = self.replica(*id).list().await?;
                let name = leader(&list).context("nobody leads")?.to_owned();
                said.push((name, list["term"].as_u64()));
            }
            let agree = |name: &(String, Option<u64>)| {
                said.iter().filter(|other| *other == name).count() * 2 > said.len()
            };
            let found = said.iter().find(|name| agree(name));
            let (name, _) = found.with_context(|| format!("{said:?}"))?;
            Ok(name.trim_start_matches('r').parse()?)
        })
        .await
    }

    /// Objects that no client touched yet, by number.
    pub(crate) fn fresh(&self, count: usize) -> anyhow::Result<Vec<usize>> {
        let first = self.used.fetch_add(count, Ordering::SeqCst);
        ensure!(
            first + count <= self.objects,
            "too few objects were declared"
        );
        Ok((first..first + count).collect())
    }

    /// Asks one replica, and writes it down. Returns whether it was answered with certainty.
    pub(crate) async fn ask(
        &self,
        history: &History,
        (who, replica): (usize, u64),
        number: usize,
        op: Op,
        consistency: Consistency,
    ) -> anyhow::Result<bool> {
        let at = usize::try_from(replica - 1)?;
        let client = self.clients[at].clone().consistent(consistency);
        let asked = history.ask(who, number, op);
        let answer = tokio::time::timeout(PATIENCE, put(&client, number, op)).await;
        let Ok(answer) = answer else {
            return Ok(false);
        };
        settle(history, &asked, answer)
    }
}

/// Writes an answer down.
fn settle(
    history: &History,
    asked: &Asked,
    answer: Result<Option<Ret>, ClientError>,
) -> anyhow::Result<bool> {
    match answer {
        Ok(Some(ret)) => {
            history.answer(asked, ret);
            Ok(true)
        }
        Ok(None) => anyhow::bail!("an object that was declared is not there"),
        // What is asked is good: whatever is refused for good is a defect.
        Err(ClientError::Answered { status, body }) if (400..500).contains(&status) => {
            history.refuse(asked);
            anyhow::bail!("refused with {status}: {body:?}")
        }
        // Nobody heard it.
        Err(ClientError::Unreachable { reason, .. }) if reason.contains("refused") => {
            history.refuse(asked);
            Ok(false)
        }
        Err(_) => Ok(false),
    }
}

async fn put(client: &Client, number: usize, op: Op) -> Result<Option<Ret>, ClientError> {
    match op {
        Op::Move(host) => {
            // A move is decided by the log, whatever is read meanwhile.
            let asked = MoveRequest {
                object: object(number),
                to: host_name(host),
            };
            let done = client.move_object(&asked).await?;
            Ok(Some(if done.changed {
                Ret::Moved
            } else {
                Ret::Unchanged
            }))
        }
        Op::Read => {
            let report = client.registry().await?;
            let wanted = object(number);
            let row = report.objects.into_iter().find(|row| row.object == wanted);
            let owner = row.and_then(|row| row.owner);
            Ok(owner.and_then(|host| Some(Ret::Owner(host.name.strip_prefix('d')?.parse().ok()?))))
        }
    }
}
