//! What cannot be is refused by name, with its line.
#![allow(clippy::unwrap_used)]

use causeway_scenario::read;

/// In order. Its lines are counted from 1.
const GOOD: &str = "\
name: nonsense
members:
- {name: hz, region: cn-hangzhou, zones: [g, h], gateways: [eastwest]}
- {name: sh, region: cn-shanghai}
services:
- name: shop/cart
  ready: {hz: {g: 3}, sh: {'-': 2}}
policies:
- name: causeway-system/root
  detection: {holdFor: 10s, minObservers: 2}
- name: shop/cart
  targets: [shop/cart]
  capacity: {requestsPerSecondPerEndpoint: 100, maxUtilizationPercent: 80}
  demand: [{from: cn-hangzhou, requestsPerSecond: 100}]
  destinations: {failover: [{from: cn-hangzhou, to: [cn-shanghai]}], allowedRegions: [cn-hangzhou, cn-shanghai]}
observers:
- {name: replica/r1, failureDomain: a, region: cn-hangzhou}
- {name: agent/sh, failureDomain: b}
events:
- {at: 1s, lose: region/cn-hangzhou}
- {at: 2s, votes: [{observer: replica/r1, subject: session/hz, ballot: Reachable}]}
- {at: 3s, ready: {service: shop/cart, member: hz, zone: g, endpoints: 1}}
until: 1m
expect:
- at: 5s
  verdicts: {member/hz: Degraded}
- shares: [{service: shop/cart, from: hz/g, percent: {network sh: 100}}]
";

/// What is written instead of what, the line that is blamed, and words of the message.
const CASES: &[(&str, &str, u64, &str)] = &[
    ("until: 1m", "untill: 1m", 23, "untill"),
    ("zones: [g, h]", "zone: [g, h]", 3, "zone"),
    ("holdFor: 10s", "holdfor: 10s", 10, "holdfor"),
    ("ballot: Reachable", "ballot: Maybe", 21, "Maybe"),
    (
        "lose: region/cn-hangzhou",
        "lose: planet/earth",
        20,
        "planet/earth",
    ),
    (
        "{name: sh, region",
        "{name: hz, region",
        4,
        "hz stands twice",
    ),
    ("zones: [g, h]", "zones: [g, g]", 3, "g of hz stands twice"),
    (
        "gateways: [eastwest]",
        "gateways: [a, a]",
        3,
        "a of hz stands twice",
    ),
    ("name: sh,", "name: SH,", 4, "member name"),
    ("{g: 3}", "{g: -3}", 7, "is -3: give a number from 0"),
    ("{g: 3}", "{g: 2000000}", 7, "is 2000000: give a number"),
    ("{g: 3}", "{g: 99999999999999999999999}", 7, ""),
    ("{g: 3}", "{x: 3}", 7, "member hz has no zone x"),
    ("sh: {'-': 2}", "bj: {'-': 2}", 6, "no member is called bj"),
    (
        "requestsPerSecondPerEndpoint: 100",
        "requestsPerSecondPerEndpoint: 0",
        13,
        "leave it out where it is unknown",
    ),
    (
        "requestsPerSecondPerEndpoint: 100",
        "requestsPerSecondPerEndpoint: -5",
        13,
        "is -5",
    ),
    (
        "requestsPerSecondPerEndpoint: 100",
        "requestsPerSecondPerEndpoint: 10000000000",
        13,
        "is 10000000000",
    ),
    (
        "maxUtilizationPercent: 80",
        "maxUtilizationPercent: 0",
        13,
        "maxUtilizationPercent is 0",
    ),
    (
        "maxUtilizationPercent: 80",
        "maxUtilizationPercent: 101",
        13,
        "from 1 to 100",
    ),
    (
        "requestsPerSecond: 100}",
        "requestsPerSecond: -1}",
        14,
        "requestsPerSecond is -1",
    ),
    (
        "from: cn-hangzhou, requestsPerSecond",
        "from: cn-beijing, requestsPerSecond",
        14,
        "nothing lives in region cn-beijing",
    ),
    (
        "to: [cn-shanghai]}]",
        "to: [cn-beijing]}]",
        15,
        "nothing lives in region cn-beijing",
    ),
    (
        "to: [cn-shanghai]}]",
        "to: [cn-hangzhou]}]",
        15,
        "leads back to itself",
    ),
    (
        "to: [cn-shanghai]}]",
        "to: [cn-shanghai, cn-shanghai]}]",
        15,
        "names it twice",
    ),
    (
        "allowedRegions: [cn-hangzhou, cn-shanghai]",
        "allowedRegions: [cn-hangzhou]",
        15,
        "contradicts allowedRegions",
    ),
    (
        "allowedRegions: [cn-hangzhou, cn-shanghai]",
        "allowedRegions: [mars]",
        15,
        "nothing lives in region mars",
    ),
    ("holdFor: 10s", "holdFor: 10", 10, "give a duration"),
    ("holdFor: 10s", "holdFor: -10s", 10, "give a duration"),
    ("holdFor: 10s", "holdFor: 25h", 10, "at most 24h"),
    (
        "minObservers: 2",
        "minObservers: 0",
        10,
        "minObservers is 0",
    ),
    (
        "targets: [shop/cart]",
        "targets: [shop/card]",
        12,
        "no service is called shop/card",
    ),
    (
        "- name: causeway-system/root",
        "- name: shop/root",
        9,
        "is for the whole clusterset",
    ),
    (
        "name: agent/sh",
        "name: replica/r1",
        18,
        "replica/r1 stands twice",
    ),
    (
        "name: agent/sh",
        "name: agent/bj",
        18,
        "no member is called bj",
    ),
    (
        "region: cn-hangzhou}\n- {name: agent",
        "region: mars}\n- {name: agent",
        17,
        "nothing lives in region mars",
    ),
    (
        "observer: replica/r1",
        "observer: replica/r9",
        21,
        "no observer is called replica/r9",
    ),
    (
        "lose: region/cn-hangzhou",
        "lose: region/mars",
        20,
        "nothing lives in region mars",
    ),
    (
        "lose: region/cn-hangzhou",
        "lose: zone/cn-hangzhou/g",
        20,
        "lose the members in it",
    ),
    (
        "lose: region/cn-hangzhou",
        "lose: member/hz, restore: member/hz",
        20,
        "stand 2 things",
    ),
    (
        "{at: 1s, lose: region/cn-hangzhou}",
        "{at: 1s}",
        20,
        "stand 0 things",
    ),
    ("at: 2s", "at: 500ms", 21, "write them in order of time"),
    ("endpoints: 1", "endpoints: -1", 22, "is -1"),
    ("until: 1m", "until: 48h", 23, "at most 24h"),
    (
        "member/hz: Degraded",
        "member/bj: Degraded",
        25,
        "no member is called bj",
    ),
    ("network sh: 100", "network sh: 60", 27, "sum to 60 %"),
    ("network sh: 100", "the moon: 100", 27, "give member/zone"),
    ("from: hz/g", "from: hz", 27, "give member/zone"),
    (
        "ballot: Reachable}]",
        "ballot: Reachable}, {observer: replica/r1, subject: session/hz, ballot: Abstain}]",
        21,
        "votes twice",
    ),
];

