//! Tests of merging policies.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::policy::root;

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn policy(key: &str) -> PolicySpec {
    let key: PolicyKey = key.parse().unwrap();
    PolicySpec {
        root: key.namespace.as_str() == defaults::ROOT_NAMESPACE,
        key,
        targets: BTreeSet::new(),
        hosts: BTreeSet::new(),
        failover: BTreeMap::new(),
        allowed_regions: BTreeSet::new(),
        demand: BTreeMap::new(),
        capacity_per_endpoint: None,
        max_utilization_percent: None,
        detection: None,
        hold_down_ms: None,
        rules: causeway_api::rules::PolicyRules::default(),
    }
}

fn merge(policies: &[PolicySpec], service: &str) -> Effective {
    let policies = policies
        .iter()
        .map(|p| (p.key.clone(), p.clone()))
        .collect();
    effective(&policies, &service.parse().unwrap())
}

#[test]
fn the_nearest_says_what_holds_and_the_rest_is_inherited() {
    let mut root = policy("causeway-system/defaults");
    root.capacity_per_endpoint = Some(Rate::from_rps(100));
    root.max_utilization_percent = Some(80);
    root.demand = [
        (region("a"), Rate::from_rps(1)),
        (region("b"), Rate::from_rps(2)),
    ]
    .into();
    let mut namespace = policy("shop/all");
    namespace.max_utilization_percent = Some(70);
    let mut service = policy("shop/cart");
    service.targets = ["shop/cart".parse().unwrap()].into();
    service.demand = [(region("a"), Rate::from_rps(9))].into();
    let all = [root, namespace, service];

    let cart = merge(&all, "shop/cart");
    assert_eq!(cart.capacity_per_endpoint, Some(Rate::from_rps(100)));
    assert_eq!(cart.max_utilization_percent, Some(70));
    assert_eq!(cart.demand[&region("a")], Rate::from_rps(9));
    assert_eq!(cart.demand[&region("b")], Rate::from_rps(2));
    let from: Vec<String> = cart.policy.from.iter().map(ToString::to_string).collect();
    assert_eq!(from, ["causeway-system/defaults", "shop/all", "shop/cart"]);
    assert_eq!(
        merge(&all, "shop/search").demand[&region("a")],
        Rate::from_rps(1)
    );
    assert_eq!(merge(&all, "pay/fx").max_utilization_percent, Some(80));
}

#[test]
fn limits_only_tighten() {
    let mut root = policy("causeway-system/defaults");
    root.allowed_regions = [region("a"), region("b")].into();
    let mut namespace = policy("shop/all");
    namespace.allowed_regions = [region("b"), region("c")].into();
    let merged = merge(&[root.clone(), namespace.clone()], "shop/cart");
    assert_eq!(merged.policy.allowed_regions, [region("b")].into());
    assert!(!merged.policy.nowhere);

    namespace.allowed_regions = [region("c")].into();
    let merged = merge(&[root, namespace], "shop/cart");
    assert!(
        merged.policy.nowhere,
        "nothing in common must not read as anywhere"
    );
    assert_eq!(merged.conflicts.len(), 1);
}

#[test]
fn two_of_one_level_are_decided_by_name_and_reported() {
    let mut first = policy("shop/aaa");
    first.max_utilization_percent = Some(50);
    let mut second = policy("shop/bbb");
    second.max_utilization_percent = Some(90);
    second.allowed_regions = [region("a")].into();
    let merged = merge(&[second, first], "shop/cart");
    assert_eq!(merged.max_utilization_percent, Some(50));
    assert_eq!(merged.policy.allowed_regions, [region("a")].into());
    assert!(merged.conflicts[0].contains("shop/bbb") && merged.conflicts[0].contains("shop/aaa"));
}

#[test]
fn detection_is_the_root_policys_alone() {
    let mut a = policy("causeway-system/a");
    a.hold_down_ms = Some(5_000);
    let mut b = policy("causeway-system/b");
    b.hold_down_ms = Some(9_000);
    b.detection = Some(causeway_api::spec::Detection {
        hold_for_ms: 1,
        min_observers: 1,
        min_failure_domains: 1,
    });
    let mut other = policy("shop/x");
    other.hold_down_ms = Some(1);
    let policies = [a, b, other]
        .into_iter()
        .map(|p| (p.key.clone(), p))
        .collect();
    let root = root(&policies);
    assert_eq!(root.rules.hold_down_ms, 5_000);
    assert_eq!(root.rules.detection.hold_for_ms, 1);
    assert_eq!(root.conflicts.len(), 1);
}

