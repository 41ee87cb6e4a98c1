//! Asks for the Pods whose service accounts the index wants to know: a few at a time, one for each workload behind an
//! exported service.

use std::sync::Arc;
use std::time::Duration;

use causeway_index::PodRef;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::objects::Pod;
use crate::shared::Shared;
use crate::trouble::{Trouble, within};

/// How long until a Pod that could not be asked for is asked for again.
const AGAIN: Duration = Duration::from_secs(10);

/// Asks for ever.
pub(crate) async fn resolve(shared: Arc<Shared>) {
    let mut asking = FuturesUnordered::new();
    loop {
        let retry = loop {
            let mut state = shared.lock();
            if asking.len() >= shared.config.pod_concurrency.max(1) {
                break false;
            }
            let Some(pod) = state.pods.pop_first() else {
                break !state.pods_later.is_empty();
            };
            state.asking += 1;
            drop(state);
            asking.push(ask(&shared, pod));
        };
        let again = shared.env.random().jittered(AGAIN);
        tokio::select! {
            biased;
            Some((pod, answer)) = asking.next(), if !asking.is_empty() => take(&shared, &pod, answer),
            () = shared.pods.notified() => {}
            () = shared.env.sleep(again), if retry => {
                let mut state = shared.lock();
                let later = std::mem::take(&mut state.pods_later);
                state.pods.extend(later);
            }
        }
    }
}

type Answer = Result<Option<String>, Trouble>;

async fn ask(shared: &Shared, pod: PodRef) -> (PodRef, Answer) {
    let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
    let request = match http::Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return (pod, Err(Trouble::Unreadable(error.to_string()))),
    };
    let limit = shared.config.request_timeout;
    let answer = within(&shared.env, limit, shared.client.request::<Pod>(request)).await;
    let answer = match answer {
        Ok(found) => Ok(Some(found.spec.service_account_name.unwrap_or_default())),
        Err(Trouble::Absent) => Ok(None),
        Err(trouble) => Err(trouble),
    };
    (pod, answer)
}

/// Hands an answer to the index; where there was none, the Pod is asked for again later.
fn take(shared: &Shared, pod: &PodRef, answer: Answer) {
    let sentence = answer
        .as_ref()
        .err()
        .and_then(|t| t.sentence("get", "pods", ""));
    if answer.is_ok() || sentence.is_some() {
        shared.problem("get pods", sentence);
    }
    shared.update(|state| {
        state.asking = state.asking.saturating_sub(1);
        match answer {
            Ok(account) => state.index.apply_pod(pod, account.as_deref()),
            // Facts do not wait for it any longer; its account comes when it can be asked for.
            Err(_) => {
                if state.index.give_up_pod(pod) {
                    state.pods_later.insert(pod.clone());
                }
            }
        }
    });
}
