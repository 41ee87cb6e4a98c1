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
/// The longest wait after a failure.
const LONGEST: Duration = Duration::from_secs(5);
/// The longest wait while a kind is missing or forbidden: a person has to act first.
const LONGEST_REFUSED: Duration = Duration::from_secs(15);
/// A watch that was interrupted and reports no failure for so long is open again, though nothing happens on it.
const QUIET: Duration = Duration::from_secs(3);

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
    let mut listed = false;
    loop {
        // Of a watch that may begin again after it was refused nothing is heard before something happens on it.
        let interrupted = match live.lock().state(kind) {
            KindState::Interrupted(_) => true,
            KindState::Forbidden(_) => listed,
            _ => false,
        };
        let event = tokio::select! {
            biased;
            event = events.next() => event,
            () = env.sleep(QUIET), if interrupted => {
                live.lock().set_state(kind, KindState::Synced);
                queue.poke();
                continue;
            }
        };
        // The stream never ends by itself.
        let Some(event) = event else { return };
        let touched = match event {
            Ok(Event::Init) => {
                listed = false;
                list.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                list.extend(live_object(kind, object));
                continue;
            }
            Ok(Event::InitDone) => {
                listed = true;
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
                match failed(kind, &error, &live, &queue) {
                    Failure::Forgotten => wait = FIRST,
                    Failure::Trouble => wait = wait.min(LONGEST),
                    Failure::Refused => wait = wait.min(LONGEST_REFUSED),
                }
                env.sleep(env.random().jittered(wait)).await;
                wait *= 2;
                continue;
            }
        };
        wait = FIRST;
        queue.mark_touched(touched);
    }
}

/// How a watch failed.
enum Failure {
    /// The API server has forgotten the revision that was followed (410 Gone): a fresh list follows.
    Forgotten,
    /// It may pass by itself.
    Trouble,
    /// A person has to act.
    Refused,
}

/// Takes a failure down.
fn failed(kind: Kind, error: &watcher::Error, live: &Live, queue: &Queue) -> Failure {
    let Some(refusal) = refusal(error) else {
        return Failure::Forgotten;
    };
    let mut live = live.lock();
    let why = refusal.message.clone();
    let state = match refusal.kind {
        RefusedKind::Absent => KindState::Missing,
        RefusedKind::Forbidden => KindState::Forbidden(refusal.message),
        _ if live.state(kind).is_known() => KindState::Interrupted(refusal.message),
        _ => KindState::Failing(refusal.message),
    };
    let failure = match state {
        KindState::Missing | KindState::Forbidden(_) => Failure::Refused,
        _ => Failure::Trouble,
    };
    if live.set_state(kind, state) {
        tracing::warn!(%kind, error = %why, "cannot follow the mesh's objects");
        queue.poke();
    }
    failure
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
