//! Two of three replicas are gone for good: the third goes on alone, in a new incarnation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::ReplicaId;
use causeway_api::peer::Fenced;
use causeway_seam::real::{Folder, env};
use causeway_storage::offline::{OfflineError, inspect, recover};
use causeway_storage::peers::{PeerCall, PeerError};
use causeway_storage::{Consensus, NoPeers, Peers, ReplicaNode, Settings};
use common::{LIMIT, member};

type Replicas = Arc<Mutex<BTreeMap<u64, Consensus>>>;

struct Wire(Replicas);

#[async_trait]
impl Peers for Wire {
    async fn call(
        &self,
        replica: ReplicaId,
        _node: &ReplicaNode,
        call: PeerCall,
    ) -> Result<Vec<u8>, PeerError> {
        let target = self.0.lock().unwrap().get(&replica.0).cloned();
        let gone = |reason: String| PeerError { replica, reason };
        let target = target.ok_or_else(|| gone("it is not there".into()))?;
        target.answer(call).await.map_err(gone)
    }
}

fn at(id: u64) -> ReplicaNode {
    ReplicaNode {
        address: format!("127.0.0.{id}:7446"),
        domain: format!("d{id}"),
    }
}

fn disk(path: &Path, id: u64) -> Folder {
    Folder::open(path.join(format!("r{id}"))).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = env();
    let start = clock.now();
    while !holds() {
        assert!(clock.now().since(start) < LIMIT, "{what}");
        clock.sleep(Duration::from_millis(5)).await;
    }
}

/// Three replicas with 30 members, all stopped; snapshots were taken and the log was purged on the way.
async fn three(path: &Path) {
    let replicas = Replicas::default();
    let settings = Settings {
        snapshot_every: 10,
        keep_entries: 2,
        propose_limit: LIMIT,
        ..Settings::default()
    };
    for id in 1..=3 {
        let wire = Arc::new(Wire(Arc::clone(&replicas)));
        let disk = Arc::new(disk(path, id));
        let opened = Consensus::open(env(), disk, ReplicaId(id), settings.clone(), wire);
        let opened = opened.await.unwrap();
        replicas.lock().unwrap().insert(id, opened);
    }
    let replica = |id| replicas.lock().unwrap().get(&id).unwrap().clone();
    let members = (1..=3).map(|id| (ReplicaId(id), at(id))).collect();
    replica(1).bootstrap_together(members).await.unwrap();
    until("one of them leads", || {
        (1..=3).any(|id| replica(id).is_leader())
    })
    .await;
    for n in 0..30 {
        let leader = (1..=3).find(|id| replica(*id).is_leader()).unwrap_or(1);
        let command = member(&format!("member-{n:02}"));
        replica(leader).propose(command).await.unwrap();
    }
    let members = |id| replica(id).read(|state| state.members.len());
    until("all have all", || (1..=3).all(|id| members(id) == 30)).await;
    let has_snapshot = |id| replica(id).status().snapshot > 0;
    until("all have a snapshot", || (1..=3).all(has_snapshot)).await;
    for id in 1..=3 {
        replica(id).stop().await;
    }
    replicas.lock().unwrap().clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_survivor_goes_on_alone_with_all_that_it_has() {
    let temp = tempfile::tempdir().unwrap();
    three(temp.path()).await;
    let folder = disk(temp.path(), 2);
    let before = inspect(&folder).unwrap();
    assert_eq!((before.replica, before.members), (ReplicaId(2), 30));
    assert_eq!(before.replicas.len(), 3);
    assert_eq!(before.replicas[1].node, at(2));
    assert!(before.snapshot > 0 && before.last.index >= before.snapshot);
    // Looking changes nothing.
    let again = inspect(&folder).unwrap();
    assert_eq!(
        (again.last, again.generation),
        (before.last, before.generation)
    );

    let begun = recover(&folder, 0).unwrap();
    assert_eq!(begun.from, before.generation);
    assert_eq!(begun.generation.incarnation, 2);
    assert_eq!(begun.last, before.last);
    let gone: Vec<u64> = begun.gone.iter().map(|id| id.0).collect();
    assert_eq!(gone, [1, 3]);
    let again = recover(&folder, 0).unwrap_err();
    assert!(
        matches!(again, OfflineError::Alone { incarnation: 2, .. }),
        "{again}"
    );

    let opened = Consensus::open(
        env(),
        Arc::new(folder),
        ReplicaId(2),
        Settings::default(),
        Arc::new(NoPeers),
    );
    let alone = opened.await.unwrap();
    alone.recovered(LIMIT).await.unwrap();
    assert_eq!(
        alone.read(|state| (state.incarnation, state.members.len())),
        (2, 30)
    );
    alone.propose(member("after")).await.unwrap();
    let status = alone.status();
    assert_eq!(
        (status.members.len(), status.members[0].node.clone()),
        (1, at(2))
    );
    assert!(status.term > before.last.term);
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_runs_or_never_decided_anything_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let settings = Settings::default();
    let empty = disk(temp.path(), 9);
    let text = recover(&empty, 0).unwrap_err().to_string();
    assert!(text.contains("no data folder"), "{text}");
    let running = common::open(&temp.path().join("r9"), settings).await;
    let text = recover(&empty, 0).unwrap_err().to_string();
    assert!(text.contains("stop that one"), "{text}");
    running.stop().await;
    drop(running);
    let text = recover(&empty, 0).unwrap_err().to_string();
    assert!(text.contains("belongs to no clusterset"), "{text}");
}

/// A replica that a newer incarnation had shut out goes on above that one, if that one is lost as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_shut_out_goes_on_above_whoever_did_it() {
    let temp = tempfile::tempdir().unwrap();
    three(temp.path()).await;
    let folder = disk(temp.path(), 3);
    let opened = || {
        let disk = Arc::new(disk(temp.path(), 3));
        let settings = Settings::default();
        Consensus::open(env(), disk, ReplicaId(3), settings, Arc::new(NoPeers))
    };
    let replica = opened().await.unwrap();
    let why = Fenced {
        incarnation: 7,
        by: ReplicaId(1),
        removed: None,
    };
    replica.fence(&why).await;
    replica.stop().await;
    drop(replica);
    assert!(
        opened()
            .await
            .unwrap_err()
            .to_string()
            .contains("no part in its clusterset any more")
    );
    assert_eq!(inspect(&folder).unwrap().fenced, Some(7));
    let begun = recover(&folder, 0).unwrap();
    assert_eq!(begun.generation.incarnation, 8);
    let replica = opened().await.unwrap();
    replica.recovered(LIMIT).await.unwrap();
    assert_eq!(replica.read(|state| state.incarnation), 8);
    replica.stop().await;
}
