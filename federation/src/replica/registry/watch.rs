//! Sees the objects of one kind in the host cluster, in whatever state they are.
//!
//! Objects are taken untyped: one that does not have its kind's form must not fail the list that it stands in.

use std::pin::pin;
use std::time::Duration;

use causeway_api::Name;
use causeway_seam::Env;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::mpsc;

use super::kind::Kind;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const LOOK_UP: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug)]
pub(super) enum Seen {
    /// All objects, and the definition under which they stand.
    Listed {
        crd: Crd,
        objects: Vec<DynamicObject>,
        /// How far the host cluster had come before, as far as it is a number.
        revision: Option<u64>,
    },
    /// An object came or changed.
    Applied(DynamicObject),
    /// An object was deleted.
    Deleted(DynamicObject),
    /// Nothing can be seen; `lasting`: until something is seen again; `undefined`: since the kind's definition is gone.
    Trouble {
        message: String,
        lasting: bool,
        undefined: bool,
    },
}

/// What objects stand under, as it is now: their kind's definition, or their namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Crd {
    /// It is there.
    Sound(Definition),
    /// It is being removed, and its objects with it.
    Terminating,
    /// It is not there.
    Absent,
    /// The host cluster does not tell.
    Unreadable(String),
    /// It was not needed.
    NotAsked,
}

/// A definition, or a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    /// Its UID.
    pub(super) uid: String,
    /// When it was created, where it is an object of its own.
    pub(super) created: Option<Time>,
}

