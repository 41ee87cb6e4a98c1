//! The bootstrap configuration of an Envoy under istiod.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::node::ProxyNode;

/// Everything but what istiod gives: who it is, and where istiod and the SDS server are. The
/// names of the two clusters are those that istiod's configuration refers to.
pub(crate) fn bootstrap(
    node: &ProxyNode,
    admin: SocketAddr,
    istiod: SocketAddr,
    sds: SocketAddr,
) -> Value {
    let ads = json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s" });
    json!({
        "node": node.to_json(),
        "admin": { "address": socket(admin) },
        "dynamic_resources": {
            "lds_config": ads,
            "cds_config": ads,
            "ads_config": {
                // As Istio's own bootstrap does since 1.22.
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds-grpc" } }],
            },
        },
        "static_resources": { "clusters": [grpc_cluster("xds-grpc", istiod), grpc_cluster("sds-grpc", sds)] },
    })
}

fn grpc_cluster(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(address) } }] }],
        },
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
