//! Other owners' objects, as far as they decide what we may write: found by host, so that a change to one service
//! looks at few of them.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ServiceKey;
use serde_json::Value;

use crate::object::{Kind, NETWORK_LABEL, ObjectKey};

/// What another owner's object says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreign {
    /// A DestinationRule.
    Rule {
        /// The host as Istio reads it: short names completed by the rule's namespace.
        host: String,
        /// It has outlier detection and leaves priorities by locality alone: in another namespace such a rule still
        /// keeps remote endpoints behind local ones.
        keeps_priorities: bool,
    },
    /// A ServiceEntry.
    Host {
        /// Its hosts.
        hosts: Vec<String>,
    },
    /// A Gateway with a network's label.
    Gateway {
        /// The network.
        network: String,
    },
}

impl Foreign {
    /// What of an object concerns us; `None` where nothing does.
    #[must_use]
    pub fn read(
        kind: Kind,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        spec: &Value,
    ) -> Option<Self> {
        match kind {
            Kind::DestinationRule => Some(Self::Rule {
                host: complete(spec.get("host")?.as_str()?, namespace),
                keeps_priorities: keeps_priorities(spec),
            }),
            Kind::ServiceEntry => Some(Self::Host {
                hosts: spec
                    .get("hosts")?
                    .as_array()?
                    .iter()
                    .filter_map(|host| Some(host.as_str()?.to_ascii_lowercase()))
                    .collect(),
            }),
            Kind::Gateway => Some(Self::Gateway {
                network: labels.get(NETWORK_LABEL)?.clone(),
            }),
            Kind::WorkloadEntry => None,
        }
    }

    fn hosts(&self) -> &[String] {
        match self {
            Self::Rule { host, .. } => std::slice::from_ref(host),
            Self::Host { hosts } => hosts,
            Self::Gateway { .. } => &[],
        }
    }

    /// Whose rendering it touches.
    #[must_use]
    pub fn touches(&self) -> Vec<Touched> {
        let hosts = self.hosts().iter().map(|host| match service_of(host) {
            Some(service) => Touched::Service(service),
            None => Touched::Suffix(host.strip_prefix('*').unwrap_or(host).to_owned()),
        });
        match self {
            Self::Gateway { .. } => vec![Touched::Networks],
            _ => hosts.collect(),
        }
    }
}

/// What another owner's object touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// One service.
    Service(ServiceKey),
    /// All whose hosts end so.
    Suffix(String),
    /// The gateways.
    Networks,
}

/// Outlier detection is there, and neither locality balancing is off nor shares are set by locality.
fn keeps_priorities(spec: &Value) -> bool {
    let policy = spec.get("trafficPolicy");
    let outlier = policy.and_then(|policy| policy.get("outlierDetection"));
    let locality = policy
        .and_then(|policy| policy.get("loadBalancer"))
        .and_then(|balancer| balancer.get("localityLbSetting"));
    let off = locality.and_then(|locality| locality.get("enabled")) == Some(&Value::Bool(false));
    let distributes = locality.is_some_and(|locality| locality.get("distribute").is_some());
    outlier.is_some_and(Value::is_object) && !off && !distributes
}

/// A host without a dot is a Service of the rule's own namespace; all else stands for itself.
fn complete(host: &str, namespace: &str) -> String {
    let host = host.to_ascii_lowercase();
    if host.contains('.') || host == "*" {
        host
    } else {
        format!("{host}.{namespace}.svc.cluster.local")
    }
}

/// The service that a host belongs to, where it is one of its two names.
fn service_of(host: &str) -> Option<ServiceKey> {
    let stem = host
        .strip_suffix(".svc.cluster.local")
        .or_else(|| host.strip_suffix(".svc.clusterset.local"))?;
    let (name, namespace) = stem.split_once('.')?;
    (!namespace.contains('.'))
        .then(|| ServiceKey::new(namespace, name).ok())
        .flatten()
}

/// All of other owners' objects that concern us.
#[derive(Debug, Clone, Default)]
pub struct ForeignIndex {
    objects: BTreeMap<ObjectKey, Foreign>,
    exact: BTreeMap<String, BTreeSet<ObjectKey>>,
    /// By the part after `*`.
    wildcards: BTreeMap<String, BTreeSet<ObjectKey>>,
}

impl ForeignIndex {
    /// Takes an object in, changes it, or (`None`) takes it out; answers whose rendering that touches.
    pub fn set(&mut self, key: &ObjectKey, object: Option<Foreign>) -> Vec<Touched> {
        let old = self.objects.remove(key);
        if old == object {
            if let Some(object) = object {
                self.objects.insert(key.clone(), object);
            }
            return Vec::new();
        }
        let mut touched = Vec::new();
        if let Some(old) = old {
            touched.extend(old.touches());
            for host in old.hosts() {
                let (map, host) = self.map_of(host);
                if let Some(keys) = map.get_mut(&host) {
                    keys.remove(key);
                    if keys.is_empty() {
                        map.remove(&host);
                    }
                }
            }
        }
        if let Some(object) = object {
            touched.extend(object.touches());
            for host in object.hosts() {
                let (map, host) = self.map_of(host);
                map.entry(host).or_default().insert(key.clone());
            }
            self.objects.insert(key.clone(), object);
        }
        touched
    }

