//! Beginning a clusterset with several replicas at once: for tests and the simulator, which need no joining one by one.

use std::collections::BTreeMap;

use causeway_api::ReplicaId;
use causeway_state::Command;

use super::Consensus;
use crate::error::BootstrapError;
use crate::peers::ReplicaNode;

impl Consensus {
    /// Begins a new clusterset whose voters are `members`, of which this replica is one. The others have to run, with
    /// empty data folders.
    ///
    /// # Errors
    /// [`BootstrapError`] where there is a clusterset already, or where the first command was not decided.
    pub async fn bootstrap_together(
        &self,
        members: BTreeMap<ReplicaId, ReplicaNode>,
    ) -> Result<(), BootstrapError> {
        let members: BTreeMap<u64, ReplicaNode> =
            members.into_iter().map(|(id, node)| (id.0, node)).collect();
        let begun = self.raft().initialize(members).await;
        begun.map_err(|error| BootstrapError::Joined(error.to_string()))?;
        self.propose(Command::Bootstrap { incarnation: 1 }).await?;
        Ok(())
    }
}
