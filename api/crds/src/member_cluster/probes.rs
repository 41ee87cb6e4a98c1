//! How a member's gateways are probed.

use causeway_api::probe::{READY_PATH, READY_PORT};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// How a member is probed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.serverNames) || size(self.serverNames) == 0 || self.gateway == 'TLS'",
        "message": "serverNames are asked for by TLS alone: set gateway to TLS, or leave them out",
        "fieldPath": ".serverNames",
    },
    {
        "rule": "!has(self.http) || self.gateway == 'HTTP'",
        "message": "http is asked for by HTTP alone: set gateway to HTTP, or leave it out",
        "fieldPath": ".http",
    },
]))]
pub struct Probes {
    /// What counts as an answer of an east-west gateway. TCP: a connection. TLS: a handshake with a server name that it
    /// should know; no certificate is asked for. HTTP: a page that says that it is ready.
    #[serde(default)]
    pub gateway: GatewayProbe,
    /// For TLS: server names, any of which it should answer. Default: those of services that the member exports, as Istio's
    /// proxies ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 253), regex(pattern = SERVER_NAME)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub server_names: Vec<String>,
    /// For HTTP: which page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Page>,
}

/// As Istio's names for the east-west gateway too: `outbound_.80_._.cart.shop.svc.cluster.local`.
const SERVER_NAME: &str = "^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?$";

/// What counts as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum GatewayProbe {
    /// A connection to the gateway's port.
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    /// A TLS handshake at the gateway's port.
    #[serde(rename = "TLS")]
    Tls,
    /// A page that answers 200 to 399.
    #[serde(rename = "HTTP")]
    Http,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page {
    /// The port, at the gateway's addresses.
    #[serde(default = "port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// The path.
    #[serde(default = "path")]
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::URL_PATH))]
    pub path: String,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            port: port(),
            path: path(),
        }
    }
}

fn port() -> i32 {
    i32::from(READY_PORT)
}

fn path() -> String {
    READY_PATH.to_owned()
}
