//! The member's own row, and its namespaces.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{ApiFact, FactDelta, MemberFact, MeshFact};
use causeway_api::{FactVersion, Name, NetworkName, ServiceKey};

use super::Index;
use super::parse::cut;
use crate::border;

/// The namespace of Istio's control plane, whose label names the cluster's network.
const MESH_NAMESPACE: &str = "istio-system";

/// What the watchers know of the member beyond its objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberInfo {
    /// UID of the `kube-system` namespace.
    pub cluster_uid: String,
    /// The API server's version.
    pub kubernetes_version: String,
    /// The agent's version.
    pub agent_version: String,
    /// The mesh that was found.
    pub mesh: MeshFact,
    /// Whether the API server answers.
    pub api: ApiFact,
    /// What is missing, each as one sentence that names object and remedy.
    pub problems: Vec<String>,
    /// What its callers' proxies leave out by themselves, as [`MemberFact::ejected`].
    pub ejected: BTreeMap<ServiceKey, BTreeSet<NetworkName>>,
}

impl Index {
    /// What the watchers know of the member beyond its objects.
    pub fn set_member(&mut self, info: MemberInfo) {
        if self.info != info {
            self.info = info;
            self.dirty_member = true;
        }
    }

    /// A Namespace was added or changed.
    pub fn apply_namespace(&mut self, namespace: &border::Namespace) {
        let Ok(name) = Name::new(&namespace.name) else {
            return;
        };
        let label = namespace.network.as_deref().filter(|n| !n.is_empty());
        let network = label.and_then(|text| NetworkName::new(text).ok());
        let wrong = label.filter(|_| network.is_none()).map(|text| {
            format!(
                "label topology.istio.io/network is {:?}, which is no name of a network",
                cut(text)
            )
        });
        self.dirty_member |=
            self.problems
                .set("Namespace", &namespace.name, wrong.into_iter().collect());
        if self.namespaces.get(&name) == Some(&network) {
            return;
        }
        self.dirty_member |= name.as_str() == MESH_NAMESPACE;
        self.dirty_namespaces.insert(name.clone());
        self.namespaces.insert(name, network);
    }

    /// A Namespace was deleted.
    pub fn delete_namespace(&mut self, name: &str) {
        self.dirty_member |= self.problems.set("Namespace", name, Vec::new());
        if let Some((name, _)) = self.namespaces.remove_entry(name) {
            self.dirty_member |= name.as_str() == MESH_NAMESPACE;
            self.dirty_namespaces.insert(name);
        }
    }

    /// The end of a fresh list whose objects were applied one by one: what it did not name goes. The first of each pair
    /// is empty, as for everything that stands in no namespace.
    pub fn retain_namespaces(&mut self, listed: &BTreeSet<(&str, &str)>) {
        let known = self.namespaces.keys();
        let gone: Vec<Name> = known
            .filter(|name| !listed.contains(&("", name.as_str())))
            .cloned()
            .collect();
        for name in gone {
            self.delete_namespace(name.as_str());
        }
    }

    /// The member's own row alone, for an agent that has something to say of itself (what it may not read, that its API
    /// server does not answer) before it has seen all that facts are made of. It applies to the version that the
    /// receiver holds, whoever wrote that, and leaves all other rows as they are; where the receiver holds nothing, it is
    /// a snapshot. The next delta is a snapshot.
    ///
    /// `None` where this index has no epoch of its own, or the receiver holds facts of a newer one, or of this epoch
    /// that did not come from here: two writers must never count on from the same version.
    pub fn take_member(&mut self, held: Option<FactVersion>) -> Option<FactDelta> {
        let newer = held.is_some_and(|held| held.epoch >= self.epoch && held > self.version);
        if self.epoch == 0 || newer {
            return None;
        }
        let after = held
            .map_or(0, |held| held.sequence)
            .max(self.version.sequence);
        let version = FactVersion {
            epoch: self.epoch,
            sequence: after + 1,
        };
        let mut delta = FactDelta::empty(self.owner.clone(), held, version);
        delta.member = Some(self.member_now());
        self.version = version;
        self.whole_next = true;
        Some(delta)
    }

    /// The network of the member's pods: as declared, else by the label of the mesh's namespace, else by its gateways.
    #[must_use]
    pub fn network(&self) -> Option<NetworkName> {
        let labelled = || self.namespaces.get(MESH_NAMESPACE).cloned().flatten();
        self.declared
            .network
            .clone()
            .or_else(labelled)
            .or_else(|| self.gateways_network())
    }

    /// Whether a namespace exists.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name)
    }

    /// The member's own row as it is now, whether or not it was given out.
    #[must_use]
    pub fn member(&self) -> MemberFact {
        self.member_now()
    }

    pub(super) fn member_now(&self) -> MemberFact {
        let info = self.info.clone();
        let mut problems = info.problems;
        problems.extend(self.problems.sentences());
        MemberFact {
            cluster_uid: info.cluster_uid,
            kubernetes_version: info.kubernetes_version,
            agent_version: info.agent_version,
            network: self.network(),
            region: self
                .declared
                .region
                .clone()
                .or_else(|| self.nodes.main_region(&self.declared)),
            nodes: self.nodes.ready(&self.declared),
            mesh: info.mesh,
            api: info.api,
            problems,
            ejected: info.ejected,
        }
    }
}