    fn map_of(&mut self, host: &str) -> (&mut BTreeMap<String, BTreeSet<ObjectKey>>, String) {
        match host.strip_prefix('*') {
            Some(suffix) => (&mut self.wildcards, suffix.to_owned()),
            None => (&mut self.exact, host.to_owned()),
        }
    }

    /// Objects of one kind whose hosts cover `host`, by name or by wildcard, in order.
    pub fn covering<'a>(
        &'a self,
        kind: Kind,
        host: &'a str,
    ) -> impl Iterator<Item = (&'a ObjectKey, &'a Foreign)> + 'a {
        // `*.a.b` covers `x.a.b`: try each suffix that begins with a dot, and `*` itself.
        let suffixes = host
            .char_indices()
            .filter(|(_, c)| *c == '.')
            .filter_map(|(at, _)| host.get(at..))
            .chain([""]);
        self.exact
            .get(host)
            .into_iter()
            .chain(suffixes.filter_map(|suffix| self.wildcards.get(suffix)))
            .flatten()
            .filter(move |key| key.kind == kind)
            .filter_map(|key| Some((key, self.objects.get(key)?)))
    }

    /// Gateways of other owners that lead into `network`.
    pub fn gateways<'a>(&'a self, network: &'a str) -> impl Iterator<Item = &'a ObjectKey> + 'a {
        // Kinds order keys, and gateways come first.
        self.objects
            .iter()
            .take_while(|(key, _)| key.kind == Kind::Gateway)
            .filter(move |(_, object)| {
                matches!(object, Foreign::Gateway { network: found } if found == network)
            })
            .map(|(key, _)| key)
    }

    /// All objects that it holds, in order.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// How many objects it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn key(namespace: &str, name: &str) -> ObjectKey {
        ObjectKey {
            kind: Kind::DestinationRule,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn rule(namespace: &str, host: &str) -> Option<Foreign> {
        Foreign::read(
            Kind::DestinationRule,
            namespace,
            &BTreeMap::new(),
            &json!({"host": host}),
        )
    }

    #[test]
    fn rules_are_found_by_short_name_by_full_name_and_by_wildcard() {
        let host = "cart.shop.svc.cluster.local";
        let mut index = ForeignIndex::default();
        for (at, (namespace, written)) in [
            ("shop", "cart"),
            ("web", host),
            ("istio-system", "*.local"),
            ("istio-system", "*"),
            ("shop", "*.shop.svc.cluster.local"),
            // Not these: another service, another namespace's short name, a name that Istio leaves incomplete.
            ("shop", "carts"),
            ("web", "cart"),
            ("web", "cart.shop"),
            ("web", "*.pay.svc.cluster.local"),
        ]
        .into_iter()
        .enumerate()
        {
            let touched = index.set(&key(namespace, &format!("r{at}")), rule(namespace, written));
            assert_eq!(touched.len(), 1);
        }
        let found: BTreeSet<_> = index
            .covering(Kind::DestinationRule, host)
            .map(|(key, _)| key.name.as_str())
            .collect();
        assert_eq!(found, BTreeSet::from(["r0", "r1", "r2", "r3", "r4"]));
        assert_eq!(index.covering(Kind::ServiceEntry, host).count(), 0);
    }

    #[test]
    fn what_is_taken_out_is_found_no_more() {
        let mut index = ForeignIndex::default();
        let at = key("shop", "mine");
        let service = Touched::Service(ServiceKey::new("shop", "cart").unwrap());
        assert_eq!(index.set(&at, rule("shop", "cart")), vec![service.clone()]);
        assert!(
            index.set(&at, rule("shop", "cart")).is_empty(),
            "the same again touches nothing"
        );
        assert_eq!(
            index.set(&at, rule("shop", "*.shop.svc.cluster.local")),
            vec![
                service,
                Touched::Suffix(".shop.svc.cluster.local".to_owned())
            ]
        );
        index.set(&at, None);
        assert!(index.is_empty());
        assert_eq!(
            index
                .covering(Kind::DestinationRule, "cart.shop.svc.cluster.local")
                .count(),
            0
        );
    }

    #[test]
    fn only_outlier_detection_keeps_priorities() {
        let with = |policy: Value| keeps_priorities(&json!({"trafficPolicy": policy}));
        assert!(with(json!({"outlierDetection": {}})));
        assert!(!with(json!({"tls": {"mode": "ISTIO_MUTUAL"}})));
        assert!(!with(
            json!({"outlierDetection": {}, "loadBalancer": {"localityLbSetting": {"enabled": false}}})
        ));
    }
}