#[test]
fn limits_and_mode_bind_from_every_level_and_the_rest_is_the_nearests() {
    use causeway_api::rules::*;
    let mut root = policy("causeway-system/defaults");
    root.rules.mode = Some(FailoverMode::Approve);
    root.rules.priority = Some(Priority::Sheddable);
    root.rules.limits.min_serving_regions = Some(2);
    root.rules.limits.on_overload = Some(OnOverload::Shed);
    root.rules.limits.max_traffic_moved = Some(TrafficLimit {
        percent: 40,
        window_ms: 60_000,
    });
    root.rules.move_together = Some(true);
    root.rules.failback.step_percents = vec![50];
    let mut service = policy("shop/cart");
    service.targets = ["shop/cart".parse().unwrap()].into();
    service.rules.mode = Some(FailoverMode::Automatic);
    service.rules.priority = Some(Priority::Critical);
    service.rules.limits.min_serving_regions = Some(1);
    service.rules.limits.max_traffic_moved = Some(TrafficLimit {
        percent: 60,
        window_ms: 600_000,
    });
    service.rules.failback.step_percents = vec![5, 25, 20, 0, 100];
    service.rules.min_healthy_percent = Some(60);
    let cart = merge(&[root.clone(), service.clone()], "shop/cart");
    assert_eq!(cart.rules.mode, FailoverMode::Approve);
    assert_eq!(cart.rules.mode_from, Some(root.key.clone()));
    assert_eq!(cart.rules.min_serving_regions, 2);
    let limit = cart.rules.max_traffic_moved.unwrap();
    assert_eq!((limit.percent, limit.window_ms), (40, 600_000));
    assert_eq!(cart.rules.failback.step_percents, [5, 25, 100]);
    assert_eq!(cart.policy.priority, Priority::Critical);
    assert_eq!(cart.policy.on_overload, OnOverload::Shed);
    assert_eq!(cart.policy.min_healthy_percent, 60);
    assert_eq!(cart.policy.together, Some(root.key.clone()));
    assert_eq!(cart.conflicts, Vec::<String>::new());

    service.rules.move_together = Some(false);
    let other = merge(&[root.clone(), service.clone()], "shop/other");
    assert_eq!(other.policy.priority, Priority::Sheddable);
    assert_eq!(other.rules.failback.step_percents, [50, 100]);
    let cart = merge(&[root, service], "shop/cart");
    assert_eq!(cart.policy.together, None, "the nearest says alone");
}

#[test]
fn of_two_policies_of_one_level_the_more_careful_mode_binds() {
    use causeway_api::rules::FailoverMode;
    let mut first = policy("shop/aaa");
    first.rules.mode = Some(FailoverMode::Automatic);
    let mut second = policy("shop/bbb");
    second.rules.mode = Some(FailoverMode::Observe);
    let merged = merge(&[first, second.clone()], "shop/cart");
    assert_eq!(merged.rules.mode, FailoverMode::Observe);
    assert_eq!(merged.rules.mode_from, Some(second.key));
}

#[test]
fn what_contradicts_itself_is_named() {
    use causeway_api::rules::Strategy;
    let mut weighted = policy("shop/w");
    weighted.rules.strategy = Some(Strategy::Weighted);
    let said = merge(&[weighted.clone()], "shop/cart").conflicts;
    assert!(said[0].contains("shop/w") && said[0].contains("Weighted"));
    weighted.rules.weights = [(region("a"), 3)].into();
    assert!(merge(&[weighted.clone()], "shop/cart").conflicts.is_empty());
    weighted.rules.strategy = Some(Strategy::Ordered);
    assert_eq!(merge(&[weighted.clone()], "shop/cart").conflicts.len(), 1);
    weighted.rules.weights.clear();
    weighted.failover = [(region("a"), vec![region("b"), region("a")])].into();
    let said = merge(&[weighted], "shop/cart").conflicts;
    assert!(said[0].contains("comes back to a"), "{said:?}");
}

#[test]
fn the_tightest_limits_of_the_clusterset_are_in_force() {
    let mut a = policy("causeway-system/a");
    a.rules.limits.max_regions_lost = Some(2);
    let mut b = policy("causeway-system/b");
    b.rules.limits.max_regions_lost = Some(1);
    b.rules.limits.max_override_ms = Some(5);
    let mut near = policy("shop/x");
    near.rules.limits.max_override_ms = Some(1);
    let policies = [a, b, near]
        .into_iter()
        .map(|p| (p.key.clone(), p))
        .collect();
    let root = root(&policies);
    assert_eq!(root.max_regions_lost, Some(1));
    assert_eq!(root.max_members_lost_percent, None);
    assert_eq!(root.max_override_ms, Some(5));
}
