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

/// Callers whose own network has no zone at all, and the one zone that there is.
fn one_zone(policy: &str, zone: &str) -> ServicePlan {
    let mut inputs = parse(&format!(
        "{policy}
         member a region=a
           zone z demand=100
         member x region=x
           zone z demand=0 ready=1 each=100 max=100 {zone}"
    ));
    inputs.destinations.remove(0);
    let plan = plan(&inputs);
    assert_eq!(check(&inputs, &plan), []);
    plan
}

#[test]
fn limits_bind_in_a_fleet_of_one_zone() {
    for plan in [one_zone("gateway x 50", ""), one_zone("", "admitted=50")] {
        assert_eq!(rates(&plan, "a"), rows([("network x", 50)]));
        assert_eq!(of(&plan, "a").unserved, Rate::from_rps(50));
    }
}

#[test]
fn who_has_nowhere_else_to_go_than_up_a_ramp_goes_by_priorities() {
    let text = "member a region=a
           zone z
         member x region=x
           zone z demand=0 ready=1 each=100 max=100 admitted=50";
    let plan = judged(text);
    assert_eq!(shares(&plan, "a"), rows([("network x", 10_000)]));
    assert_eq!(of(&plan, "a").kind, PlanKind::Nearest);
}
