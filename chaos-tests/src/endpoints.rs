//! What a data plane knows of a cluster's endpoints, whoever told.

use envoy_types::pb::envoy::config::{
    core::v3::{HealthStatus, address::Address as Socket},
    endpoint::v3::{ClusterLoadAssignment, lb_endpoint::HostIdentifier},
};

/// One endpoint of a cluster (in Envoy's sense: an upstream).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// 0 is the most preferred.
    pub priority: u32,
    /// Of its locality; empty if unknown.
    pub region: String,
    /// Of its locality; empty if unknown.
    pub zone: String,
    /// IP address, or the name of an internal listener.
    pub address: String,
    /// 0 for an internal listener.
    pub port: u32,
    /// Among the endpoints of its locality.
    pub weight: u32,
    /// Of its locality among those of its priority; 0 if none was given.
    pub locality_weight: u32,
    /// As Envoy's API names it: `HEALTHY`, `UNHEALTHY`, `DRAINING`, `UNKNOWN`, …
    pub health: String,
}

impl Endpoint {
    /// `address:port`.
    #[must_use]
    pub fn socket(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }
}

/// The endpoints in an EDS resource, sorted.
#[must_use]
pub fn of_assignment(assignment: &ClusterLoadAssignment) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for group in &assignment.endpoints {
        let locality = group.locality.clone().unwrap_or_default();
        for endpoint in &group.lb_endpoints {
            let (address, port) = match &endpoint.host_identifier {
                Some(HostIdentifier::Endpoint(host)) => {
                    socket_of(host.address.as_ref().and_then(|a| a.address.as_ref()))
                }
                Some(HostIdentifier::EndpointName(name)) => (name.clone(), 0),
                None => (String::new(), 0),
            };
            endpoints.push(Endpoint {
                priority: group.priority,
                region: locality.region.clone(),
                zone: locality.zone.clone(),
                address,
                port,
                weight: endpoint
                    .load_balancing_weight
                    .map_or(1, |weight| weight.value),
                locality_weight: group.load_balancing_weight.map_or(0, |weight| weight.value),
                health: HealthStatus::try_from(endpoint.health_status)
                    .unwrap_or_default()
                    .as_str_name()
                    .to_owned(),
            });
        }
    }
    endpoints.sort();
    endpoints
}

fn socket_of(address: Option<&Socket>) -> (String, u32) {
    use envoy_types::pb::envoy::config::core::v3::{
        envoy_internal_address::AddressNameSpecifier::ServerListenerName,
        socket_address::PortSpecifier,
    };
    match address {
        Some(Socket::SocketAddress(socket)) => {
            let port = match socket.port_specifier {
                Some(PortSpecifier::PortValue(port)) => port,
                _ => 0,
            };
            (socket.address.clone(), port)
        }
        Some(Socket::EnvoyInternalAddress(internal)) => match &internal.address_name_specifier {
            Some(ServerListenerName(name)) => (format!("{name}/{}", internal.endpoint_id), 0),
            None => (String::new(), 0),
        },
        Some(Socket::Pipe(pipe)) => (pipe.path.clone(), 0),
        None => (String::new(), 0),
    }
}
