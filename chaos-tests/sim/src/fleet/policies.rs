//! What people declare: how much is asked for and what endpoints carry, policies of several kinds, and evacuations.

use std::collections::BTreeSet;

use causeway_api::ids::NetworkName;
use causeway_api::plan::Rate;
use causeway_api::registry::ObjectKey;
use causeway_memory::MemoryMember;
use causeway_seam::Random as _;
use serde_json::{Value, json};

use super::members::{Member, NAMESPACE};
use super::witness::text;
use super::world::{MEMBERS, World};
use crate::dice::Dice;
use crate::plant::Plant;

const VERSION: &str = "causeway.dev/v1alpha1";
const ROOT: &str = "causeway-system";
/// The policy that people change.
const PEOPLE: &str = "people";
/// What one endpoint carries, in requests per second.
pub const EACH: u64 = 100;

/// What people declare once and for all, and mean by it, whatever becomes of that on its way.
#[derive(Debug, Clone)]
pub struct Declared {
    /// What callers of each region ask of each service, in requests per second; at times more than all endpoints carry.
    demand: Vec<u64>,
    /// The hold-down.
    hold_down_s: u64,
    /// What the gateway of each member carries, in requests per second; `None`: without limit.
    gateways: Vec<Option<u64>>,
}

impl Declared {
    /// That of a seed.
    #[must_use]
    pub fn of(dice: &Dice) -> Self {
        let loads = dice.fork("geography").fork("loads");
        let gateways = dice.fork("gateways");
        let limited = gateways.percent(50);
        Self {
            demand: MEMBERS.iter().map(|_| loads.between(20, 250)).collect(),
            hold_down_s: loads.between(10, 30),
            gateways: MEMBERS
                .iter()
                .map(|_| (limited && gateways.percent(75)).then(|| gateways.between(20, 300)))
                .collect(),
        }
    }

    /// The hold-down, in milliseconds.
    #[must_use]
    pub fn hold_down_ms(&self) -> u64 {
        self.hold_down_s * 1_000
    }

    /// What the gateway of each network carries, where that is limited.
    pub fn gateways(&self) -> impl Iterator<Item = (NetworkName, Rate)> + '_ {
        let all = MEMBERS.iter().zip(&self.gateways);
        all.filter_map(|(member, limit)| Some((member.parse().ok()?, Rate::from_rps((*limit)?))))
    }

    /// The policy for all services.
    #[must_use]
    pub fn root(&self, plant: Option<Plant>) -> Value {
        let rows = MEMBERS.iter().zip(&self.demand);
        let demand: Vec<Value> = rows
            .map(|(member, asks)| json!({ "from": region(member), "requestsPerSecond": asks }))
            .collect();
        let each = match plant {
            Some(Plant::CapacityMisread) => EACH * 5 / 2,
            _ => EACH,
        };
        let hold_down_s = match plant {
            Some(Plant::HoldDownMisread) => 1,
            _ => self.hold_down_s,
        };
        let spec = json!({ "capacity": { "requestsPerSecondPerEndpoint": each }, "demand": demand,
                "failback": { "holdDown": format!("{hold_down_s}s") } });
        policy(ROOT, "root", &spec)
    }

    /// A member's registration.
    #[must_use]
    pub fn member(&self, member: &Member, plant: Option<Plant>) -> Value {
        let at = MEMBERS.iter().position(|name| *name == member.name);
        let limit = at.and_then(|at| self.gateways.get(at).copied().flatten());
        let mut spec = json!({ "mode": "Federate" });
        if let (Some(limit), Some(spec)) = (limit, spec.as_object_mut()) {
            let limit = match plant {
                Some(Plant::GatewayMisread) => limit * 10,
                _ => limit,
            };
            let gateway = json!({ "name": "istio-eastwestgateway", "port": 15443, "maxRequestsPerSecond": limit,
                    "addresses": [{ "type": "IPAddress", "value": member.gateway() }] });
            spec.insert("network".to_owned(), json!({ "gateways": [gateway] }));
        }
        json!({ "apiVersion": VERSION, "kind": "MemberCluster",
                "metadata": { "name": member.name }, "spec": spec })
    }
}

