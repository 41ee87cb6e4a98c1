//! DestinationRules of others: Causeway leaves the hosts that they cover alone, and so a sceptic should know them.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_seam::Env;
use kube::Client;
use serde::Deserialize;

/// Objects in one page of a list.
const PAGE: u32 = 500;

#[derive(Deserialize)]
struct Page {
    metadata: PageMeta,
    #[serde(default = "Vec::new")]
    items: Vec<Rule>,
}

#[derive(Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Rule {
    metadata: RuleMeta,
    #[serde(default)]
    spec: RuleSpec,
}

#[derive(Deserialize)]
struct RuleMeta {
    name: String,
    namespace: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct RuleSpec {
    #[serde(default)]
    host: String,
}

/// The hosts that rules of others cover, each with the first rule that does; where they cannot be read, why.
pub(super) async fn of_others(
    env: &Env,
    client: &Client,
    limit: Duration,
) -> Result<BTreeMap<String, String>, String> {
    let mut hosts = BTreeMap::new();
    let mut next = String::new();
    loop {
        let path = format!("/apis/networking.istio.io/v1/destinationrules?limit={PAGE}{next}");
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(|error| error.to_string())?;
        let page: Page = match env.timeout(limit, client.request(request)).await {
            Ok(Ok(page)) => page,
            // No such kind: no such rules.
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(hosts),
            Ok(Err(kube::Error::Api(status))) => return Err(status.message.clone()),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(elapsed) => return Err(elapsed.to_string()),
        };
        for rule in page.items.into_iter().filter(|rule| !is_ours(rule)) {
            let host = whole(&rule.spec.host, &rule.metadata.namespace);
            hosts
                .entry(host)
                .or_insert_with(|| format!("{}/{}", rule.metadata.namespace, rule.metadata.name));
        }
        match page.metadata.next.filter(|token| !token.is_empty()) {
            Some(token) => next = format!("&continue={}", escaped(&token)),
            None => return Ok(hosts),
        }
    }
}

fn is_ours(rule: &Rule) -> bool {
    rule.metadata
        .labels
        .get("causeway.dev/owner")
        .is_some_and(|owner| owner == "causeway")
}

/// A host as Istio completes it: a name without dots is of the rule's own namespace.
fn whole(host: &str, namespace: &str) -> String {
    match host.split('.').collect::<Vec<_>>().as_slice() {
        [name] if *name != "*" => format!("{name}.{namespace}.svc.cluster.local"),
        _ => host.to_owned(),
    }
}

/// A token of pages, as a query carries it (RFC 3986, 2.1).
fn escaped(token: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    token.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_hosts_are_completed_and_tokens_escaped() {
        assert_eq!(whole("cart", "shop"), "cart.shop.svc.cluster.local");
        assert_eq!(
            whole("cart.shop.svc.cluster.local", "x"),
            "cart.shop.svc.cluster.local"
        );
        assert_eq!(
            whole("*.shop.svc.cluster.local", "x"),
            "*.shop.svc.cluster.local"
        );
        assert_eq!(escaped("a+b/c="), "a%2Bb%2Fc%3D");
    }
}
