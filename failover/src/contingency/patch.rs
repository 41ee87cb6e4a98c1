//! A plan after a loss, held as what differs from the committed one: most sources only lose a network that stood by.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::NetworkName;
use causeway_api::plan::{ServicePlan, SourcePlan, Withdrawal};

/// What differs.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// Sources of which more differs than who stands by.
    changed: Box<[SourcePlan]>,
    /// Networks that are out afterwards.
    withdrawn: BTreeMap<NetworkName, Withdrawal>,
    /// Networks that stand by nowhere any more.
    gone: BTreeSet<NetworkName>,
}

impl Patch {
    /// From a committed plan to the one after the loss.
    pub(super) fn between(before: &ServicePlan, after: &ServicePlan) -> Self {
        let gone: BTreeSet<NetworkName> = after
            .withdrawn
            .keys()
            .filter(|network| !before.withdrawn.contains_key(*network))
            .cloned()
            .collect();
        let mut patch = Self {
            changed: Box::default(),
            withdrawn: after.withdrawn.clone(),
            gone,
        };
        let plain = patch.applied(before);
        let changed = after.sources.iter().filter(|source| {
            let plain = plain.sources.iter().find(|s| s.source == source.source);
            plain != Some(*source)
        });
        patch.changed = changed.cloned().collect();
        patch
    }

    /// The plan after the loss.
    pub(super) fn applied(&self, committed: &ServicePlan) -> ServicePlan {
        let source = |source: &SourcePlan| {
            let changed = self.changed.iter().find(|s| s.source == source.source);
            changed.cloned().unwrap_or_else(|| {
                let mut source = source.clone();
                source
                    .standby
                    .retain(|network| !self.gone.contains(network));
                source
            })
        };
        ServicePlan {
            service: committed.service.clone(),
            sources: committed.sources.iter().map(source).collect(),
            withdrawn: self.withdrawn.clone(),
        }
    }
}
