//! WorkloadEntries: one for each remote network, standing for all that is ready there.
//!
//! An entry with a network and no address becomes the network's gateways. Its weight is the number of ready endpoints
//! behind them, so that networks of one priority share by what they have.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{ServicePort, TargetPort};
use causeway_api::view::{MeshCondition, ServiceView};
use causeway_api::{Generation, Name, NetworkName, ServiceKey};
use serde_json::{Map, Value, json};

use crate::condition::{of_service, reason};
use crate::host::{target_number, workload_selector};
use crate::input::{MemberInputs, ServiceInputs};
use crate::locality::Place;
use crate::name;
use crate::object::{DesiredObject, Kind, ObjectKey, SERVICE, our_labels};
use crate::ports::CarriedPort;

/// The largest weight of an entry. Larger counts are scaled down together: istiod multiplies weights in 32 bits.
pub const MAX_WEIGHT: u64 = 1_000;

/// What is ready in one remote network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remote {
    /// Ready endpoints over all its members.
    pub ready: u64,
    /// Service accounts of the pods there.
    pub accounts: BTreeSet<Name>,
    /// Ports as its members state them.
    pub ports: Vec<ServicePort>,
}

/// The remote networks that are offered and have ready endpoints.
#[must_use]
pub fn remotes(
    member: &MemberInputs,
    view: &ServiceView,
    inputs: &ServiceInputs,
) -> BTreeMap<NetworkName, Remote> {
    let mut words: Vec<_> = inputs.owners.iter().collect();
    words.sort_by(|a, b| a.owner.cmp(&b.owner));
    let mut remotes: BTreeMap<NetworkName, Remote> = BTreeMap::new();
    for word in words {
        let ready = u64::from(word.service.ready);
        // Pods of the own network are the mesh's own business.
        if ready == 0
            || word.network == member.settings.network
            || !view.offered.contains(&word.network)
        {
            continue;
        }
        let remote = remotes.entry(word.network.clone()).or_default();
        remote.ready += ready;
        remote
            .accounts
            .extend(word.service.service_accounts.iter().cloned());
        remote.ports.extend(word.service.ports.iter().cloned());
    }
    remotes
}

/// The entries of a service.
#[must_use]
pub fn entries(
    service: &ServiceKey,
    generation: Generation,
    inputs: &ServiceInputs,
    ports: &[CarriedPort],
    remotes: &BTreeMap<NetworkName, Remote>,
    places: &BTreeMap<NetworkName, Place>,
) -> (Vec<DesiredObject>, Vec<MeshCondition>) {
    let most = remotes
        .values()
        .map(|remote| remote.ready)
        .max()
        .unwrap_or(1);
    let mut conditions = Vec::new();
    let mut objects = Vec::new();
    for (network, remote) in remotes {
        let Some(place) = places.get(network) else {
            continue;
        };
        let mut spec = Map::new();
        spec.insert("address".to_owned(), json!(""));
        spec.insert("network".to_owned(), json!(network));
        spec.insert("locality".to_owned(), json!(place.locality));
        spec.insert("weight".to_owned(), json!(weight(remote.ready, most)));
        spec.insert("labels".to_owned(), json!(labels(service, inputs)));
        if let Some(account) = remote.accounts.first() {
            spec.insert("serviceAccount".to_owned(), json!(account));
        }
        if remote.accounts.len() != 1 {
            conditions.push(unclear_account(service, network, remote));
        }
        let named = named_targets(ports, remote);
        if !named.is_empty() {
            spec.insert("ports".to_owned(), Value::Object(named));
        }
        objects.push(DesiredObject {
            key: ObjectKey {
                kind: Kind::WorkloadEntry,
                namespace: service.namespace.to_string(),
                name: name::entry(service, network),
            },
            generation,
            labels: our_labels(Some(service)),
            spec: Value::Object(spec),
        });
    }
    (objects, conditions)
}

/// `ready` of `most`, within 1 and [`MAX_WEIGHT`].
fn weight(ready: u64, most: u64) -> u64 {
    if most <= MAX_WEIGHT {
        return ready.max(1);
    }
    (ready * MAX_WEIGHT).div_ceil(most).clamp(1, MAX_WEIGHT)
}

/// What picks the entry: the local Service's selector where there is one, and our own label. Selectors of other
/// members are left out: here they might pick for a Service that has nothing to do with this one.
fn labels(service: &ServiceKey, inputs: &ServiceInputs) -> BTreeMap<String, String> {
    let mut labels = workload_selector(service, &inputs.local);
    labels.insert(SERVICE.to_owned(), service.name.to_string());
    // A pod that is not there has no sidecar to ask: only this says that its gateway takes mTLS.
    labels.insert("security.istio.io/tlsMode".to_owned(), "istio".to_owned());
    labels
}

/// An entry is in no cluster of a port whose target is a name, unless it gives that very name a number (the name of the
/// Service's port does not do). The number itself is never called: the gateway's port is.
fn named_targets(ports: &[CarriedPort], remote: &Remote) -> Map<String, Value> {
    let mut named = Map::new();
    for port in ports {
        let Some(target @ TargetPort::Name { name, .. }) = &port.target else {
            continue;
        };
        let there = remote
            .ports
            .iter()
            .find(|other| other.name == port.name)
            .and_then(|other| target_number(&other.target));
        let number = there.or(target_number(target)).unwrap_or(port.port);
        named.insert(name.clone(), json!(number));
    }
    named
}

fn unclear_account(service: &ServiceKey, network: &NetworkName, remote: &Remote) -> MeshCondition {
    let accounts: Vec<_> = remote.accounts.iter().map(Name::as_str).collect();
    let message = if accounts.is_empty() {
        format!(
            "no service account is known for the pods in network {network}: callers accept the accounts of other \
             destinations only. Look at the problems of its member."
        )
    } else {
        format!(
            "pods in network {network} run under {}: callers accept the first. Give the service one account, or list \
             them in a ServiceEntry's subjectAltNames.",
            accounts.join(", ")
        )
    };
    of_service(reason::SERVICE_ACCOUNT, service, "", message)
}
