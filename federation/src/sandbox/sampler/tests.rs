//! What was read bit by bit is what reading everything shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_memory::Config;
use causeway_seam::real;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::fleet::draw::Draw;
use crate::sandbox::objects;

/// An object of a mesh, as one of few that come, change and go.
fn object(fleet: &Fleet, draw: &mut Draw) -> Value {
    let at = usize::try_from(draw.between(0, 3)).unwrap();
    let key = &fleet.services[at].key;
    let network = fleet
        .members
        .keys()
        .nth(usize::try_from(draw.between(0, 4)).unwrap());
    let network = network.unwrap().to_string();
    let meta = |name: String| json!({ "namespace": key.namespace.as_str(), "name": name });
    let host = key.cluster_local_host();
    match draw.between(0, 5) {
        0..=2 => json!({ "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
            "metadata": meta(format!("cw-{}-{network}", key.name)),
            "spec": { "network": network, "locality": "us-east/us-east-a", "weight": draw.between(1, 9),
                "labels": { "app": key.name.as_str() }, "serviceAccount": "x" } }),
        3 => json!({ "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": meta(format!("cw-{}", key.name)),
            "spec": { "host": host, "trafficPolicy": { "outlierDetection": {}, "loadBalancer": { "localityLbSetting":
                { "distribute": [{ "from": "*", "to": { "us-east/*": draw.between(1, 100) } }] } } } } }),
        4 => json!({ "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
            "metadata": meta(format!("cw-{}", key.name)),
            "spec": { "hosts": [host], "workloadSelector": { "labels": { "app": key.name.as_str() } } } }),
        _ => json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "namespace": "istio-system", "name": format!("cw-{network}"),
                "labels": { "topology.istio.io/network": network } },
            "spec": { "gatewayClassName": "istio-remote", "listeners": [{ "name": "x", "port": 15443, "protocol": "TLS" }],
                "addresses": [{ "type": "IPAddress", "value": format!("192.0.2.{}", draw.between(1, 3)) }] } }),
    }
}

#[tokio::test]
async fn bit_by_bit_is_as_good_as_everything() {
    let fleet = Arc::new(Fleet::draw(3, 5, 4).unwrap());
    let env = real::env();
    // So little is remembered that everything has to be read again now and then.
    let mut config = Config::new("eu-west-1");
    config.history = 12;
    let memory = MemoryMember::new(config, env.clone());
    let name = MemberName::new("eu-west-1").unwrap();
    for object in objects::of_member(&fleet, &fleet.members[&name], 1) {
        memory.put(object).unwrap();
    }
    let new = || Sampler::new(fleet.clone(), [(&name, &memory)].into_iter()).unwrap();
    let mut sampler = new();
    assert_eq!(sampler.read().unwrap(), std::slice::from_ref(&name));
    let mut draw = Draw::new(7);
    let mut moved = 0;
    for _ in 0..300 {
        for _ in 0..draw.between(0, 20) {
            let object = object(&fleet, &mut draw);
            let text = |at: &str| object.pointer(at).unwrap().as_str().unwrap().to_owned();
            let (version, kind) = (text("/apiVersion"), text("/kind"));
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            if draw.between(0, 3) == 0 {
                let _ = memory.delete(&version, &kind, &namespace, &name);
            } else {
                memory.put(object).unwrap();
            }
        }
        let changed = !sampler.read().unwrap().is_empty();
        moved += i32::from(changed);
        let mut whole = new();
        whole.read().unwrap();
        let none = BTreeSet::new();
        assert_eq!(sampler.traffic(&none), whole.traffic(&none));
        assert_eq!(sampler.mirrors[&name].mesh, whole.mirrors[&name].mesh);
        assert_eq!(sampler.read().unwrap(), Vec::<MemberName>::new());
    }
    assert!(moved > 100, "{moved}");
}
