//! Reads what the clusters' APIs hold, and keeps the flows that follow from it. A cluster in which nothing changed is not
//! read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causeway_api::ids::MemberName;
use causeway_memory::{MemberError, MemoryMember};

use super::fleet::Fleet;
use super::model::istiod::Mesh;
use super::model::objects::{LocalObjects, MeshObjects};
use super::model::traffic::{self, Flow, Traffic};

/// The clusters, as they were last read.
pub struct Sampler {
    fleet: Arc<Fleet>,
    mirrors: BTreeMap<MemberName, Mirror>,
    flows: BTreeMap<MemberName, Vec<Flow>>,
}

struct Mirror {
    memory: MemoryMember,
    revision: Option<u64>,
    local: LocalObjects,
    mesh: MeshObjects,
}

impl Sampler {
    /// Reads Services, EndpointSlices, Pods and Nodes once: the sandbox does not change them.
    ///
    /// # Errors
    /// Never for a cluster of the sandbox.
    pub fn new<'a>(
        fleet: Arc<Fleet>,
        members: impl Iterator<Item = (&'a MemberName, &'a MemoryMember)>,
    ) -> Result<Self, MemberError> {
        let mut mirrors = BTreeMap::new();
        for (name, memory) in members {
            let local = LocalObjects::read(
                &memory.objects("v1", "Service")?,
                &memory.objects("discovery.k8s.io/v1", "EndpointSlice")?,
                &memory.objects("v1", "Pod")?,
                &memory.objects("v1", "Node")?,
            );
            let mirror = Mirror {
                memory: memory.clone(),
                revision: None,
                local,
                mesh: MeshObjects::default(),
            };
            mirrors.insert(name.clone(), mirror);
        }
        Ok(Self {
            fleet,
            mirrors,
            flows: BTreeMap::new(),
        })
    }

    /// Reads what changed; returns the clusters whose mesh did.
    ///
    /// # Errors
    /// Never for a cluster of the sandbox.
    pub fn read(&mut self) -> Result<Vec<MemberName>, MemberError> {
        let mut changed = Vec::new();
        for (name, mirror) in &mut self.mirrors {
            // A write between the two is seen by the next reading.
            let revision = Some(mirror.memory.revision());
            if mirror.revision == revision {
                continue;
            }
            let mesh = MeshObjects::read(
                &mirror
                    .memory
                    .objects("networking.istio.io/v1", "WorkloadEntry")?,
                &mirror
                    .memory
                    .objects("networking.istio.io/v1", "DestinationRule")?,
                &mirror
                    .memory
                    .objects("networking.istio.io/v1", "ServiceEntry")?,
                &mirror
                    .memory
                    .objects("gateway.networking.k8s.io/v1", "Gateway")?,
            );
            let first = mirror.revision.is_none();
            mirror.revision = revision;
            if mesh == mirror.mesh && !first {
                continue;
            }
            mirror.mesh = mesh;
            let view = Mesh {
                network: name.as_str(),
                local: &mirror.local,
                mesh: &mirror.mesh,
            };
            self.flows
                .insert(name.clone(), traffic::of_member(&self.fleet, name, view));
            changed.push(name.clone());
        }
        Ok(changed)
    }

    /// What the last reading means while `dark` members are so.
    #[must_use]
    pub fn traffic(&self, dark: &BTreeSet<MemberName>) -> Traffic {
        traffic::total(&self.fleet, &self.flows, dark)
    }
}
