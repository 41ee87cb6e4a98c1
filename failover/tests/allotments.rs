//! What services that are tied get of what they share: gateways by class and in proportion, moves by the weakest of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::{GatewayInput, PlanInputs, Rate};
use causeway_api::rules::{OnOverload, Priority};
use causeway_failover::allot::{Class, Shared, allot, limits, wants};
use support::scenario::parse;
use support::{network, region};

/// A service of callers in hz, who have nothing there: so many requests a second go to the nearest of sh, sg and au that has
/// room behind its gateways.
fn abroad(name: &str, demand: u64) -> PlanInputs {
    let mut inputs = parse(&format!(
        "failover hz sh,sg,au
         member hz region=hz
           zone g demand={demand}
         member sh region=sh
           zone a ready=100 each=100
         member sg region=sg
           zone a ready=100 each=100
         member au region=au
           zone a ready=100 each=100"
    ));
    inputs.service = key(name);
    inputs
}

/// The same whose first choice is sg.
fn by_sg(name: &str, demand: u64) -> PlanInputs {
    let mut inputs = abroad(name, demand);
    let order = ["sg", "au", "sh"].map(region).to_vec();
    inputs.policy.failover.insert(region("hz"), order);
    inputs
}

/// A service that has all it needs where its callers are.
fn at_home(name: &str) -> PlanInputs {
    let mut inputs = abroad(name, 100);
    inputs.destinations[0].ready = 10;
    inputs.destinations[0].total = 10;
    inputs.destinations[0].capacity = Some(Rate::from_rps(1_000));
    inputs
}

fn key(name: &str) -> ServiceKey {
    name.parse().unwrap()
}

fn carry<const N: usize>(rows: [(&str, u64); N]) -> BTreeMap<NetworkName, Rate> {
    let rows = rows.map(|(name, rps)| (network(name), Rate::from_rps(rps)));
    rows.into()
}

/// Services that share gateways, and how often their inputs were asked for.
struct Services {
    inputs: BTreeMap<ServiceKey, PlanInputs>,
    shared: Shared,
    kept: BTreeSet<NetworkName>,
    asked: usize,
}

impl Services {
    fn new(services: impl IntoIterator<Item = PlanInputs>) -> Self {
        let inputs = services.into_iter();
        let mut these = Self {
            inputs: inputs.map(|i| (i.service.clone(), i)).collect(),
            shared: Shared::default(),
            kept: BTreeSet::new(),
            asked: 0,
        };
        for (key, inputs) in &these.inputs {
            these.shared.note(key, Some(inputs));
        }
        these
    }

    /// Who gets another part now.
    fn settle<const N: usize>(&mut self, limits: [(&str, u64); N]) -> Vec<String> {
        let (inputs, asked) = (&self.inputs, &mut self.asked);
        let changed = self.shared.settle(&carry(limits), &self.kept, &mut |key| {
            *asked += 1;
            inputs.get(key).cloned()
        });
        changed.iter().map(ToString::to_string).collect()
    }

    /// What a service is allotted: network, requests a second.
    fn of(&self, service: &str) -> Vec<(String, u64)> {
        let rows = self.shared.of(&key(service));
        rows.iter()
            .map(|row| (row.network.to_string(), row.limit.0 / 1_000))
            .collect()
    }
}

fn rows<const N: usize>(rows: [(&str, u64); N]) -> Vec<(String, u64)> {
    rows.map(|(name, rps)| (name.to_owned(), rps)).into()
}

#[test]
fn a_service_is_of_the_class_that_its_policy_says() {
    let class = |priority, on_overload| {
        let mut inputs = abroad("a/one", 1);
        inputs.policy.priority = priority;
        inputs.policy.on_overload = on_overload;
        assert_eq!(wants(&inputs).class, Class::of(&inputs));
        Class::of(&inputs)
    };
    for on_overload in [OnOverload::Refuse, OnOverload::Shed] {
        assert_eq!(class(Priority::Critical, on_overload), Class::First);
        assert_eq!(class(Priority::Standard, on_overload), Class::Then);
    }
    assert_eq!(class(Priority::Sheddable, OnOverload::Shed), Class::Last);
    assert_eq!(class(Priority::Sheddable, OnOverload::Refuse), Class::Then);
}

