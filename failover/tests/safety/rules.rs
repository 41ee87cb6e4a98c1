//! What each rule refuses, and what it must not refuse.

use std::collections::BTreeMap;

use causeway_api::plan::{PlanInputs, Rate, ServicePlan, Withdrawal};
use causeway_api::rules::{FailbackMode, OnOverload, TrafficLimit};
use causeway_api::spec::PolicySpec;
use causeway_api::verdict::ClusterTime;
use causeway_failover::policy;
use causeway_failover::safety::brake::Exceeded;
use causeway_failover::safety::in_force::Held;
use causeway_failover::safety::moved::{Cause, Step};
use causeway_failover::safety::velocity::Window;
use causeway_failover::safety::{
    Rule, SafetyRefusal, brake, headroom, hold_down, in_force, limits, never_empty,
    serving_regions, stateful, velocity,
};

use crate::world::{amount, fleet, leave, moving, plan, resting, step, zone};

#[test]
fn nobody_is_left_with_nothing_by_a_persons_word() {
    let mut inputs = fleet();
    leave(&mut inputs, "sh/a", 0);
    leave(&mut inputs, "hz/g", 0);
    zone(&mut inputs, "tk/a").ready = 0;
    let stay = plan(&[("sg", 10_000, 200_000)], 0);
    let refused = |rows: &[(&str, u32, u64)], stay: Option<&ServicePlan>| {
        let new = plan(rows, 0);
        step(
            (&inputs, &stay.cloned().unwrap_or(new.clone())),
            (&inputs, &new),
            |step| never_empty::judge(step, stay).is_err(),
        )
    };
    assert!(refused(&[("sh", 10_000, 200_000)], Some(&stay)), "its last");
    assert!(!refused(&[("sh", 10_000, 200_000)], None), "nobody leaves");
    assert!(refused(&[], Some(&stay)));
    assert!(!refused(&[], Some(&plan(&[], 0))), "it has none anyhow");
    assert!(!refused(&[("sg", 10_000, 200_000)], Some(&stay)));
    assert!(!refused(&[("sh", 5_000, 0), ("sg", 5_000, 0)], Some(&stay)));
    assert!(refused(&[("sh", 10_000, 0), ("sg", 0, 0)], Some(&stay)));
    assert!(refused(&[("tk", 10_000, 0)], Some(&stay)), "none is ready");
    assert!(!refused(&[("hz/g", 10_000, 0)], Some(&stay)), "its own");
}

#[test]
fn survivors_carry_what_people_move() {
    let (mut inputs, fits) = (fleet(), plan(&[("sg", 10_000, 200_000)], 0));
    let judged = |inputs: &PlanInputs, unserved: u64, stay: Option<u64>| {
        let after = plan(&[("sg", 10_000, 200_000)], unserved);
        let stay = stay.map(|unserved| plan(&[("sh", 10_000, 200_000)], unserved));
        step((inputs, &fits), (inputs, &after), |step| {
            headroom::judge(step, stay.as_ref()).is_ok()
        })
    };
    assert!(judged(&inputs, 10, None), "nobody leaves");
    assert!(judged(&inputs, 10, Some(10)) && judged(&inputs, 10, Some(11)));
    assert!(!judged(&inputs, 10, Some(9)));
    inputs.policy.on_overload = OnOverload::Shed;
    assert!(judged(&inputs, 10, Some(9)));
}

