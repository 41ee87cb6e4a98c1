//! Three regions: an API server, an agent and a replica in each.

use std::collections::BTreeMap;
use std::future::Future;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::causeway::agent::Agent;
use causeway_chaos_tests::causeway::certificates::Certificates;
use causeway_chaos_tests::causeway::replica::{self, Replica, Role, leader, voters};
use causeway_chaos_tests::causeway::site::SiteSpec;
use causeway_chaos_tests::causeway::{DEADLINE, Site, Workload, declared};
use causeway_chaos_tests::{Fleet, crds, eventually};
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::witness::Witness;

pub(crate) const ALL: [u64; 3] = [1, 2, 3];

/// All of it.
pub(crate) struct Set {
    // In the order in which they must go.
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) sites: Vec<Site>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) webs: BTreeMap<String, Workload>,
    _certificates: Certificates,
    _fleet: Fleet,
}

fn index(number: u64) -> usize {
    usize::try_from(number - 1).unwrap()
}

impl Set {
    /// Starts everything, and waits until a service is federated.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let fleet = Fleet::start(&["m1", "m2", "m3"]).await?;
        let certificates = Certificates::new(fleet.scratch(), "pki").await?;
        let mut replicas: Vec<Replica> = Vec::new();
        for id in ALL {
            let kubeconfig = fleet.cluster(&format!("m{id}"))?.kubeconfig()?;
            let role = Role {
                id,
                domain: &format!("r{id}"),
                door: None,
                join: replicas.first().map(Replica::peers),
                kubeconfig: Some(&kubeconfig),
                more: &[],
            };
            let ports = replica::ports()?;
            replicas.push(Replica::prepare(fleet.scratch(), &certificates, ports, role).await?);
        }
        let addresses: Vec<String> = replicas
            .iter()
            .map(|replica| replica.sessions().to_string())
            .collect();
        let mut sites = Vec::new();
        for number in 1..=3_u8 {
            let spec = SiteSpec::numbered(usize::from(number), &[&format!("r{number}-a")]);
            let cluster = fleet.cluster(&spec.name)?;
            certificates
                .make("agent", &["--member", &spec.name])
                .await?;
            let mut agent = Agent::new(
                fleet.scratch(),
                &certificates,
                (&format!("agent-{}", spec.name), &spec.name),
                &cluster.kubeconfig()?,
                replicas[usize::from(number) - 1].sessions(),
            )?;
            agent
                .process()
                .set_flag("--controllers", &addresses.join(","));
            sites.push(Box::pin(Site::prepare(cluster, spec, number, agent)));
        }
        let mut set = Self {
            witnesses: Vec::new(),
            sites: try_join_all(sites).await?,
            replicas,
            webs: BTreeMap::new(),
            _certificates: certificates,
            _fleet: fleet,
        };
        // Each is a host cluster, too.
        for site in &set.sites {
            crds::install_causeway(site.client()).await?;
        }
        set.join().await?;
        set.federate().await?;
        for site in &set.sites {
            let witness = Witness::of(site.name(), site.client()).await?;
            set.witnesses.push(witness);
        }
        Ok(set)
    }

    async fn join(&self) -> anyhow::Result<()> {
        self.replicas[0].start()?;
        let leads = |list: &Value| leader(list) == Some("r1");
        self.replicas[0].until("it leads", leads).await?;
        for id in [2, 3] {
            self.replica(id).start()?;
            let known = |list: &Value| {
                list["replicas"]
                    .as_array()
                    .is_some_and(|rows| rows.iter().any(|row| row["id"] == id))
            };
            self.replicas[0].until("another waits", known).await?;
            let number = id.to_string();
            self.replicas[0].does(&["replica", "add", &number]).await?;
        }
        for replica in &self.replicas {
            replica
                .until("three vote", |list| voters(list) == ALL)
                .await?;
        }
        Ok(())
    }

    async fn federate(&mut self) -> anyhow::Result<()> {
        let host = self.sites[0].client().clone();
        let policy = json!({ "detection": { "holdFor": "1s" }, "failback": { "holdDown": "3s" } });
        declared::policy(&host, ("causeway-system", "defaults"), policy).await?;
        for site in &mut self.sites {
            declared::register(&host, site.name(), json!({ "mode": "Federate" })).await?;
            site.agent.start()?;
        }
        for site in &self.sites {
            let zone = site.spec.zones[0].clone();
            let web = Workload::deploy(site, "web", 1, &[(&zone, 2)]).await?;
            self.webs.insert(site.name().to_owned(), web);
            site.export("web").await?;
        }
        self.settled(&ALL, &ALL, &[("m1", 2), ("m2", 2), ("m3", 2)])
            .await
    }

    pub(crate) fn replica(&self, id: u64) -> &Replica {
        &self.replicas[index(id)]
    }

    pub(crate) fn site(&mut self, number: u64) -> &mut Site {
        &mut self.sites[index(number)]
    }

    /// How many writes each cluster has seen.
    pub(crate) async fn marks(&self) -> anyhow::Result<Vec<usize>> {
        try_join_all(self.witnesses.iter().map(Witness::mark)).await
    }

    /// Nothing was written anywhere since then.
    pub(crate) async fn quiet_since(&self, marks: &[usize]) -> anyhow::Result<()> {
        for (witness, mark) in self.witnesses.iter().zip(marks) {
            witness.quiet_since(*mark).await?;
        }
        Ok(())
    }

    /// Who leads, as the first of these says that knows it.
    pub(crate) async fn leader(&self, asked: &[u64]) -> anyhow::Result<u64> {
        eventually(DEADLINE, "somebody leads", || async {
            for id in asked {
                let list = self.replica(*id).list().await?;
                if let Some(name) = leader(&list) {
                    let id: u64 = name.trim_start_matches('r').parse()?;
                    if asked.contains(&id) {
                        return Ok(id);
                    }
                }
            }
            anyhow::bail!("nobody of {asked:?}")
        })
        .await
    }

    /// Waits until a replica of `asked` says that the agents of `members` have a session and all in force, and that `web`
    /// counts so many endpoints.
    pub(crate) async fn settled(
        &self,
        asked: &[u64],
        members: &[u64],
        counts: &[(&str, u64)],
    ) -> anyhow::Result<()> {
        for id in asked {
            let replica = self.replica(*id);
            let what = format!("r{id}: {members:?} have applied {counts:?}");
            eventually(DEADLINE, &what, || async {
                let plan = replica.cli.json(&["explain", "web.shop"]).await?;
                let destinations = plan["inputs"]["destinations"].as_array().cloned();
                let destinations = destinations.context("no destinations")?;
                for (member, count) in counts {
                    let of_member = destinations.iter().filter(|one| one["member"] == *member);
                    let found: u64 = of_member.filter_map(|one| one["ready"].as_u64()).sum();
                    ensure!(found == *count, "{member} counts {found}, not {count}");
                }
                let rows = replica.cli.json(&["clusters"]).await?;
                let rows = rows.as_array().cloned().unwrap_or_default();
                for number in members {
                    let name = format!("m{number}");
                    let row = rows.iter().find(|row| row["name"] == name.as_str());
                    let row = row.with_context(|| format!("no row of {name}"))?;
                    let fine = row["agent"]["connected"] == true
                        && row["lag_ms"] == 0
                        && row["would_change"] == 0;
                    ensure!(fine, "{row}");
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Changes how many pods of `web` a member has, and waits until the others have it, as these replicas say.
    pub(crate) async fn scale(
        &mut self,
        asked: &[u64],
        members: &[u64],
        (member, count): (u64, usize),
    ) -> anyhow::Result<()> {
        let name = format!("m{member}");
        let marks = self.marks().await?;
        let zone = format!("r{member}-a");
        let web = self.webs.get_mut(&name).context("no service")?;
        web.scale(&zone, count).await?;
        let wanted = u64::try_from(count)?;
        self.settled(asked, members, &[(&name, wanted)]).await?;
        // The last word comes a moment after the plan.
        let entry = format!("cw-web.net{member}");
        for number in members.iter().filter(|number| **number != member) {
            let witness = &self.witnesses[index(*number)];
            eventually(DEADLINE, "the others have it", || async {
                let written = witness.since(marks[index(*number)]);
                let found = written.keys().any(|name| name.contains(&entry));
                ensure!(found, "m{number}: {written:?}");
                Ok(())
            })
            .await?;
            witness.only_since(marks[index(*number)], &entry).await?;
        }
        Ok(())
    }

    /// What `causeway clusters` says of a member's verdict, once it is one of these.
    pub(crate) fn verdict<'a>(
        &'a self,
        asked: u64,
        member: &'a str,
        wanted: &'a [&'a str],
    ) -> impl Future<Output = anyhow::Result<()>> + 'a {
        let replica = self.replica(asked);
        async move {
            eventually(
                DEADLINE,
                &format!("{member} is one of {wanted:?}"),
                || async {
                    let rows = replica.cli.json(&["clusters"]).await?;
                    let rows = rows.as_array().cloned().unwrap_or_default();
                    let row = rows.iter().find(|row| row["name"] == member);
                    let row = row.context("no row")?;
                    let verdict = row["verdict"].as_str().unwrap_or_default();
                    ensure!(wanted.contains(&verdict), "{row}");
                    Ok(())
                },
            )
            .await
        }
    }
}
