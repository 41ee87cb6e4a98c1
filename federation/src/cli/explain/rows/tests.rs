#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::plan::Withdrawal;

use super::*;
use crate::admin::fixture;

fn rows() -> Vec<DestinationRow> {
    let explanation = fixture::explanation();
    destinations(
        &explanation.inputs,
        &explanation.plan,
        &explanation.plan.sources[0],
    )
}

#[test]
fn shares_come_first_and_every_destination_has_a_reason() {
    let rows = rows();
    let named: Vec<(&str, u32, &str)> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.parts, row.why.as_str()))
        .collect();
    assert_eq!(
        named,
        [
            ("ack-sh/g", 6114, "at its limit"),
            ("ack-sh/f", 2853, "at its limit"),
            ("eks-sin", 1033, "takes what the nearer ones cannot"),
            ("ack-hz", 0, "Lost"),
            ("idc-bj", 0, "not exported there"),
        ]
    );
    assert_eq!(rows[0].in_use_percent, Some(75));
    assert!(rows[3].out && rows[4].out && !rows[2].out);
}

#[test]
fn a_network_of_several_members_is_one_row_of_what_is_usable() {
    let mut explanation = fixture::explanation();
    explanation.inputs.destinations[4] = DestinationInput {
        member: "eks-sin-b".parse().unwrap(),
        network: "eks-sin".parse().unwrap(),
        withdrawn: Some(Withdrawal::Recovering),
        ..explanation.inputs.destinations[3].clone()
    };
    let rows = destinations(
        &explanation.inputs,
        &explanation.plan,
        &explanation.plan.sources[0],
    );
    let row = rows
        .iter()
        .find(|row| row.name.starts_with("eks-sin"))
        .unwrap();
    assert_eq!(
        (row.name.as_str(), row.ready, row.capacity),
        (
            "eks-sin (eks-sin, eks-sin-b)",
            Some(9),
            Some(Rate::from_rps(900))
        )
    );
}

#[test]
fn unknown_capacity_is_never_a_number() {
    let mut explanation = fixture::explanation();
    for input in &mut explanation.inputs.destinations {
        input.capacity = None;
        input.capacity_source = CapacitySource::Unknown;
    }
    for row in destinations(
        &explanation.inputs,
        &explanation.plan,
        &explanation.plan.sources[0],
    ) {
        assert_eq!((row.capacity, row.in_use_percent), (None, None));
        assert_eq!(
            row.ready.is_some(),
            row.capacity_from.contains("unknown"),
            "{row:?}"
        );
    }
}
