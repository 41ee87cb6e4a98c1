//! How sources go that weights bind.

use super::*;

fn regions(policy: &str, demand: u64) -> ServicePlan {
    judged(&format!(
        "strategy Weighted
         {policy}
         failover a u,v,w,x
         member a region=a
           zone z demand={demand}
         member u region=u
           zone z demand=0 ready=1 each=1000 max=100
         member v region=v
           zone z demand=0 ready=1 each=1000 max=100
         member w region=w
           zone z demand=0 ready=1 each=10 max=100"
    ))
}

#[test]
fn what_a_region_has_no_room_for_goes_to_the_others_by_weight() {
    let three = regions("weights u=1,v=3,w=4", 110);
    let expected = rows([("network u", 25), ("network v", 75), ("network w", 10)]);
    assert_eq!(rates(&three, "a"), expected);
    let two = regions("weights v=1,w=1", 110);
    assert_eq!(
        rates(&two, "a"),
        rows([("network v", 100), ("network w", 10)])
    );
    let none = regions("weights u=0,v=0,w=1", 110);
    assert_eq!(rates(&none, "a"), rows([("network w", 10)]));
    assert_eq!(of(&none, "a").unserved, Rate::from_rps(100));
}

#[test]
fn two_regions_share_by_weight() {
    let plan = judged(
        "strategy Weighted
         weights a=3,x=1
         member a region=a
           zone z demand=100 ready=1 each=1000 max=100
         member x region=x
           zone z demand=0 ready=1 each=1000 max=100",
    );
    assert_eq!(rates(&plan, "a"), rows([("a/z", 75), ("network x", 25)]));
}

#[test]
fn full_regions_count_for_nothing() {
    let plan = judged(
        "strategy Weighted
         weights u=1,v=1,w=98
         failover a u,v,w
         member a region=a
           zone z demand=100
         member u region=u
           zone z demand=0 ready=1 each=1000 max=100
         member v region=v
           zone z demand=0 ready=1 each=1000 max=100
         member w region=w
           zone z demand=0 ready=1 each=0 max=100",
    );
    assert_eq!(
        rates(&plan, "a"),
        rows([("network u", 50), ("network v", 50)])
    );
}

#[test]
fn what_moves_together_goes_on_by_distance_where_its_weights_leave_no_room() {
    let fleet = |weight: u32, strategy: &str| {
        let mut inputs = parse(&format!(
            "{strategy}
             member a region=a
               zone z demand=100
             member x region=x
               zone z demand=0 ready=1 each=40 max=100
             member y region=y
               zone z demand=0 ready=1 each=1000 max=100"
        ));
        inputs.sources[0].together.insert(region("x"), weight);
        let plan = plan(&inputs);
        assert_eq!(check(&inputs, &plan), []);
        rates(&plan, "a")
    };
    let on = rows([("network x", 40), ("network y", 60)]);
    assert_eq!(fleet(1, ""), on);
    assert_eq!(fleet(1, "strategy Weighted\nweights x=1"), on);
    // Weights of nothing leave the policy's.
    assert_eq!(
        fleet(0, "strategy Weighted\nweights x=1"),
        rows([("network x", 40)])
    );
}

#[test]
fn a_network_of_several_regions_has_the_weight_of_none() {
    let fleet = |other: &str| {
        shares(
            &judged(&format!(
                "strategy Weighted
                 weights x=1
                 member a region=a
                   zone z demand=10 ready=1 each=1000
                 member x region=x network=n
                   zone z demand=0 ready=1 each=1000
                 member y region={other} network=n
                   zone z demand=0 ready=1 each=1000"
            )),
            "a",
        )
    };
    assert_eq!(fleet("x"), rows([("network n", 10_000)]));
    assert_eq!(fleet("y"), rows([("a/z", 10_000)]));
}

#[test]
fn what_weights_bind_and_nobody_knows_the_capacity_of_is_sent_there() {
    let plan = judged(
        "strategy Weighted
         weights x=1
         member a region=a
           zone z demand=100 ready=1 each=1000
         member x region=x
           zone z demand=0 ready=1",
    );
    assert_eq!(rates(&plan, "a"), rows([("network x", 100)]));
    assert_eq!(of(&plan, "a").unserved, Rate(0));
}

#[test]
fn what_a_region_has_room_for_is_found_though_many_ask_for_the_nearest_of_it() {
    let plan = judged(
        "strategy Weighted
         weights r=1,x=1
         member a region=r
           zone z demand=200 ready=1 each=100 max=100
         member b region=r
           zone z demand=200
         member c region=r
           zone z demand=0 ready=1 each=100 max=100
         member x region=x
           zone z demand=0 ready=1 each=1000 max=100",
    );
    for member in ["a", "b"] {
        let here = rates(&plan, member).into_iter();
        let there: u64 = here
            .filter(|(to, _)| to == "network x")
            .map(|(_, rate)| rate)
            .sum();
        assert_eq!(there, 100, "{member}");
    }
}
