//! Envoy's page `/clusters?format=json` (`envoy.admin.v3.Clusters`,
//! <https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--clusters>) → what it says of services and networks.
//!
//! A network is ejected for a service where all of its hosts are, in all clusters of the service: one gateway of several,
//! or one port, is not the network. Fields of a host that are false or zero are left out, as protobuf's JSON does.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::places::Places;
use super::{Pair, name};

/// What a proxy says of one service in one network, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Says {
    /// Whether it leaves all hosts of the network out.
    pub ejects: bool,
    /// Requests that it has sent there since it started: it can say that all is well only while it sends some.
    pub sent: u64,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    cluster_statuses: Vec<Cluster<'a>>,
}

#[derive(Deserialize)]
struct Cluster<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    host_statuses: Vec<Host<'a>>,
}

#[derive(Deserialize)]
struct Host<'a> {
    #[serde(borrow, default)]
    address: Address<'a>,
    #[serde(borrow, default)]
    hostname: Cow<'a, str>,
    #[serde(borrow, default)]
    stats: Vec<Stat<'a>>,
    #[serde(default)]
    health_status: Health,
}

#[derive(Deserialize, Default)]
struct Address<'a> {
    #[serde(borrow, default)]
    socket_address: Socket<'a>,
}

#[derive(Deserialize, Default)]
struct Socket<'a> {
    #[serde(borrow, default)]
    address: Cow<'a, str>,
    #[serde(default)]
    port_value: u16,
}

#[derive(Deserialize)]
struct Stat<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Number<'a>,
}

/// 64 bits are a text in protobuf's JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Default for Number<'_> {
    fn default() -> Self {
        Self::Number(0)
    }
}

#[derive(Deserialize, Default)]
struct Health {
    #[serde(default)]
    failed_outlier_check: bool,
}

/// What a proxy's page says of the services and networks in `places`, and of nothing else.
///
/// # Errors
/// Where it is no such page: what was found instead.
pub fn read(page: &[u8], places: &Places) -> Result<BTreeMap<Pair, Says>, String> {
    let page: Page<'_> = serde_json::from_slice(page)
        .map_err(|error| format!("its answer is not Envoy's /clusters in JSON ({error})"))?;
    let mut all: BTreeMap<Pair, Says> = BTreeMap::new();
    for cluster in &page.cluster_statuses {
        let Some(service) = name::service(&cluster.name).filter(|key| places.knows(key)) else {
            continue;
        };
        for host in &cluster.host_statuses {
            let at = &host.address.socket_address;
            let Some(network) = places.network(&at.address, &host.hostname, at.port_value) else {
                continue;
            };
            let ejects = host.health_status.failed_outlier_check;
            let first = Says { ejects, sent: 0 };
            let row = all.entry((service.clone(), network.clone()));
            let says = row.or_insert(first);
            says.ejects &= ejects;
            says.sent = says.sent.saturating_add(sent(host));
        }
    }
    Ok(all)
}

fn sent(host: &Host<'_>) -> u64 {
    let stat = host.stats.iter().find(|stat| stat.name == "rq_total");
    match stat.map(|stat| &stat.value) {
        Some(Number::Number(value)) => *value,
        Some(Number::Text(text)) => text.parse().unwrap_or(0),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use causeway_api::facts::GatewayAddress;

    fn places() -> Places {
        let mut places =
            Places::of(["shop/cart".parse().unwrap(), "pay/ledger".parse().unwrap()].into());
        for (network, address) in [("hz", "10.0.0.1"), ("hz", "10.0.0.2"), ("sh", "10.0.0.3")] {
            let address = GatewayAddress::Ip(address.parse().unwrap());
            places.add(&network.parse().unwrap(), address, 15443);
        }
        places
    }

    fn host(address: &str, ejected: bool, sent: u64) -> String {
        let health = if ejected {
            r#""failed_outlier_check":true,"#
        } else {
            ""
        };
        format!(
            r#"{{"address":{{"socket_address":{{"address":"{address}","port_value":15443}}}},
                "stats":[{{"name":"cx_active"}},{{"name":"rq_total","value":"{sent}","type":"COUNTER"}}],
                "health_status":{{{health}"eds_health_status":"HEALTHY"}},"weight":1,"locality":{{}}}}"#
        )
    }

    fn page(clusters: &[(&str, Vec<String>)]) -> String {
        let row = |(name, hosts): &(&str, Vec<String>)| {
            format!(
                r#"{{"name":"{name}","added_via_api":true,"host_statuses":[{}]}}"#,
                hosts.join(",")
            )
        };
        let rows: Vec<String> = clusters.iter().map(row).collect();
        format!(r#"{{"cluster_statuses":[{}]}}"#, rows.join(","))
    }

    fn found(text: &str) -> Vec<(String, bool, u64)> {
        let rows = read(text.as_bytes(), &places()).unwrap().into_iter();
        rows.map(|((service, network), says)| {
            (format!("{service} {network}"), says.ejects, says.sent)
        })
        .collect()
    }

    #[test]
    fn a_network_is_out_where_all_of_its_hosts_are() {
        let cart = "outbound|80||cart.shop.svc.cluster.local";
        let both = page(&[(
            cart,
            vec![
                host("10.0.0.1", true, 3),
                host("10.0.0.2", true, 4),
                host("10.0.0.3", false, 5),
                host("10.7.7.7", true, 9),
            ],
        )]);
        let row = |name: &str, ejects, sent| (name.to_owned(), ejects, sent);
        assert_eq!(
            found(&both),
            [row("shop/cart hz", true, 7), row("shop/cart sh", false, 5)]
        );
        // One gateway of two, and one port of two, are not the network.
        let one = page(&[(
            cart,
            vec![host("10.0.0.1", true, 3), host("10.0.0.2", false, 4)],
        )]);
        assert_eq!(found(&one), [row("shop/cart hz", false, 7)]);
        let other_port = page(&[
            (cart, vec![host("10.0.0.3", true, 1)]),
            (
                "outbound|81||cart.shop.svc.cluster.local",
                vec![host("10.0.0.3", false, 1)],
            ),
            ("pay/ledger", vec![host("10.0.0.3", true, 1)]),
            (
                "outbound|80||other.shop.svc.cluster.local",
                vec![host("10.0.0.3", true, 1)],
            ),
        ]);
        assert_eq!(found(&other_port), [row("shop/cart sh", false, 2)]);
    }

    #[test]
    fn what_is_left_out_is_false_or_zero_and_what_is_no_page_is_said() {
        let bare = r#"{"cluster_statuses":[{"name":"cart.shop.svc","host_statuses":[
            {"address":{"socket_address":{"address":"10.0.0.3","port_value":15443}}},
            {"address":{"pipe":{"path":"/x"}}}]},{}]}"#;
        assert_eq!(found(bare), [("shop/cart sh".to_owned(), false, 0)]);
        for wrong in [
            "",
            "cart::10.0.0.1:15443::rq_total::3",
            "{}",
            "[]",
            r#"{"cluster_statuses":3}"#,
        ] {
            let error = read(wrong.as_bytes(), &places()).unwrap_err();
            assert!(error.contains("not Envoy's /clusters"), "{error}");
        }
    }
}
