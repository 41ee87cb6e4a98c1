//! Tests of the ledger of declarations.

#![allow(clippy::unwrap_used)]
use causeway_crds::conditions::time;

use super::*;

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

fn sound(uid: &str) -> Crd {
    let created = Some(time(if uid == "d2" { 500_000 } else { 0 }));
    Crd::Sound(Definition {
        uid: uid.to_owned(),
        created,
    })
}

fn names(names: &[&str]) -> Vec<Held> {
    let held = |name: &&str| Held {
        name: (*name).to_owned(),
        created: None,
    };
    names.iter().map(held).collect()
}

/// Of an object that was created then, in seconds.
fn created(name: &str, seconds: i64) -> Vec<Held> {
    vec![Held {
        name: name.to_owned(),
        created: Some(time(seconds * 1_000)),
    }]
}

fn home(seconds: i64) -> Crd {
    Crd::Sound(Definition {
        uid: "n".to_owned(),
        created: Some(time(seconds * 1_000)),
    })
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
    ledger.deleted("a".to_owned(), Some(time(100_000)), at(1));
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
fn a_host_that_came_back_from_an_old_backup_removes_nothing_by_absence() {
    let mut ledger = listed("d1", &["a"]);
    ledger.came_back();
    let judgement = ledger.judge("a", at(100_000), &sound("d1"), true);
    assert!(keeps(&judgement), "{judgement:?}");
    // What is deleted before our eyes is meant.
    ledger.deleted("b".to_owned(), Some(time(100_000)), at(1));
    assert_eq!(
        ledger.judge("b", at(1), &sound("d1"), true),
        Judgement::Remove
    );
}

#[test]
fn a_definition_that_goes_takes_nothing_along() {
    for crd in [Crd::Terminating, Crd::Absent, sound("d2")] {
        let mut ledger = listed("d1", &[]);
        ledger.deleted("a".to_owned(), Some(time(100_000)), at(1));
        assert!(keeps(&ledger.judge("a", at(1), &crd, true)), "{crd:?}");
        // Not later either, when the definition is there again and other objects are.
        ledger.listed(&sound("d2"), names(&["a"]).into_iter(), at(2));
        assert!(
            keeps(&ledger.judge("a", at(1_000), &sound("d2"), true)),
            "{crd:?}"
        );
        // Created again and deleted: that is meant.
        ledger.seen("a");
        ledger.deleted("a".to_owned(), Some(time(600_000)), at(2_000));
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
    ledger.deleted("a".to_owned(), Some(time(100_000)), at(1));
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

#[test]
fn where_the_definition_could_not_be_read_at_first_the_age_of_an_object_tells() {
    let mut ledger = Ledger::default();
    let unreadable = Crd::Unreadable("forbidden".to_owned());
    ledger.listed(&unreadable, std::iter::empty(), at(0));
    ledger.deleted("a".to_owned(), Some(time(0)), at(1));
    assert!(
        keeps(&ledger.judge("a", at(1), &sound("d1"), true)),
        "as old as the definition"
    );
    ledger.deleted("b".to_owned(), Some(time(1_000)), at(2));
    assert_eq!(
        ledger.judge("b", at(2), &sound("d1"), true),
        Judgement::Remove
    );
}

#[test]
fn a_watch_that_went_on_over_a_replaced_definition_tells_old_objects_from_young_ones() {
    let mut ledger = listed("d1", &[]);
    ledger.deleted("old".to_owned(), Some(time(499_000)), at(1));
    ledger.deleted("young".to_owned(), Some(time(501_000)), at(1));
    assert!(keeps(&ledger.judge("old", at(1), &sound("d2"), true)));
    assert_eq!(
        ledger.judge("young", at(1), &sound("d2"), true),
        Judgement::Remove
    );
}

#[test]
fn what_is_created_again_makes_the_definition_be_looked_at() {
    let mut ledger = listed("d1", &[]);
    for name in ["a", "b"] {
        ledger.deleted(name.to_owned(), Some(time(100_000)), at(1));
        assert!(keeps(&ledger.judge(name, at(1), &Crd::Terminating, true)));
    }
    assert!(!ledger.undecided(true));
    ledger.seen("a");
    assert!(ledger.undecided(true));
    ledger.adopt(&sound("d2"));
    assert!(!ledger.undecided(true));
    // Created in the same second as its definition, which is known by now; `b` is still what it was.
    ledger.deleted("a".to_owned(), Some(time(500_000)), at(2));
    assert_eq!(
        ledger.judge("a", at(2), &sound("d2"), true),
        Judgement::Remove
    );
    assert!(keeps(&ledger.judge("b", at(2), &sound("d2"), true)));
    // A deletion under the old definition that is heard of late.
    ledger.deleted("c".to_owned(), Some(time(100_000)), at(3));
    assert!(keeps(&ledger.judge("c", at(3), &sound("d2"), true)));
}

#[test]
fn what_goes_with_its_namespace_stays_until_it_is_created_and_deleted_again() {
    let judged = |home: &Crd| {
        let mut ledger = listed("d1", &[]);
        ledger.deleted("shop/p".to_owned(), Some(time(100_000)), at(1));
        ledger.settle(&names(&["shop/p"]), at(1));
        let first = ledger.judge_home("shop/p", home);
        (first, ledger)
    };
    for home in [home(50), home(100)] {
        assert_eq!(judged(&home).0, Judgement::Remove);
    }
    for home in [Crd::Terminating, Crd::Absent, home(101)] {
        let (first, mut ledger) = judged(&home);
        assert!(keeps(&first), "{home:?}");
        // A namespace that is there again does not make it somebody's will.
        assert!(!ledger.undecided(true));
        let again = ledger.judge("shop/p", at(100_000), &Crd::NotAsked, true);
        assert!(keeps(&again), "{again:?}");
        ledger.seen("shop/p");
        ledger.deleted("shop/p".to_owned(), Some(time(200_000)), at(201));
        assert_eq!(
            ledger.judge("shop/p", at(201), &sound("d1"), true),
            Judgement::Remove
        );
    }
    let unreadable = Crd::Unreadable("forbidden".to_owned());
    assert!(matches!(judged(&unreadable).0, Judgement::Wait(_)));
}

#[test]
fn what_went_with_its_definition_while_no_controller_ran_stays() {
    for (seconds, goes) in [(499, false), (500, true), (501, true)] {
        let mut ledger = Ledger::default();
        ledger.listed(&sound("d2"), created("a", seconds).into_iter(), at(0));
        let judgement = ledger.judge("a", at(1_000), &sound("d2"), true);
        assert_eq!(
            judgement == Judgement::Remove,
            goes,
            "{seconds}: {judgement:?}"
        );
        assert_eq!(keeps(&judgement), !goes, "{judgement:?}");
    }
}

#[test]
fn what_went_with_its_namespace_while_no_controller_ran_stays() {
    for (namespace, goes) in [(50, true), (100, true), (101, false)] {
        let mut ledger = Ledger::default();
        let held = created("shop/p", 100);
        ledger.listed(&sound("d1"), held.clone().into_iter(), at(0));
        // The namespace is asked for only once the object has been away for a while.
        let first = ledger.judge("shop/p", at(1), &sound("d1"), true);
        assert!(matches!(first, Judgement::Wait(_)), "{first:?}");
        let then = ledger.judge("shop/p", at(30), &sound("d1"), true);
        assert_eq!(then, Judgement::Remove);
        let judgement = ledger.judge_home("shop/p", &home(namespace));
        assert_eq!(judgement == Judgement::Remove, goes, "{judgement:?}");
        if goes {
            continue;
        }
        assert!(keeps(&judgement), "{judgement:?}");
        ledger.settle(&held, at(100_000));
        let later = ledger.judge("shop/p", at(100_000), &sound("d1"), true);
        assert!(keeps(&later), "{later:?}");
        assert!(!ledger.undecided(true), "nothing is asked for any more");
    }
}
