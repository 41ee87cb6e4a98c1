//! One task for each kind: list, follow, and start again where that breaks. What was seen stays meanwhile.

use std::sync::Arc;
use std::time::Duration;

use causeway_render::{Kind, LiveObject};
use causeway_seam::Env;
use futures::{StreamExt, pin_mut};
use kube::api::{Api, DynamicObject};
use kube::runtime::watcher::{self, Event, watcher};

use crate::live::store::KindState;
use crate::live::{Live, key, live_object, resource};
use crate::queue::Queue;
use crate::refusal::{Refused, RefusedKind, refused};

/// The first wait after a failure; doubled up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait after a failure; CRDs that appear are found within it.
const LONGEST: Duration = Duration::from_secs(15);

/// Follows one kind for ever.
pub(crate) async fn follow(
    env: Env,
    client: kube::Client,
    kind: Kind,
    live: Arc<Live>,
    queue: Arc<Queue>,
) {
    let api: Api<DynamicObject> = Api::all_with(client, &resource(kind));
    let mut wait = FIRST;
    let events = watcher(api, watcher::Config::default());
    pin_mut!(events);
    let mut list: Vec<LiveObject> = Vec::new();
    while let Some(event) = events.next().await {
        let touched = match event {
            Ok(Event::Init) => {
                list.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                list.extend(live_object(kind, object));
                continue;
            }
            Ok(Event::InitDone) => {
                let mut live = live.lock();
                let touched = live.listed(kind, std::mem::take(&mut list));
                if live.set_state(kind, KindState::Synced) {
                    queue.poke();
                }
                touched
            }
            Ok(Event::Apply(object)) => {
                let Some(object) = live_object(kind, object) else {
                    continue;
                };
                let mut live = live.lock();
                if live.set_state(kind, KindState::Synced) {
                    queue.poke();
                }
                live.saw(object)
            }
            Ok(Event::Delete(object)) => {
                let key = key(kind, &object);
                live.lock().gone(&key, object.metadata.uid.as_deref())
            }
            Err(error) => {
                failed(kind, &error, &live, &queue);
                env.sleep(env.random().jittered(wait)).await;
                wait = (wait * 2).min(LONGEST);
                continue;
            }
        };
        wait = FIRST;
        queue.mark_touched(touched);
    }
}

fn failed(kind: Kind, error: &watcher::Error, live: &Live, queue: &Queue) {
    let Some(refusal) = refusal(error) else {
        // The watch has to begin anew (410 Gone); a fresh list follows at once.
        return;
    };
    let mut live = live.lock();
    let state = match refusal.kind {
        RefusedKind::Absent => KindState::Missing,
        RefusedKind::Forbidden => KindState::Forbidden(refusal.message),
        _ if live.state(kind).is_known() => KindState::Interrupted(refusal.message),
        _ => KindState::Failing(refusal.message),
    };
    if live.set_state(kind, state) {
        tracing::warn!(%kind, %error, "cannot follow the mesh's objects");
        queue.poke();
    }
}

fn refusal(error: &watcher::Error) -> Option<Refused> {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Some(refused(error)),
        watcher::Error::WatchError(status) if status.code == 410 => None,
        watcher::Error::WatchError(status) => Some(refused(&kube::Error::Api(status.clone()))),
        watcher::Error::NoResourceVersion => Some(Refused {
            kind: RefusedKind::Unreachable,
            message: "the API server's answer has no resourceVersion".to_owned(),
        }),
    }
}
