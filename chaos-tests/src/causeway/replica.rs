//! `causeway controller` as one of several replicas.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{bail, ensure};
use serde_json::Value;

use super::{DEADLINE, binary, certificates::Certificates, cli::Cli};
use crate::{Scratch, eventually, http, port::Port, process::Process};

/// What a replica is to be.
#[derive(Debug, Clone, Copy)]
pub struct Role<'a> {
    /// Its number; it's called `r<number>`.
    pub id: u64,
    /// Its failure domain, by which its host cluster is called, too.
    pub domain: &'a str,
    /// Where others are told that it is; `None`: where it listens.
    pub door: Option<SocketAddr>,
    /// Whom it joins; `None`: it begins the clusterset.
    pub join: Option<SocketAddr>,
    /// Its host cluster; `None`: one that answers to nobody.
    pub kubeconfig: Option<&'a Path>,
    /// More arguments.
    pub more: &'a [&'a str],
}

/// A replica, running or not. Whoever holds it may start and kill it, also while others ask it.
#[derive(Debug)]
pub struct Replica {
    process: Mutex<Process>,
    /// An operator's command line, connected to it.
    pub cli: Cli,
    name: String,
    folder: PathBuf,
    context: PathBuf,
    ports: [Port; 4],
}

/// A host cluster that answers to nobody: decisions need none.
const NO_HOST: &str = "apiVersion: v1\nkind: Config\ncurrent-context: none\n\
    clusters: [{name: none, cluster: {server: 'http://127.0.0.1:1'}}]\n\
    contexts: [{name: none, context: {cluster: none, user: none}}]\nusers: [{name: none, user: {}}]\n";

/// The ports that a replica listens at, found before it is described: its door leads to the last one.
///
/// # Errors
/// If there are none.
pub fn ports() -> anyhow::Result<[Port; 4]> {
    Ok([Port::any()?, Port::any()?, Port::any()?, Port::any()?])
}

impl Replica {
    /// Describes one, with certificates of its own; it isn't started.
    ///
    /// # Errors
    /// If the disk or `causeway certs` refuses.
    pub async fn prepare(
        scratch: &Scratch,
        certificates: &Certificates,
        ports: [Port; 4],
        role: Role<'_>,
    ) -> anyhow::Result<Self> {
        let id = role.id;
        let name = format!("r{id}");
        let folder = scratch.folder(&name)?;
        let [sessions, admin, metrics, peers] = &ports;
        certificates
            .make("replica", &["--name", &name, "--host", "127.0.0.1"])
            .await?;
        let (server, operator) = (admin.address().to_string(), format!("ada-{id}"));
        certificates
            .make("operator", &["--name", &operator, "--server", &server])
            .await?;
        let nobody = folder.join("kubeconfig");
        std::fs::write(&nobody, NO_HOST)?;
        let begin = match role.join {
            Some(address) => vec!["--join".to_owned(), address.to_string()],
            None => vec!["--bootstrap".to_owned()],
        };
        let door = role.door.unwrap_or(peers.address());
        let process = Process::new(&name, binary::path()?.to_owned(), &folder)
            .args(["controller", "--data-dir", "data"])
            .args(["--failure-domain", role.domain])
            .args(["--replica-id", &id.to_string()])
            .args(["--listen", &sessions.address().to_string()])
            .args(["--admin-listen", &server])
            .args(["--metrics-listen", &metrics.address().to_string()])
            .args(["--peer-listen", &peers.address().to_string()])
            .args(["--peer-address", &door.to_string()])
            .args(begin)
            .args(role.more)
            .args(certificates.arguments(&name))
            .args([
                Path::new("--kubeconfig"),
                role.kubeconfig.unwrap_or(&nobody),
            ])
            .args(["--log-format", "json", "--log-level", "info"]);
        let context = certificates.file(&format!("{operator}-context.yaml"));
        Ok(Self {
            process: Mutex::new(process),
            cli: Cli::new(context.clone()),
            name,
            folder,
            context,
            ports,
        })
    }

    /// Such as `r1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where agents connect.
    #[must_use]
    pub fn sessions(&self) -> SocketAddr {
        let [sessions, ..] = &self.ports;
        sessions.address()
    }

