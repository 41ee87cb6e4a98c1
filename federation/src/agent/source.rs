//! What the writer reads: view parts from replicas, and the member's own services from the observer.

use std::collections::BTreeSet;
use std::sync::Arc;

use causeway_api::{Name, ServiceKey};
use causeway_core::coarse;
use causeway_discovery::Observer;
use causeway_mesh::{Source, Versions};
use causeway_render::{LocalService, MemberInputs, OwnerWord, ServiceInputs};

use super::shared::Shared;

/// The namespace of Istio's control plane and root rules.
const MESH_NAMESPACE: &str = "istio-system";

/// The agent's memory, as the writer sees it.
pub(crate) struct AgentSource {
    shared: Arc<Shared>,
    observer: Arc<Observer>,
}

impl AgentSource {
    pub(crate) fn new(shared: Arc<Shared>, observer: Arc<Observer>) -> Self {
        Self { shared, observer }
    }

    fn local(&self, key: &ServiceKey) -> LocalService {
        let namespace_exists = self.observer.has_namespace(key.namespace.as_str());
        match self.observer.local(key) {
            Some(local) => LocalService {
                namespace_exists,
                exists: true,
                exported: local.exported,
                selector: local.selector,
                ports: local.ports,
                headless: local.headless,
                ready: local.ready,
                also_picked_by: self.also_picked_by(key),
                localities: local
                    .endpoints
                    .into_iter()
                    .filter(|(_, _, counts)| counts.ready > 0)
                    .map(|(_, at, _)| at)
                    .collect(),
            },
            None => LocalService {
                namespace_exists,
                ..LocalService::default()
            },
        }
    }

    /// Federated services have a rule of their own, and are no concern.
    fn also_picked_by(&self, key: &ServiceKey) -> BTreeSet<Name> {
        let holdings = self.shared.holdings();
        let federated = |other: &ServiceKey| {
            holdings
                .view
                .services
                .get(other)
                .is_some_and(|part| part.value.is_some())
        };
        let others = self
            .observer
            .also_picked_by(key)
            .into_iter()
            .filter(|other| !federated(other));
        others.map(|other| other.name).collect()
    }
}

impl Source for AgentSource {
    fn is_complete(&self) -> bool {
        self.observer.synced() && self.shared.holdings().complete
    }

    fn member(&self) -> Option<Arc<MemberInputs>> {
        let holdings = self.shared.holdings();
        let settings = holdings.view.settings.value.clone()?;
        Some(Arc::new(MemberInputs {
            generation: holdings.view.settings.generation,
            seen: holdings.seen,
            networks: holdings.view.networks.clone(),
            mesh_namespace: MESH_NAMESPACE.to_owned(),
            settings,
        }))
    }

    fn services(&self) -> Vec<ServiceKey> {
        self.shared
            .holdings()
            .view
            .services
            .keys()
            .cloned()
            .collect()
    }

    fn count(&self) -> usize {
        self.shared.holdings().view.services.len()
    }

    fn service(&self, key: &ServiceKey) -> ServiceInputs {
        let local = self.local(key);
        let holdings = self.shared.holdings();
        let heard: BTreeSet<_> = holdings
            .view
            .owners
            .values()
            .map(|part| &part.network)
            .collect();
        let plan = coarse::in_force(&holdings.view, key);
        let offered = plan
            .iter()
            .filter_map(|plan| plan.value.as_ref())
            .flat_map(|view| &view.offered);
        let unheard = offered
            .filter(|network| !heard.contains(network))
            .cloned()
            .collect();
        let owners = holdings.view.owners.iter().filter_map(|(owner, part)| {
            let service = part.services.get(key)?.clone();
            Some(OwnerWord {
                owner: owner.clone(),
                network: part.network.clone(),
                service,
            })
        });
        ServiceInputs {
            owners: owners.collect(),
            plan,
            unheard,
            local,
        }
    }

    fn versions(&self) -> Versions {
        let holdings = self.shared.holdings();
        Versions {
            generation: holdings.generation(),
            owners: holdings
                .view
                .owners
                .iter()
                .map(|(name, part)| (name.clone(), part.version))
                .collect(),
            incarnation: holdings.highest.incarnation,
        }
    }
}
