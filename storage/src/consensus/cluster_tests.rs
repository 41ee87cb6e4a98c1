//! Three replicas in one process, joined by calls that can be cut: what several voters need of this crate is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::spec::MemberSpec;
use causeway_api::{MemberName, ReplicaId};
use causeway_seam::Env;
use causeway_seam::real::{Folder, env};
use causeway_state::{Command, Outcome, State};
use openraft::ChangeMembers;
use tempfile::TempDir;

use super::Consensus;
use super::members::Change;
use super::reads::Consistency;
use crate::peers::{PeerCall, PeerError, Peers, ReplicaNode};
use crate::settings::{Settings, Timing};

/// How long anything may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// How often a test tries anew what a machine that stands still for longer than an election undoes: the lead moves by itself.
const TRIES: usize = 10;

/// Sees each call before it is carried, and says whether it is.
type Tap = Box<dyn FnMut(&PeerCall) -> bool + Send>;

#[derive(Default)]
pub(super) struct Wires {
    replicas: Mutex<BTreeMap<u64, Consensus>>,
    pub(super) cut: Mutex<BTreeSet<u64>>,
    pub(super) tap: Mutex<Option<Tap>>,
}

struct Wire {
    from: u64,
    wires: Arc<Wires>,
}

#[async_trait]
impl Peers for Wire {
    async fn call(
        &self,
        replica: ReplicaId,
        _node: &ReplicaNode,
        call: PeerCall,
    ) -> Result<Vec<u8>, PeerError> {
        let unreachable = |reason: String| PeerError { replica, reason };
        let target = {
            let cut = self.wires.cut.lock().unwrap();
            if cut.contains(&self.from) || cut.contains(&replica.0) {
                return Err(unreachable("cut".into()));
            }
            self.wires.replicas.lock().unwrap().get(&replica.0).cloned()
        };
        let target = target.ok_or_else(|| unreachable("not there".into()))?;
        let carried = self
            .wires
            .tap
            .lock()
            .unwrap()
            .as_mut()
            .is_none_or(|tap| tap(&call));
        if !carried {
            return Err(unreachable("broken off".into()));
        }
        target.answer(call).await.map_err(unreachable)
    }
}

pub(super) struct Cluster {
    pub(super) env: Env,
    pub(super) wires: Arc<Wires>,
    folders: BTreeMap<u64, TempDir>,
}

pub(super) fn node(id: u64) -> ReplicaNode {
    ReplicaNode {
        address: format!("replica-{id}:7443"),
        domain: format!("d{id}"),
    }
}

pub(super) fn member(name: &str) -> Command {
    Command::PutMember(MemberSpec::minimal(MemberName::new(name).unwrap()))
}

impl Cluster {
    pub(super) async fn new() -> Self {
        Self::of(|_| Settings::default()).await
    }

    /// Three replicas, each with settings of its own, but for those that make a test short.
    pub(super) async fn of(settings: impl Fn(u64) -> Settings) -> Self {
        let mut cluster = Self {
            env: env(),
            wires: Arc::default(),
            folders: BTreeMap::new(),
        };
        for id in 1..=3 {
            cluster.folders.insert(id, tempfile::tempdir().unwrap());
            cluster.start(id, settings(id)).await;
        }
        cluster
    }

    /// Starts a replica on the data folder that it had.
    pub(super) async fn start(&self, id: u64, settings: Settings) {
        let settings = Settings {
            snapshot_every: 20,
            keep_entries: 0,
            propose_limit: LIMIT,
            ..settings
        };
        let disk = Arc::new(Folder::open(self.folders.get(&id).unwrap().path()).unwrap());
        let wire = Arc::new(Wire {
            from: id,
            wires: Arc::clone(&self.wires),
        });
        let replica = Consensus::open(self.env.clone(), disk, ReplicaId(id), settings, wire);
        let replica = replica.await.unwrap();
        self.wires.replicas.lock().unwrap().insert(id, replica);
    }

    /// Stops a replica; its data folder stays.
    pub(super) async fn stop(&self, id: u64) {
        let replica = self.wires.replicas.lock().unwrap().remove(&id).unwrap();
        replica.stop().await;
    }

