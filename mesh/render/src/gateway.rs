//! How other networks are reached: `istio-remote` gateways, which need no access to the far API server.
//!
//! **The void gateway.** An entry without an address, while istiod knows no gateway of any network, is sent to Envoy
//! with an empty address, and Envoy refuses the endpoints of *all* services. A gateway of a network that exists
//! nowhere keeps istiod in its multi-network mode, in which such an entry is left out. So it is written before
//! anything else of ours and removed after all of it.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::GatewayAddress;
use causeway_api::view::{GatewayEndpoint, MeshCondition, NetworkView};
use causeway_api::{Generation, NetworkName};
use serde_json::{Value, json};

use crate::condition::{of_mesh, reason};
use crate::foreign::ForeignIndex;
use crate::input::MemberInputs;
use crate::keep::keep_newer;
use crate::limits;
use crate::locality::own_region;
use crate::name::{self, VOID_GATEWAY, VOID_NETWORK};
use crate::object::{DesiredObject, Kind, LiveObject, NETWORK_LABEL, ObjectKey, our_labels};
use crate::service::Rendered;

/// Names the port of a gateway that is not the usual one (Istio's API reference, *Labels*).
const PORT_LABEL: &str = "networking.istio.io/gatewayPort";

/// Reserved for documentation (RFC 5737): nobody answers there.
const VOID_ADDRESS: &str = "192.0.2.1";

/// Renders all gateways, and what concerns the mesh as a whole. `needed`: whether anything else of ours is or will be
/// in the mesh; then the void gateway has to be.
#[must_use]
pub fn render_networks(
    member: &MemberInputs,
    needed: bool,
    foreign: &ForeignIndex,
    live: &[&LiveObject],
) -> Rendered {
    let mut rendered = Rendered::default();
    if member.networks.len() > limits::NETWORKS {
        rendered.conditions.push(of_mesh(
            reason::TOO_LARGE,
            "",
            format!(
                "{} networks, where at most {} make sense: the mesh's gateways stay as they are.",
                member.networks.len(),
                limits::NETWORKS
            ),
        ));
        let ours = live.iter().filter(|object| object.is_ours());
        rendered.objects.extend(ours.map(|object| object.kept()));
        return rendered;
    }
    let parts = member.networks.values().map(|part| part.generation);
    let known = parts.fold(member.seen.max(member.generation), Generation::max);
    for (network, view) in &member.networks {
        if *network == member.settings.network {
            continue;
        }
        if let Some(value) = &view.value {
            one(member, network, view.generation, value, &mut rendered);
            rendered.conditions.extend(others(network, foreign));
        }
    }
    if needed || !rendered.objects.is_empty() {
        rendered.objects.push(gateway(
            member,
            VOID_GATEWAY.to_owned(),
            VOID_NETWORK,
            member.generation,
            causeway_api::spec::defaults::GATEWAY_PORT,
            [("IPAddress", VOID_ADDRESS.to_owned())].into(),
        ));
    }
    let (objects, conditions) = (&mut rendered.objects, &mut rendered.conditions);
    keep_newer(None, objects, conditions, live, known);
    if own_region(member).is_none() {
        rendered.conditions.push(of_mesh(
            reason::PROXY_WITHOUT_LOCALITY,
            "",
            "the region of this member is unknown, so its proxies see remote endpoints beside local ones. Label the \
             nodes with topology.kubernetes.io/region and zone."
                .to_owned(),
        ));
    }
    rendered
}

/// The gateways of one network: one object for each port.
fn one(
    member: &MemberInputs,
    network: &NetworkName,
    generation: Generation,
    view: &NetworkView,
    rendered: &mut Rendered,
) {
    let mut ports: BTreeMap<u16, BTreeSet<(&str, String)>> = BTreeMap::new();
    for endpoint in &view.gateways {
        if let Some(problem) = nonsense(endpoint) {
            rendered.conditions.push(of_mesh(
                reason::BAD_GATEWAY_ADDRESS,
                "",
                format!(
                    "network {network} gives {}:{} as a gateway: {problem}, so it is left out. Correct its \
                     MemberCluster or its gateway's Service.",
                    endpoint.address, endpoint.port
                ),
            ));
            continue;
        }
        let address = match &endpoint.address {
            GatewayAddress::Ip(ip) => ("IPAddress", ip.to_string()),
            GatewayAddress::Host(host) => ("Hostname", host.clone()),
        };
        ports.entry(endpoint.port).or_default().insert(address);
    }
    for (port, mut addresses) in ports {
        while addresses.len() > limits::ADDRESSES {
            addresses.pop_last();
        }
        let name = name::gateway(network, port);
        rendered.objects.push(gateway(
            member,
            name,
            network.as_str(),
            generation,
            port,
            addresses,
        ));
    }
}

/// Why nobody can be reached there.
fn nonsense(endpoint: &GatewayEndpoint) -> Option<&'static str> {
    match &endpoint.address {
        _ if endpoint.port == 0 => Some("0 is no port"),
        GatewayAddress::Ip(ip) if ip.is_unspecified() => Some("the address means none"),
        GatewayAddress::Ip(ip) if ip.is_multicast() => Some("the address is a group's"),
        GatewayAddress::Host(host) if causeway_api::Name::new(host).is_err() => {
            Some("it is no name of a host")
        }
        _ => None,
    }
}

fn gateway(
    member: &MemberInputs,
    name: String,
    network: &str,
    generation: Generation,
    port: u16,
    addresses: BTreeSet<(&str, String)>,
) -> DesiredObject {
    let mut labels = our_labels(None);
    labels.insert(NETWORK_LABEL.to_owned(), network.to_owned());
    if port != causeway_api::spec::defaults::GATEWAY_PORT {
        // istiod passes over listeners of any other port, unless this names it.
        labels.insert(PORT_LABEL.to_owned(), port.to_string());
    }
    let addresses: Vec<Value> = addresses
        .into_iter()
        .map(|(kind, value)| json!({"type": kind, "value": value}))
        .collect();
    DesiredObject {
        key: ObjectKey {
            kind: Kind::Gateway,
            namespace: member.mesh_namespace.clone(),
            name,
        },
        generation,
        labels,
        spec: json!({
            "gatewayClassName": "istio-remote",
            "addresses": addresses,
            "listeners": [{
                "name": "cross-network",
                "port": port,
                "protocol": "TLS",
                "tls": {"mode": "Passthrough"},
            }],
        }),
    }
}

/// Other owners' gateways into the same network.
fn others(network: &NetworkName, foreign: &ForeignIndex) -> Vec<MeshCondition> {
    foreign
        .gateways(network.as_str())
        .map(|key| {
            of_mesh(
                reason::FOREIGN_GATEWAY,
                &key.to_string(),
                format!(
                    "{key} leads into network {network} too: traffic uses both, and withdrawing the network does not \
                     close it. Remove it if Causeway is to decide."
                ),
            )
        })
        .collect()
}
