//! What a member's API server must do for Causeway: cases that run alike against a real API server and against the
//! member in memory. What no case proves, the member in memory does not offer.
//!
//! A case is a function over a [`Cluster`]; it works in a namespace of its own, so that all can run at once, and its
//! assertions are the same for every cluster. [`run`] runs them all and reports every failure.
//!
//! * [`cluster`]: requests with the code and body of their answers, watches line by line;
//! * `objects`, `kinds`, `writes`, `apply`, `apply_parts`, `lists`, `watches`, `discovery`, `access`: the cases;
//! * [`random`]: random writes, whose outcomes on two clusters are compared.

#![allow(
    clippy::indexing_slicing,
    reason = "tests of JSON: what is absent is null, and an assertion says so"
)]

mod access;
mod apply;
mod apply_parts;
pub mod cluster;
mod discovery;
mod kinds;
mod lists;
mod objects;
pub mod random;
mod watches;
mod writes;

pub use cluster::Cluster;
use futures::future::BoxFuture;
use futures::{StreamExt as _, stream};

/// A case: its name, and what it does.
pub struct Case {
    /// In snake case; also the name of its namespace.
    pub name: &'static str,
    run: for<'a> fn(&'a Cluster) -> BoxFuture<'a, anyhow::Result<()>>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! cases {
    ($($module:ident: $($case:ident)+;)+) => {
        /// Every case.
        #[must_use]
        pub fn cases() -> Vec<Case> {
            vec![$($(Case {
                name: stringify!($case),
                run: |cluster| Box::pin($module::$case(cluster)),
            },)+)+]
        }
    };
}

cases! {
    objects: create_and_get names_are_made_up malformed_objects_are_refused deletions deletions_with_preconditions
        namespaces_terminate defaults_that_facts_need;
    kinds: versions_are_one_object leases events pods nodes_have_a_status_from_the_start;
    writes: replacements merge_patches what_is_alike_is_not_written generations_count_specs status_is_apart
        status_of_built_in_kinds;
    apply: apply_creates_and_changes apply_removes_what_it_leaves_out apply_shares_what_is_equal
        apply_conflicts_and_force other_writes_take_what_they_change apply_with_preconditions
        malformed_applies_are_refused;
    apply_parts: keyed_lists_are_merged atomic_values_are_replaced apply_of_status apply_of_mesh_objects;
    lists: pages_are_of_one_revision lists_are_selected lists_of_all_namespaces expired_pages_are_told;
    watches: changes_arrive_in_order watches_begin_with_what_is_there watches_are_selected
        bookmarks_come_and_watches_end forgotten_revisions_are_told watchers_follow watches_show_their_version;
    discovery: version_and_groups unknown_paths definitions_are_objects;
    access: forbidden_is_told;
}

/// Runs the cases whose names contain `filter`, at most `at_once` at the same time, and returns a line for each that
/// failed.
pub async fn run(cluster: &Cluster, filter: &str, at_once: usize) -> Vec<String> {
    let chosen = cases()
        .into_iter()
        .filter(|case| case.name.contains(filter));
    stream::iter(chosen)
        .map(|case| async move {
            let result = (case.run)(cluster).await;
            result
                .err()
                .map(|error| format!("{}: {error:#}", case.name))
        })
        .buffered(at_once)
        .filter_map(|failure| async { failure })
        .collect()
        .await
}
