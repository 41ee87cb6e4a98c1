//! What of a change cannot wait, and whom it concerns: most events only say that one endpoint more or less is ready
//! where others are.

use std::collections::BTreeSet;

use causeway_api::ServiceKey;

use super::{Dirty, Index};

impl Index {
    /// Whether the next delta says more than how many endpoints are ready where some were and are: a service or a place
    /// that comes to nothing or from nothing, a service, a gateway, a namespace or the member itself that changed.
    pub fn is_urgent(&mut self) -> bool {
        let unjudged = std::mem::take(&mut self.unjudged);
        self.urgent = self.urgent
            || self.whole_next
            || self.dirty_member
            || self.dirty_gateways
            || !self.dirty_namespaces.is_empty()
            || unjudged.into_iter().any(|number| self.turns(number));
        self.urgent
    }

    fn turns(&self, number: u32) -> bool {
        let (Some(dirty), Some(state)) = (self.dirty.get(&number), self.service(number)) else {
            return false;
        };
        if dirty.fact && self.fact_now(number) != self.sent.service(&state.key) {
            return true;
        }
        if !self.in_scope(&state.key, state.exported) {
            return false;
        }
        let now = self.counts_now(number).into_iter();
        let before = self.sent.endpoints(&state.key);
        let serving = |(port, at, ready): (_, _, u32)| (ready > 0).then_some((port, at));
        let now = now.filter_map(|(port, at, counts)| serving((port, at, counts.ready)));
        let before = before.filter_map(|(port, at, counts)| serving((port, at, counts.ready)));
        now.collect::<BTreeSet<_>>() != before.collect()
    }

    /// The services of which more of [`Index::local`] may have changed, since this was last asked, than how many
    /// endpoints are ready where some were and are.
    pub fn take_touched_locals(&mut self) -> BTreeSet<ServiceKey> {
        let mut touched = BTreeSet::new();
        for (number, Dirty { fact, .. }) in std::mem::take(&mut self.touched_locals) {
            let shape = self.shape(number);
            if let Some(state) = self.service_mut(number) {
                let same = std::mem::replace(&mut state.shape, shape) == shape;
                if fact || !same {
                    touched.insert(state.key.clone());
                }
            }
        }
        touched.extend(std::mem::take(&mut self.gone_locals));
        touched
    }

    /// Where any endpoint is ready, and at which ports, as a fingerprint (FNV-1a, 64 bits).
    fn shape(&self, number: u32) -> u64 {
        let rows = self.service(number).map(|state| state.counts.as_slice());
        let ready = rows
            .unwrap_or_default()
            .iter()
            .filter(|row| row.counts().ready > 0);
        let bytes = ready
            .flat_map(|row| [row.port, row.locality])
            .flat_map(u32::to_le_bytes);
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}
