//! Three controllers as processes of their own, without any cluster: they join, lose their leader, replace one that is
//! dead, and go on alone in a new incarnation, of which the others hear when they come back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use causeway_chaos_tests::causeway::binary;
use causeway_chaos_tests::causeway::certificates::Certificates;
use causeway_chaos_tests::causeway::cli::Cli;
use causeway_chaos_tests::port::Port;
use causeway_chaos_tests::process::Process;
use causeway_chaos_tests::{Scratch, eventually};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

struct Replica {
    process: Process,
    peers: Port,
    _ports: [Port; 3],
    folder: PathBuf,
    cli: Cli,
}

impl Replica {
    async fn new(
        scratch: &Scratch,
        certificates: &Certificates,
        id: u64,
        domain: &str,
        begin: &[&str],
    ) -> anyhow::Result<Self> {
        let name = format!("r{id}");
        let folder = scratch.folder(&name)?;
        let [sessions, admin, metrics, peers] =
            [Port::any()?, Port::any()?, Port::any()?, Port::any()?];
        certificates
            .make("replica", &["--name", &name, "--host", "127.0.0.1"])
            .await?;
        let (server, operator) = (admin.address().to_string(), format!("ada-{id}"));
        certificates
            .make("operator", &["--name", &operator, "--server", &server])
            .await?;
        // Its host cluster answers to nobody: decisions need none.
        let kubeconfig = folder.join("kubeconfig");
        std::fs::write(
            &kubeconfig,
            "apiVersion: v1\nkind: Config\ncurrent-context: none\nclusters: [{name: none, cluster: {server: 'http://127.0.0.1:1'}}]\n\
             contexts: [{name: none, context: {cluster: none, user: none}}]\nusers: [{name: none, user: {}}]\n",
        )?;
        let process = Process::new(&name, binary::path()?.to_owned(), &folder)
            .args([
                "controller",
                "--data-dir",
                "data",
                "--failure-domain",
                domain,
            ])
            .args(["--replica-id", &id.to_string()])
            .args(["--listen", &sessions.address().to_string()])
            .args(["--admin-listen", &server])
            .args(["--metrics-listen", &metrics.address().to_string()])
            .args(["--peer-listen", &peers.address().to_string()])
            .args(begin)
            .args(certificates.arguments(&name))
            .args(["--kubeconfig".as_ref(), kubeconfig.as_os_str()])
            .args(["--log-format", "json", "--log-level", "info"]);
        let mut replica = Self {
            process,
            peers,
            _ports: [sessions, admin, metrics],
            folder,
            cli: Cli::new(certificates.file(&format!("{operator}-context.yaml"))),
        };
        replica.process.start()?;
        Ok(replica)
    }

    fn address(&self) -> String {
        self.peers.address().to_string()
    }

    async fn list(&self) -> anyhow::Result<Value> {
        self.cli.json(&["replica", "list"]).await
    }

    /// The list, once it is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        eventually(DEADLINE, what, || async {
            let list = self.list().await?;
            ensure!(wanted(&list), "{list:#}");
            Ok(list)
        })
        .await
    }

    async fn does(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.cli.run(arguments).await?;
        ensure!(said.code == 0, "{arguments:?}: {}{}", said.out, said.err);
        Ok(said.out)
    }

    async fn refused(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.cli.run(arguments).await?;
        ensure!(
            said.code == 1,
            "{arguments:?} was not refused: {}",
            said.out
        );
        Ok(said.err)
    }
}

fn voters(list: &Value) -> Vec<u64> {
    let rows = list["replicas"].as_array().cloned().unwrap_or_default();
    let votes = |row: &Value| row["role"] == "voter" || row["role"] == "leader";
    rows.iter()
        .filter(|row| votes(row))
        .filter_map(|row| row["id"].as_u64())
        .collect()
}

