//! What breaks off half-way is ended by whoever comes next: a change of voters, a snapshot on its way. And what one replica
//! would take and the leader would not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use causeway_api::registry::{Host, HostUid, Origin};
use causeway_api::spec::MemberSpec;
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_api::{MemberName, ReplicaId};
use causeway_state::command::Declaration;
use causeway_state::{Command, Outcome};
use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;

use super::cluster_tests::{Cluster, add, member, node};
use crate::error::ProposeError;
use crate::network::snapshots::begins;
use crate::peers::PeerCallKind;
use crate::settings::Settings;

fn is_joint(cluster: &Cluster, id: u64) -> bool {
    let metrics = cluster.replica(id).raft().metrics();
    let metrics = metrics.borrow_watched();
    let membership = metrics.membership_config.membership();
    membership.get_joint_config().len() > 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_voters_whose_leader_died_amid_it_is_ended_by_the_next() {
    let cluster = Cluster::new().await;
    cluster.join().await;
    cluster.agree().await;
    let first = cluster.replica(1);
    let raft = first.raft();
    let change = raft.change_membership(ChangeMembers::ReplaceAllVoters([2, 3].into()), false);
    let wait = raft.wait(None);
    let begun = wait.metrics(
        |metrics| {
            metrics
                .membership_config
                .membership()
                .get_joint_config()
                .len()
                > 1
        },
        "it decides by the old and the new voters",
    );
    // The second step, by which the new ones alone would decide, is taken by whoever asked, and never is.
    tokio::select! {
        biased;
        begun = begun => drop(begun.unwrap()),
        done = change => panic!("it was over before it was seen: {done:?}"),
    }
    cluster
        .until("all are between old and new", || {
            (1..=3).all(|id| is_joint(&cluster, id))
        })
        .await;
    cluster.wires.cut.lock().unwrap().insert(1);
    // Until what the one before left is decided there is nothing to settle.
    let start = cluster.env.now();
    let leader = loop {
        let leader = cluster.replica(cluster.leader_of(&[2, 3]).await);
        if leader.settle().await == Ok(true) {
            break leader;
        }
        assert!(cluster.env.now().since(start) < std::time::Duration::from_secs(60));
        cluster.env.sleep(std::time::Duration::from_millis(5)).await;
    };
    let voters = || -> Vec<u64> {
        let members = leader.status().members;
        let voters = members.iter().filter(|member| member.voter);
        voters.map(|member| member.replica.0).collect()
    };
    cluster
        .until("the two others vote", || voters() == [2, 3])
        .await;
    assert_eq!(leader.settle().await, Ok(false), "nothing is left to end");
    leader.propose(member("after")).await.unwrap();
    for id in 1..=3 {
        cluster.stop(id).await;
    }
}

/// A member whose declaration is a large document.
fn large(number: u64) -> Command {
    let name = MemberName::new(&format!("m{number}")).unwrap();
    Command::Declare {
        host: Host {
            uid: HostUid("host".into()),
            name: "host".into(),
        },
        origin: Origin {
            uid: format!("uid-{number}"),
            generation: 1,
            revision: number,
            created_s: None,
        },
        declaration: Declaration::Member(MemberSpec::minimal(name)),
        document: number.to_string().repeat(100 << 10),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_broke_off_goes_on_where_it_was() {
    const BEFORE: usize = 4;
    let cluster = Cluster::new().await;
    let first = cluster.replica(1);
    first.bootstrap(node(1)).await.unwrap();
    for number in 10..40 {
        let answer = first.propose(large(number)).await.unwrap();
        assert!(matches!(answer.outcome, Outcome::Accepted { .. }));
    }
    cluster
        .until("the log is purged", || first.status().purged > 0)
        .await;

    // The first pieces pass; then the line is down until that was seen.
    let (passed, seen) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let from = Arc::new(AtomicU64::new(u64::MAX));
    let tap = {
        let (passed, seen, from) = (passed.clone(), seen.clone(), from.clone());
        move |call: &crate::peers::PeerCall| {
            if call.kind != PeerCallKind::Snapshot {
                return true;
            }
            if passed.load(Ordering::SeqCst) == BEFORE && !seen.load(Ordering::SeqCst) {
                return false;
            }
            if passed.fetch_add(1, Ordering::SeqCst) >= BEFORE
                && let Some(begins) = begins(&call.body)
            {
                from.fetch_min(begins, Ordering::SeqCst);
            }
            true
        }
    };
    *cluster.wires.tap.lock().unwrap() = Some(Box::new(tap));
    first.change(add(2, None)).await.unwrap();
    let partial = || {
        let coming = cluster.replica(2).transfers();
        coming.into_iter().find(|transfer| transfer.to.is_none())
    };
    let broken = std::sync::Mutex::new(None);
    cluster
        .until("it broke off", || {
            let all_passed = passed.load(Ordering::SeqCst) == BEFORE;
            let found = partial().filter(|part| all_passed && part.done > 0);
            *broken.lock().unwrap() = found;
            found.is_some()
        })
        .await;
    seen.store(true, Ordering::SeqCst);
    let broken = broken.lock().unwrap().expect("a part of it is there");
    assert!(broken.done > 0 && broken.done < broken.total, "{broken:?}");
    let digest = |id| cluster.replica(id).read(causeway_state::State::digest);
    cluster
        .until("it is installed", || digest(1) == digest(2))
        .await;
    // Pieces that overtook each other are sent again, but nothing of what had arrived.
    let from = from.load(Ordering::SeqCst);
    assert!(
        from >= broken.done && from < broken.total,
        "it went on at {from} after {broken:?}"
    );
    let over = || partial().is_none();
    cluster.until("nothing is on its way any more", over).await;
    for id in 1..=3 {
        cluster.stop(id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_too_large_for_the_leader_is_refused_to_whoever_forwards_it() {
    // The one that forwards it would take it.
    let cluster = Cluster::of(|id| match id {
        2 => Settings {
            command_bytes: 200 << 20,
            ..Settings::default()
        },
        _ => Settings::default(),
    })
    .await;
    cluster.join().await;
    cluster.agree().await;
    let vote = Vote {
        observer: ObserverId::Replica(ReplicaId(2)),
        domain: "d2".parse().unwrap(),
        subject: "session/ack".parse().unwrap(),
        ballot: Ballot::Reachable,
        evidence: "x".repeat(100 << 20),
    };
    // A machine that stands still moves the lead by itself: the one that would take it must not lead.
    let by = cluster.leader().await;
    if by == 2 {
        cluster.replica(by).hand_over(ReplicaId(1)).await;
        cluster.leader_of(&[1, 3]).await;
    }
    let refused = cluster
        .replica(2)
        .propose(Command::CastVotes(vec![vote]))
        .await;
    let error = refused.unwrap_err();
    assert!(matches!(error, ProposeError::Refused(_)), "{error}");
    assert!(error.to_string().contains("send it in several"), "{error}");
    cluster.agree().await;
    for id in 1..=3 {
        let heard = |state: &causeway_state::State| state.votes.rows().len();
        assert_eq!(cluster.replica(id).read(heard), 0, "nothing of it is known");
    }
    cluster.replica(2).propose(member("after")).await.unwrap();
    cluster.agree().await;
    for id in 1..=3 {
        cluster.stop(id).await;
    }
}
