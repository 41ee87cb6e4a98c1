//! What moves where a plan goes on from the one before, and what stays.

use super::*;

fn on(inputs: &PlanInputs, before: &PlanInputs, held: &ServicePlan) -> Next {
    let next = next(inputs, Some((before, held)));
    assert_eq!(check(inputs, &next.plan), []);
    next
}

/// Callers of hz go to x as far as it has room, and to y, which costs half as much again.
fn spilling(room: u64) -> PlanInputs {
    parse(&format!(
        "failover hz x,y
         member hz region=hz
           zone z demand=1000
         member x region=x
           zone z demand=0 ready=1 each={room} max=100
         member y region=y
           zone z demand=0 ready=10 each=100 max=100"
    ))
}

#[test]
fn what_saves_more_than_a_hundredth_moves_and_what_saves_less_does_not() {
    let before = spilling(500);
    let held = plan(&before);
    let half = rows([("network x", 5_000), ("network y", 5_000)]);
    assert_eq!(shares(&held, "hz"), half);
    let near = on(&spilling(524), &before, &held);
    assert!(near.rests_on_previous);
    assert_eq!(near.plan, held);
    let far = on(&spilling(525), &before, &held);
    assert!(!far.rests_on_previous);
    let more = rows([("network x", 5_250), ("network y", 4_750)]);
    assert_eq!(shares(&far.plan, "hz"), more);
}

#[test]
fn the_same_within_what_gateways_let_in() {
    let within = |rps: u64| {
        let mut inputs = spilling(1_000);
        inputs.gateways.push(causeway_api::plan::GatewayInput {
            network: support::network("x"),
            limit: Rate::from_rps(rps),
        });
        inputs
    };
    let before = within(500);
    let held = plan(&before);
    assert_eq!(on(&within(524), &before, &held).plan, held);
    let less = on(&within(400), &before, &held);
    assert_eq!(
        rates(&less.plan, "hz"),
        rows([("network x", 400), ("network y", 600)])
    );
}

#[test]
fn what_no_longer_fits_moves() {
    let before = spilling(500);
    let held = plan(&before);
    for room in [0, 1, 400, 499] {
        let less = on(&spilling(room), &before, &held);
        assert_eq!(
            shares(&less.plan, "hz"),
            shares(&plan(&spilling(room)), "hz")
        );
    }
}

/// Two networks of one region, with so many ready and room for so much.
fn pair(p: (u32, u64), q: (u32, u64), x: u64) -> PlanInputs {
    let mut inputs = spilling(x);
    let beside = parse(
        "member a region=a
           zone z demand=100
         member p region=a
           zone z demand=0 ready=1 each=1 max=100
         member q region=a
           zone z demand=0 ready=1 each=1 max=100",
    );
    inputs.sources.extend(beside.sources);
    let of = |(at, (ready, room)): (usize, (u32, u64))| {
        let mut zone = beside.destinations[at].clone();
        (zone.ready, zone.total) = (ready, ready);
        zone.capacity = Some(Rate::from_rps(room));
        zone
    };
    inputs.destinations.extend([(1, p), (2, q)].map(of));
    inputs
}

#[test]
fn an_endpoint_more_moves_nothing() {
    let before = pair((10, 60), (10, 60), 500);
    let held = plan(&before);
    let half = rows([("network p", 5_000), ("network q", 5_000)]);
    assert_eq!(shares(&held, "a"), half);
    let more = on(&pair((11, 60), (10, 60), 500), &before, &held);
    assert_eq!(shares(&more.plan, "a"), half);
    assert_eq!(of(&more.plan, "a").kind, PlanKind::Spill);
}

#[test]
fn who_goes_by_priorities_goes_on_by_them_where_that_moves_least() {
    let before = pair((10, 50), (10, 60), 500);
    let held = plan(&before);
    // p carries 48 of the 50 that it had, and by ready endpoints would get 47: nobody else has to move for that.
    let now = pair((9, 48), (10, 60), 524);
    let next = on(&now, &before, &held);
    assert!(next.rests_on_previous);
    assert_eq!(shares(&next.plan, "hz"), shares(&held, "hz"));
    assert_eq!(of(&next.plan, "a").kind, PlanKind::Nearest);
    assert_eq!(
        shares(&next.plan, "a"),
        rows([("network p", 4_737), ("network q", 5_263)])
    );
}

