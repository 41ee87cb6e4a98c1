#![allow(clippy::unwrap_used)]
use super::*;

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

fn sound(uid: &str) -> Crd {
    Crd::Sound(uid.to_owned())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn listed(uid: &str, absent: &[&str]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.listed(&sound(uid), names(absent).into_iter(), at(0));
    ledger
}

fn keeps(judgement: &Judgement) -> bool {
    matches!(judgement, Judgement::Keep(_))
}

#[test]
fn a_deletion_that_was_seen_removes_at_once_even_the_last_one() {
    let mut ledger = listed("d1", &[]);
    ledger.deleted("a".to_owned(), at(1));
    ledger.settle(&names(&["a"]), at(1));
    assert!(ledger.undecided(false));
    assert_eq!(
        ledger.judge("a", at(1), &sound("d1"), false),
        Judgement::Remove
    );
}

#[test]
fn an_empty_list_removes_nothing_however_long() {
    let mut ledger = listed("d1", &["a", "b"]);
    assert!(!ledger.undecided(false));
    assert!(keeps(&ledger.judge(
        "a",
        at(100_000),
        &Crd::NotAsked,
        false
    )));
}

#[test]
fn what_a_list_lacks_is_removed_only_after_a_while_and_not_if_it_comes() {
    let mut ledger = listed("d1", &["a", "b"]);
    assert!(matches!(
        ledger.judge("a", at(29), &sound("d1"), true),
        Judgement::Wait(_)
    ));
    ledger.seen("b");
    ledger.settle(&names(&["a"]), at(29));
    assert_eq!(
        ledger.judge("a", at(30), &sound("d1"), true),
        Judgement::Remove
    );
    // Gone again later: the time starts anew.
    ledger.settle(&names(&["a", "b"]), at(40));
    assert!(matches!(
        ledger.judge("b", at(41), &sound("d1"), true),
        Judgement::Wait(_)
    ));
}

#[test]
fn a_definition_that_goes_takes_nothing_along() {
    for crd in [Crd::Terminating, Crd::Absent, sound("d2")] {
        let mut ledger = listed("d1", &[]);
        ledger.deleted("a".to_owned(), at(1));
        assert!(keeps(&ledger.judge("a", at(1), &crd, true)), "{crd:?}");
        // Not later either, when the definition is there again and other objects are.
        ledger.listed(&sound("d2"), names(&["a"]).into_iter(), at(2));
        assert!(
            keeps(&ledger.judge("a", at(1_000), &sound("d2"), true)),
            "{crd:?}"
        );
        // Created again and deleted: that is meant.
        ledger.seen("a");
        ledger.deleted("a".to_owned(), at(2_000));
        assert_eq!(
            ledger.judge("a", at(2_000), &sound("d2"), true),
            Judgement::Remove
        );
    }
}

#[test]
fn a_definition_that_was_replaced_while_nobody_watched_is_noticed_by_the_list() {
    let mut ledger = listed("d1", &[]);
    ledger.listed(&sound("d2"), names(&["a", "b"]).into_iter(), at(10));
    assert!(keeps(&ledger.judge("a", at(1_000), &sound("d2"), true)));
}

#[test]
fn while_the_definition_cannot_be_read_nothing_is_removed() {
    let mut ledger = listed("d1", &[]);
    ledger.deleted("a".to_owned(), at(1));
    let unreadable = Crd::Unreadable("forbidden".to_owned());
    assert!(matches!(
        ledger.judge("a", at(1), &unreadable, true),
        Judgement::Wait(_)
    ));
    assert_eq!(
        ledger.judge("a", at(2), &sound("d1"), true),
        Judgement::Remove
    );
}

#[test]
fn before_a_list_nothing_is_absent() {
    let mut ledger = Ledger::default();
    ledger.settle(&names(&["a"]), at(0));
    assert!(!ledger.undecided(true));
    assert!(matches!(
        ledger.judge("a", at(1_000), &sound("d1"), true),
        Judgement::Wait(_)
    ));
}
