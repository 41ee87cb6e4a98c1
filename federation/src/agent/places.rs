//! What the hosts of callers' proxies are, by the view: the gateways of other networks, and the services planned through them.

use causeway_api::view::View;
use causeway_discovery::proxies::Places;

/// The gateways of all networks but the member's own, and the services that it calls.
pub(super) fn places(view: &View) -> Places {
    let planned = view
        .services
        .iter()
        .filter(|(_, part)| part.value.is_some());
    let mut places = Places::of(planned.map(|(service, _)| service.clone()).collect());
    let own = view
        .settings
        .value
        .as_ref()
        .map(|settings| &settings.network);
    for (network, part) in view.networks.iter().filter(|(name, _)| Some(*name) != own) {
        for gateway in part.value.iter().flat_map(|network| &network.gateways) {
            places.add(network, gateway.address.clone(), gateway.port);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::Generation;
    use causeway_api::facts::GatewayAddress;
    use causeway_api::spec::Mode;
    use causeway_api::view::{GatewayEndpoint, MeshSettings, NetworkView, ServiceView, Versioned};

    use super::*;

    fn part<T>(value: Option<T>) -> Versioned<T> {
        Versioned {
            generation: Generation::default(),
            value,
        }
    }

    #[test]
    fn the_own_network_is_no_place_and_only_what_is_planned_is_asked_for() {
        let network = |address: &str| {
            part(Some(NetworkView {
                gateways: [GatewayEndpoint {
                    address: GatewayAddress::Ip(address.parse().unwrap()),
                    port: 15443,
                }]
                .into(),
                locality: Default::default(),
            }))
        };
        let service = ServiceView {
            sources: Vec::new(),
            hosts: Default::default(),
            failover: Vec::new(),
            offered: Default::default(),
            withdrawn: Default::default(),
        };
        let view = View {
            settings: part(Some(MeshSettings {
                mode: Mode::Observe,
                suspend: false,
                network: "hz".parse().unwrap(),
                region: None,
                native_localities: Default::default(),
            })),
            services: [
                ("shop/cart".parse().unwrap(), part(Some(service))),
                ("shop/gone".parse().unwrap(), part(None)),
            ]
            .into(),
            networks: [
                ("hz".parse().unwrap(), network("10.0.0.1")),
                ("sh".parse().unwrap(), network("10.0.0.2")),
            ]
            .into(),
            ..View::default()
        };
        let places = places(&view);
        assert_eq!(places.network("10.0.0.1", "", 15443), None);
        assert_eq!(
            places.network("10.0.0.2", "", 15443),
            Some(&"sh".parse().unwrap())
        );
        assert!(places.knows(&"shop/cart".parse().unwrap()));
        assert!(!places.knows(&"shop/gone".parse().unwrap()));
    }
}
