//! Who may confirm that a declaration goes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::Generation;
use causeway_api::registry::{Host, HostUid, ObjectKey, Origin};
use causeway_api::verdict::ClusterTime;
use causeway_state::State;
use causeway_state::registry::{Leaving, Owned, Stage};

use super::may_confirm;
use crate::replica::registry::declared::Rows;
use crate::replica::registry::kind::Kind;

fn member() -> ObjectKey {
    ObjectKey::Member("eu".parse().unwrap())
}

/// A member that the host `us` owns.
fn state() -> State {
    let mut state = State::default();
    let us = HostUid("uid-us".to_owned());
    state.registry.hosts.insert(us.clone(), "us".to_owned());
    let owned = Owned {
        host: us,
        origin: Origin::default(),
        document: "{}".to_owned(),
        settled: true,
        generation: Generation::default(),
    };
    state.registry.objects.insert(member(), owned);
    state
}

fn seen_from(host: &str) -> Rows {
    Rows {
        here: Some(Host {
            uid: HostUid(format!("uid-{host}")),
            name: host.to_owned(),
        }),
        listed: [Kind::Member].into(),
        ..Rows::default()
    }
}

#[test]
fn only_the_owners_host_knows_that_an_object_was_deleted() {
    let error = may_confirm(&state(), &seen_from("eu"), &member()).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("owned by host us"), "{text}");
    assert!(
        text.contains("registry move MemberCluster eu --to HOST"),
        "{text}"
    );
    let unknown = may_confirm(&state(), &Rows::default(), &member());
    assert!(unknown.is_err(), "nobody knows where this replica stands");
    assert!(may_confirm(&state(), &seen_from("us"), &member()).is_ok());
}

#[test]
fn a_list_that_was_never_made_says_of_nothing_that_it_was_deleted() {
    let mut rows = seen_from("us");
    rows.listed = [Kind::Policy, Kind::Shift].into();
    let asked = |rows: &Rows| may_confirm(&state(), rows, &member());
    let error = asked(&rows).unwrap_err();
    let text = format!("{error:?}");
    assert!(
        text.contains("MemberClusters of this host cluster were not listed"),
        "{text}"
    );
    // What keeps it from being made is what there is to do.
    let why = "grant it the verbs get, list and watch";
    rows.trouble.insert(Kind::Member, why.to_owned());
    assert_eq!(asked(&rows).unwrap_err().remedy, why);
    // With its definition every object of a kind is gone.
    rows.undefined = [Kind::Policy].into();
    assert!(asked(&rows).is_err());
    rows.undefined = [Kind::Member].into();
    assert!(asked(&rows).is_ok());
}

#[test]
fn what_is_on_its_way_out_is_confirmed_anywhere() {
    let mut state = state();
    let leaving = Leaving {
        stage: Stage::Quarantined,
        since: ClusterTime::default(),
    };
    state
        .registry
        .leaving
        .insert("eu".parse().unwrap(), leaving);
    assert!(may_confirm(&state, &seen_from("eu"), &member()).is_ok());
}
