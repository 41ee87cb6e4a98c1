//! The log's calls to other replicas, each over the link of its lane.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::ReplicaId;
use causeway_storage::{PeerCall, PeerError, Peers, ReplicaNode};

use super::{PeerLinks, Phase};

/// How long a call waits for a link that is being dialled for the first time.
const FIRST: Duration = Duration::from_secs(1);

#[async_trait]
impl Peers for PeerLinks {
    async fn call(
        &self,
        replica: ReplicaId,
        node: &ReplicaNode,
        call: PeerCall,
    ) -> Result<Vec<u8>, PeerError> {
        let failed = |reason: String| PeerError { replica, reason };
        let inner = &self.0;
        let peer = inner.peer(replica, &node.address);
        let slot = inner.slot(&peer, call.kind.lane());
        let mut phase = slot.phase.subscribe();
        let live = {
            let first = *phase.borrow() == Phase::Trying;
            if first {
                let known = phase.wait_for(|phase| *phase != Phase::Trying);
                let known = inner.env.timeout(FIRST, known).await;
                if known.is_err() {
                    return Err(failed("it is being dialled".into()));
                }
            }
            match &*phase.borrow() {
                Phase::Up(live) => Arc::clone(live),
                Phase::Down(reason) => return Err(failed(reason.clone())),
                Phase::Trying => return Err(failed("it is being dialled".into())),
            }
        };
        live.call(call).await.map_err(failed)
    }
}