fn region(member: &str) -> String {
    format!("region-{member}")
}

fn policy(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": VERSION, "kind": "FailoverPolicy",
            "metadata": { "name": name, "namespace": namespace }, "spec": spec })
}

/// A policy of one kind for all services of the namespace; its kind in a word. `residency`: also one that forbids a region.
#[must_use]
pub fn draw(dice: &Dice, residency: bool, plant: Option<Plant>) -> (&'static str, Value) {
    if plant == Some(Plant::LimitLost) {
        return ("velocity", policy(NAMESPACE, PEOPLE, &json!({})));
    }
    let at = usize::try_from(dice.below(3)).unwrap_or_default();
    let (one, two) = (
        MEMBERS.get(at).copied().unwrap_or("a"),
        MEMBERS.get((at + 1) % 3).copied().unwrap_or("b"),
    );
    let (one, two) = (region(one), region(two));
    let (kind, spec) = match dice.between(0, 8) {
        0 => (
            "utilization",
            json!({ "capacity": { "maxUtilizationPercent": dice.between(50, 95) } }),
        ),
        1 => (
            "ordered",
            json!({ "destinations": { "strategy": "Ordered", "failover": [{ "from": one, "to": [two] }] } }),
        ),
        2 => (
            "weighted",
            json!({ "destinations": { "strategy": "Weighted",
                    "weights": [{ "region": one, "weight": dice.between(1, 99) }, { "region": two, "weight": 50 }] } }),
        ),
        3 if residency => (
            "residency",
            json!({ "destinations": { "allowedRegions": [one, two] } }),
        ),
        4 => ("together", json!({ "moveTogether": true })),
        5 => (
            "velocity",
            json!({ "limits": { "maxTrafficMoved": { "percent": dice.between(10, 60), "window": "30s" } } }),
        ),
        6 => (
            "ramp",
            json!({ "failback": { "stepWeights": [25, 100], "interval": "5s" } }),
        ),
        7 => (
            "shed",
            json!({ "priority": "Sheddable", "limits": { "onOverload": "Shed" } }),
        ),
        _ => (
            "waterfall",
            json!({ "destinations": { "failover": [{ "from": one, "to": [two] }] } }),
        ),
    };
    (kind, policy(NAMESPACE, PEOPLE, &spec))
}

/// An evacuation of a member, at once.
#[must_use]
pub fn evacuation(number: u64, member: &str, plant: Option<Plant>) -> Value {
    let rehearsed = plant == Some(Plant::EvacuationRehearsed);
    json!({ "apiVersion": VERSION, "kind": "TrafficShift",
            "metadata": { "name": shift(number), "namespace": ROOT },
            "spec": { "action": "Evacuate", "awayFrom": { "member": member }, "urgency": "Emergency", "dryRun": rehearsed,
                      "expiresAfter": "2m", "reason": "the simulator says so" } })
}

/// What people declare in a host cluster.
#[must_use]
pub fn standing(host: &MemoryMember) -> BTreeSet<ObjectKey> {
    let kinds = ["MemberCluster", "FailoverPolicy", "TrafficShift"];
    let of = |kind| {
        let objects = host.objects(VERSION, kind).unwrap_or_default();
        let keys = objects.into_iter().filter_map(move |object| {
            let name = text(&object, "/metadata/name");
            match text(&object, "/metadata/namespace") {
                "" => ObjectKey::of(kind, name).ok(),
                namespace => ObjectKey::of(kind, &format!("{namespace}/{name}")).ok(),
            }
        });
        keys.collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of).collect()
}

fn shift(number: u64) -> String {
    format!("shift-{number}")
}

/// Ends an evacuation.
pub fn end(world: &World, number: u64) {
    let _ = world
        .host
        .cluster
        .delete(VERSION, "TrafficShift", ROOT, &shift(number));
}

/// Takes back what people have declared since the beginning.
pub fn take_back(world: &World, shifts: u64) {
    let host = &world.host.cluster;
    let _ = host.delete(VERSION, "FailoverPolicy", NAMESPACE, PEOPLE);
    (0..=shifts).for_each(|number| end(world, number));
}
