//! The member's own row, and its namespaces.

use std::collections::BTreeSet;

use causeway_api::facts::{ApiFact, MemberFact, MeshFact};
use causeway_api::{Name, NetworkName};

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

    /// A fresh list of all Namespaces.
    pub fn reset_namespaces(&mut self, namespaces: &[border::Namespace]) {
        let listed: BTreeSet<&str> = namespaces.iter().map(|n| n.name.as_str()).collect();
        let known = self.namespaces.keys();
        let gone: Vec<Name> = known
            .filter(|name| !listed.contains(name.as_str()))
            .cloned()
            .collect();
        for name in gone {
            self.delete_namespace(name.as_str());
        }
        for namespace in namespaces {
            self.apply_namespace(namespace);
        }
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
        }
    }
}
