//! What finds no known room, and what is not planned by capacity.

use super::*;

#[test]
fn what_finds_no_room_goes_where_nobody_knows_as_far_as_gateways_let_it_in() {
    let plan = judged(
        "failover a x
         failover b x
         unknown BestEffort
         gateway x 100
         member a region=a
           zone z demand=100 ready=1 each=40 max=100
         member b region=b
           zone z demand=100 ready=1 each=20 max=100
         member x region=x
           zone z demand=500 ready=1",
    );
    assert_eq!(rates(&plan, "a"), rows([("a/z", 40), ("network x", 60)]));
    // What is left over is spread over what is known, where it is over the limit.
    let over = rows([("b/z", 20), ("network x", 40), ("network a", 0)]);
    assert_eq!(rates(&plan, "b"), over);
    assert_eq!(of(&plan, "b").unserved, Rate::from_rps(40));
}

#[test]
fn what_is_not_planned_by_capacity_counts_against_gateways() {
    let plan = judged(
        "failover a x
         failover b x
         gateway x 120
         member a region=a
           zone z demand=200 ready=1 each=100 max=100
         member b region=b
           zone z demand=60
         member x region=x
           zone known demand=0 ready=1 each=1000 max=100
           zone unknown demand=0 ready=1
         member y region=y
           zone z demand=0 ready=1 each=1000 max=100",
    );
    let sum = |member| {
        rates(&plan, member)
            .iter()
            .filter(|(to, _)| to == "network x")
            .map(|(_, rate)| rate)
            .sum::<u64>()
    };
    assert_eq!(sum("b"), 60);
    assert_eq!(sum("a"), 60);
    assert_eq!(of(&plan, "a").unserved, Rate(0));
}
