//! Fleets as numbers, so that a case that fails is made as small as it may be.

use proptest::prelude::*;
use proptest::sample::Index;

/// Regions that a fleet has at most; each has at most two members, of at most two zones.
pub(crate) const REGIONS: usize = 4;

/// One member.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) zones: usize,
    pub(crate) gateways: Vec<Gateway>,
    /// Whether its session was ever heard.
    pub(crate) heard: bool,
    /// Whether it declares a domain that spans regions.
    pub(crate) power: bool,
}

/// One gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gateway {
    /// What it carries, in requests a second; `None`: it declares nothing.
    pub(crate) carries: Option<u64>,
    /// Whether it was ever reached.
    pub(crate) observed: bool,
}

/// One region.
#[derive(Debug, Clone)]
pub(crate) struct Region {
    pub(crate) members: Vec<Member>,
    /// Its members stand in one network.
    pub(crate) one_network: bool,
}

/// Why a service moves by a person's word alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Careful {
    No,
    Stateful,
    Approve,
    Observe,
    Frozen,
    Pinned,
}

/// One service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Those of a group move as one.
    pub(crate) group: Option<u8>,
    /// 0: first, 1: as most are, 2: last.
    pub(crate) class: u8,
    /// 0: refuse, 1: shed, 2: best effort.
    pub(crate) overload: u8,
    /// 0, 1: by distance, 2: by order, 3: by weight.
    pub(crate) strategy: u8,
    pub(crate) best_effort: bool,
    /// By region, in requests a second.
    pub(crate) demand: [Option<u64>; REGIONS],
    pub(crate) per_endpoint: Option<u64>,
    /// Ready endpoints by member, two for each region, and by zone; `None`: the member does not have the service.
    pub(crate) ready: [Option<[u32; 2]>; 2 * REGIONS],
    pub(crate) careful: Careful,
}

/// Something that changes before the loss, so that plans go on from plans.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Of a service's demand in a region.
    Demand(Index, usize, Option<u64>),
    /// Of a service's endpoints in a member.
    Ready(Index, usize, [u32; 2]),
    /// Of what a gateway declares to carry.
    Carries(Index, Option<u64>),
}

/// How policies let traffic return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    InSteps(u8),
    ByApproval,
    Never,
}

/// People leave a domain.
#[derive(Debug, Clone)]
pub(crate) struct Evacuation {
    /// Which.
    pub(crate) domain: Index,
    /// So far, in percent, and the rest later; `None`: all of it.
    pub(crate) step: Option<u8>,
    /// Of this service alone.
    pub(crate) of: Option<Index>,
}

/// What stands between two steps when the loss comes.
#[derive(Debug, Clone)]
pub(crate) struct Between {
    pub(crate) returns: Returns,
    /// Members that were lost and are back.
    pub(crate) back: Vec<Index>,
    pub(crate) evacuations: Vec<Evacuation>,
    /// Of those evacuations so many are over again, so that traffic returns to what they left.
    pub(crate) over: usize,
    /// Members that leave the clusterset.
    pub(crate) leaving: Vec<Index>,
}

/// A fleet, what changes, and what is lost.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) regions: Vec<Region>,
    pub(crate) services: Vec<Service>,
    pub(crate) changes: Vec<Change>,
    pub(crate) between: Between,
    pub(crate) lost: Index,
}

/// Any of them.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let regions = prop::collection::vec(region(), 2..=REGIONS);
    let services = prop::collection::vec(service(), 2..=5);
    let changes = prop::collection::vec(change(), 0..4);
    (regions, services, changes, between(), any::<Index>()).prop_map(
        |(regions, services, changes, between, lost)| Case {
            regions,
            services,
            changes,
            between,
            lost,
        },
    )
}

fn between() -> impl Strategy<Value = Between> {
    let returns = prop_oneof![
        2 => (1_u8..100).prop_map(Returns::InSteps),
        1 => Just(Returns::ByApproval),
        1 => Just(Returns::Never),
    ];
    let some = |often: u32| {
        let some = prop::collection::vec(any::<Index>(), 1..=2);
        prop_oneof![often => Just(Vec::new()), 1 => some]
    };
    let step = prop::option::of(1_u8..100);
    let of = prop::option::weighted(0.3, any::<Index>());
    let evacuation =
        (any::<Index>(), step, of).prop_map(|(domain, step, of)| Evacuation { domain, step, of });
    let evacuations = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(evacuation, 1..=2),
    ];
    (returns, some(2), evacuations, 0_usize..3, some(3)).prop_map(
        |(returns, back, evacuations, over, leaving)| Between {
            returns,
            back,
            evacuations,
            over: over.saturating_sub(1),
            leaving,
        },
    )
}

fn region() -> impl Strategy<Value = Region> {
    let members = prop::collection::vec(member(), 1..=2);
    (members, any::<bool>()).prop_map(|(members, one_network)| Region {
        members,
        one_network,
    })
}

fn member() -> impl Strategy<Value = Member> {
    let count = prop_oneof![1 => Just(0_usize), 6 => Just(1), 3 => Just(2)];
    let gateway = (carries(), prop::bool::weighted(0.9))
        .prop_map(|(carries, observed)| Gateway { carries, observed });
    let gateways = count.prop_flat_map(move |count| prop::collection::vec(gateway.clone(), count));
    let flags = (prop::bool::weighted(0.95), prop::bool::weighted(0.2));
    (1_usize..=2, gateways, flags).prop_map(|(zones, gateways, (heard, power))| Member {
        zones,
        gateways,
        heard,
        power,
    })
}

fn carries() -> impl Strategy<Value = Option<u64>> + Clone {
    prop_oneof![
        2 => Just(None),
        3 => (0_u64..150).prop_map(Some),
        2 => (150_u64..3_000).prop_map(Some),
    ]
}

fn rate() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(0)),
        8 => (1_u64..500).prop_map(Some),
    ]
}

fn ready() -> impl Strategy<Value = [u32; 2]> {
    prop::array::uniform2(0_u32..7)
}

fn service() -> impl Strategy<Value = Service> {
    let group = prop_oneof![3 => Just(None), 3 => Just(Some(0_u8)), 1 => Just(Some(1))];
    let per_endpoint = prop_oneof![1 => Just(None), 4 => (10_u64..150).prop_map(Some)];
    let careful = prop_oneof![
        10 => Just(Careful::No),
        1 => Just(Careful::Stateful),
        1 => Just(Careful::Approve),
        1 => Just(Careful::Observe),
        1 => Just(Careful::Frozen),
        1 => Just(Careful::Pinned),
    ];
    let here = prop::array::uniform8(prop::option::weighted(0.7, ready()));
    let rules = (0_u8..3, 0_u8..3, 0_u8..4, any::<bool>());
    let demand = prop::array::uniform4(rate());
    (group, rules, demand, per_endpoint, here, careful).prop_map(
        |(
            group,
            (class, overload, strategy, best_effort),
            demand,
            per_endpoint,
            ready,
            careful,
        )| {
            Service {
                group,
                class,
                overload,
                strategy,
                best_effort,
                demand,
                per_endpoint,
                ready,
                careful,
            }
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let demand = (any::<Index>(), 0..REGIONS, rate());
    let ready = (any::<Index>(), 0..2 * REGIONS, ready());
    prop_oneof![
        demand.prop_map(|(at, region, rate)| Change::Demand(at, region, rate)),
        ready.prop_map(|(at, member, ready)| Change::Ready(at, member, ready)),
        (any::<Index>(), carries()).prop_map(|(at, carries)| Change::Carries(at, carries)),
    ]
}