#[test]
fn what_is_wanted_of_a_network_is_all_that_is_sent_into_it() {
    let mut inputs = abroad("a/one", 300);
    let mut second = inputs.sources[0].clone();
    second.source.zone = Some("h".parse().unwrap());
    inputs.sources.push(second);
    let rates = wants(&inputs).rates;
    let wanted = [("au", 0), ("hz", 0), ("sg", 0), ("sh", 600)];
    assert_eq!(rates, carry(wanted));
}

#[test]
fn gateways_of_a_network_carry_their_sum_where_each_declares() {
    let gateways = [
        ("sh", Some(100)),
        ("sg", None),
        ("sh", Some(50)),
        ("sg", Some(70)),
        ("au", Some(10)),
        ("hz", Some(10)),
        ("hz", None),
    ];
    let rows = gateways.map(|(name, rps)| (network(name), rps.map(Rate::from_rps)));
    assert_eq!(limits(rows), carry([("au", 10), ("sh", 150)]));
}

#[test]
fn each_may_be_held_to_what_it_wants_though_all_fits() {
    let (one, two) = (key("a/one"), key("a/two"));
    let wanted = [(&one, Class::Then, Rate(30)), (&two, Class::Last, Rate(40))];
    let part = |limit, kept| allot(Rate(limit), kept, wanted, &mut |_| Rate(0));
    assert_eq!(part(70, false), BTreeMap::new());
    let held = BTreeMap::from([(one.clone(), Rate(30)), (two.clone(), Rate(40))]);
    assert_eq!(part(70, true), held);
    let cut = BTreeMap::from([(one.clone(), Rate(30)), (two.clone(), Rate(39))]);
    assert_eq!(part(69, false), cut);
}

#[test]
fn who_shares_a_gateway_is_cut_in_proportion_and_who_does_not_is_free() {
    let mut services = Services::new([
        abroad("a/one", 300),
        abroad("a/two", 100),
        at_home("a/three"),
    ]);
    assert_eq!(services.settle([("sh", 400)]), [] as [&str; 0]);
    assert!(services.shared.is_free());
    assert_eq!(services.asked, 0);

    assert_eq!(services.settle([("sh", 200)]), ["a/one", "a/two"]);
    assert!(!services.shared.is_free());
    assert_eq!(services.of("a/one"), rows([("sh", 150)]));
    assert_eq!(services.of("a/two"), rows([("sh", 50)]));
    assert_eq!(services.of("a/three"), []);
    // For what each needs there, and for what it sends within its part.
    assert_eq!(services.asked, 4);

    // Again the same: nobody's part is another, and nobody is planned for it.
    assert_eq!(services.settle([("sh", 200)]), [] as [&str; 0]);
    assert_eq!(services.asked, 4);

    // One is no more: the other may have it all, and is told.
    services.shared.note(&key("a/one"), None);
    assert_eq!(services.settle([("sh", 200)]), ["a/one", "a/two"]);
    assert!(services.shared.is_free());
    assert_eq!(services.of("a/two"), []);
}

#[test]
fn who_has_no_other_way_is_let_in_first() {
    let mut only = abroad("a/only", 300);
    only.destinations
        .retain(|zone| zone.member.as_str() == "sh");
    let mut services = Services::new([only, abroad("a/other", 300)]);
    services.settle([("sh", 300)]);
    assert_eq!(services.of("a/only"), rows([("sh", 300)]));
    assert_eq!(services.of("a/other"), rows([("sh", 0)]));
    // What it does not need is the other's.
    services.settle([("sh", 400)]);
    assert_eq!(services.of("a/other"), rows([("sh", 100)]));
    // By what was reckoned before as by nothing.
    let mut anew = Services::new(services.inputs.values().cloned());
    anew.settle([("sh", 400)]);
    assert_eq!(anew.of("a/other"), rows([("sh", 100)]));
    let asked = services.asked;
    services.settle([("sh", 400)]);
    assert_eq!(services.asked, asked, "nobody is planned for it again");
}