#[test]
fn who_shares_what_shrank_gives_up_in_proportion_to_what_each_had() {
    let fleet = |room: u64| {
        parse(&format!(
            "failover a x,y
             failover b x,y
             member a region=a
               zone z demand=100
             member b region=b
               zone z demand=100
             member x region=x
               zone z demand=0 ready=1 each={room} max=100
             member y region=y
               zone z demand=0 ready=1 each=1000 max=100"
        ))
    };
    let before = fleet(100);
    let mut held = plan(&before);
    for (source, x) in held.sources.iter_mut().zip([80, 20]) {
        for (share, rps) in source.shares.iter_mut().zip([x, 100 - x]) {
            (share.rate, share.parts) = (Rate::from_rps(rps), u32::try_from(rps * 100).unwrap());
        }
    }
    assert_eq!(check(&before, &held), []);
    let next = on(&fleet(90), &before, &held).plan;
    assert_eq!(
        rates(&next, "a"),
        rows([("network x", 72), ("network y", 28)])
    );
    assert_eq!(
        rates(&next, "b"),
        rows([("network x", 18), ("network y", 82)])
    );
}

#[test]
fn who_has_no_way_left_keeps_nobody_from_staying() {
    let alone = |room: u64| {
        let mut inputs = spilling(room);
        let mut lost = parse(
            "member away region=away out=Lost unreachable=x,y
               zone z demand=10 ready=1 each=1",
        );
        lost.destinations[0].vacated = true;
        inputs.sources.extend(lost.sources);
        inputs.destinations.extend(lost.destinations);
        inputs
    };
    let before = alone(500);
    let held = plan(&before);
    assert_eq!(of(&held, "away").unserved, Rate::from_rps(10));
    assert_eq!(on(&alone(524), &before, &held).plan, held);
}

#[test]
fn what_came_back_is_planned_from_scratch() {
    let mut half = spilling(500);
    half.destinations[1].admitted_percent = 50;
    let held = plan(&half);
    for (percent, expected) in [(50, false), (49, false), (51, true)] {
        let mut now = half.clone();
        now.destinations[1].admitted_percent = percent;
        now.destinations[1].capacity = Some(Rate::from_rps(500 * 50 / u64::from(percent) + 1));
        assert_eq!(
            on(&now, &half, &held).rests_on_previous,
            !expected,
            "{percent}"
        );
    }
    let mut out = half.clone();
    out.destinations[1].withdrawn = Some(Withdrawal::Lost);
    let away = on(&out, &half, &held).plan;
    assert!(!on(&half, &out, &away).rests_on_previous);
}

#[test]
fn what_is_farther_than_it_need_be_comes_nearer_though_others_move() {
    let fleet = |room: u64| {
        parse(&format!(
            "failover a x,y,w
             failover d x,y,w,v
             member a region=a
               zone z demand=100
             member d region=d unreachable=x,y,w
               zone z demand=100000
             member x region=x
               zone z demand=0 ready=1 each={room} max=100
             member y region=y
               zone z demand=0 ready=1 each=1000 max=100
             member w region=w
               zone z demand=0 ready=1 each=1000 max=100
             member v region=v
               zone z demand=0 ready=1 each=100000 max=100"
        ))
    };
    let before = fleet(80);
    let mut held = plan(&before);
    let mut elsewhere = before.clone();
    elsewhere.sources[0]
        .unreachable
        .insert(support::network("y"));
    held.sources[0] = plan(&elsewhere).sources[0].clone();
    let there = rows([("network x", 80), ("network w", 20)]);
    assert_eq!(rates(&held, "a"), there);
    let next = on(&fleet(70), &before, &held).plan;
    assert_eq!(
        rates(&next, "a"),
        rows([("network x", 70), ("network y", 30)])
    );
}
