//! Which APIs a member serves: ServiceExport in which version, and Istio. Looked at again and again, since people install
//! and remove them; a question without an answer changes nothing.

use std::sync::Arc;

use causeway_api::facts::MeshFact;
use serde::Deserialize;

use crate::objects::{ServiceExport, Watched};
use crate::shared::Shared;
use crate::trouble::{Trouble, within};
use crate::watch::follow_until_absent;

/// Versions of ServiceExport, the newest first.
const EXPORTS: [&str; 2] = ["v1beta1", "v1alpha1"];
const ISTIO: &str = "networking.istio.io";

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
}

/// Looks for ever.
pub(crate) async fn look(shared: Arc<Shared>) {
    loop {
        let looked = look_once(&shared).await;
        let pause = match &looked {
            Ok(()) => shared.config.discovery_interval,
            Err(_) => shared.config.health_interval,
        };
        if let Err(trouble) = looked {
            tracing::debug!(member = %shared.config.member, %trouble, "which APIs are served is not known");
            if let Some(sentence) = trouble.sentence("get", "/apis", "") {
                shared.problem("get /apis", Some(sentence));
            }
        } else {
            shared.problem("get /apis", None);
        }
        let pause = shared.env.random().jittered(pause);
        tokio::select! {
            biased;
            () = shared.look.notified() => {}
            () = shared.env.sleep(pause) => {}
        }
    }
}

/// Looks, and notes what is found.
pub(crate) async fn look_once(shared: &Shared) -> Result<(), Trouble> {
    let exports = exports(shared).await?;
    let mesh = mesh(shared).await?;
    // Not to be told of before it is known whether there are any.
    if exports.is_none() {
        let sentence = format!(
            "{}.{} is not served: nothing can be exported from here. Install its CustomResourceDefinition (KEP-1645), or \
             leave it, if this member is to import only",
            ServiceExport::PLURAL,
            ServiceExport::GROUP
        );
        shared.problem("serviceexports", Some(sentence));
    } else {
        shared.problem("serviceexports", None);
    }
    shared.update(|state| {
        state.seen.insert("/apis");
        if exports.is_none() {
            // No definition: no objects. Where there were some, they stay until their API is there again and says so.
            state.seen.insert(ServiceExport::PLURAL);
        }
        if state.info.mesh != mesh {
            state.info.mesh = mesh;
            state.tell_member();
        }
    });
    shared.exports.send_if_modified(|held| {
        let differs = *held != exports;
        *held = exports;
        differs
    });
    Ok(())
}

async fn exports(shared: &Shared) -> Result<Option<&'static str>, Trouble> {
    for version in EXPORTS {
        let path = format!("/apis/{}/{version}", ServiceExport::GROUP);
        let found = get::<Resources>(shared, &path).await?;
        let served = found.is_some_and(|found| {
            let mut names = found.resources.iter();
            names.any(|resource| resource.name == ServiceExport::PLURAL)
        });
        if served {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

async fn mesh(shared: &Shared) -> Result<MeshFact, Trouble> {
    let Some(group) = get::<Group>(shared, &format!("/apis/{ISTIO}")).await? else {
        shared.problem(ISTIO, None);
        return Ok(MeshFact::None);
    };
    let served = group.versions.iter().any(|v| v.version == "v1");
    let sentence = (!served).then(|| {
        let found: Vec<&str> = group.versions.iter().map(|v| v.version.as_str()).collect();
        format!(
            "{ISTIO}/v1 is not served (found {}): Istio 1.22 or newer is needed to write into this mesh",
            found.join(", ")
        )
    });
    shared.problem(ISTIO, sentence);
    Ok(if served {
        MeshFact::Istio
    } else {
        MeshFact::None
    })
}

/// `None`: it is not there.
async fn get<T: serde::de::DeserializeOwned>(
    shared: &Shared,
    path: &str,
) -> Result<Option<T>, Trouble> {
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let limit = shared.config.request_timeout;
    match within(&shared.env, limit, shared.client.request(request)).await {
        Ok(found) => Ok(Some(found)),
        Err(Trouble::Absent) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Follows ServiceExports in whichever version is served.
pub(crate) async fn follow_exports(shared: Arc<Shared>) {
    let mut served = shared.exports.subscribe();
    loop {
        let version = *served.borrow_and_update();
        if let Some(version) = version {
            let path = format!(
                "/apis/{}/{version}/{}",
                ServiceExport::GROUP,
                ServiceExport::PLURAL
            );
            tokio::select! {
                biased;
                changed = served.changed() => if changed.is_err() { return },
                () = follow_until_absent::<ServiceExport>(&shared, &path) => {
                    // It went away under the watch: look at once, and wait for the answer.
                    shared.look.notify_one();
                    shared.exports.send_replace(None);
                }
            }
        } else if served.changed().await.is_err() {
            return;
        }
    }
}