/// Sees and tells, until nobody listens.
pub(super) async fn follow(env: &Env, host: &Client, kind: Kind, tell: mpsc::Sender<(Kind, Seen)>) {
    let mut pause = FIRST_PAUSE;
    while let Some((message, undefined)) = see(env, host, kind, &tell, &mut pause).await {
        let trouble = Seen::Trouble {
            message,
            lasting: true,
            undefined,
        };
        if tell.send((kind, trouble)).await.is_err() {
            return;
        }
        env.sleep(env.random().jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Sees until a list fails, and returns why, and whether the kind's definition is gone: the next one is made by a new watch,
/// since it may stand under another definition. `None`: nobody listens.
async fn see(
    env: &Env,
    host: &Client,
    kind: Kind,
    tell: &mpsc::Sender<(Kind, Seen)>,
    pause: &mut Duration,
) -> Option<(String, bool)> {
    let api: Api<DynamicObject> = Api::all_with(host.clone(), &kind.resource());
    let mut events = pin!(watcher(api, watcher::Config::default()));
    let mut listing = Vec::new();
    let mut crd = Crd::NotAsked;
    let mut revision = None;
    while let Some(event) = events.next().await {
        let mut rest = None;
        let seen = match event {
            Ok(Event::Init) => {
                listing.clear();
                crd = look_up(env, host, kind).await;
                revision = current(env, host, kind).await;
                continue;
            }
            Ok(Event::InitApply(object)) => {
                listing.push(object);
                continue;
            }
            Ok(Event::InitDone) => Seen::Listed {
                crd: crd.clone(),
                objects: std::mem::take(&mut listing),
                revision,
            },
            Ok(Event::Apply(object)) => Seen::Applied(object),
            Ok(Event::Delete(object)) => Seen::Deleted(object),
            Err(error @ watcher::Error::InitialListFailed(_)) => {
                let undefined = code(&error) == Some(404) && crd == Crd::Absent;
                return Some((sentence(kind, &error), undefined));
            }
            Err(error) => {
                rest = Some(env.random().jittered(*pause));
                Seen::Trouble {
                    message: sentence(kind, &error),
                    lasting: false,
                    undefined: false,
                }
            }
        };
        tell.send((kind, seen)).await.ok()?;
        match rest {
            Some(rest) => {
                env.sleep(rest).await;
                *pause = (*pause * 2).min(LONGEST_PAUSE);
            }
            None => *pause = FIRST_PAUSE,
        }
    }
    let ended = format!("{kind}s of the host cluster cannot be read: the watch ended");
    Some((ended, false))
}

/// How far the host cluster has come: the resourceVersion of a list.
async fn current(env: &Env, host: &Client, kind: Kind) -> Option<u64> {
    let api: Api<DynamicObject> = Api::all_with(host.clone(), &kind.resource());
    let params = ListParams::default().limit(1);
    let list = env.timeout(LOOK_UP, api.list(&params)).await.ok()?.ok()?;
    list.metadata.resource_version?.parse().ok()
}

/// Looks a kind's definition up.
pub(super) async fn look_up(env: &Env, host: &Client, kind: Kind) -> Crd {
    let resource = ApiResource::erase::<CustomResourceDefinition>(&());
    let api: Api<DynamicObject> = Api::all_with(host.clone(), &resource);
    let name = kind.definition();
    match env.timeout(LOOK_UP, api.get_opt(&name)).await {
        Ok(Ok(Some(crd))) => match (crd.metadata.deletion_timestamp, crd.metadata.uid) {
            (Some(_), _) => Crd::Terminating,
            (None, Some(uid)) => Crd::Sound(Definition {
                uid,
                created: crd.metadata.creation_timestamp,
            }),
            (None, None) => Crd::Unreadable(format!("CustomResourceDefinition {name} has no UID")),
        },
        Ok(Ok(None)) => served_otherwise(env, host, kind).await,
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Crd::Unreadable(format!(
            "the controller may not get CustomResourceDefinition {name} in the host cluster: grant it the verb get"
        )),
        Ok(Err(error)) => Crd::Unreadable(format!(
            "CustomResourceDefinition {name}: {}",
            super::mirror::said(&error)
        )),
        Err(elapsed) => Crd::Unreadable(format!("CustomResourceDefinition {name}: {elapsed}")),
    }
}

/// Looks up the namespace of an object that is gone, as if it were the definition of what stands in it: one that is being
/// removed takes all its objects with it, and one that was created since is another.
pub(super) async fn namespace(env: &Env, host: &Client, name: &Name) -> Crd {
    let api: Api<Namespace> = Api::all(host.clone());
    match env.timeout(LOOK_UP, api.get_opt(name.as_str())).await {
        Ok(Ok(Some(found))) => match (found.metadata.deletion_timestamp, found.metadata.uid) {
            (Some(_), _) => Crd::Terminating,
            (None, uid) => Crd::Sound(Definition {
                uid: uid.unwrap_or_default(),
                created: found.metadata.creation_timestamp,
            }),
        },
        Ok(Ok(None)) => Crd::Absent,
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Crd::Unreadable(format!(
            "the controller may not get the namespace {name} in the host cluster: grant it the verb get on namespaces"
        )),
        Ok(Err(error)) => {
            Crd::Unreadable(format!("namespace {name}: {}", super::mirror::said(&error)))
        }
        Err(elapsed) => Crd::Unreadable(format!("namespace {name}: {elapsed}")),
    }
}

/// A kind may be served without a definition, as an aggregated API. A definition that was there and went is another
/// one than this, so that the moment in which its kind is still served makes no difference.
async fn served_otherwise(env: &Env, host: &Client, kind: Kind) -> Crd {
    let api: Api<DynamicObject> = Api::all_with(host.clone(), &kind.resource());
    match env
        .timeout(LOOK_UP, api.list(&ListParams::default().limit(1)))
        .await
    {
        Ok(Ok(_)) => Crd::Sound(Definition {
            uid: "served without a definition".to_owned(),
            created: None,
        }),
        _ => Crd::Absent,
    }
}

/// What keeps a kind from being seen, with the remedy.
fn sentence(kind: Kind, error: &watcher::Error) -> String {
    let definition = kind.definition();
    match code(error) {
        Some(404) => format!(
            "CustomResourceDefinition {definition} is not installed in the host cluster: install the chart causeway-crds there; until \
             then nothing can be registered, and what is registered stays"
        ),
        Some(403) => format!(
            "the controller may not list or watch {definition} in the host cluster: grant it the verbs get, list and watch; until then \
             what is registered stays"
        ),
        Some(401) => format!(
            "the host cluster does not know the controller ({}): renew its credentials",
            spoken(error)
        ),
        _ => format!(
            "{kind}s of the host cluster cannot be read: {}",
            spoken(error)
        ),
    }
}

/// What the API server says, without how the client wraps it.
fn spoken(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => super::mirror::message(status).to_owned(),
        other => other.to_string(),
    }
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_names_the_definition_and_the_remedy() {
        let status = |code| {
            watcher::Error::InitialListFailed(kube::Error::Api(Box::new(kube::core::Status {
                code,
                ..Default::default()
            })))
        };
        let missing = sentence(Kind::Member, &status(404));
        assert!(
            missing.contains("memberclusters.causeway.dev is not installed")
                && missing.contains("causeway-crds"),
            "{missing}"
        );
        let forbidden = sentence(Kind::Policy, &status(403));
        assert!(
            forbidden.contains("failoverpolicies.causeway.dev")
                && forbidden.contains("list and watch"),
            "{forbidden}"
        );
    }
}
