//! What a service is rendered from.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::ServicePort;
use causeway_api::view::{MeshSettings, NetworkView, OwnerService, ServiceView, Versioned};
use causeway_api::{Generation, Locality, MemberName, Name, NetworkName};

/// What holds for all services of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInputs {
    /// How the agent is to behave.
    pub settings: MeshSettings,
    /// The decision that the settings come from: the generation of objects that no other decision is behind.
    pub generation: Generation,
    /// The view is whole up to this decision: what it does not name, and is no newer, is gone. Of what is newer in the
    /// mesh it knows nothing.
    pub seen: Generation,
    /// By network: how it is reached.
    pub networks: BTreeMap<NetworkName, Versioned<NetworkView>>,
    /// The namespace of the mesh's control plane and root rules, usually `istio-system`.
    pub mesh_namespace: String,
}

impl MemberInputs {
    /// A locality of this member by the name that its mesh knows.
    #[must_use]
    pub fn native(&self, locality: &Locality) -> Locality {
        self.settings
            .native_localities
            .get(locality)
            .unwrap_or(locality)
            .clone()
    }
}

/// What is known of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceInputs {
    /// The plan's part, where the view has one; a value of `None` in it is the decision that it be gone.
    pub plan: Option<Versioned<ServiceView>>,
    /// What other members say of it. The order matters nowhere.
    pub owners: Vec<OwnerWord>,
    /// Networks of whose members nothing at all was heard yet: that there is no word of them is not "none".
    pub unheard: BTreeSet<NetworkName>,
    /// What this member itself holds of it.
    pub local: LocalService,
}

/// One owner's word on a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerWord {
    /// Who.
    pub owner: MemberName,
    /// Its network.
    pub network: NetworkName,
    /// What it says.
    pub service: OwnerService,
}

/// What this member itself holds of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalService {
    /// The namespace exists here.
    pub namespace_exists: bool,
    /// A Service exists here.
    pub exists: bool,
    /// A ServiceExport exists here: others' traffic may arrive, by either host name.
    pub exported: bool,
    /// The Service's selector.
    pub selector: BTreeMap<String, String>,
    /// The Service's ports.
    pub ports: Vec<ServicePort>,
    /// `clusterIP: None`.
    pub headless: bool,
    /// Ready endpoints here, the least over the ports.
    pub ready: u32,
    /// Where they are, by the names that this mesh's nodes carry.
    pub localities: BTreeSet<Locality>,
    /// Other Services of the namespace that are not federated and whose selector is part of this one's: they would
    /// pick our entries too, and have no rule that keeps those behind their own pods.
    pub also_picked_by: BTreeSet<Name>,
}

impl ServiceInputs {
    /// The plan, where there is one and it is no tombstone.
    #[must_use]
    pub fn view(&self) -> Option<&ServiceView> {
        self.plan.as_ref().and_then(|plan| plan.value.as_ref())
    }

    /// The generation of the plan's part.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        self.plan.as_ref().map(|plan| plan.generation)
    }

    /// Whether a decision says that the service is gone: it differs from there being no word on it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.value.is_none())
    }
}
