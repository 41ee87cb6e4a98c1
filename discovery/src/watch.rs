//! One kind: listed in pages, then watched, resumed where the watch ended, listed afresh where that is no longer
//! possible.
//!
//! kube's own watcher does the same by Tokio's clock and its own randomness; here both are the seam's, a watch lets go of
//! a connection as soon as the API server is known to be lost, and after it is back goes on from where it was, so that an
//! API server that was away for a minute is not asked for everything again by every agent at once.

mod events;
mod list;
mod stream;

use std::sync::Arc;

use crate::backoff::Backoff;
use crate::objects::Watched;
use crate::shared::Shared;
use crate::trouble::Trouble;

/// Follows a kind for ever. `path` is its collection, such as `/api/v1/services`.
pub(crate) async fn follow<K: Watched>(shared: Arc<Shared>, path: &'static str) {
    follow_until_absent::<K>(&shared, path).await;
}

/// Follows a kind until the API server says that it does not serve it, where it may do so later
/// (CustomResourceDefinitions); what is built in is tried again for ever.
pub(crate) async fn follow_until_absent<K: Watched>(shared: &Arc<Shared>, path: &str) {
    let mut backoff = Backoff::new(shared.config.backoff_max);
    let custom = K::PLURAL == "serviceexports";
    loop {
        let mut version = match list::all::<K>(shared, path).await {
            Ok(version) => version,
            Err(trouble) => {
                tell::<K>(shared, "list", &trouble);
                if custom && matches!(trouble, Trouble::Absent) {
                    return;
                }
                backoff.wait(&shared.env).await;
                continue;
            }
        };
        healthy::<K>(shared, "list");
        backoff.reset();
        loop {
            let lasts = || healthy::<K>(shared, "watch");
            match stream::watch::<K>(shared, path, &mut version, lasts).await {
                Ok(stream::Ended::InTime) => {
                    healthy::<K>(shared, "watch");
                    backoff.reset();
                }
                // A server that ends watches as soon as they begin is not asked in a tight loop.
                Ok(stream::Ended::AtOnce) => backoff.wait(&shared.env).await,
                Err(Trouble::Gone) => break,
                Err(trouble) => {
                    tell::<K>(shared, "watch", &trouble);
                    if matches!(trouble, Trouble::Absent) {
                        break;
                    }
                    backoff.wait(&shared.env).await;
                }
            }
        }
        tracing::debug!(member = %shared.config.member, kind = K::PLURAL, "a fresh list is needed");
        backoff.wait(&shared.env).await;
    }
}

/// Lists a kind, and does not watch it.
pub(crate) async fn list_once<K: Watched>(shared: &Shared, path: &str) -> Result<(), Trouble> {
    list::all::<K>(shared, path).await.map(|_version| ())
}

fn tell<K: Watched>(shared: &Shared, verb: &str, trouble: &Trouble) {
    tracing::debug!(member = %shared.config.member, kind = K::PLURAL, verb, %trouble, "no answer of use");
    if let Some(sentence) = trouble.sentence(verb, K::PLURAL, K::GROUP) {
        shared.problem(&about::<K>(verb), Some(sentence));
    }
}

fn healthy<K: Watched>(shared: &Shared, verb: &str) {
    shared.problem(&about::<K>(verb), None);
}

fn about<K: Watched>(verb: &str) -> String {
    format!("{verb} {}", K::PLURAL)
}
