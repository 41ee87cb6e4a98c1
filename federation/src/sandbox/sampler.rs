//! Reads what changed in the clusters' APIs, and keeps the flows that follow from it. An object that did not change is not
//! read again, and a service that no change concerns is not computed again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causeway_api::ids::{MemberName, ServiceKey};
use causeway_memory::{MemberError, MemoryMember};

use super::fleet::Fleet;
use super::model::istiod::Mesh;
use super::model::objects::{Kind, LocalObjects, MeshObjects, Touched, selects};
use super::model::traffic::{self, Flows, Traffic};

/// The clusters, as they were last read.
pub struct Sampler {
    fleet: Arc<Fleet>,
    /// The place of each service in the fleet, by namespace.
    services: BTreeMap<String, Vec<(usize, ServiceKey, String)>>,
    mirrors: BTreeMap<MemberName, Mirror>,
    flows: Flows,
}

struct Mirror {
    memory: MemoryMember,
    /// Up to which revision everything was read.
    revision: u64,
    /// Up to which revision each kind was.
    kinds: BTreeMap<Kind, u64>,
    local: LocalObjects,
    mesh: MeshObjects,
    begun: bool,
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
                revision: 0,
                kinds: BTreeMap::new(),
                local,
                mesh: MeshObjects::default(),
                begun: false,
            };
            mirrors.insert(name.clone(), mirror);
        }
        let mut services: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (at, service) in fleet.services.iter().enumerate() {
            let row = (at, service.key.clone(), service.key.cluster_local_host());
            let namespace = service.key.namespace.to_string();
            services.entry(namespace).or_default().push(row);
        }
        Ok(Self {
            flows: Flows::new(&fleet),
            fleet,
            services,
            mirrors,
        })
    }

    /// Reads what changed; returns the clusters whose mesh did.
    ///
    /// # Errors
    /// Never for a cluster of the sandbox.
    pub fn read(&mut self) -> Result<Vec<MemberName>, MemberError> {
        let mut changed = Vec::new();
        for (name, mirror) in &mut self.mirrors {
            // Leases change the cluster's revision, too; a kind of which nothing changed costs next to nothing.
            let Some(touched) = mirror.read()? else {
                continue;
            };
            let concerned = concerned(&self.services, mirror, &touched);
            let view = Mesh {
                network: name.as_str(),
                local: &mirror.local,
                mesh: &mirror.mesh,
            };
            for at in &concerned {
                if let Some(service) = self.fleet.services.get(*at) {
                    let to = traffic::of_service(&self.fleet, name, service, view);
                    self.flows.set(name, *at, to);
                }
            }
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

impl Mirror {
    /// Reads what changed, and returns whom that concerns; `None`: nobody.
    fn read(&mut self) -> Result<Option<Vec<Touched>>, MemberError> {
        let revision = self.memory.revision();
        if self.begun && self.revision == revision {
            return Ok(None);
        }
        let mut touched = Vec::new();
        for kind in Kind::ALL {
            let (version, name) = kind.names();
            let since = self.kinds.get(&kind).copied().unwrap_or(0);
            let changes = self.memory.changes(version, name, since)?;
            self.kinds.insert(kind, changes.revision);
            let Some(objects) = changes.objects else {
                return self.read_whole().map(Some);
            };
            for (key, object) in &objects {
                let (namespace, name) = key.split_once('/').unwrap_or(("", key));
                touched.extend(self.mesh.put(kind, namespace, name, object.as_ref()));
            }
        }
        self.revision = revision;
        Ok((!touched.is_empty()).then_some(touched))
    }

    fn read_whole(&mut self) -> Result<Vec<Touched>, MemberError> {
        // What is written meanwhile is read again.
        self.revision = self.memory.revision();
        let all = |kind: Kind| {
            let (version, name) = kind.names();
            self.memory.objects(version, name)
        };
        self.mesh = MeshObjects::read(
            &all(Kind::Entry)?,
            &all(Kind::Rule)?,
            &all(Kind::Host)?,
            &all(Kind::Gateway)?,
        );
        let revision = self.revision;
        self.kinds = Kind::ALL.map(|kind| (kind, revision)).into();
        self.begun = true;
        Ok(vec![Touched::Everything])
    }
}

/// The services of the fleet that changes concern.
fn concerned(
    services: &BTreeMap<String, Vec<(usize, ServiceKey, String)>>,
    mirror: &Mirror,
    touched: &[Touched],
) -> BTreeSet<usize> {
    let mut concerned = BTreeSet::new();
    for touched in touched {
        match touched {
            Touched::Everything => {
                let all = services.values().flatten();
                return all.map(|(at, ..)| *at).collect();
            }
            Touched::Host(namespace, host) => {
                let those = services.get(namespace).into_iter().flatten();
                concerned.extend(
                    those
                        .filter(|(_, _, known)| known == host)
                        .map(|(at, ..)| *at),
                );
            }
            Touched::Labels(namespace, labels) => {
                let those = services.get(namespace).into_iter().flatten();
                let selecting = those.filter(|(_, key, host)| {
                    let own = mirror.local.services.get(key);
                    let said = mirror.mesh.hosts.get(&(namespace.clone(), host.clone()));
                    let selectors = own.map(|service| &service.selector).into_iter().chain(said);
                    selectors
                        .into_iter()
                        .any(|selector| selects(selector, labels))
                });
                concerned.extend(selecting.map(|(at, ..)| *at));
            }
        }
    }
    concerned
}

#[cfg(test)]
mod tests;
