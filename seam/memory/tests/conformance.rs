//! The suite against the member in memory. `chaos-tests/tests/conformance_e2e.rs` runs it against a real API server too.

#![allow(clippy::unwrap_used, clippy::panic)]

use causeway_conformance::Cluster;
use causeway_memory::{Config, Deny, MemoryMember};
use serde_json::json;

#[tokio::test]
async fn the_member_in_memory_conforms() {
    let env = causeway_seam::real::env();
    let member = MemoryMember::new(Config::new("memory"), env.clone());
    let nobody = MemoryMember::new(Config::new("memory"), env);
    nobody.deny([Deny::everything()]);
    let compacted = member.clone();
    let cluster = Cluster {
        client: member.client(),
        stranger: nobody.client(),
        expire: Box::new(move |token| {
            // Something must have happened since, else there is nothing to forget.
            let namespace =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "later" } });
            compacted.put(namespace).unwrap();
            compacted.compact();
            Box::pin(async move { Ok(token) })
        }),
    };
    let filter = std::env::var("CASE").unwrap_or_default();
    // Others' pages and watches may not meet the compaction of one case: that goes last.
    let failures = causeway_conformance::run(&cluster, &filter, 1).await;
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
