//! Whatever changes: what is kept at hand is what follows from scratch.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use causeway_api::Generation;
use causeway_api::plan::{
    DemandSource, PlanInputs, PlanKind, ServicePlan, Share, Source, SourceInput, SourcePlan,
};
use causeway_api::rules::TrafficLimit;
use proptest::prelude::*;

use super::*;

const SERVICES: [&str; 4] = ["shop/cart", "shop/db", "shop/mail", "ware/db"];
const NETWORKS: [&str; 3] = ["hz", "sh", "sg"];
/// Key, whether it is in the root namespace, and whom it names.
const POLICIES: [(&str, bool, &[&str]); 6] = [
    ("causeway-system/all", true, &[]),
    ("causeway-system/dbs", true, &["shop/db", "ware/db"]),
    ("shop/all", false, &[]),
    ("shop/again", false, &[]),
    ("shop/db", false, &["shop/db", "ware/db"]),
    ("ware/db", false, &["ware/db", "ware/mail"]),
];

#[derive(Debug, Clone)]
enum Change {
    Policy(PolicySpec),
    NoPolicy(PolicyKey),
    Plan(ServiceKey, Option<CommittedPlan>),
    /// What was kept at hand is forgotten, as by a restart.
    Forget,
}

fn spec(key: &str, root: bool, targets: &[&str]) -> PolicySpec {
    PolicySpec {
        key: key.parse().unwrap(),
        root,
        targets: targets.iter().map(|name| name.parse().unwrap()).collect(),
        detection: None,
        hosts: Default::default(),
        failover: BTreeMap::new(),
        allowed_regions: Default::default(),
        demand: BTreeMap::new(),
        capacity_per_endpoint: None,
        max_utilization_percent: None,
        hold_down_ms: None,
        rules: Default::default(),
    }
}

fn policy() -> impl Strategy<Value = Change> {
    let mode = prop::sample::select(vec![
        None,
        Some(FailoverMode::Automatic),
        Some(FailoverMode::Approve),
        Some(FailoverMode::Observe),
    ]);
    let which = prop::sample::select(&POLICIES[..]);
    let stateful = any::<Option<bool>>();
    (which, any::<u8>(), stateful, mode, any::<bool>()).prop_map(
        |((key, root, targets), named, stateful, mode, limited)| {
            let mut spec = spec(key, root, targets);
            if named % 4 == 0 {
                // It is about others than before.
                spec.targets.pop_first();
            }
            spec.rules.stateful = stateful;
            spec.rules.mode = mode;
            spec.rules.limits.max_traffic_moved = limited.then_some(TrafficLimit {
                percent: 10,
                window_ms: 60_000,
            });
            Change::Policy(spec)
        },
    )
}

fn plan() -> impl Strategy<Value = Change> {
    let networks = prop::sample::subsequence(&NETWORKS[..], 0..=3);
    let demand =
        prop_oneof![4 => (0_u64..5).prop_map(Some), 1 => Just(Some(u64::MAX)), 1 => Just(None)];
    let service = prop::sample::select(&SERVICES[..]);
    (service, prop::option::weighted(0.8, (networks, demand))).prop_map(|(service, plan)| {
        let service: ServiceKey = service.parse().unwrap();
        let held = plan.map(|(networks, demand)| committed(&service, &networks, demand));
        Change::Plan(service, held)
    })
}

fn committed(service: &ServiceKey, networks: &[&str], demand: Option<u64>) -> CommittedPlan {
    let source = Source {
        member: "hz".parse().unwrap(),
        zone: None,
    };
    let share = |network: &&str| Share {
        destination: Destination::Network(network.parse().unwrap()),
        tier: 1,
        parts: 1,
        rate: Rate(0),
    };
    CommittedPlan {
        inputs: PlanInputs {
            service: service.clone(),
            ports: Vec::new(),
            sources: vec![SourceInput {
                source: source.clone(),
                region: None,
                network: "hz".parse().unwrap(),
                demand: demand.map(Rate),
                demand_source: DemandSource::default(),
                unreachable: BTreeSet::new(),
                ejected: BTreeSet::new(),
                together: BTreeMap::new(),
            }],
            destinations: Vec::new(),
            gateways: Vec::new(),
            policy: Default::default(),
        },
        plan: ServicePlan {
            service: service.clone(),
            sources: vec![SourcePlan {
                source,
                kind: PlanKind::Spill,
                shares: networks.iter().map(share).collect(),
                standby: Vec::new(),
                unserved: Rate(0),
                shed: Rate(0),
            }],
            withdrawn: BTreeMap::new(),
        },
        previous: None,
    }
}

fn change() -> impl Strategy<Value = Change> {
    let key = prop::sample::select(&POLICIES[..]).prop_map(|(key, ..)| key.parse().unwrap());
    prop_oneof![
        5 => policy(),
        2 => key.prop_map(Change::NoPolicy),
        6 => plan(),
        1 => Just(Change::Forget),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_at_hand_is_what_follows_from_scratch(changes in prop::collection::vec(change(), 1..60)) {
        let mut state = State::default();
        state.derived();
        for change in changes {
            match change.clone() {
                Change::Policy(spec) => drop(state.set_policy(&spec.key.clone(), Some(spec))),
                Change::NoPolicy(key) => drop(state.set_policy(&key, None)),
                Change::Plan(service, held) => {
                    let row = PlanRow::new(Generation::default(), held);
                    state.set_plan(&service, Arc::new(row));
                }
                Change::Forget => state.derived = Derived::default(),
            }
            prop_assert_eq!(state.derived(), &Rows::of(&state), "{:?}", change);
        }
    }
}

#[test]
fn who_is_careful_is_known_by_each_of_its_policies_and_where_it_goes() {
    let (cart, db): (ServiceKey, ServiceKey) =
        ("shop/cart".parse().unwrap(), "shop/db".parse().unwrap());
    let mut state = State::default();
    state.derived();
    for (service, networks) in [(&cart, ["hz"]), (&db, ["sh"])] {
        let held = committed(service, &networks, Some(5));
        let row = PlanRow::new(Generation::default(), Some(held));
        state.set_plan(service, Arc::new(row));
    }
    assert_eq!(state.derived(), &Rows::default());
    let mut spec = spec("shop/db", false, &["shop/db"]);
    spec.rules.stateful = Some(true);
    spec.rules.limits.max_traffic_moved = Some(TrafficLimit {
        percent: 10,
        window_ms: 60_000,
    });
    let key = spec.key.clone();
    state.set_policy(&key, Some(spec));
    let rows = state.derived();
    assert_eq!(rows.careful().collect::<Vec<_>>(), [&db]);
    assert_eq!(
        rows.entered()
            .keys()
            .map(NetworkName::as_str)
            .collect::<Vec<_>>(),
        ["sh"]
    );
    assert_eq!(rows.asked(&key), Rate(5));
    state.set_policy(&key, None);
    assert_eq!(state.derived(), &Rows::default());
}