#[test]
fn what_a_service_wants_does_not_depend_on_what_it_was_allotted() {
    let mut held = abroad("a/one", 300);
    held.gateways.push(GatewayInput {
        network: network("sh"),
        limit: Rate(0),
    });
    let mut services = Services::new([held, abroad("a/two", 100)]);
    services.settle([("sh", 200)]);
    assert_eq!(services.of("a/one"), rows([("sh", 150)]));
}

#[test]
fn nothing_is_shared_once_it_is_forgotten() {
    let mut services = Services::new([abroad("a/one", 300)]);
    services.settle([("sh", 200)]);
    services.shared.clear();
    assert!(services.shared.is_free());
    assert_eq!(services.of("a/one"), []);
    assert_eq!(services.settle([("sh", 200)]), [] as [&str; 0]);
}

#[test]
fn all_keep_to_their_parts_where_they_were_asked_to() {
    let mut services = Services::new([abroad("a/one", 300), at_home("a/two")]);
    services.kept = [network("sh")].into();
    assert_eq!(
        services.settle([("sg", 400), ("sh", 400)]),
        ["a/one", "a/two"]
    );
    assert_eq!(services.of("a/one"), rows([("sh", 300)]));
    assert_eq!(services.of("a/two"), rows([("sh", 0)]));
}

#[test]
fn what_finds_no_room_in_one_network_is_shared_in_the_next() {
    let mut services = Services::new([abroad("a/one", 300), abroad("a/two", 300)]);
    services.settle([("sg", 300), ("sh", 200)]);
    assert_eq!(services.of("a/one"), rows([("sg", 150), ("sh", 100)]));
    assert_eq!(services.of("a/two"), rows([("sg", 150), ("sh", 100)]));
    // What fits the next network binds nobody there.
    services.settle([("sg", 400), ("sh", 200)]);
    assert_eq!(services.of("a/one"), rows([("sh", 100)]));
}

#[test]
fn what_comes_to_a_network_that_others_fill_finds_none_there_and_goes_on() {
    let mut services = Services::new([
        abroad("a/one", 300),
        abroad("a/two", 300),
        by_sg("a/three", 400),
    ]);
    // The gateways of sg are all out: their sum is nothing.
    services.settle([("au", 600), ("sg", 0), ("sh", 200)]);
    let three = rows([("au", 600 * 400 / 800), ("sg", 0), ("sh", 0)]);
    assert_eq!(services.of("a/three"), three);
    let one = rows([("au", 600 * 200 / 800), ("sg", 0), ("sh", 100)]);
    assert_eq!(services.of("a/one"), one);
    assert_eq!(services.of("a/two"), one);
}

#[test]
fn who_is_turned_away_twice_counts_where_it_comes_to_at_last() {
    let by = |order: [&str; 3], inputs: PlanInputs| {
        let mut inputs = inputs;
        let order = order.map(region).to_vec();
        inputs.policy.failover.insert(region("hz"), order);
        inputs
    };
    let mut services = Services::new([
        by(["au", "sh", "sg"], abroad("a/one", 300)),
        by(["au", "sh", "sg"], abroad("a/two", 300)),
        by(["sh", "sg", "au"], abroad("a/three", 400)),
    ]);
    services.settle([("au", 0), ("sg", 600), ("sh", 0)]);
    let one = rows([("au", 0), ("sg", 180), ("sh", 0)]);
    assert_eq!(services.of("a/one"), one);
    let three = services.of("a/three");
    assert!(three.contains(&("sg".to_owned(), 240)), "{three:?}");
}