#[test]
fn so_many_regions_serve_after_a_persons_move() {
    let found = |change: &dyn Fn(&mut PlanInputs), limit| {
        let mut inputs = fleet();
        // Three that serve.
        for own in ["hz/g", "hz/h"] {
            zone(&mut inputs, own).exported = false;
        }
        change(&mut inputs);
        let plan = plan(&[("sg", 10_000, 200_000)], 0);
        let judged = step((&inputs, &plan), (&inputs, &plan), |step| {
            serving_regions::judge(step, limit)
        });
        match judged {
            Ok(()) => None,
            Err(SafetyRefusal::MinServingRegions { found, .. }) => Some(found),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(found(&|_| {}, 3), None);
    assert_eq!(found(&|_| {}, 4), None, "nobody leaves anything");
    let sh = |inputs: &mut PlanInputs| leave(inputs, "sh/a", 0);
    assert_eq!(found(&sh, 2), None);
    assert_eq!(found(&sh, 3), Some(2));
    assert_eq!(found(&|i| leave(i, "sh/a", 40), 3), None, "in steps");
    let lost = |inputs: &mut PlanInputs| zone(inputs, "tk/a").withdrawn = Some(Withdrawal::Lost);
    assert_eq!(found(&lost, 3), None, "what is lost is lost");
    let both = |inputs: &mut PlanInputs| {
        lost(inputs);
        sh(inputs);
    };
    assert_eq!(found(&both, 2), Some(1));
    let private = |inputs: &mut PlanInputs| {
        zone(inputs, "tk/a").exported = false;
        sh(inputs);
    };
    assert_eq!(found(&private, 2), Some(1));
    let empty = |inputs: &mut PlanInputs| {
        zone(inputs, "tk/a").ready = 0;
        sh(inputs);
    };
    assert_eq!(found(&empty, 2), Some(1));
}

#[test]
fn what_keeps_state_moves_by_a_persons_word() {
    let judged = |moved, keeps, word| {
        let service = "shop/cart".parse().unwrap();
        stateful::judge(&service, amount(moved, 0), keeps, word).is_ok()
    };
    assert!(!judged(1, true, false));
    assert!(judged(1, true, true) && judged(1, false, false) && judged(0, true, false));
}

#[test]
fn what_has_recovered_waits() {
    let domain = "member/sh".parse().unwrap();
    assert!(hold_down::judge(&domain, None).is_ok());
    let refusal = hold_down::judge(&domain, Some(1)).unwrap_err();
    assert_eq!(refusal.rule(), Rule::HoldDown);
    assert_eq!(refusal.retry_at(), None);
}

#[test]
fn the_brake_stops_all_but_a_persons_newer_word() {
    let pulled = Exceeded {
        what: "regions".to_owned(),
        field: "limits.maxRegionsLost".to_owned(),
        limit: 1,
        found: 2,
    };
    let passes = |step: &Step<'_>, cause, overruled| {
        brake::judge_step(step, cause, Some(&pulled), overruled).is_ok()
    };
    moving(true, |step| {
        assert!(!passes(step, Cause::Loss, false) && !passes(step, Cause::Loss, true));
        assert!(!passes(step, Cause::Return, true));
        assert!(!passes(step, Cause::People, false) && passes(step, Cause::People, true));
        assert!(brake::judge_step(step, Cause::Loss, None, false).is_ok());
    });
    resting(|step| assert!(passes(step, Cause::Loss, false)));
}

#[test]
fn a_freeze_holds_everything_and_a_pin_what_answers() {
    let passes = |step: &Step<'_>, cause, pin, overruled| {
        let held = Held {
            shift: "causeway-system/stop".parse().unwrap(),
            by: "ann".to_owned(),
            reason: "a test".to_owned(),
            pin,
            overruled,
        };
        in_force::judge(step, cause, Some(&held)).is_ok()
    };
    for forced in [false, true] {
        moving(forced, |step| {
            assert!(!passes(step, Cause::Loss, false, false));
            assert!(!passes(step, Cause::Loss, false, true));
            assert!(!passes(step, Cause::People, false, false));
            assert!(passes(step, Cause::People, false, true));
            assert_eq!(passes(step, Cause::Loss, true, false), forced);
            assert!(in_force::judge(step, Cause::Loss, None).is_ok());
        });
    }
    resting(|step| assert!(passes(step, Cause::Loss, false, false)));
}

