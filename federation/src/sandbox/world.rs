//! A whole clusterset in this process: clusters in memory, and everything else as it is anywhere: a controller replica in
//! each region, agents, gRPC under mutual TLS on loopback, the decision log on disk, the admin API.

mod dark;
mod home;
mod papers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use causeway_api::facts::GatewayAddress;
use causeway_api::ids::{MemberName, Region, ReplicaId};
use causeway_api::verdict::{Ballot, ObserverId, Subject, VerdictState};
use causeway_memory::{Config, MemoryMember};
use causeway_seam::Env;
use causeway_seam::real::Folder;
use causeway_state::State;
use tokio::sync::watch;

use self::dark::{Dark, DarkDialer, DarkProbe};
use self::home::{Around, Home};
use self::papers::Papers;
use super::fleet::Fleet;
use super::lost::Lost;
use super::objects;
use super::patience::Patience;
use crate::admin::AdminBackend;
use crate::agent::{Agent, AgentConfig, Dialer, Observing};
use crate::replica::among::Begin;
use crate::replica::{ProbeTimes, Replica};
use crate::session::TonicDialer;

/// How often and how patiently replicas and agents probe here.
pub const PROBE: ProbeTimes = ProbeTimes {
    interval: Duration::from_millis(500),
    timeout: Duration::from_millis(500),
    threshold: 3,
};

/// How many decisions a replica may be behind the leader and count as being with it: those that are under way.
const UNDER_WAY: u64 = 8;

/// How often it is looked whether something has begun.
const LOOK: Duration = Duration::from_millis(10);

/// One cluster.
struct Site {
    memory: MemoryMember,
    agent: Option<Agent>,
    dark: watch::Sender<bool>,
}

/// The running fleet.
pub struct World {
    env: Env,
    host: MemoryMember,
    sites: BTreeMap<MemberName, Site>,
    homes: BTreeMap<Region, Home>,
    gateways: BTreeMap<GatewayAddress, Dark>,
    context_file: PathBuf,
}

impl World {
    /// Starts everything; `folder` holds storage and certificates. Operators ask a replica that stays while `lost` is lost.
    ///
    /// # Errors
    /// Where a folder or a port cannot be used.
    pub async fn start(
        env: &Env,
        fleet: &Fleet,
        folder: &Path,
        lost: &Lost,
    ) -> anyhow::Result<Self> {
        let papers = Papers::new(env)?;
        let host = MemoryMember::new(Config::new("host").seed(fleet.seed), env.clone());
        fill(&host, objects::of_host(fleet)).context("the host cluster")?;
        let mut world = Self {
            env: env.clone(),
            host,
            sites: sites(env, fleet)?,
            homes: BTreeMap::new(),
            gateways: BTreeMap::new(),
            context_file: PathBuf::new(),
        };
        world.gateways = fleet
            .members
            .iter()
            .filter_map(|(name, member)| {
                let dark = world.sites.get(name)?.dark.subscribe();
                Some((GatewayAddress::Ip(member.gateway), dark))
            })
            .collect();
        for (number, region) in (1..).zip(fleet.regions().into_keys()) {
            let id = ReplicaId(number);
            let pems = papers.replica(&id.to_string())?;
            let data = folder.join("controllers").join(id.to_string());
            let home = Home::prepare(id, region.clone(), data, pems).await?;
            world.homes.insert(region, home);
        }
        let survives = |home: &&Home| lost.region() != Some(&home.region);
        let asked = world.homes.values().find(survives);
        let server = asked
            .context("a region that stays")?
            .addresses
            .admin
            .clone();
        world.context_file = papers.write_operator(folder, server)?;
        world.begin().await?;
        let members = world.sites.len();
        world
            .until("register the clusters", || {
                world.leading().map_or(0, Replica::registered) >= members
            })
            .await?;
        world.agents(&papers, folder)?;
        Ok(world)
    }

    /// The first replica begins a clusterset, and the others are added to it, as a person would.
    async fn begin(&mut self) -> anyhow::Result<()> {
        let regions: Vec<Region> = self.homes.keys().cloned().collect();
        for (at, region) in regions.iter().enumerate() {
            let begin = if at == 0 {
                Begin::Bootstrap
            } else {
                Begin::Join
            };
            self.start_home(region, begin).await?;
        }
        self.until("lead", || self.leader().is_some()).await?;
        for home in self.homes.values().skip(1) {
            let leading = self.leading().context("a leader")?;
            leading
                .add(home.id, &home.addresses.peers, &home.region)
                .await?;
        }
        let voters = self.homes.len();
        self.until("vote", || {
            self.leading().map_or(0, Replica::voters) >= voters
        })
        .await
    }

