//! When weights bind.

use super::*;

const FLEET: &str = "member a region=a
       zone z demand=100 ready=1 each=1000 max=100
     member x region=x
       zone z demand=0 ready=1 each=1000 max=100";

#[test]
fn weights_bind_where_the_strategy_says_so_and_any_is_given() {
    let home = rows([("a/z", 10_000)]);
    assert_eq!(shares(&judged(&format!("weights x=1\n{FLEET}")), "a"), home);
    let nothing = format!("strategy Weighted\nweights x=0\n{FLEET}");
    assert_eq!(shares(&judged(&nothing), "a"), home);
    let there = format!("strategy Weighted\nweights x=1\n{FLEET}");
    assert_eq!(shares(&judged(&there), "a"), rows([("network x", 10_000)]));
}

#[test]
fn weights_of_nothing_bind_nobody_to_the_others() {
    let mut inputs = parse(FLEET);
    inputs.sources[0].together.insert(region("x"), 0);
    assert_eq!(shares(&plan(&inputs), "a"), rows([("a/z", 10_000)]));
    inputs.sources[0].together.insert(region("x"), 1);
    assert_eq!(shares(&plan(&inputs), "a"), rows([("network x", 10_000)]));
}
