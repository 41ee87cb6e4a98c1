//! The fleet as Kubernetes objects: what its clusters hold, and what the host cluster declares of them.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, Zone};
use causeway_api::spec::defaults::{GATEWAY_PORT, ROOT_NAMESPACE};
use serde_json::{Value, json};

use super::fleet::{Fleet, FleetMember, FleetService, MAX_UTILIZATION_PERCENT};

/// Where Istio's control plane would be.
const MESH_NAMESPACE: &str = "istio-system";
const PORT: u16 = 80;
const TARGET_PORT: u16 = 8080;
/// The most endpoints in one slice: the default of Kubernetes' own controller.
const SLICE: usize = 100;

/// How quickly the sandbox's fleet decides: far sooner than one would in production, so that nobody has to wait.
pub const HOLD_FOR_S: u64 = 2;
/// See [`HOLD_FOR_S`].
pub const HOLD_DOWN_S: u64 = 3;

/// All objects of one cluster, in an order in which they can be written. `number` tells clusters' pods apart.
#[must_use]
pub fn of_member(fleet: &Fleet, member: &FleetMember, number: u8) -> Vec<Value> {
    let network = member.name.as_str();
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": MESH_NAMESPACE, "labels": {"topology.istio.io/network": network}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ROOT_NAMESPACE}}),
    ];
    for namespace in namespaces(fleet) {
        objects.push(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        );
    }
    objects.extend(member.zones.iter().map(|zone| node(member, zone)));
    objects.push(gateway(member));
    let mut pods = 0_u32;
    for service in fleet
        .services
        .iter()
        .filter(|service| service.exists_in(&member.name))
    {
        objects.extend(of_service(member, service, number, &mut pods));
    }
    objects
}

/// What the host cluster declares: every cluster in mode Federate, the root policy, and a policy for each service.
#[must_use]
pub fn of_host(fleet: &Fleet) -> Vec<Value> {
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ROOT_NAMESPACE}}),
    ];
    for namespace in namespaces(fleet) {
        objects.push(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        );
    }
    objects.push(json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "FailoverPolicy",
        "metadata": {"namespace": ROOT_NAMESPACE, "name": "defaults"},
        "spec": {
            "capacity": {"maxUtilizationPercent": MAX_UTILIZATION_PERCENT},
            "detection": {"holdFor": format!("{HOLD_FOR_S}s")},
            "failback": {"holdDown": format!("{HOLD_DOWN_S}s")},
        },
    }));
    for name in fleet.members.keys() {
        objects.push(json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
            "metadata": {"name": name}, "spec": {"mode": "Federate"},
        }));
    }
    objects.extend(fleet.services.iter().map(policy));
    objects
}

fn namespaces(fleet: &Fleet) -> BTreeSet<&str> {
    fleet
        .services
        .iter()
        .map(|service| service.key.namespace.as_str())
        .collect()
}

fn policy(service: &FleetService) -> Value {
    let demand = service
        .demand_rps
        .iter()
        .map(|(region, rps)| json!({"from": region, "requestsPerSecond": rps}));
    json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "FailoverPolicy",
        "metadata": {"namespace": service.key.namespace, "name": service.key.name},
        "spec": {
            "targetRefs": [{"group": "multicluster.x-k8s.io", "kind": "ServiceExport", "name": service.key.name}],
            "demand": demand.collect::<Vec<_>>(),
            "capacity": {"requestsPerSecondPerEndpoint": service.endpoint_rps},
        },
    })
}

fn node_name(member: &MemberName, zone: &Zone) -> String {
    format!("{member}-{zone}")
}

fn node(member: &FleetMember, zone: &Zone) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": node_name(&member.name, zone), "labels": {
            "topology.kubernetes.io/region": member.region, "topology.kubernetes.io/zone": zone}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn gateway(member: &FleetMember) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": MESH_NAMESPACE, "name": "istio-eastwestgateway",
            "labels": {"topology.istio.io/network": member.name}},
        "spec": {"type": "LoadBalancer", "selector": {"istio": "eastwestgateway"},
            "ports": [{"name": "tls", "port": GATEWAY_PORT, "protocol": "TCP", "targetPort": GATEWAY_PORT}]},
        "status": {"loadBalancer": {"ingress": [{"ip": member.gateway}]}},
    })
}

fn of_service(
    member: &FleetMember,
    service: &FleetService,
    number: u8,
    pods: &mut u32,
) -> Vec<Value> {
    let (namespace, name) = (&service.key.namespace, &service.key.name);
    let mut objects = vec![json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name},
            "ports": [{"name": "http", "port": PORT, "protocol": "TCP", "targetPort": TARGET_PORT}]},
    })];
    let Some(ready) = service.ready.get(&member.name) else {
        return objects;
    };
    objects.push(json!({
        "apiVersion": "multicluster.x-k8s.io/v1beta1", "kind": "ServiceExport",
        "metadata": {"namespace": namespace, "name": name},
    }));
    let mut endpoints = Vec::new();
    for (zone, count) in ready {
        for _ in 0..*count {
            *pods += 1;
            let [_, high, middle, low] = pods.to_be_bytes();
            // Pods of different networks may have one address; here the second octet keeps them readable.
            let address = format!(
                "10.{}.{}.{}",
                u32::from(number).wrapping_add(u32::from(high) * 64) % 256,
                middle,
                low
            );
            let pod = format!("{name}-{pods}");
            let node = node_name(&member.name, zone);
            objects.push(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"namespace": namespace, "name": pod, "labels": {"app": name}},
                "spec": {"nodeName": node, "serviceAccountName": name, "containers": [{"name": "app", "image": "app"}]},
            }));
            endpoints.push(json!({
                "addresses": [address], "conditions": {"ready": true, "serving": true, "terminating": false},
                "nodeName": node, "zone": zone,
                "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod},
            }));
        }
    }
    for (at, part) in endpoints.chunks(SLICE).enumerate() {
        objects.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"namespace": namespace, "name": format!("{name}-{at}"),
                "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": TARGET_PORT, "protocol": "TCP"}],
            "endpoints": part,
        }));
    }
    objects
}
