//! Where those go who have no way left.

use super::*;

fn lost(beside: &str, policy: &str) -> Vec<(String, u32)> {
    let text = format!(
        "failover a x
         {policy}
         member a region=a
           zone z demand=10
         member x region=x network=n out=Lost
           zone z demand=0 ready=1 each=100
         {beside}"
    );
    shares(&judged(&text), "a")
}

#[test]
fn a_network_that_is_out_stays_out_where_any_zone_of_it_is_forbidden_or_beyond_the_order() {
    let there = rows([("network n", 10_000)]);
    assert_eq!(lost("", ""), there);
    for reason in ["Lost", "Recovering", "NoGateway"] {
        let beside = format!(
            "member y region=y network=n out={reason}
               zone z demand=0 ready=1 each=100"
        );
        assert_eq!(lost(&beside, ""), there);
        assert_eq!(lost(&beside, "allowed x"), [], "{reason}");
        assert_eq!(lost(&beside, "strategy Ordered"), [], "{reason}");
        // What has nothing ready, or offers nothing, answers nobody.
        for silent in ["ready=1 each=100", "private"] {
            let beside = match silent {
                "private" => beside.replace("network=n", "network=n private"),
                _ => beside.replace(silent, "ready=0"),
            };
            assert_eq!(lost(&beside, "allowed x"), there, "{reason}");
            assert_eq!(lost(&beside, "strategy Ordered"), there, "{reason}");
        }
    }
}
