//! What is never cleared away: what a newer decision wrote, and what nobody has spoken of yet.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use causeway_api::view::Versioned;
use causeway_render::condition::reason;
use causeway_render::{
    ForeignIndex, Kind, LiveObject, MemberInputs, Operation, Rendered, ServiceInputs, diff,
    render_networks, render_service,
};
use common::{generation, inputs, member, nearest, network, service, stamp, written};

/// The objects of a rendering, as another writer left them in the mesh.
fn there(rendered: &Rendered) -> Vec<LiveObject> {
    let objects = rendered.objects.iter();
    objects.map(|object| written(object, stamp(4))).collect()
}

fn render(member: &MemberInputs, inputs: &ServiceInputs, live: &[LiveObject]) -> Rendered {
    let live: Vec<_> = live.iter().collect();
    render_service(member, &service(), inputs, &ForeignIndex::default(), &live)
}

fn removed(rendered: &Rendered, live: &[LiveObject]) -> Vec<String> {
    let operations = diff(&rendered.objects, live, Some(stamp(5))).operations;
    let removed = operations.iter().filter_map(|operation| match operation {
        Operation::Delete(live) => Some(live.key.to_string()),
        _ => None,
    });
    removed.collect()
}

fn says(rendered: &Rendered, word: &str) -> bool {
    rendered
        .conditions
        .iter()
        .any(|condition| condition.reason == word)
}

#[test]
fn an_old_view_clears_nothing_away_that_it_has_not_heard_of() {
    let live = there(&render(&member(), &inputs(nearest()), &[]));
    // The cache is of before the service was federated.
    let mut old = member();
    old.seen = generation(9);
    let unknown = ServiceInputs {
        plan: None,
        owners: Vec::new(),
        ..inputs(nearest())
    };
    let rendered = render(&old, &unknown, &live);
    assert_eq!(removed(&rendered, &live), Vec::<String>::new());
    assert!(says(&rendered, reason::NEWER_IN_MESH));
    // One that is whole up to a later decision knows that it is gone.
    let rendered = render(&member(), &unknown, &live);
    assert!(!removed(&rendered, &live).is_empty());
}

#[test]
fn an_older_plan_keeps_the_entries_of_a_newer_one() {
    let live = there(&render(&member(), &inputs(nearest()), &[]));
    let mut view = nearest();
    view.offered.remove(&network("net3"));
    let mut older = inputs(view);
    older.plan.as_mut().unwrap().generation = generation(8);
    let rendered = render(&member(), &older, &live);
    assert_eq!(removed(&rendered, &live), Vec::<String>::new());
    assert!(says(&rendered, reason::NEWER_IN_MESH));
    older.plan.as_mut().unwrap().generation = generation(11);
    let rendered = render(&member(), &older, &live);
    assert_eq!(removed(&rendered, &live).len(), 1);
    // A decision that it be gone is obeyed.
    older.plan = Some(Versioned {
        generation: generation(12),
        value: None,
    });
    assert!(removed(&render(&member(), &older, &live), &live).len() > 1);
}

#[test]
fn a_network_of_which_nothing_was_heard_keeps_its_entry() {
    let live = there(&render(&member(), &inputs(nearest()), &[]));
    let mut silent = inputs(nearest());
    silent.owners.retain(|word| word.network != network("net2"));
    let gone = removed(&render(&member(), &silent, &live), &live);
    assert_eq!(
        gone.len(),
        1,
        "its owner was heard, and has no word on the service"
    );
    silent.unheard.insert(network("net2"));
    let rendered = render(&member(), &silent, &live);
    assert_eq!(removed(&rendered, &live), Vec::<String>::new());
    let entries = rendered
        .objects
        .iter()
        .filter(|object| object.key.kind == Kind::WorkloadEntry);
    assert_eq!(entries.count(), 2);
    // What the plan has taken out goes, heard or not.
    let mut view = nearest();
    view.offered.remove(&network("net2"));
    silent.plan = inputs(view).plan;
    silent.plan.as_mut().unwrap().generation = generation(11);
    assert_eq!(removed(&render(&member(), &silent, &live), &live).len(), 1);
}

#[test]
fn gateways_that_an_old_view_does_not_know_stay() {
    let foreign = ForeignIndex::default();
    let live = there(&render_networks(&member(), true, &foreign, &[]));
    let refs: Vec<_> = live.iter().collect();
    let mut old = member();
    old.networks.clear();
    old.seen = generation(4);
    let rendered = render_networks(&old, true, &foreign, &refs);
    assert_eq!(removed(&rendered, &live), Vec::<String>::new());
    assert!(says(&rendered, reason::NEWER_IN_MESH));
    old.seen = generation(6);
    let rendered = render_networks(&old, true, &foreign, &refs);
    assert_eq!(removed(&rendered, &live).len(), 2);
}
