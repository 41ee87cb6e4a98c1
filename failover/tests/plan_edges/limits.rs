//! Limits: of gateways, of what is left in steps, of health.

use super::*;

#[test]
fn who_shares_gateways_is_cut_in_proportion() {
    let plan = judged(
        "failover a x,y
         failover b x,y
         gateway x 100
         member a region=a
           zone z demand=300
         member b region=b
           zone z demand=100
         member x region=x
           zone z demand=0 ready=1 each=1000 max=100
         member y region=y
           zone z demand=0 ready=1 each=1000 max=100",
    );
    assert_eq!(
        rates(&plan, "a"),
        rows([("network x", 75), ("network y", 225)])
    );
    assert_eq!(
        rates(&plan, "b"),
        rows([("network x", 25), ("network y", 75)])
    );
}

#[test]
fn all_that_a_place_carries_that_is_left_in_steps_is_for_anybody() {
    let plan = judged(
        "failover a x,y
         member a region=a
           zone z demand=600
         member x region=x out=Evacuated
           zone z demand=0 ready=1 each=1000 max=100 admitted=50
         member y region=y
           zone z demand=0 ready=1 each=1000 max=100",
    );
    assert_eq!(
        rates(&plan, "a"),
        rows([("network x", 500), ("network y", 100)])
    );
}

#[test]
fn a_share_of_health_is_kept_to_the_endpoint() {
    let at = |ready: u32| {
        let text = format!(
            "healthy 50
             member a region=a
               zone z demand=10
             member x region=x
               zone z demand=0 ready={ready} total=10 each=100"
        );
        judged(&text)
    };
    assert_eq!(at(5).withdrawn, [].into());
    let few = [(support::network("x"), Withdrawal::Unhealthy)];
    assert_eq!(at(4).withdrawn, few.into());
    // Where nothing is ready, nothing is withdrawn.
    assert_eq!(at(0).withdrawn, [].into());
}
