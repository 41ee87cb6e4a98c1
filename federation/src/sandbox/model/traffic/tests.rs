//! Flows added up while a part is dark.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use super::*;

#[test]
fn what_is_sent_to_the_dark_fails_and_the_dark_ask_nothing() {
    let fleet = Fleet::draw(1, 5, 1).unwrap();
    let name = |text: &str| MemberName::new(text).unwrap();
    let to = |rows: &[(&str, f64)]| -> Vec<(Option<MemberName>, f64)> {
        let row = |(to, rps): &(&str, f64)| ((!to.is_empty()).then(|| name(to)), *rps);
        rows.iter().map(row).collect()
    };
    let mut flows = Flows::new(&fleet);
    let us = to(&[("us-east-1", 60.0), ("eu-west-1", 30.0), ("", 10.0)]);
    flows.set(&name("us-east-1"), 0, us);
    flows.set(&name("eu-west-1"), 0, to(&[("us-east-1", 500.0)]));
    let dark = BTreeSet::from([name("eu-west-1"), name("eu-west-2")]);
    let lost = total(&fleet, &flows, &dark);
    assert_eq!((lost.served_rps, lost.failed_rps), (60.0, 40.0));
    assert_eq!(lost.to_dark, BTreeMap::from([(name("us-east-1"), 30.0)]));
    assert_eq!(lost.nowhere(), 10.0);
    let peak = lost.peak.unwrap();
    assert_eq!(
        (peak.member, peak.percent),
        (
            name("us-east-1"),
            6000.0 / f64::from(fleet.services[0].capacity_rps(&name("us-east-1")))
        )
    );
    let well = total(&fleet, &flows, &BTreeSet::new());
    assert_eq!((well.served_rps, well.failed_rps), (590.0, 10.0));
    let region = fleet.region_of(&name("eu-west-1")).unwrap();
    let there = |(_, to): &(_, Option<Region>)| to.as_ref() == Some(region);
    let sent: f64 = well
        .by_region
        .iter()
        .filter(|(way, _)| there(way))
        .map(|(_, rps)| rps)
        .sum();
    assert_eq!(sent, 30.0);
}