    pub(super) fn replica(&self, id: u64) -> Consensus {
        self.wires
            .replicas
            .lock()
            .unwrap()
            .get(&id)
            .unwrap()
            .clone()
    }

    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = self.env.now();
        while !holds() {
            assert!(self.env.now().since(start) < LIMIT, "{what}");
            self.env.sleep(Duration::from_millis(5)).await;
        }
    }

    /// Who leads, as it says itself.
    pub(super) async fn leader(&self) -> u64 {
        self.leader_of(&[1, 2, 3]).await
    }

    /// Which of these leads, once one of them does.
    pub(super) async fn leader_of(&self, ids: &[u64]) -> u64 {
        let start = self.env.now();
        loop {
            if let Some(id) = ids.iter().find(|id| self.replica(**id).is_leader()) {
                return *id;
            }
            let late = self.env.now().since(start) >= LIMIT;
            assert!(!late, "none of {ids:?} leads");
            self.env.sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn agree(&self) {
        let digests = || {
            (1..=3)
                .map(|id| self.replica(id).read(State::digest))
                .collect::<BTreeSet<_>>()
        };
        self.until("all states are equal", || digests().len() == 1)
            .await;
    }

    /// The second and third join the first, which has purged what they would need: they get its snapshot.
    pub(super) async fn join(&self) {
        let first = self.replica(1);
        first.bootstrap(node(1)).await.unwrap();
        for n in 0..50 {
            first.propose(member(&format!("before-{n}"))).await.unwrap();
        }
        self.until("the log is purged", || first.status().purged > 0)
            .await;
        for id in [2, 3] {
            let add = ChangeMembers::AddNodes(BTreeMap::from([(id, node(id))]));
            first.raft().change_membership(add, true).await.unwrap();
        }
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([2, 3]));
        first.raft().change_membership(voters, true).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_agree_and_outlive_their_leader() {
    let cluster = Cluster::new().await;
    cluster.join().await;
    cluster
        .replica(1)
        .propose(member("together"))
        .await
        .unwrap();
    cluster.agree().await;
    cluster
        .until("the second knows who leads and who votes", || {
            let status = cluster.replica(2).status();
            let voters = status.members.iter().filter(|member| member.voter);
            status.leader.is_some() && voters.count() == 3
        })
        .await;
    // Proposed at those that follow, too: forwarded, decided and applied there.
    for id in 1..=3 {
        let name = MemberName::new(&format!("through-{id}")).unwrap();
        let answer = cluster.replica(id).propose(member(name.as_str())).await;
        assert!(matches!(answer.unwrap().outcome, Outcome::Accepted { .. }));
        let known = |state: &State| state.members.contains_key(&name);
        assert!(cluster.replica(id).read(known));
    }
    cluster.replica(3).linearizable().await.unwrap();
    cluster
        .replica(3)
        .confirm(Consistency::Lease)
        .await
        .unwrap();

    let mut unchanged = false;
    for n in 0..TRIES {
        let first = cluster.leader().await;
        cluster.wires.cut.lock().unwrap().insert(first);
        let others: Vec<u64> = (1..=3).filter(|id| *id != first).collect();
        let leader = cluster.leader_of(&others).await;
        let without = member(&format!("without-the-first-{n}"));
        cluster.replica(leader).propose(without).await.unwrap();
        // It still believes in itself and knows that nobody confirms it.
        let doubts = || !cluster.replica(first).is_leader();
        cluster.until("the first doubts itself", doubts).await;
        let alone = cluster.replica(first);
        let while_cut = Duration::from_secs(1);
        let confirmed = cluster.env.timeout(while_cut, alone.linearizable()).await;
        assert!(!matches!(confirmed, Ok(Ok(()))));
        cluster.replica(leader).linearizable().await.unwrap();
        let term = cluster.replica(leader).status().term;

        cluster.wires.cut.lock().unwrap().clear();
        cluster.agree().await;
        unchanged = cluster.replica(leader).status().term == term;
        if unchanged {
            break;
        }
    }
    assert!(unchanged, "a healed partition changes no term");
    for id in 1..=3 {
        cluster.replica(id).stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_replica_of_three_raises_no_term() {
    let cluster = Cluster::new().await;
    cluster.join().await;
    let mut unchanged = false;
    for n in 0..TRIES {
        cluster.agree().await;
        let leader = cluster.leader().await;
        let lone = leader % 3 + 1;
        let term = |id| cluster.replica(id).status().term;
        cluster.wires.cut.lock().unwrap().insert(lone);
        let before = (term(lone), term(leader));
        // Several election timeouts, in which it asks whether it would be elected and nobody answers.
        cluster.env.sleep(Duration::from_secs(2)).await;
        assert_eq!(term(lone), before.0);
        cluster.wires.cut.lock().unwrap().clear();
        let after = member(&format!("after-{n}"));
        cluster.replica(leader).propose(after).await.unwrap();
        cluster.agree().await;
        unchanged = term(leader) == before.1 && cluster.replica(leader).is_leader();
        if unchanged {
            break;
        }
    }
    assert!(unchanged, "it deposes the leader each time that it is back");
    for id in 1..=3 {
        cluster.stop(id).await;
    }
}

async fn voters(cluster: &Cluster, by: u64, wanted: &[u64]) {
    let wanted: Vec<ReplicaId> = wanted.iter().copied().map(ReplicaId).collect();
    let now = || -> Vec<ReplicaId> {
        let status = cluster.replica(by).status();
        let voters = status.members.iter().filter(|member| member.voter);
        voters.map(|member| member.replica).collect()
    };
    cluster
        .until("the voters are as wanted", || now() == wanted)
        .await;
}

pub(super) fn add(id: u64, replaces: Option<u64>) -> Change {
    Change::Add {
        replica: ReplicaId(id),
        node: node(id),
        folder: 0,
        replaces: replaces.map(ReplicaId),
        accept_domain_risk: false,
    }
}

async fn promote(cluster: &Cluster, by: u64, id: u64, replaces: Option<u64>) {
    let change = Change::Promote {
        replica: ReplicaId(id),
        replaces: replaces.map(ReplicaId),
        accept_domain_risk: false,
    };
    let start = cluster.env.now();
    while let Err(error) = cluster.replica(by).change(change.clone()).await {
        assert!(cluster.env.now().since(start) < LIMIT, "{error}");
        cluster.env.sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_by_verbs_on_any_replica() {
    let cluster = Cluster::new().await;
    let first = cluster.replica(1);
    first.bootstrap(node(1)).await.unwrap();
    for n in 0..50 {
        first.propose(member(&format!("before-{n}"))).await.unwrap();
    }
    cluster
        .until("the log is purged", || first.status().purged > 0)
        .await;
    first.change(add(2, None)).await.unwrap();
    first.change(add(2, None)).await.unwrap();
    promote(&cluster, 1, 2, None).await;
    // Asked of one that follows, done by the one that leads.
    cluster
        .until("the second knows", || {
            cluster.replica(2).members().len() == 2
        })
        .await;
    let text = cluster.replica(2).change(add(1, None)).await;
    assert_eq!(text, Ok(()), "it is a member already, at that address");
    let same = Change::Add {
        replica: ReplicaId(3),
        node: ReplicaNode {
            domain: "d2".into(),
            ..node(3)
        },
        folder: 0,
        replaces: None,
        accept_domain_risk: false,
    };
    let text = cluster
        .replica(2)
        .change(same)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("2 of 3") && text.contains("--accept-domain-risk"),
        "{text}"
    );
    cluster.replica(2).change(add(3, None)).await.unwrap();
    promote(&cluster, 2, 3, None).await;
    voters(&cluster, 2, &[1, 2, 3]).await;
    cluster.agree().await;
    let remove = |id| Change::Remove {
        replica: ReplicaId(id),
        accept_domain_risk: true,
    };
    let refused = Change::Remove {
        replica: ReplicaId(1),
        accept_domain_risk: false,
    };
    let text = first.change(refused).await.unwrap_err().to_string();
    assert!(text.contains("--replace r1"), "{text}");
    // The leader itself: the lead passes first.
    first
        .change(Change::Transfer {
            to: Some(ReplicaId(2)),
        })
        .await
        .unwrap();
    let leads = || cluster.replica(2).is_leader();
    cluster.until("the second leads", leads).await;
    cluster.replica(3).change(remove(2)).await.unwrap();
    voters(&cluster, 3, &[1, 3]).await;
    for id in 1..=3 {
        cluster.replica(id).stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_changes_in_place_and_the_state_never_goes_back() {
    let cluster = Cluster::new().await;
    cluster.join().await;
    cluster.agree().await;
    let patient = Timing::for_round_trip(Duration::from_millis(60));
    for id in [2, 3, 1] {
        let replica = cluster.replica(id);
        let before = *replica.position().borrow();
        let writes = async {
            for n in 0..10 {
                let name = format!("while-{id}-{n}");
                let answer = cluster.replica(1).propose(member(&name)).await.unwrap();
                assert!(!matches!(answer.outcome, Outcome::Refused(_)), "{answer:?}");
            }
        };
        let (changed, ()) = tokio::join!(replica.retime(patient), writes);
        changed.unwrap();
        assert_eq!(replica.timing(), patient);
        let after = *replica.position().borrow();
        assert!(after.index >= before.index && after.generation >= before.generation);
    }
    cluster.agree().await;
    let count = |state: &State| {
        state
            .members
            .keys()
            .filter(|name| name.as_str().starts_with("while-"))
            .count()
    };
    assert_eq!(cluster.replica(1).read(count), 30, "each exactly once");
    for id in 1..=3 {
        cluster.replica(id).stop().await;
    }
}