#[test]
fn what_was_reckoned_within_other_parts_is_not_gone_by() {
    let mut inputs = abroad("a/one", 200);
    let mut second = inputs.sources[0].clone();
    second.source.member = "sg".parse().unwrap();
    second.source.zone = Some("b".parse().unwrap());
    second.network = network("bj");
    second.region = Some(region("bj"));
    inputs.sources.push(second);
    let order = ["sg", "sh"].map(region).to_vec();
    inputs.policy.failover.insert(region("bj"), order);
    let mut services = Services::new([inputs]);
    services.settle([("sg", 100), ("sh", 1_000)]);
    assert_eq!(services.of("a/one"), rows([("sg", 100)]));
    // Within 150 of sg it sends 250 to sh, which fits; within 100 it sent 300, which would not.
    services.settle([("sg", 150), ("sh", 250)]);
    assert_eq!(services.of("a/one"), rows([("sg", 150)]));
}

mod moving_together {
    use super::*;
    use causeway_failover::allot::{Bound, Parts, bind, together};

    fn service(name: &str, text: &str) -> PlanInputs {
        let mut inputs = parse(text);
        inputs.service = key(name);
        inputs
    }

    /// Of a thousand requests a second in hz, so many can stay; the others go to sh.
    fn keeps(name: &str, rps: u64) -> PlanInputs {
        let text = format!(
            "failover hz sh
             member hz region=hz
               zone g demand=10000 ready=1 each={rps} max=100
             member sh region=sh
               zone a ready=100 each=1000"
        );
        service(name, &text)
    }

    fn parts<const N: usize>(parts: [(&str, u32); N]) -> Parts {
        parts.map(|(name, parts)| (region(name), parts)).into()
    }

    fn bound<const N: usize>(rows: [(&str, Parts); N]) -> Bound {
        rows.map(|(name, parts)| (region(name), parts)).into()
    }

    #[test]
    fn all_go_where_the_one_goes_that_can_keep_least() {
        let all = [
            keeps("a/one", 10_000),
            keeps("a/two", 6_000),
            keeps("a/three", 8_000),
        ];
        let expected = bound([("hz", parts([("hz", 6_000), ("sh", 4_000)]))]);
        assert_eq!(together(&all), expected);
        // Whatever binds them already.
        let mut held = all;
        for inputs in &mut held {
            bind(inputs, &bound([("hz", parts([("sh", 1)]))]));
        }
        assert_eq!(together(&held), expected);
    }

    #[test]
    fn a_hundredth_binds_nobody() {
        assert_eq!(
            together(&[keeps("a/one", 10_000), keeps("a/two", 9_900)]),
            Bound::new()
        );
        assert_eq!(
            together(&[keeps("a/one", 10_000), keeps("a/two", 9_899)]),
            bound([("hz", parts([("hz", 9_899), ("sh", 101)]))])
        );
    }

    #[test]
    fn between_equals_the_first_by_name_is_followed() {
        let by_sg = |name| {
            let mut inputs = keeps(name, 5_000);
            let mut zone = inputs.destinations[1].clone();
            zone.member = "sg".parse().unwrap();
            (zone.region, zone.network) = (Some(region("sg")), network("sg"));
            inputs.destinations.push(zone);
            inputs
                .policy
                .failover
                .insert(region("hz"), vec![region("sg")]);
            inputs
        };
        let sg = bound([("hz", parts([("hz", 5_000), ("sg", 5_000)]))]);
        let sh = bound([("hz", parts([("hz", 5_000), ("sh", 5_000)]))]);
        assert_eq!(together(&[keeps("a/b", 5_000), by_sg("a/a")]), sg);
        assert_eq!(together(&[by_sg("a/b"), keeps("a/a", 5_000)]), sh);
    }

