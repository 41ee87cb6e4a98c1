//! Names of Envoy's clusters → services.
//!
//! Istio's are `outbound|PORT|SUBSET|HOST`; where others configure Envoy, the host itself, with or without a port, is
//! read as one. The host is that of a Service, in the cluster or in the clusterset: `NAME.NAMESPACE.svc.DOMAIN`.

use causeway_api::ServiceKey;

/// The service that a cluster's name says; `None`: it says none.
#[must_use]
pub fn service(cluster: &str) -> Option<ServiceKey> {
    let mut parts = cluster.split('|');
    let host = match (
        parts.next()?,
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) {
        ("outbound", Some(_), Some(_), Some(host), None) => host,
        (host, None, ..) => host.split(':').next()?,
        _ => return None,
    };
    let mut labels = host.splitn(4, '.');
    let (name, namespace) = (labels.next()?, labels.next()?);
    if labels.next() != Some("svc") {
        return None;
    }
    ServiceKey::new(namespace, name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_istio_and_of_others_name_services() {
        for (cluster, named) in [
            (
                "outbound|80||cart.shop.svc.cluster.local",
                Some("shop/cart"),
            ),
            (
                "outbound|80|v2|cart.shop.svc.clusterset.local",
                Some("shop/cart"),
            ),
            ("cart.shop.svc.cluster.local", Some("shop/cart")),
            ("cart.shop.svc:8080", Some("shop/cart")),
            ("inbound|80||cart.shop.svc.cluster.local", None),
            ("outbound|80||api.example.com", None),
            ("outbound|80||cart.shop.svc.cluster.local|more", None),
            ("outbound|80|cart.shop.svc", None),
            ("BlackHoleCluster", None),
            ("cart.shop", None),
            ("Cart_1.shop.svc", None),
            (".shop.svc", None),
            ("", None),
        ] {
            let found = service(cluster).map(|key| key.to_string());
            assert_eq!(found.as_deref(), named, "{cluster}");
        }
    }
}