    /// Where it listens for other replicas.
    #[must_use]
    pub fn peers(&self) -> SocketAddr {
        let [.., peers] = &self.ports;
        peers.address()
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The context file of an operator who asks it.
    #[must_use]
    pub fn context(&self) -> &Path {
        &self.context
    }

    /// Its metrics in Prometheus' text format.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let [_, _, metrics, _] = &self.ports;
        let body = http::get(metrics.address(), "/metrics").await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// What it says of the replicas.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn list(&self) -> anyhow::Result<Value> {
        self.cli.json(&["replica", "list"]).await
    }

    /// What it says of the replicas, once that is as wanted.
    ///
    /// # Errors
    /// At the deadline, with what it said last.
    pub async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        eventually(DEADLINE, &format!("{}: {what}", self.name), || async {
            let list = self.list().await?;
            ensure!(wanted(&list), "{list:#}");
            Ok(list)
        })
        .await
    }

    /// Runs a verb that must succeed; returns what it printed.
    ///
    /// # Errors
    /// If it fails.
    pub async fn does(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.cli.run(arguments).await?;
        ensure!(said.code == 0, "{arguments:?}: {}{}", said.out, said.err);
        Ok(said.out)
    }

    /// Runs a verb that must be refused; returns what it said.
    ///
    /// # Errors
    /// If it isn't.
    pub async fn refused(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.cli.run(arguments).await?;
        ensure!(
            said.code == 1,
            "{arguments:?} was not refused: {}",
            said.out
        );
        Ok(said.err)
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it, again or for the first time.
    ///
    /// # Errors
    /// If it runs, or can't be started.
    pub fn start(&self) -> anyhow::Result<()> {
        self.process().start()
    }

    /// Kills it (SIGKILL).
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Stops its clock: it keeps its connections and answers nothing (SIGSTOP).
    ///
    /// # Errors
    /// If it doesn't run.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process().pause()
    }

    /// Undoes [`Self::pause`].
    ///
    /// # Errors
    /// If it doesn't run.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process().resume()
    }

    /// Gives another value to a flag that it has, for its next start.
    pub fn set_flag(&self, flag: &str, value: &str) {
        self.process().set_flag(flag, value);
    }

    /// Sets an environment variable, from its next start on.
    pub fn set_env(&self, name: &str, value: &str) {
        self.process().set_env(name, value);
    }

    /// Its process, if it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process().id()
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = self.process().log().to_owned();
        String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
    }

    /// Waits until it ends by itself with an error, and has said this in its log.
    ///
    /// # Errors
    /// At the deadline.
    pub async fn refuses_to_start(&self, words: &[&str]) -> anyhow::Result<ExitStatus> {
        eventually(DEADLINE, &format!("{} refuses to start", self.name), || {
            let ended = self.process().ended();
            let log = self.log();
            async move {
                let Some(status) = ended? else {
                    bail!("it runs")
                };
                let said = words.iter().all(|words| log.contains(words));
                ensure!(!status.success() && said, "it ended with {status}: {log}");
                Ok(status)
            }
        })
        .await
    }

    /// Waits until it answers operators.
    ///
    /// # Errors
    /// At the deadline; with the end of its log.
    pub async fn answers(&self) -> anyhow::Result<()> {
        let outcome = self.until("it answers", |_| true).await;
        outcome
            .map(drop)
            .map_err(|error| anyhow::anyhow!("{error:#}; {}", self.process().log_tail()))
    }
}

/// The numbers of those who vote, in a list.
#[must_use]
pub fn voters(list: &Value) -> Vec<u64> {
    let votes = |row: &&Value| {
        let role = crate::json::at(row, "/role");
        role == "voter" || role == "leader"
    };
    let rows = crate::json::list(list, "/replicas");
    rows.iter()
        .filter(votes)
        .filter_map(|row| crate::json::at(row, "/id").as_u64())
        .collect()
}

/// Who leads, in a list, such as `r1`.
#[must_use]
pub fn leader(list: &Value) -> Option<&str> {
    crate::json::at(list, "/leader").as_str()
}
