//! How replicas and agents are started, with what is planted into them.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use causeway::agent::{Agent, AgentConfig, Observing};
use causeway::peers::{Me, PeerLinks};
use causeway::replica::among::{Among, Begin, Tuning};
use causeway::replica::{ProbeTimes, Replica, ReplicaConfig};
use causeway::telemetry::Metrics;
use causeway_api::ReplicaId;
use causeway_api::peer::PeerAddresses;

use super::super::operators;
use super::super::places::{Taken, What};
use super::super::probe::SimProbe;
use super::super::{cut_lists, own_lease, rewritten, unguarded};
use super::{World, agent_place, member_host, peer_address, region_of, session_address};
use crate::clients::{Ground as _, host};
use crate::plant::Plant;

impl World {
    /// Starts a replica; does nothing where it runs or is gone for good.
    ///
    /// # Errors
    /// Where it does not start. That it was killed meanwhile is no error.
    pub async fn start_replica(self: &Arc<Self>, id: u64) -> Result<()> {
        let place = host(id);
        let standing = self.standings().get(&id).cloned();
        let Some(standing) = standing.filter(|held| !held.retired) else {
            return Ok(());
        };
        let Some(Taken { process, disk, .. }) = self.places.take(&place) else {
            return Ok(());
        };
        let domain = format!("region-{}", region_of(id));
        let begin = match standing.join.is_empty() {
            true => Begin::Bootstrap,
            false => Begin::Join,
        };
        let tuning = Tuning {
            // Small, so that replicas that were away are sent snapshots.
            snapshot_every: Some(self.dice.fork("snapshots").between(20, 200)),
            ..Tuning::default()
        };
        let me = Me {
            replica: ReplicaId(id),
            domain: domain.clone(),
            addresses: PeerAddresses {
                peers: peer_address(id),
                sessions: session_address(id),
                admin: String::new(),
            },
            join: standing.join,
        };
        let config = ReplicaConfig {
            id: ReplicaId(id),
            domain: domain.parse()?,
            root_namespace: "causeway-system".parse()?,
            probe: ProbeTimes::default(),
        };
        let listener = self.sessions.listen(&place, &session_address(id));
        let acceptor = self.peers.listen(&place, &peer_address(id));
        let dialler = self.peers.dialer(&place, &ReplicaId(id).to_string());
        let probe = SimProbe {
            host: place.clone(),
            wires: self.wires.clone(),
            members: Arc::clone(&self.members),
        };
        let host = self.host.cluster.client();
        let host = match self.plant {
            Some(Plant::ListsCut) => cut_lists::client(host, Arc::clone(&self.begun)),
            _ => host,
        };
        let env = process.env();
        let starting = process.spawn(async move {
            let among = Among {
                links: PeerLinks::new(&env, me, Some(Arc::new(dialler))),
                acceptor: Box::new(acceptor),
                begin,
                tuning,
            };
            let metrics = Metrics::new("controller");
            let (disk, probe) = (Arc::new(disk), Arc::new(probe));
            let (host, listener) = (Some(host), Box::new(listener));
            Replica::start_among(
                env,
                disk,
                host,
                listener,
                probe,
                metrics,
                config,
                Some(among),
            )
            .await
        });
        match starting.await {
            // It was killed while it started.
            Err(_) => Ok(()),
            Ok(Err(error)) => {
                self.places.end(&place, None);
                Err(anyhow!("{place} does not start: {error:#}"))
            }
            Ok(Ok(replica)) => {
                let (log, told) = (replica.log(), Some(Arc::clone(&self.told)));
                self.watch.follow(id, &process, log, &self.history, told);
                self.history.note(&place, "started");
                let what = What::Replica(Arc::new(replica));
                self.places.settle(&place, &process, what);
                Ok(())
            }
        }
    }

    /// Starts an agent of a member.
    pub fn start_agent(self: &Arc<Self>, member: &str, number: u64) {
        let place = agent_place(member, number);
        let (Some(held), Ok(name)) = (self.member(member), member.parse()) else {
            return;
        };
        let Some(Taken {
            process,
            disk,
            starts,
        }) = self.places.take(&place)
        else {
            return;
        };
        let dice = self.dice.fork(&format!("{place} {starts}"));
        let mut controllers: Vec<String> = self.ids().into_iter().map(session_address).collect();
        let voters: Vec<String> = operators::voters(self)
            .into_iter()
            .map(session_address)
            .collect();
        if dice.percent(30) && !voters.is_empty() {
            // One address suffices where it is of a replica that has a part: the others are told.
            let one = dice.pick(&voters).cloned();
            controllers = one.into_iter().collect();
        }
        let config = AgentConfig {
            proxies: Vec::new(),
            member: name,
            controllers,
            identity: format!("{place}-{starts}"),
        };
        let dialer = self.sessions.dialer(&member_host(member), member);
        let client = held.cluster.client();
        let client = match self.plant {
            Some(Plant::UnguardedWrite) => unguarded::client(client, dice.fork("writes")),
            Some(Plant::RewrittenFromNothing) => rewritten::client(client, held.cluster.clone()),
            Some(Plant::OwnLease) if number == 2 => own_lease::client(client),
            _ => client,
        };
        let probe = SimProbe {
            host: member_host(member),
            wires: self.wires.clone(),
            members: Arc::clone(&self.members),
        };
        let agent = Agent::start_observing(
            &process.env(),
            client,
            Arc::new(dialer),
            Arc::new(disk),
            config,
            Some(Observing::by(Arc::new(probe))),
        );
        self.history.note(&place, "started");
        let what = What::Agent(Arc::new(agent));
        self.places.settle(&place, &process, what);
    }

    /// Starts a replica; that it does not start is a violation, unless it was removed, and says so.
    pub async fn start_and_tell(self: &Arc<Self>, id: u64) {
        let Err(error) = self.start_replica(id).await else {
            return;
        };
        let removed = self.ids().into_iter().any(|other| {
            let held = self.log(other);
            held.is_some_and(|(_, log)| {
                log.read(|state| state.replicas.removed(ReplicaId(id)).is_some())
            })
        });
        if removed {
            self.history.note(&host(id), format_args!("{error:#}"));
            self.retire(id);
        } else {
            self.history.violated("restarts", format_args!("{error:#}"));
        }
    }
}