#[test]
fn a_window_counts_what_moved_in_it_and_says_when_it_has_room() {
    let policy = "shop/limit".parse().unwrap();
    let window = |now_s: u64| Window {
        policy: &policy,
        limit: TrafficLimit {
            percent: 50,
            window_ms: 60_000,
        },
        total: Rate(200),
        moved: vec![
            (ClusterTime(1_000), Rate(50)),
            (ClusterTime(30_000), Rate(20)),
        ],
        now: ClusterTime(now_s * 1_000),
    };
    assert_eq!(window(0).allowance(), Rate(100));
    let judged = |now_s, forced, chosen, can_wait| {
        moving(false, |step| {
            velocity::judge(step, amount(forced, chosen), can_wait, &window(now_s))
        })
    };
    let retry = |now_s, chosen| match judged(now_s, 0, chosen, false) {
        Ok(()) => None,
        Err(SafetyRefusal::MaxTrafficMoved {
            wanted,
            moved,
            retry_at,
            ..
        }) => Some((wanted.0, moved.0, retry_at.map(|at| at.0 / 1_000))),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(retry(40, 30), None, "it just fits");
    assert_eq!(retry(40, 31), Some((31, 101, Some(61))));
    assert_eq!(retry(60, 31), Some((31, 101, Some(61))));
    assert_eq!(retry(61, 31), None, "what left the window counts no more");
    assert_eq!(retry(40, 81), Some((81, 151, Some(90))));
    assert_eq!(retry(61, 81), Some((81, 101, Some(90))));
    assert_eq!(retry(40, 101), Some((101, 171, None)), "never");
    assert!(judged(40, 500, 0, true).is_ok(), "it must");
    assert!(judged(40, 1, 500, false).is_ok(), "no other plan");
    assert!(judged(40, 0, 500, false).is_err());
    assert!(judged(40, 1, 500, true).is_err());
    let refusal = judged(40, 0, 31, false).unwrap_err();
    assert_eq!(refusal.retry_at(), Some(ClusterTime(61_000)));
}

fn policy(namespace: &str, targets: &[&str]) -> PolicySpec {
    PolicySpec {
        key: format!("{namespace}/limit").parse().unwrap(),
        root: false,
        targets: targets.iter().map(|name| name.parse().unwrap()).collect(),
        hosts: Default::default(),
        failover: BTreeMap::new(),
        allowed_regions: Default::default(),
        demand: BTreeMap::new(),
        capacity_per_endpoint: None,
        max_utilization_percent: None,
        detection: None,
        hold_down_ms: None,
        rules: causeway_api::rules::PolicyRules::default(),
    }
}

#[test]
fn each_policy_about_a_service_limits_how_much_moves() {
    let service = "shop/cart".parse().unwrap();
    assert!(limits::concerns(&policy("shop", &[]), &service));
    assert!(limits::concerns(&policy("shop", &["shop/cart"]), &service));
    assert!(!limits::concerns(&policy("shop", &["shop/pay"]), &service));
    assert!(!limits::concerns(&policy("pay", &[]), &service));
    let limit = |percent| TrafficLimit {
        percent,
        window_ms: 60_000,
    };
    let mut policies = BTreeMap::new();
    for (namespace, percent) in [("shop", Some(10)), ("pay", Some(20))] {
        let mut policy = policy(namespace, &[]);
        policy.rules.limits.max_traffic_moved = percent.map(limit);
        policies.insert(policy.key.clone(), policy);
    }
    let silent = policy("shop", &["shop/cart"]);
    policies.insert("shop/silent".parse().unwrap(), silent);
    let found: Vec<_> = limits::traffic(&policies, &service)
        .map(|(policy, limit)| (policy.key.to_string(), limit.percent))
        .collect();
    assert_eq!(found, [("shop/limit".to_owned(), 10)]);
}

#[test]
fn traffic_returns_at_once_where_nothing_else_is_said() {
    let service = "shop/cart".parse().unwrap();
    let plain = policy::effective(&BTreeMap::new(), &service);
    let hold_ms = plain.hold_down_ms;
    assert!(limits::returns_at_once(&plain, hold_ms));
    assert!(!limits::returns_at_once(&plain, hold_ms - 1));
    let mut asks = plain.clone();
    asks.rules.failback.mode = FailbackMode::Approve;
    assert!(!limits::returns_at_once(&asks, hold_ms));
    let mut steps = plain.clone();
    steps.rules.failback.step_percents = vec![50, 100];
    assert!(!limits::returns_at_once(&steps, hold_ms));
    assert_eq!(limits::healthy_percent(&plain), limits::HEALTHY_PERCENT);
    let mut healthy = plain;
    healthy.policy.min_healthy_percent = 55;
    assert_eq!(limits::healthy_percent(&healthy), 55);
}

#[test]
fn what_serves_nobody_and_what_people_froze_is_overridden_by_nobody() {
    let free = |rule: &Rule| rule.may_be_overridden();
    let bound: Vec<Rule> = Rule::ALL.into_iter().filter(|rule| !free(rule)).collect();
    assert_eq!(bound, [Rule::InForce, Rule::NeverEmpty]);
}
