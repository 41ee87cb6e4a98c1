//! What callers' proxies leave out: while the rest can carry what they ask for, and for them alone.

use causeway_failover::explain::report;
use proptest::prelude::*;

use super::support::cases::cases;
use super::support::network;
use super::support::rich::rich;
use super::*;

/// `a` and `b` call; `b` does not eject anything. `near` is near to both, and `far` is not.
fn fleet(a: &str, near: &str, far: &str) -> String {
    format!(
        "failover east west
         member a region=east ejected=near
           zone z demand={a}
         member b region=east
           zone z demand=50
         member near region=west
           zone z {near}
         member far region=north
           zone z {far}"
    )
}

fn notes(text: &str) -> Vec<String> {
    let inputs = parse(text);
    let notes = report(&inputs, &plan(&inputs), &|_| None).notes;
    notes
        .into_iter()
        .filter(|note| note.contains("eject"))
        .collect()
}

#[test]
fn who_ejects_a_network_goes_elsewhere_and_nobody_else_does() {
    let text = fleet("100", "ready=4 each=100", "ready=4 each=100");
    let plan = judged(&text);
    assert_eq!(shares(&plan, "a"), rows([("network far", WHOLE)]));
    assert_eq!(shares(&plan, "b"), rows([("network near", WHOLE)]));
    assert_eq!(
        of(&plan, "a").standby,
        [],
        "it would be nearer than what is chosen"
    );
    assert_eq!(
        notes(&text),
        [
            "callers in a eject network near (their proxies' outlier detection, for this service): they alone are sent elsewhere"
        ]
    );
    let inputs = parse(&text);
    let report = report(&inputs, &plan, &|_| None);
    let row = report.sources[0]
        .rows
        .iter()
        .find(|row| row.destination.to_string() == "network near");
    assert_eq!(
        row.unwrap().why_not_more,
        "its proxies eject it: their own requests for this service fail there"
    );
    // A leader that does not heed it is refused.
    let mut ignored = plan;
    ignored.sources[0].shares = ignored.sources[1].shares.clone();
    ignored.sources[0].shares[0].rate = Rate::from_rps(100);
    let found = check(&inputs, &ignored);
    assert!(
        found
            .iter()
            .any(|f| f.message == "a/z is sent to network near, which its proxies eject"),
        "{found:?}"
    );
}

#[test]
fn it_stays_where_the_rest_would_not_carry_it_or_there_is_none() {
    let near = rows([("network near", WHOLE)]);
    // 80 % of 100 is the limit.
    for (asked, there) in [("80", "network far"), ("81", "network near")] {
        let text = fleet(asked, "ready=4 each=100", "ready=1 each=100 max=80");
        assert_eq!(
            shares(&judged(&text), "a"),
            rows([(there, WHOLE)]),
            "{asked}"
        );
    }
    let none = fleet("100", "ready=4 each=100", "ready=0");
    assert_eq!(shares(&judged(&none), "a"), near);
    assert!(
        notes(&none)[0].ends_with("so they are sent there all the same"),
        "{:?}",
        notes(&none)
    );
    let lost = fleet("100", "ready=4 each=100", "ready=4 each=100")
        .replace("far region", "far out=Lost region");
    assert_eq!(shares(&judged(&lost), "a"), near);
    // What nobody knows may be enough: the mesh would go there, too.
    for far in ["ready=1", "ready=1 each=1 learned"] {
        let text = fleet("100", "ready=4 each=100", far);
        assert_eq!(shares(&judged(&text), "a")[0].0, "network far", "{far}");
    }
}

#[test]
fn services_that_move_as_one_are_not_parted_and_weights_go_first() {
    let text = fleet("100", "ready=4 each=100", "ready=4 each=100");
    let mut inputs = parse(&text);
    inputs.policy.together = Some("shop/all".parse().unwrap());
    let together = plan(&inputs);
    assert_eq!(shares(&together, "a"), rows([("network near", WHOLE)]));
    assert_eq!(check(&inputs, &together), []);
    let west = format!("strategy Weighted\nweights west=1\n{text}");
    assert_eq!(shares(&judged(&west), "a"), rows([("network near", WHOLE)]));
    let both = format!("strategy Weighted\nweights west=1,north=1\n{text}");
    assert_eq!(shares(&judged(&both), "a"), rows([("network far", WHOLE)]));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn whatever_is_ejected_the_plan_passes_every_check_and_serves_somebody(
        inputs in rich(false),
        ejected in prop::collection::vec(prop::collection::btree_set(0_u8..5, 0..4), 18),
    ) {
        let mut inputs = inputs;
        for (source, networks) in inputs.sources.iter_mut().zip(&ejected) {
            source.ejected = networks.iter().map(|at| network(&format!("n{at}"))).collect();
        }
        let with = plan(&inputs);
        prop_assert_eq!(check(&inputs, &with), []);
        let mut without = inputs.clone();
        without.sources.iter_mut().for_each(|source| source.ejected.clear());
        for (with, without) in with.sources.iter().zip(&plan(&without).sources) {
            prop_assert_eq!(with.shares.is_empty(), without.shares.is_empty());
        }
    }
}
