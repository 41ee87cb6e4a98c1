//! What holds for every plan: percents that Istio accepts, an order that never wedges a proxy, nothing to do twice,
//! and never an empty service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::plan::{Destination, PlanKind};
use causeway_api::view::ServiceView;
use causeway_render::locality::overlap;
use causeway_render::name::VOID_GATEWAY;
use causeway_render::{
    DesiredObject, ForeignIndex, Kind, LiveObject, Operation, Rendered, ServiceInputs, diff,
    render_networks, render_service,
};
use common::*;
use proptest::prelude::*;

const NETWORKS: [&str; 5] = ["net2", "net3", "net4", "VPC_5", "r1"];
const LOCALITIES: [&str; 6] = ["r2/z1", "r1/z1", "r1/z2", "net3/net3", "r2/-", "-/-"];

fn destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        prop::sample::select(vec!["z1", "z2", "z3"]).prop_map(zone),
        Just(Destination::Zone {
            member: causeway_api::MemberName::new("one").unwrap(),
            zone: None
        }),
        prop::sample::select(NETWORKS.to_vec()).prop_map(to),
    ]
}

fn plans() -> impl Strategy<Value = ServiceView> {
    let shares = prop::collection::vec((destination(), 0..10_000_u32), 0..6);
    let kind = prop_oneof![Just(PlanKind::Nearest), Just(PlanKind::Spill)];
    let sources = prop::collection::vec((kind, shares), 0..4);
    let offered = prop::collection::btree_set(prop::sample::select(NETWORKS.to_vec()), 0..5);
    (sources, offered, any::<bool>()).prop_map(|(sources, offered, policy)| {
        let zones = ["z1", "z2", "z3", "z4"];
        let sources = sources
            .iter()
            .zip(zones)
            .map(|((kind, shares), zone)| source(zone, *kind, shares, &["net2", "net3"]))
            .collect();
        let mut view = view(sources, &offered.into_iter().collect::<Vec<_>>());
        if policy {
            view.failover = vec!["r2".parse().unwrap(), "r3".parse().unwrap()];
        }
        view
    })
}

fn cases() -> impl Strategy<Value = (causeway_render::MemberInputs, ServiceInputs)> {
    let places = prop::collection::vec(prop::sample::select(LOCALITIES.to_vec()), 5);
    let ready = prop::collection::vec(0..9_000_u32, 5);
    (
        plans(),
        places,
        ready,
        0..4_u32,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(view, places, ready, local_ready, exists, region)| {
            let mut member = member();
            member.networks = NETWORKS
                .iter()
                .zip(places)
                .map(|(name, place)| {
                    (
                        network(name),
                        versioned(5, network_view(&["203.0.113.9"], place)),
                    )
                })
                .collect();
            if !region {
                member.settings.region = None;
            }
            let mut inputs = inputs(view);
            inputs.owners = NETWORKS
                .iter()
                .zip(ready)
                .enumerate()
                .map(|(at, (name, ready))| owner(&format!("m{at}"), name, ready))
                .collect();
            inputs.local.ready = local_ready;
            inputs.local.exists = exists;
            (member, inputs)
        })
}

fn render(case: &(causeway_render::MemberInputs, ServiceInputs), live: &[&LiveObject]) -> Rendered {
    render_service(&case.0, &service(), &case.1, &ForeignIndex::default(), live)
}

