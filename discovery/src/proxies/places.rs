//! Which hosts of a proxy are a remote network: the gateways that lead into it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use causeway_api::facts::GatewayAddress;
use causeway_api::{NetworkName, ServiceKey};

/// The gateways of remote networks, and the services that are called through them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// By address and port. `None`: several networks say that it is theirs, so it tells none of them.
    gateways: BTreeMap<(GatewayAddress, u16), Option<NetworkName>>,
    services: BTreeSet<ServiceKey>,
}

impl Places {
    /// No gateway, and these services.
    #[must_use]
    pub fn of(services: BTreeSet<ServiceKey>) -> Self {
        Self {
            gateways: BTreeMap::new(),
            services,
        }
    }

    /// A gateway leads into a network.
    pub fn add(&mut self, network: &NetworkName, address: GatewayAddress, port: u16) {
        let row = self.gateways.entry((address, port));
        let held = row.or_insert_with(|| Some(network.clone()));
        if held.as_ref() != Some(network) {
            *held = None;
        }
    }

    /// Whether a service is one that others may be sent to.
    #[must_use]
    pub fn knows(&self, service: &ServiceKey) -> bool {
        self.services.contains(service)
    }

    /// The network that a proxy's host leads into, by its address or the name that it was resolved from.
    #[must_use]
    pub fn network(&self, address: &str, hostname: &str, port: u16) -> Option<&NetworkName> {
        let by = |address: GatewayAddress| self.gateways.get(&(address, port));
        let ip = address.parse::<IpAddr>().ok().map(GatewayAddress::Ip);
        let found = ip
            .and_then(by)
            .or_else(|| by(GatewayAddress::Host(hostname.to_owned())));
        found?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_host_is_known_by_address_or_name_and_by_port() {
        let (hz, sh): (NetworkName, NetworkName) = ("hz".parse().unwrap(), "sh".parse().unwrap());
        let ip = |text: &str| GatewayAddress::Ip(text.parse().unwrap());
        let mut places = Places::default();
        places.add(&hz, ip("10.0.0.1"), 15443);
        places.add(&hz, ip("10.0.0.1"), 15443);
        places.add(&sh, GatewayAddress::Host("sh.example".to_owned()), 15443);
        for network in [&hz, &sh] {
            places.add(network, ip("10.0.0.9"), 15443);
        }
        assert_eq!(places.network("10.0.0.1", "", 15443), Some(&hz));
        assert_eq!(places.network("10.9.9.9", "sh.example", 15443), Some(&sh));
        assert_eq!(places.network("10.0.0.1", "", 443), None);
        assert_eq!(
            places.network("10.0.0.9", "", 15443),
            None,
            "two say it is theirs"
        );
        assert_eq!(places.network("", "", 15443), None);
    }
}
