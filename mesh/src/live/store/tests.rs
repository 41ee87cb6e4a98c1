//! Tests of the store of live objects.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use serde_json::json;

fn live(kind: Kind, name: &str, version: u64, ours: bool) -> LiveObject {
    let labels = if ours {
        json!({"causeway.dev/owner": "causeway", "causeway.dev/service": "cart"})
    } else {
        json!({})
    };
    LiveObject::from_json(
        kind,
        &json!({
            "metadata": {
                "namespace": "shop",
                "name": name,
                "uid": "u",
                "resourceVersion": version.to_string(),
                "labels": labels,
            },
            "spec": {"host": "cart", "weight": version},
        }),
    )
    .unwrap()
}

fn cart() -> Touched {
    Touched::Service(ServiceKey::new("shop", "cart").unwrap())
}

fn held(store: &Store, name: &str) -> Option<String> {
    let key = ServiceKey::new("shop", "cart").unwrap();
    let found = store.of_service(&key);
    found
        .iter()
        .find(|live| live.key.name == name)
        .map(|live| live.resource_version.clone())
}

#[test]
fn older_words_and_echoes_of_our_own_writes_touch_nobody() {
    let mut store = Store::default();
    let entry = |version| live(Kind::WorkloadEntry, "cw-cart.net2", version, true);
    assert!(!store.saw(entry(5)).is_empty());
    assert!(store.saw(entry(5)).is_empty(), "the watch's echo");
    assert!(store.saw(entry(4)).is_empty(), "a watch that lags");
    assert_eq!(held(&store, "cw-cart.net2").unwrap(), "5");
    assert!(store.saw(entry(6)).contains(&cart()));
    assert_eq!(store.count(), 1);
}

#[test]
fn the_end_of_an_older_object_of_the_same_name_is_passed_over() {
    let mut store = Store::default();
    let entry = live(Kind::WorkloadEntry, "cw-cart.net2", 5, true);
    let _ = store.saw(entry.clone());
    assert!(store.gone(&entry.key, Some("another uid")).is_empty());
    assert_eq!(store.count(), 1);
    assert_eq!(store.gone(&entry.key, Some("u")), vec![cart()]);
    assert_eq!(store.count(), 0);
    assert_eq!(store.services().count(), 0);
}

#[test]
fn an_answer_that_the_watch_has_overtaken_brings_nothing_back() {
    let mut store = Store::default();
    let entry = |version| live(Kind::WorkloadEntry, "cw-cart.net2", version, true);
    let _ = store.saw(entry(5));
    let before = store.lists(Kind::WorkloadEntry);
    // Our write of revision 6 is under way; somebody deletes the object, and the watch says so first.
    let _ = store.gone(&entry(7).key, Some("u"));
    assert!(store.answered(entry(6), before));
    assert_eq!(store.count(), 0);
    // Likewise where a fresh list came between.
    let mut store = Store::default();
    let before = store.lists(Kind::WorkloadEntry);
    let _ = store.listed(Kind::WorkloadEntry, Vec::new());
    assert!(!store.answered(entry(6), before), "it has to be read again");
    assert_eq!(store.count(), 0);
    let now = store.lists(Kind::WorkloadEntry);
    assert!(store.answered(entry(6), now));
    assert_eq!(store.count(), 1);
}

#[test]
fn a_fresh_list_is_compared_and_never_a_wipe() {
    let mut store = Store::default();
    let of = |name: &str, version| live(Kind::WorkloadEntry, name, version, true);
    let _ = store.listed(
        Kind::WorkloadEntry,
        vec![of("cw-cart.net2", 1), of("cw-cart.net3", 2)],
    );
    let _ = store.saw(live(Kind::DestinationRule, "cw-cart.cluster", 3, true));
    let same = vec![of("cw-cart.net2", 1), of("cw-cart.net3", 2)];
    assert!(store.listed(Kind::WorkloadEntry, same).is_empty());
    let fewer = vec![of("cw-cart.net2", 1)];
    assert_eq!(store.listed(Kind::WorkloadEntry, fewer), vec![cart()]);
    assert_eq!(store.count(), 2, "other kinds are untouched");
}

#[test]
fn an_object_that_loses_our_label_becomes_another_owners() {
    let mut store = Store::default();
    let _ = store.saw(live(Kind::DestinationRule, "cw-cart.cluster", 1, true));
    assert_eq!(store.foreign().len(), 0);
    let touched = store.saw(live(Kind::DestinationRule, "cw-cart.cluster", 2, false));
    assert!(touched.contains(&cart()));
    assert_eq!(store.foreign().len(), 1);
    assert_eq!(store.count(), 0);
    assert!(
        held(&store, "cw-cart.cluster").is_some(),
        "its name stands in our way"
    );
    let _ = store.saw(live(Kind::DestinationRule, "theirs", 3, false));
    assert!(held(&store, "theirs").is_none());
    assert_eq!(store.foreign().len(), 2);
}

#[test]
fn nothing_is_known_before_every_kind_is() {
    let mut store = Store::default();
    for kind in Kind::ALL {
        assert!(!store.is_known());
        assert!(store.set_state(kind, KindState::Synced));
    }
    assert!(store.is_known());
    let lost = KindState::Interrupted("gone away".to_owned());
    store.set_state(Kind::Gateway, lost);
    assert!(store.is_known(), "what was seen holds");
    store.set_state(Kind::Gateway, KindState::Missing);
    assert!(!store.is_known());
}
