//! What the writer reads: the agent implements it over its view and its index.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_api::{FactVersion, Generation, MemberName, ServiceKey};
use causeway_render::{MemberInputs, ServiceInputs};

/// Where a writer finds what the mesh should hold. All methods answer from memory, at once.
pub trait Source: Send + Sync + 'static {
    /// Whether view and local services are whole: a view came that was marked complete (or was kept from an earlier
    /// run), and the member's own services were listed. Nothing is written or pruned before.
    fn is_complete(&self) -> bool;

    /// Settings, networks and names of localities; `None` before there is a view.
    fn member(&self) -> Option<Arc<MemberInputs>>;

    /// All services that have a plan part (tombstones too), or a ServiceExport here.
    fn services(&self) -> Vec<ServiceKey>;

    /// How many [`Source::services`] there are.
    fn count(&self) -> usize {
        self.services().len()
    }

    /// What is known of one service. An unknown service is answered by the default.
    fn service(&self, key: &ServiceKey) -> ServiceInputs;

    /// The versions of what the other methods answer from. Whatever changed up to these versions has been marked in the
    /// writer's handle when they are told (mark under the lock under which they rise): the writer reads them, then takes
    /// the marks, and says that these versions are applied once those marks are worked off.
    fn versions(&self) -> Versions;
}

/// What a source's answers rest on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versions {
    /// The highest generation in the view.
    pub generation: Generation,
    /// The version of each owner's part.
    pub owners: BTreeMap<MemberName, FactVersion>,
    /// The highest incarnation that was heard of, from whomever: it becomes part of the writer stamp.
    pub incarnation: u64,
}
