//! Names of our objects: each says which service and which network, and no two mean the same.
//!
//! Names of services have no dots (RFC 1123 labels), so a dot parts them from what follows. Networks are label values,
//! which allow more than names of objects do: what is not allowed is replaced, and a checksum keeps names apart.

use causeway_api::{NetworkName, ServiceKey};

/// The network that exists nowhere: its gateway keeps istiod in its multi-network mode.
pub const VOID_NETWORK: &str = "causeway-void";
/// The gateway of [`VOID_NETWORK`].
pub const VOID_GATEWAY: &str = "cw-causeway-void";

/// The rule for `svc.ns.svc.cluster.local`.
#[must_use]
pub fn local_rule(service: &ServiceKey) -> String {
    format!("cw-{}.cluster", service.name)
}

/// The rule for `svc.ns.svc.clusterset.local`.
#[must_use]
pub fn set_rule(service: &ServiceKey) -> String {
    format!("cw-{}.clusterset", service.name)
}

/// The host `svc.ns.svc.cluster.local`, where the mesh lacks it.
#[must_use]
pub fn local_host(service: &ServiceKey) -> String {
    format!("cw-{}.cluster", service.name)
}

/// The host `svc.ns.svc.clusterset.local`.
#[must_use]
pub fn set_host(service: &ServiceKey) -> String {
    format!("cw-{}.clusterset", service.name)
}

/// The capacity of a service in a remote network.
#[must_use]
pub fn entry(service: &ServiceKey, network: &NetworkName) -> String {
    format!("cw-{}.{}", service.name, plain(network.as_str()))
}

/// The gateways of a network that share a port. The usual port is left out.
#[must_use]
pub fn gateway(network: &NetworkName, port: u16) -> String {
    let network = plain(network.as_str());
    if port == causeway_api::spec::defaults::GATEWAY_PORT {
        format!("cw-{network}")
    } else {
        format!("cw-{network}.{port}")
    }
}

/// The name of the service in the name of an object of ours, where it has that form.
#[must_use]
pub fn service_of(name: &str) -> Option<&str> {
    name.strip_prefix("cw-")?
        .split_once('.')
        .map(|(service, _)| service)
}

/// `text` as a DNS label: itself where it is one, else with a checksum of the original.
fn plain(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.chars().all(allowed) {
        return text.to_owned();
    }
    let replaced: String = text
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if allowed(c) { c } else { '-' })
        .collect();
    format!("{replaced}-{:08x}", checksum(text))
}

/// FNV-1a, folded to 32 bits: short, and the same on every machine.
fn checksum(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_two_things_share_a_name() {
        let name = |service: &str, network: &str| {
            entry(
                &ServiceKey::new("app", service).unwrap(),
                &NetworkName::new(network).unwrap(),
            )
        };
        assert_eq!(name("echo", "net2"), "cw-echo.net2");
        assert_ne!(name("a", "b-c"), name("a-b", "c"));
        assert_ne!(name("a", "Net"), name("a", "net"));
        assert_ne!(name("a", "n_t"), name("a", "n-t"));
        let odd = name("a", "VPC_1.x");
        assert!(
            causeway_api::Name::new(&odd).is_ok(),
            "{odd} is a name that Kubernetes takes"
        );
        assert_eq!(service_of(&odd), Some("a"));
        assert_eq!(service_of("somebody-elses"), None);
    }
}
