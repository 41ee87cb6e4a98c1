//! The DestinationRule of a host: quick failure, ejection, and locality.
//!
//! Without outlier detection in this very rule Istio gives every endpoint the first priority, remote ones too, so the
//! rule is written before any entry and removed after all of them. The figures are those that were seen to work on
//! silence: a network that goes dark answers nothing, and only timeouts see that.

use causeway_api::{Generation, ServiceKey};
use serde_json::{Value, json};

use crate::object::{DesiredObject, Kind, ObjectKey, our_labels};
use crate::shares::Balance;

/// The rule for one host.
#[must_use]
pub fn rule(
    service: &ServiceKey,
    name: String,
    host: &str,
    generation: Generation,
    balance: &Balance,
) -> DesiredObject {
    DesiredObject {
        key: ObjectKey {
            kind: Kind::DestinationRule,
            namespace: service.namespace.to_string(),
            name,
        },
        generation,
        labels: our_labels(Some(service)),
        spec: json!({
            "host": host,
            "trafficPolicy": {
                "connectionPool": {
                    "tcp": {
                        "connectTimeout": "1s",
                        "tcpKeepalive": {"probes": 2, "time": "1s", "interval": "1s"},
                    },
                },
                // Gateway errors alone would keep a local endpoint that answers 500 to everything; errors of the
                // application alone would eject a whole network for one bad release, hence the higher number.
                // 100 %: Envoy counts ejections over all priorities, and the default of 10 % ejects nothing where
                // there are fewer than ten endpoints.
                "outlierDetection": {
                    "consecutiveGatewayErrors": 3,
                    "consecutive5xxErrors": 5,
                    "interval": "1s",
                    "baseEjectionTime": "5s",
                    "maxEjectionPercent": 100,
                },
                "loadBalancer": {"localityLbSetting": locality(balance)},
            },
        }),
    }
}

fn locality(balance: &Balance) -> Value {
    match balance {
        Balance::Priorities(None) => json!({"enabled": true}),
        Balance::Priorities(Some((from, to))) => {
            json!({"enabled": true, "failover": [{"from": from, "to": to}]})
        }
        Balance::Distribute(shares) => {
            let distribute: Vec<_> = shares
                .iter()
                .map(|(from, to)| json!({"from": from, "to": to}))
                .collect();
            json!({"enabled": true, "distribute": distribute})
        }
    }
}
