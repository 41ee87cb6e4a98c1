//! The host cluster that this replica stands in: what it is, and whether this replica speaks for it.
//!
//! Every replica reads and mirrors the declarations of its own host. Status and Events are written into each host by one
//! replica: the leader in its own, and in every other host the one with the lowest number.

use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::registry::{Host, HostUid};
use causeway_seam::Env;
use causeway_state::State;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};

use crate::replica::shared::Shared;

/// The namespace whose UID names a cluster.
const NAMESPACE: &str = "kube-system";
const LOOK_UP: Duration = Duration::from_secs(5);

/// Reads what the host cluster is.
///
/// # Errors
/// A sentence with the remedy.
pub(super) async fn read(env: &Env, host: &Client, name: &str) -> Result<Host, String> {
    let api: Api<Namespace> = Api::all(host.clone());
    let uid = match env.timeout(LOOK_UP, api.get(NAMESPACE)).await {
        Ok(Ok(namespace)) => namespace.metadata.uid,
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            return Err(format!(
                "the controller may not get the namespace {NAMESPACE} of its host cluster, whose UID names the cluster: grant it \
                 the verb get on it; until then nothing that is declared here comes into force"
            ));
        }
        Ok(Err(error)) => {
            return Err(format!(
                "the namespace {NAMESPACE} of the host cluster cannot be read: {error}"
            ));
        }
        Err(elapsed) => {
            return Err(format!(
                "the namespace {NAMESPACE} of the host cluster cannot be read: {elapsed}"
            ));
        }
    };
    match uid.filter(|uid| !uid.is_empty()) {
        Some(uid) => Ok(Host {
            uid: HostUid(uid),
            name: name.to_owned(),
        }),
        None => Err(format!(
            "the namespace {NAMESPACE} of the host cluster has no UID"
        )),
    }
}

impl Shared {
    /// Whether this replica writes status and Events into its host cluster.
    pub(crate) fn speaks_for_host(&self) -> bool {
        if self.consensus.is_leader() {
            return true;
        }
        let leader = self.consensus.status().leader;
        self.consensus.read(|state| speaks(state, self.id, leader))
    }
}

/// Whether a replica that does not lead writes status and Events into its own host.
fn speaks(state: &State, me: ReplicaId, leader: Option<ReplicaId>) -> bool {
    let attached = &state.registry.attached;
    let (Some(leader), Some(here)) = (leader, attached.get(&me)) else {
        return false;
    };
    let lowest = attached.iter().find(|(_, host)| *host == here);
    leader != me
        && attached.get(&leader) != Some(here)
        && lowest.is_some_and(|(lowest, _)| *lowest == me)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_replica_speaks_for_each_host() {
        let mut state = State::default();
        let hosts = [(1, "a"), (2, "b"), (3, "b"), (4, "c")];
        for (replica, host) in hosts {
            let uid = HostUid(host.to_owned());
            state.registry.attached.insert(ReplicaId(replica), uid);
        }
        let speaking = |leader: Option<u64>| {
            let leader = leader.map(ReplicaId);
            let rows = (1..=5).filter(|me| speaks(&state, ReplicaId(*me), leader));
            rows.collect::<Vec<u64>>()
        };
        assert_eq!(
            speaking(Some(1)),
            [2, 4],
            "the leader speaks for a by itself"
        );
        assert_eq!(speaking(Some(3)), [1, 4]);
        assert_eq!(speaking(None), Vec::<u64>::new());
    }
}