#[test]
fn the_scenario_that_is_spoilt_is_in_order() {
    read(GOOD).unwrap();
}

#[test]
fn nonsense_is_refused_by_name_with_its_line() {
    for (find, instead, line, words) in CASES {
        assert!(GOOD.contains(find), "{find}");
        let spoilt = GOOD.replacen(find, instead, 1);
        let problems = read(&spoilt).expect_err(instead);
        let named = problems
            .0
            .iter()
            .any(|p| p.line == *line && p.message.contains(words));
        assert!(
            named,
            "`{instead}`: expected line {line} to say {words:?}, found\n{problems}"
        );
    }
}

#[test]
fn policies_that_contradict_each_other_are_refused() {
    let cases = [
        (
            "- name: shop/other\n  targets: [shop/cart]\n  capacity: {maxUtilizationPercent: 50}\n",
            "comes first by name",
        ),
        (
            "- name: shop/all\n  destinations: {allowedRegions: [cn-shanghai]}\n- name: shop/more\n  targets: [shop/cart]\n  destinations: {allowedRegions: [cn-hangzhou]}\n",
            "have no region in common",
        ),
        (
            "- name: causeway-system/second\n  detection: {holdFor: 3s}\n",
            "detection is not in force",
        ),
        (
            "- name: pay/other\n  targets: [shop/cart]\n",
            "is in another namespace",
        ),
        (
            "- name: shop/cart\n  capacity: {maxUtilizationPercent: 50}\n",
            "shop/cart stands twice",
        ),
    ];
    for (more, words) in cases {
        let spoilt = GOOD.replacen("observers:\n", &format!("{more}observers:\n"), 1);
        let problems = read(&spoilt).expect_err(words);
        let named = problems
            .0
            .iter()
            .any(|p| p.line > 8 && p.message.contains(words));
        assert!(named, "expected {words:?}, found\n{problems}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let spoilt = GOOD
        .replace("{g: 3}", "{x: -3}")
        .replace("holdFor: 10s", "holdFor: soon");
    let problems = read(&spoilt).unwrap_err();
    assert!(
        problems.0.len() >= 3 && problems.0.is_sorted(),
        "{problems}"
    );
}