    #[test]
    fn sources_count_by_what_they_ask_and_those_alike_whose_demand_nobody_knows() {
        let two = |g: &str, h: &str| {
            let text = format!(
                "failover hz sh
                 member hz region=hz network=hz
                   zone g {g} ready=1 each=1000000 max=100
                 member hz2 region=hz network=hz2 unreachable=hz
                   zone h {h}
                 member sh region=sh
                   zone a ready=100 each=1000000 max=100"
            );
            service("a/one", &text)
        };
        let weakest = |inputs| together(&[inputs, keeps("a/two", 10_000)]);
        assert_eq!(
            weakest(two("demand=300", "demand=100")),
            bound([("hz", parts([("hz", 7_500), ("sh", 2_500)]))])
        );
        assert_eq!(
            weakest(two("", "")),
            bound([("hz", parts([("hz", 5_000), ("sh", 5_000)]))])
        );
        // What is nothing of the whole is not said.
        let tiny = together(&[two("demand=900000", "demand=1"), keeps("a/two", 5_000)]);
        assert_eq!(tiny, bound([("hz", parts([("hz", 5_000), ("sh", 5_000)]))]));
        let far = two("demand=1", "demand=900000");
        assert_eq!(weakest(far), bound([("hz", parts([("sh", 9_999)]))]));
        // Nor does a service bind any that asks for nothing.
        assert_eq!(weakest(two("demand=0", "demand=0")), Bound::new());
    }

    #[test]
    fn a_network_is_of_the_region_where_it_would_answer() {
        let beside = |zone: &str| {
            let text = format!(
                "failover hz sh
                 member hz region=hz
                   zone g demand=1000
                 member sh region=sh network=sh
                   zone a ready=100 each=1000
                 {zone}"
            );
            together(&[service("a/one", &text), keeps("a/two", 10_000)])
        };
        let sh = bound([("hz", parts([("sh", 10_000)]))]);
        assert_eq!(beside(""), sh);
        assert_eq!(
            beside("member sg region=sg network=sh\n zone a ready=0"),
            sh
        );
        assert_eq!(
            beside("member sg region=sg network=sh private\n zone a ready=9 each=1"),
            sh
        );
        // Of several regions nobody knows which it is.
        let both = "member sg region=sg network=sh\n zone a ready=9 each=1";
        assert_eq!(beside(both), Bound::new());
    }

    #[test]
    fn a_zone_is_of_its_own_region() {
        let text = "failover hz sh
             member hz region=hz network=one
               zone g demand=1000
               zone a demand=0 ready=1 each=400 max=100
             member sh region=sh network=one
               zone a ready=100 each=1000
               zone g region=sg ready=0";
        let here = together(&[service("a/one", text), keeps("a/two", 10_000)]);
        assert_eq!(here, bound([("hz", parts([("hz", 4_000), ("sh", 6_000)]))]));
    }

    #[test]
    fn sources_are_bound_by_their_region_and_others_are_let_go() {
        let weights = parts([("hz", 3), ("sh", 1)]);
        let mut inputs = keeps("a/one", 100);
        assert!(bind(&mut inputs, &bound([("hz", weights.clone())])));
        assert_eq!(inputs.sources[0].together, weights);
        assert_eq!(inputs.sources[1].together, Parts::new());
        assert!(!bind(&mut inputs, &bound([("hz", weights.clone())])));
        assert!(bind(&mut inputs, &bound([("sh", weights)])));
        let bound_now: BTreeSet<bool> = inputs
            .sources
            .iter()
            .map(|s| s.together.is_empty())
            .collect();
        assert_eq!(bound_now, [false, true].into());
        assert!(inputs.sources[0].together.is_empty());
        // The last of two changes is not all that counts.
        inputs.sources.reverse();
        assert!(bind(&mut inputs, &Bound::new()));
        assert!(!bind(&mut inputs, &Bound::new()));
    }
}
