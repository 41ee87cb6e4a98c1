//! How a member in memory is made.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::KINDS;

/// What a member serves and how it names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name, in UIDs only.
    pub name: String,
    /// As `/version` reports it.
    pub kubernetes_version: String,
    /// Seeds UIDs: a member of another seed is another cluster.
    pub seed: u64,
    /// CustomResourceDefinitions that are installed, with the versions that they serve.
    pub served: BTreeMap<String, BTreeSet<String>>,
    /// How many changes of a kind are kept for watches and pages; older ones answer 410.
    pub history: usize,
}

impl Config {
    /// A member that has every definition that is known here.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let served = KINDS.iter().filter(|kind| kind.custom).map(|kind| {
            let versions = kind.versions.iter().map(|version| (*version).to_owned());
            (kind.qualified(), versions.collect())
        });
        Self {
            name: name.to_owned(),
            kubernetes_version: "v1.36.3".to_owned(),
            seed: 0,
            served: served.collect(),
            history: 20_000,
        }
    }

    /// With another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With another version of Kubernetes, such as `v1.30.0`.
    #[must_use]
    pub fn kubernetes(mut self, version: &str) -> Self {
        version.clone_into(&mut self.kubernetes_version);
        self
    }

    /// Without the definitions of a group, such as `networking.istio.io`, or without one, such as
    /// `serviceexports.multicluster.x-k8s.io`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.served.retain(|definition, _| {
            definition != name && definition.split_once('.').map(|(_, group)| group) != Some(name)
        });
        self
    }

    /// With a definition that serves these versions only.
    #[must_use]
    pub fn only(mut self, definition: &str, versions: &[&str]) -> Self {
        let versions = versions.iter().map(|version| (*version).to_owned());
        self.served
            .insert(definition.to_owned(), versions.collect());
        self
    }
}
