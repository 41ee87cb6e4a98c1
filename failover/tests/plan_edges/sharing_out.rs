//! How what a source asks is shared out over its ways.

use super::*;

#[test]
fn the_nearest_get_by_ready_endpoints_and_farther_ones_by_room() {
    let fleet = |own: &str| {
        judged(&format!(
            "failover a x
             member a region=a
               zone z demand=400 {own}
             member p region=x
               zone z demand=0 ready=10 each=40 max=100
             member q region=x
               zone z demand=0 ready=10 each=120 max=100"
        ))
    };
    let nearest = fleet("");
    assert_eq!(
        rates(&nearest, "a"),
        rows([("network p", 200), ("network q", 200)])
    );
    assert_eq!(of(&nearest, "a").kind, PlanKind::Nearest);
    let beyond = rows([("a/z", 100), ("network p", 75), ("network q", 225)]);
    assert_eq!(rates(&fleet("ready=1 each=100 max=100"), "a"), beyond);
}

#[test]
fn what_the_first_round_leaves_goes_by_room_too() {
    let plan = judged(
        "failover a x
         member a region=a
           zone z demand=700
         member o region=x
           zone z demand=0 ready=50 each=2 max=100
         member p region=x
           zone z demand=0 ready=10 each=50 max=100
         member q region=x
           zone z demand=0 ready=10 each=90 max=100",
    );
    // 500, 100 and 100 by ready endpoints: o takes 100, and the other 400 go by the room of p and q: 400 and 800.
    let found: Vec<u64> = of(&plan, "a").shares.iter().map(|s| s.rate.0).collect();
    assert_eq!(found, [100_000, 233_333, 366_667]);
}

#[test]
fn the_last_thousandths_go_to_whoever_comes_first() {
    // Weights bind d, so that nothing is moved by cost afterwards.
    let mut inputs = parse(
        "failover a x,y
         failover b x,y
         failover c x,y
         member a region=a
           zone z demand=1
         member b region=b
           zone z demand=1
         member c region=c
           zone z demand=1
         member d region=d
           zone z demand=0
         member x region=x
           zone z demand=0 ready=1 each=1 max=100
         member y region=y
           zone z demand=0 ready=1 each=1 max=100",
    );
    for source in &mut inputs.sources {
        source.demand = source.demand.map(|demand| Rate(demand.0 / 1_000));
        if source.source.member.as_str() == "d" {
            source.together.insert(region("y"), 1);
        }
    }
    for zone in &mut inputs.destinations {
        let room = if zone.member.as_str() == "x" { 2 } else { 9 };
        zone.capacity = zone.capacity.map(|_| Rate(room));
    }
    let plan = plan(&inputs);
    let to = |member, network| assert_eq!(shares(&plan, member), rows([(network, 10_000)]));
    to("a", "network x");
    to("b", "network x");
    to("c", "network y");
}

/// Two zones beside a source, the second full but for nothing, and so many thousandths of a request to share out.
fn thousandths(demand: u64) -> SourcePlan {
    let mut inputs = parse(
        "member a region=r
           zone c demand=1
           zone p demand=0 ready=32 each=100 max=100
           zone q demand=40 ready=4 each=10 max=100",
    );
    inputs.sources[0].demand = Some(Rate(demand));
    let plan = plan(&inputs);
    assert_eq!(check(&inputs, &plan), []);
    plan.sources[0].clone()
}

#[test]
fn what_is_off_by_dust_goes_by_priorities_all_the_same() {
    // By ready endpoints 4 and 1, and 5 and 0 find room.
    let dust = thousandths(5);
    assert_eq!(
        dust.shares.iter().map(|s| s.parts).collect::<Vec<_>>(),
        [8_889, 1_111]
    );
    // 56 and 7: more than there are sources and zones.
    let more = thousandths(63);
    assert_eq!(
        more.shares.iter().map(|s| s.parts).collect::<Vec<_>>(),
        [10_000]
    );
    // 48 and 6 are as many.
    assert_eq!(thousandths(54).shares.len(), 2);
}

#[test]
fn what_could_serve_and_has_no_share_stands_by() {
    let plan = judged(
        "failover a y,x
         member a region=a network=n
           zone z demand=10 ready=1 each=100
         member b region=a network=n
           zone z demand=10 ready=1 each=100
         member x region=x
           zone z demand=0 ready=1 each=100
         member y region=y
           zone z demand=0 ready=1 each=100",
    );
    let standby: Vec<&str> = of(&plan, "a").standby.iter().map(|n| n.as_str()).collect();
    assert_eq!(standby, ["y", "x"]);
    assert_eq!(of(&plan, "x").standby.len(), 2);
}

/// A source without endpoints of its own, t beside it, and one more zone of the network, of which nobody may make use.
fn beside(zone: &str, vacated: bool) -> PlanKind {
    let mut inputs = parse(&format!(
        "member a region=r network=n private
           zone s demand=10
           zone t demand=0 ready=1 each=100
         {zone}"
    ));
    inputs.destinations[2].vacated = vacated;
    let plan = plan(&inputs);
    assert_eq!(check(&inputs, &plan), []);
    assert_eq!(shares(&plan, "a"), rows([("a/t", 10_000)]));
    of(&plan, "a").kind
}

#[test]
fn shares_are_exact_where_a_mesh_would_use_what_a_person_leaves() {
    let left = "zone z demand=0 out=Evacuated ready=1 each=100";
    assert_eq!(beside(left, false), PlanKind::Spill);
    // What is lost elsewhere does not answer, whoever has left it.
    let lost = "member b region=r network=n out=Lost
           zone z demand=0 ready=1 each=100";
    assert_eq!(beside(lost, true), PlanKind::Nearest);
}