    async fn start_home(&mut self, region: &Region, begin: Begin) -> anyhow::Result<()> {
        let peers = self.homes.values();
        let peers = peers.map(|home| (home.addresses.peers.clone(), home.dark.subscribe()));
        let around = Around {
            env: &self.env,
            host: &self.host,
            peers: peers.collect(),
            gateways: self.gateways.clone(),
        };
        let home = self.homes.get_mut(region).context("a replica")?;
        home.start(&around, begin).await
    }

    fn agents(&mut self, papers: &Papers, folder: &Path) -> anyhow::Result<()> {
        let doors = || {
            self.homes
                .values()
                .map(|home| (home.addresses.sessions.clone(), home.dark.subscribe()))
        };
        let there: BTreeMap<String, Dark> = doors().collect();
        let controllers: Vec<String> = there.keys().cloned().collect();
        for (name, site) in &mut self.sites {
            let dialer: Arc<Dialer> = Arc::new(DarkDialer {
                env: self.env.clone(),
                inner: Arc::new(TonicDialer::new(&self.env, &papers.member(name)?)?),
                here: site.dark.subscribe(),
                there: there.clone(),
            });
            let disk = Arc::new(Folder::open(folder.join("agents").join(name.as_str()))?);
            let config = AgentConfig {
                proxies: Vec::new(),
                member: name.clone(),
                controllers: controllers.clone(),
                identity: format!("sandbox-{name}"),
            };
            let probe = DarkProbe {
                env: self.env.clone(),
                here: site.dark.subscribe(),
                gateways: self.gateways.clone(),
            };
            let observing = Observing {
                probe: Arc::new(probe),
                times: PROBE,
            };
            site.agent = Some(Agent::start_observing(
                &self.env,
                site.memory.client(),
                dialer,
                disk,
                config,
                Some(observing),
            ));
        }
        Ok(())
    }

    /// Waits until something is so, as long as replicas learn something.
    async fn until(&self, what: &str, holds: impl Fn() -> bool) -> anyhow::Result<()> {
        let mut patience = Patience::new(self.env.now());
        while !holds() {
            let lit = self.homes.values().filter_map(Home::lit);
            let known: Vec<_> = lit.map(Replica::position).collect();
            patience.see(self.env.now(), known);
            anyhow::ensure!(
                !patience.is_over(self.env.now()),
                "the controller did not {what}; --log-level info says why"
            );
            self.env.sleep(LOOK).await;
        }
        Ok(())
    }

    /// What answers operators: the replica that leads, else any that is there.
    #[must_use]
    pub fn admin(&self) -> Option<&dyn AdminBackend> {
        let leads = |home: &&Home| home.lit().is_some_and(Replica::leads);
        let leading = self.homes.values().find(leads);
        let home = leading.or_else(|| self.homes.values().find(|home| home.lit().is_some()))?;
        home.admin()
    }

    /// Who leads, and where; `None`: nobody that can be seen.
    #[must_use]
    pub fn leader(&self) -> Option<(ReplicaId, Region)> {
        let leads = |home: &&Home| home.lit().is_some_and(Replica::leads);
        let home = self.homes.values().find(leads)?;
        Some((home.id, home.region.clone()))
    }

    /// The replicas, with their regions.
    pub fn replicas(&self) -> impl Iterator<Item = (ReplicaId, &Region)> {
        self.homes.values().map(|home| (home.id, &home.region))
    }

    fn leading(&self) -> Option<&Replica> {
        let mut lit = self.homes.values().filter_map(Home::lit);
        lit.find(|replica| replica.leads())
    }

    /// The replica whose decisions are looked at: that which leads, else the one that has applied the most.
    fn best(&self) -> Option<&Replica> {
        let furthest = || {
            let lit = self.homes.values().filter_map(Home::lit);
            lit.max_by_key(|replica| replica.position())
        };
        self.leading().or_else(furthest)
    }

    /// The members whose agents have a session with a replica that can be seen; with whether all that they were sent is
    /// written.
    #[must_use]
    pub fn sessions(&self) -> BTreeMap<MemberName, bool> {
        let lit = self.homes.values().filter_map(Home::lit);
        lit.flat_map(Replica::sessions).collect()
    }

    /// The members whose agents reach gateways of others, and were heard to say so.
    #[must_use]
    pub fn observing(&self) -> BTreeSet<MemberName> {
        let observing = |state: &State| {
            let votes = state.votes.rows().values().flatten();
            let reached = votes.filter(|(_, vote)| vote.ballot == Ballot::Reachable);
            let agents = reached.filter_map(|(observer, _)| match observer {
                ObserverId::Agent(member) => Some(member.clone()),
                ObserverId::Replica(_) => None,
            });
            agents.collect()
        };
        self.best()
            .map(|replica| replica.log().read(observing))
            .unwrap_or_default()
    }

