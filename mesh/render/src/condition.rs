//! What could not be expressed or must not be written, each with the object and the remedy.

use causeway_api::ServiceKey;
use causeway_api::view::MeshCondition;

/// The words of [`MeshCondition::reason`].
pub mod reason {
    /// Another owner's DestinationRule covers the host: the service is left alone.
    pub const FOREIGN_DESTINATION_RULE: &str = "ForeignDestinationRule";
    /// A DestinationRule in a client namespace hides ours for the callers there.
    pub const HIDDEN_IN_NAMESPACE: &str = "HiddenInClientNamespace";
    /// A Service that is not federated would pick our entries.
    pub const PICKED_BY_OTHERS: &str = "PickedByOtherServices";
    /// Another owner's ServiceEntry has the host.
    pub const FOREIGN_SERVICE_ENTRY: &str = "ForeignServiceEntry";
    /// Another owner's gateway names the same network.
    pub const FOREIGN_GATEWAY: &str = "ForeignGateway";
    /// Another owner's object has the name that ours would have.
    pub const FOREIGN_OBJECT: &str = "ForeignObject";
    /// The mesh holds a newer decision than the view.
    pub const NEWER_IN_MESH: &str = "NewerInMesh";
    /// The last destination was kept, though the view would remove it.
    pub const LAST_DESTINATION_KEPT: &str = "LastDestinationKept";
    /// HTTP/2 has no keep-alive of its own in what Istio lets us say.
    pub const HTTP2_KEEP_ALIVE: &str = "Http2KeepAliveNotExpressed";
    /// Proxies here have no region: they see every endpoint in the first priority.
    pub const PROXY_WITHOUT_LOCALITY: &str = "ProxyWithoutLocality";
    /// Headless services do not cross networks.
    pub const HEADLESS: &str = "HeadlessNotFederated";
    /// A port's protocol does not cross networks.
    pub const PROTOCOL: &str = "ProtocolNotCarried";
    /// Members disagree about a port.
    pub const PORT_CONFLICT: &str = "PortConflict";
    /// A named target port whose number is unknown.
    pub const TARGET_PORT: &str = "TargetPortUnknown";
    /// The names by which clients call cannot be told apart.
    pub const HOSTS_NOT_SEPARABLE: &str = "HostsNotSeparable";
    /// Local endpoints of a Service without a selector do not join the clusterset name.
    pub const LOCAL_NOT_IN_CLUSTERSET: &str = "LocalEndpointsNotInClusterSet";
    /// A name that resolves only with the mesh's DNS proxy or a stub.
    pub const NAME_NEEDS_DNS: &str = "NameNeedsDns";
    /// More than one account, or none, is known for the far side's pods.
    pub const SERVICE_ACCOUNT: &str = "ServiceAccountUnclear";
    /// Exact shares cannot be said; priorities are used.
    pub const SPILL_NOT_EXPRESSED: &str = "SpillNotExpressed";
    /// Beside exact shares, nothing can stand by in Envoy.
    pub const STANDBY_NOT_EXPRESSED: &str = "StandbyNotExpressed";
    /// Istio knows one region to fail over to; the others share a priority.
    pub const FAILOVER_ORDER: &str = "FailoverOrderNotExpressed";
    /// Tiers of the plan share a priority.
    pub const TIERS_MERGED: &str = "TiersMerged";
    /// A share goes to another member of the own network, which only the mesh itself could name.
    pub const SAME_NETWORK: &str = "SameNetworkNotExpressed";
    /// A view or a part of it is beyond all sense: the last good stays.
    pub const TOO_LARGE: &str = "ViewTooLarge";
    /// An address or port of a gateway is nonsense.
    pub const BAD_GATEWAY_ADDRESS: &str = "BadGatewayAddress";
}

/// A condition about one service.
#[must_use]
pub fn of_service(
    reason: &str,
    service: &ServiceKey,
    object: &str,
    message: String,
) -> MeshCondition {
    MeshCondition {
        reason: reason.to_owned(),
        object: object.to_owned(),
        service: Some(service.clone()),
        message,
    }
}

/// A condition about the mesh as a whole, or a network of it.
#[must_use]
pub fn of_mesh(reason: &str, object: &str, message: String) -> MeshCondition {
    MeshCondition {
        reason: reason.to_owned(),
        object: object.to_owned(),
        service: None,
        message,
    }
}
