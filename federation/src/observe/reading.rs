//! What was read of one cluster.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::FactDelta;
use causeway_api::ids::{MemberName, ServiceKey};
use causeway_index::LocalService;

/// Namespaces whose services concern their own cluster alone.
const OWN: [&str; 5] = [
    "causeway-system",
    "istio-system",
    "kube-node-lease",
    "kube-public",
    "kube-system",
];

/// One cluster, as far as it could be read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The context that it was read through.
    pub(super) context: String,
    /// The name that it would have as a member.
    pub(super) member: MemberName,
    /// Its facts, as an agent would report them.
    pub(super) facts: FactDelta,
    /// Its services, exported or not.
    pub(super) locals: BTreeMap<ServiceKey, LocalService>,
    /// Kinds that could not be read.
    pub(super) unread: Vec<Unread>,
    /// Hosts that DestinationRules of others cover, each with the rule as `namespace/name`.
    pub(super) rules: BTreeMap<String, String>,
}

/// A kind that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// Its plural name, such as `endpointslices`.
    pub(super) kind: &'static str,
    /// Why, and what to do.
    pub(super) reason: String,
}

impl Reading {
    /// Its services that could be federated, in order of their names.
    pub(super) fn services(&self) -> impl Iterator<Item = (&ServiceKey, &LocalService)> {
        // A name of something outside has no endpoints that could be shared.
        self.locals
            .iter()
            .filter(|(key, local)| !is_own(key) && !local.external_name)
    }

    /// The rule of somebody else that covers a service's host, where one does.
    pub(super) fn rule_for(&self, service: &ServiceKey) -> Option<&String> {
        // A rule may name the host in any of these ways; a short name counts in the rule's own namespace, and was
        // completed when it was read.
        let hosts = [
            service.cluster_local_host(),
            service.clusterset_host(),
            format!("*.{}.svc.cluster.local", service.namespace),
        ];
        hosts.iter().find_map(|host| self.rules.get(host))
    }
}

/// Whether a service concerns its own cluster alone, though every cluster has one of that name.
pub(crate) fn is_own(service: &ServiceKey) -> bool {
    let (namespace, name) = (service.namespace.as_str(), service.name.as_str());
    OWN.contains(&namespace) || (namespace, name) == ("default", "kubernetes")
}

/// A member's name out of a context's: contexts are free texts (`arn:aws:eks:…`), members are DNS names.
pub(super) fn member_name(context: &str, taken: &BTreeSet<MemberName>) -> Option<MemberName> {
    let mapped: String = context
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let trimmed = mapped.trim_matches(|c| c == '-' || c == '.');
    // The end tells contexts apart better than the beginning: providers put accounts and regions first.
    let tail: String = trimmed
        .chars()
        .skip(trimmed.len().saturating_sub(58))
        .collect();
    let base = tail.trim_matches(|c| c == '-' || c == '.');
    let base = if base.is_empty() { "cluster" } else { base };
    let numbered = (2..1000).map(|number| format!("{base}-{number}"));
    let mut names = std::iter::once(base.to_owned()).chain(numbered);
    names.find_map(|name| {
        MemberName::new(&name)
            .ok()
            .filter(|name| !taken.contains(name))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn any_context_gets_a_name_of_its_own() {
        let mut taken = BTreeSet::new();
        let long = format!(
            "arn:aws:eks:eu-west-1:123456789012:cluster/{}",
            "prod-".repeat(12)
        );
        for (context, name) in [
            ("prod-eu", "prod-eu"),
            ("Prod_EU", "prod-eu-2"),
            ("admin@prod.example", "admin-prod.example"),
            ("::", "cluster"),
            ("区", "cluster-2"),
            (
                long.as_str(),
                "rod-prod-prod-prod-prod-prod-prod-prod-prod-prod-prod-prod",
            ),
        ] {
            let found = member_name(context, &taken).unwrap();
            assert_eq!(found.as_str(), name, "{context}");
            taken.insert(found);
        }
    }
}