    /// The verdict on a subject.
    #[must_use]
    pub fn verdict(&self, subject: &Subject) -> VerdictState {
        self.best()
            .map_or(VerdictState::Unknown, |replica| replica.verdict(subject))
    }

    /// The verdicts on the gateways of some members.
    #[must_use]
    pub fn gateways(&self, members: &BTreeSet<MemberName>) -> Vec<(Subject, VerdictState)> {
        self.best()
            .map(|replica| replica.gateways(members))
            .unwrap_or_default()
    }

    /// How many clusters are registered, and how many services are planned.
    #[must_use]
    pub fn decided(&self) -> (usize, usize) {
        self.best()
            .map_or((0, 0), |replica| (replica.registered(), replica.planned()))
    }

    /// The file by which the operator's verbs find the admin API.
    #[must_use]
    pub fn context_file(&self) -> &Path {
        &self.context_file
    }

    /// A cluster's API, past whatever keeps its agent from it.
    pub fn members(&self) -> impl Iterator<Item = (&MemberName, &MemoryMember)> {
        self.sites.iter().map(|(name, site)| (name, &site.memory))
    }

    /// API servers, agents and gateways of `members` fall silent, and with a region its replica; a leader is killed.
    pub async fn lose(&mut self, lost: &Lost, members: &BTreeSet<MemberName>) {
        for site in members.iter().filter_map(|name| self.sites.get(name)) {
            site.memory.go_dark();
            site.dark.send_replace(true);
        }
        if let Some(home) = lost.region().and_then(|region| self.homes.get(region)) {
            home.dark.send_replace(true);
        }
        if *lost == Lost::Leader
            && let Some((_, region)) = self.leader()
            && let Some(home) = self.homes.get_mut(&region)
        {
            home.kill().await;
        }
    }

    /// They are there again, as they were.
    ///
    /// # Errors
    /// Where a replica that was killed does not start again.
    pub async fn restore(&mut self, members: &BTreeSet<MemberName>) -> anyhow::Result<()> {
        for site in members.iter().filter_map(|name| self.sites.get(name)) {
            site.memory.come_back();
            site.dark.send_replace(false);
        }
        for home in self.homes.values() {
            home.dark.send_replace(false);
        }
        let killed = self.homes.values().filter(|home| !home.runs());
        let killed: Vec<Region> = killed.map(|home| home.region.clone()).collect();
        for region in &killed {
            self.start_home(region, Begin::Join).await?;
        }
        Ok(())
    }

    /// Whether every replica runs, can be seen, and has applied what the leader has.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let furthest = self.leading().map(Replica::position);
        furthest.is_some_and(|furthest| {
            let homes = self.homes.values();
            let mut positions = homes.map(|home| home.lit().map(Replica::position));
            positions.all(|position| position.is_some_and(|at| at + UNDER_WAY >= furthest))
        })
    }

    /// Whether no plan leaves anybody out, and every agent has applied all that it was sent.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let all_in = |state: &State| {
            let plans = state.plans.values().filter_map(|row| row.value.as_ref());
            plans.into_iter().all(|held| held.plan.withdrawn.is_empty())
        };
        self.best()
            .is_some_and(|replica| replica.log().read(all_in))
            && self.sessions().values().all(|applied| *applied)
    }

    /// Ends everything.
    pub async fn stop(self) {
        for home in self.homes.values() {
            // Nothing may wait for the light any more.
            home.dark.send_replace(false);
        }
        for (_, site) in self.sites {
            site.memory.come_back();
            site.dark.send_replace(false);
            if let Some(agent) = site.agent {
                agent.stop().await;
            }
        }
        for (_, home) in self.homes {
            home.stop().await;
        }
    }
}

/// The clusters, with everything in them and nobody at work yet.
fn sites(env: &Env, fleet: &Fleet) -> anyhow::Result<BTreeMap<MemberName, Site>> {
    let mut sites = BTreeMap::new();
    for (number, (name, member)) in (1..).zip(&fleet.members) {
        let memory = MemoryMember::new(Config::new(name.as_str()).seed(fleet.seed), env.clone());
        fill(&memory, objects::of_member(fleet, member, number))
            .with_context(|| format!("cluster {name}"))?;
        let site = Site {
            memory,
            agent: None,
            dark: watch::Sender::new(false),
        };
        sites.insert(name.clone(), site);
    }
    Ok(sites)
}

fn fill(member: &MemoryMember, objects: Vec<serde_json::Value>) -> anyhow::Result<()> {
    for object in objects {
        let name = object
            .pointer("/metadata/name")
            .cloned()
            .unwrap_or_default();
        member
            .put(object)
            .with_context(|| format!("object {name}"))?;
    }
    Ok(())
}
