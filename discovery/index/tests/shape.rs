//! What cannot wait, and what concerns whoever renders the member's own mesh.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::BTreeSet;

use causeway_index::Index;
use causeway_index::border::Endpoint;
use common::{export, key, namespace, pod, service, shop, slice};

fn pods(node: &str, numbers: std::ops::Range<u8>) -> Vec<Endpoint> {
    let one = |n| pod(&format!("p-{n}"), &format!("10.1.0.{n}"), node);
    numbers.map(one).collect()
}

/// An index of which everything was told, and that was rendered.
fn told() -> Index {
    let mut index = shop();
    index.apply_slice(&slice("a", "cart", pods("n1", 1..4)));
    let _ = (index.take_delta(), index.take_touched_locals());
    assert!(!index.is_urgent());
    index
}

#[test]
fn counts_can_wait_and_concern_nobody_who_renders() {
    let mut index = told();
    for last in [8, 3, 5] {
        index.apply_slice(&slice("a", "cart", pods("n1", 1..last)));
        assert!(index.is_dirty() && !index.is_urgent(), "up to {last}");
        assert_eq!(index.take_touched_locals(), BTreeSet::new());
    }
    assert_eq!(index.take_delta().unwrap().endpoints.len(), 1);
}

#[test]
fn what_comes_to_nothing_or_from_nothing_cannot_wait() {
    let cart = BTreeSet::from([key("cart")]);
    let mut index = told();
    index.apply_slice(&slice("a", "cart", pods("n1", 1..8)));
    assert!(!index.is_urgent());
    // In this order, so that what was judged already does not hide what comes after it.
    index.apply_slice(&slice("a", "cart", Vec::new()));
    assert!(index.is_urgent());
    assert!(index.is_urgent(), "until it is told");
    assert_eq!(index.take_touched_locals(), cart);
    let _ = index.take_delta();
    assert!(!index.is_urgent());
    index.apply_slice(&slice("a", "cart", pods("n1", 1..2)));
    assert!(index.is_urgent());
    assert_eq!(index.take_touched_locals(), cart);
    let _ = index.take_delta();

    // Another zone, while one goes on.
    let mut both = pods("n1", 1..2);
    both.extend(pods("n2", 2..3));
    index.apply_slice(&slice("a", "cart", both));
    assert!(index.is_urgent());
    assert_eq!(index.take_touched_locals(), cart);
}

#[test]
fn a_service_an_export_and_a_namespace_cannot_wait() {
    let mut index = told();
    index.apply_service(&service("pay"));
    assert!(index.is_urgent());
    assert_eq!(index.take_touched_locals(), BTreeSet::from([key("pay")]));
    let _ = index.take_delta();
    index.apply_export(&export("pay"));
    assert!(index.is_urgent());
    let _ = index.take_delta();
    index.apply_namespace(&namespace("other"));
    assert!(index.is_urgent());
    let _ = (index.take_delta(), index.take_touched_locals());

    index.delete_export("shop", "pay");
    index.delete_service("shop", "pay");
    assert!(index.is_urgent());
    // It is forgotten with the delta, and whoever renders has to hear of it nevertheless.
    let _ = index.take_delta();
    assert_eq!(index.take_touched_locals(), BTreeSet::from([key("pay")]));
}

#[test]
fn endpoints_that_nobody_is_told_of_are_never_urgent() {
    let mut index = told();
    index.apply_service(&service("own"));
    let _ = index.take_delta();
    index.apply_slice(&slice("own-1", "own", pods("n1", 1..4)));
    // The first slice settles the numbers of named ports: of the Service itself nothing changes.
    assert!(!index.is_urgent());
    assert_eq!(index.take_touched_locals(), BTreeSet::from([key("own")]));
}
