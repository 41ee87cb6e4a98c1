//! What people declare: how much is asked for and what endpoints carry, policies of several kinds, and evacuations.

use causeway_seam::Random as _;
use serde_json::{Value, json};

use super::members::NAMESPACE;
use super::world::{MEMBERS, World};
use crate::dice::Dice;

const VERSION: &str = "causeway.dev/v1alpha1";
const ROOT: &str = "causeway-system";
/// The policy that people change.
const PEOPLE: &str = "people";
/// What one endpoint carries, in requests per second.
const EACH: u64 = 100;

fn region(member: &str) -> String {
    format!("region-{member}")
}

fn policy(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": VERSION, "kind": "FailoverPolicy",
            "metadata": { "name": name, "namespace": namespace }, "spec": spec })
}

/// What holds for all services: what endpoints carry, and what each region asks for; at times more than all endpoints carry.
#[must_use]
pub fn root(dice: &Dice) -> Value {
    let demand: Vec<Value> = MEMBERS
        .iter()
        .map(|member| json!({ "from": region(member), "requestsPerSecond": dice.between(20, 250) }))
        .collect();
    let spec = json!({ "capacity": { "requestsPerSecondPerEndpoint": EACH }, "demand": demand,
            "failback": { "holdDown": format!("{}s", dice.between(10, 30)) } });
    policy(ROOT, "root", &spec)
}

/// A policy of one kind for all services of the namespace; its kind in a word. `residency`: also one that forbids a region.
#[must_use]
pub fn draw(dice: &Dice, residency: bool) -> (&'static str, Value) {
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
pub fn evacuation(number: u64, member: &str) -> Value {
    json!({ "apiVersion": VERSION, "kind": "TrafficShift",
            "metadata": { "name": shift(number), "namespace": ROOT },
            "spec": { "action": "Evacuate", "awayFrom": { "member": member }, "urgency": "Emergency",
                      "expiresAfter": "2m", "reason": "the simulator says so" } })
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