fn of(rendered: &Rendered, kind: Kind) -> Vec<&DesiredObject> {
    rendered
        .objects
        .iter()
        .filter(|object| object.key.kind == kind)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn istio_accepts_every_distribution(case in cases()) {
        let rendered = render(&case, &[]);
        for rule in of(&rendered, Kind::DestinationRule) {
            let locality = &rule.spec["trafficPolicy"]["loadBalancer"]["localityLbSetting"];
            prop_assert!(locality.get("distribute").is_none() || locality.get("failover").is_none());
            for failover in locality["failover"].as_array().into_iter().flatten() {
                prop_assert_ne!(&failover["from"], &failover["to"]);
            }
            let Some(distribute) = locality["distribute"].as_array() else { continue };
            prop_assert_eq!(&distribute.last().unwrap()["from"], "*");
            let froms: BTreeSet<_> = distribute.iter().map(|one| one["from"].to_string()).collect();
            prop_assert_eq!(froms.len(), distribute.len());
            for one in distribute {
                let to: BTreeMap<_, _> = one["to"].as_object().unwrap().iter()
                    .map(|(to, percent)| (to.clone(), percent.as_u64().unwrap())).collect();
                prop_assert_eq!(to.values().sum::<u64>(), 100);
                prop_assert!(to.values().all(|percent| *percent > 0));
                for a in to.keys() {
                    prop_assert!(to.keys().filter(|b| *b != a).all(|b| !overlap(a, b)), "{to:?}");
                }
            }
        }
    }

    #[test]
    fn every_distribution_leads_somewhere(case in cases()) {
        let rendered = render(&case, &[]);
        let places: Vec<_> = of(&rendered, Kind::WorkloadEntry).iter()
            .map(|entry| entry.spec["locality"].as_str().unwrap().to_owned()).collect();
        for rule in of(&rendered, Kind::DestinationRule) {
            let locality = &rule.spec["trafficPolicy"]["loadBalancer"]["localityLbSetting"];
            for one in locality["distribute"].as_array().into_iter().flatten() {
                let alive = one["to"].as_object().unwrap().keys().any(|pattern| {
                    let stem = pattern.trim_end_matches('*');
                    places.iter().any(|place| format!("{place}/").starts_with(stem))
                        || (case.1.local.ready > 0 && case.1.local.localities.iter()
                            .any(|l| format!("{l}/").starts_with(stem)))
                });
                prop_assert!(alive, "{one} names nothing that is there: {places:?}");
            }
        }
    }

    #[test]
    fn entries_have_rules_weights_and_places(case in cases()) {
        let rendered = render(&case, &[]);
        let entries = of(&rendered, Kind::WorkloadEntry);
        for entry in &entries {
            prop_assert!((1..=1000).contains(&entry.spec["weight"].as_u64().unwrap()));
            prop_assert_ne!(&entry.spec["network"], "net1");
        }
        if !entries.is_empty() {
            prop_assert!(!of(&rendered, Kind::DestinationRule).is_empty());
        }
        let keys: BTreeSet<_> = rendered.objects.iter().map(|object| &object.key).collect();
        prop_assert_eq!(keys.len(), rendered.objects.len());
    }

    #[test]
    fn what_is_written_is_not_written_again(case in cases()) {
        let rendered = render(&case, &[]);
        let live: Vec<_> = rendered.objects.iter().map(|o| written(o, stamp(4))).collect();
        let again = render(&case, &live.iter().collect::<Vec<_>>());
        // The same content of a later decision is no change either.
        let later: Vec<_> = again.objects.into_iter()
            .map(|object| DesiredObject { generation: generation(99), ..object }).collect();
        let difference = diff(&later, &live, Some(stamp(5)));
        prop_assert!(difference.operations.is_empty(), "{:?}", difference.operations);
        prop_assert!(difference.refusals.is_empty());
    }

    #[test]
    fn a_service_is_never_emptied(before in cases(), after in cases()) {
        let live: Vec<_> = render(&before, &[]).objects.iter().map(|o| written(o, stamp(4))).collect();
        let refs: Vec<_> = live.iter().collect();
        let had = live.iter().any(|o| o.key.kind == Kind::WorkloadEntry);
        for plan in [after.1.plan.clone(), None] {
            let mut after = after.clone();
            after.1.plan = plan;
            let rendered = render(&after, &refs);
            let has = !of(&rendered, Kind::WorkloadEntry).is_empty();
            prop_assert!(has || after.1.local.ready > 0 || !had);
            if has {
                prop_assert!(!of(&rendered, Kind::DestinationRule).is_empty());
            }
        }
    }

    #[test]
    fn operations_keep_the_order(before in cases(), after in cases()) {
        let all = |case: &(causeway_render::MemberInputs, ServiceInputs)| {
            let service = render(case, &[]);
            let networks = render_networks(&case.0, true, &ForeignIndex::default(), &[]);
            [networks.objects, service.objects].concat()
        };
        let live: Vec<_> = all(&before).iter().map(|o| written(o, stamp(4))).collect();
        for desired in [all(&after), Vec::new()] {
            let operations = diff(&desired, &live, Some(stamp(4))).operations;
            let kind = |o: &Operation| (matches!(o, Operation::Delete(_)), o.key().kind);
            for pair in operations.windows(2) {
                let ((a_gone, a), (b_gone, b)) = (kind(&pair[0]), kind(&pair[1]));
                prop_assert!(a_gone <= b_gone);
                if a_gone == b_gone {
                    let ordered = if a_gone { a >= b } else { a <= b };
                    prop_assert!(ordered);
                }
            }
            let void = operations.iter().position(|o| o.key().name == VOID_GATEWAY);
            if let Some(void) = void {
                let gone = kind(&operations[void]).0;
                prop_assert_eq!(void, if gone { operations.len() - 1 } else { 0 });
            }
        }
    }
}