fn leader(list: &Value) -> Option<&str> {
    list["leader"].as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_join_lose_their_leader_replace_one_and_recover() -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let pki = Certificates::new(&scratch, "pki").await?;
    let mut one = Replica::new(&scratch, &pki, 1, "eu", &["--bootstrap"]).await?;
    one.until("the first leads", |list| leader(list) == Some("r1"))
        .await?;
    let join = one.address();
    let mut two = Replica::new(&scratch, &pki, 2, "us", &["--join", &join]).await?;
    let mut three = Replica::new(&scratch, &pki, 3, "ap", &["--join", &join]).await?;

    // They are seen to wait; what is asked of nobody is refused.
    let waits = |list: &Value| {
        let rows = list["replicas"].as_array().cloned().unwrap_or_default();
        rows.iter().filter(|row| row["role"] == "waiting").count() == 2
    };
    one.until("two wait", waits).await?;
    let error = one.refused(&["replica", "add", "9"]).await?;
    ensure!(error.contains("--join"), "{error}");
    one.does(&["replica", "add", "2"]).await?;
    one.does(&["replica", "add", "3"]).await?;
    let list = one
        .until("three vote", |list| voters(list) == [1, 2, 3])
        .await?;
    ensure!(list["domain_risk"].is_null(), "{list:#}");
    let error = one.refused(&["replica", "remove", "3"]).await?;
    ensure!(error.contains("--replace r3"), "{error}");

    // The lead passes when it is asked to, and when its holder is killed.
    two.does(&["replica", "transfer", "--to", "2"]).await?;
    let list = three
        .until("the second leads", |list| leader(list) == Some("r2"))
        .await?;
    let before = list["term"].as_u64().context("a term")?;
    two.process.kill();
    let list = three
        .until("another leads", |list| {
            leader(list).is_some_and(|leader| leader != "r2")
        })
        .await?;
    let after = list["term"].as_u64().context("a term")?;
    ensure!(after > before, "{list:#}");
    three
        .does(&["replica", "list", "--consistency", "linearizable"])
        .await?;

    // It comes back. Who leads then is not asked: a disk that stalls moves the lead.
    two.process.start()?;
    one.until("the second is back", |list| {
        list["replicas"][1]["reachable"] == true
    })
    .await?;

    // A dead one is replaced in one step by another in its place.
    three.process.kill();
    let mut four = Replica::new(&scratch, &pki, 4, "ap", &["--join", &join]).await?;
    one.until("the fourth waits", |list| {
        let rows = list["replicas"].as_array().cloned().unwrap_or_default();
        rows.iter().any(|row| row["id"] == 4)
    })
    .await?;
    one.does(&["replica", "add", "4", "--replace", "3"]).await?;
    one.until("the fourth votes", |list| voters(list) == [1, 2, 4])
        .await?;
    four.does(&["replica", "list", "--consistency", "linearizable"])
        .await?;

    // Quorum is lost for good, and the survivor goes on alone.
    for replica in [&mut one, &mut two, &mut four] {
        replica.process.kill();
    }
    let data = one.folder.join("data");
    let data = data.to_str().context("a path")?;
    one.does(&[
        "replica",
        "recover",
        "--data-dir",
        data,
        "--acknowledge-lost-decisions",
    ])
    .await?;
    one.process.start()?;
    one.until("it leads alone", |list| {
        voters(list) == [1] && leader(list) == Some("r1")
    })
    .await?;
    two.process.start()?;
    four.process.start()?;
    for replica in [&mut two, &mut four] {
        let marked = replica.folder.join("data/fenced");
        eventually(DEADLINE, "it hears of the newer incarnation", || async {
            ensure!(marked.is_file(), "no file {}", marked.display());
            Ok(())
        })
        .await?;
        let list = replica.until("it says so", |list| {
            let rows = list["replicas"].as_array().cloned().unwrap_or_default();
            let own = rows.iter().find(|row| {
                row["note"]
                    .as_str()
                    .is_some_and(|note| note.contains("incarnation 2"))
            });
            own.is_some()
        });
        list.await?;
        // Nor does it after a restart.
        replica.process.kill();
        replica.process.start()?;
        let log = replica.process.log().to_owned();
        eventually(DEADLINE, "it refuses to start", || {
            let ended = replica.process.ended();
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            async move {
                let Some(status) = ended? else {
                    bail!("it runs")
                };
                ensure!(
                    !status.success() && log.contains("has no part in the newer one"),
                    "it ended with {status}: {log}"
                );
                Ok(())
            }
        })
        .await?;
    }
    let list = one.list().await?;
    ensure!(
        voters(&list) == [1] && leader(&list) == Some("r1"),
        "{list:#}"
    );
    Ok(())
}
