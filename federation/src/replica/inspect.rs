//! What a simulator looks at: what a replica holds, whole, to be compared with what others hold.

use std::collections::BTreeMap;

use causeway_api::session::Holds;
use causeway_api::view::View;
use causeway_api::{FactVersion, MemberName};
use causeway_core::holdings::Holdings;
use causeway_core::outbox::Outbox;
use causeway_storage::Consensus;

use super::Replica;

impl Replica {
    /// Its decision log.
    #[must_use]
    pub fn log(&self) -> Consensus {
        self.shared.consensus.clone()
    }

    /// The facts that it holds: of each owner their version and their fingerprint.
    #[must_use]
    pub fn facts(&self) -> BTreeMap<MemberName, (FactVersion, u64)> {
        let facts = self.shared.facts();
        let owners = facts.owners();
        owners
            .filter_map(|(owner, held)| {
                let digest = facts.digest(owner)?;
                Some((owner.clone(), (held.version, digest)))
            })
            .collect()
    }

    /// The whole view of a member, as it would be sent to an agent that holds nothing.
    #[must_use]
    pub fn view(&self, member: &MemberName) -> View {
        let mut outbox = Outbox::resume(member.clone(), Holds::default());
        let mut held = Holdings::default();
        self.shared.consensus.read(|state| {
            let facts = self.shared.facts();
            while let Some(delta) = outbox.take(state, &facts) {
                held.merge(delta);
            }
        });
        held.view
    }
}
