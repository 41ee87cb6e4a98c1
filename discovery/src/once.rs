//! A member's API server read once, for whoever wants to look and not to stay (`causeway observe`).
//!
//! An agent tells nothing before it knows everything. Here it is the other way round: what may not be read is said and
//! left out, and the rest is given at once.

use causeway_index::Index;
use causeway_seam::Env;
use kube::Client;

use crate::config::ObserverConfig;
use crate::objects::{EndpointSlice, Namespace, Node, Service, ServiceExport, Watched};
use crate::shared::Shared;
use crate::trouble::Trouble;
use crate::{discover, health, watch};

/// What was read.
#[derive(Debug)]
pub struct Once {
    /// The objects.
    pub index: Index,
    /// Kinds that could not be read, each with a sentence that says why and what to do.
    pub unread: Vec<(&'static str, String)>,
}

/// Lists everything that an [`crate::Observer`] watches, once. Only reads, and asks for no Pods.
///
/// # Errors
/// Where the API server does not answer at all: why.
pub async fn read_once(env: &Env, client: Client, config: ObserverConfig) -> Result<Once, String> {
    let limit = config.request_timeout;
    let shared = Shared::new(env.clone(), client, config);
    match health::ask(&shared, limit).await {
        Ok(version) => health::answered(&shared, version.as_deref()),
        Err(trouble) => return Err(trouble.to_string()),
    }
    let mut unread = Vec::new();
    if let Err(trouble) = discover::look_once(&shared).await {
        if trouble.is_of_a_stranger() {
            return Err(format!(
                "the API server does not know who asks ({trouble}): renew the credentials"
            ));
        }
        unread.push(("/apis", sentence("/apis", "", &trouble)));
    }
    // Nodes first: endpoints are then placed once.
    list::<Node>(&shared, "/api/v1/nodes", &mut unread).await;
    list::<Namespace>(&shared, "/api/v1/namespaces", &mut unread).await;
    list::<Service>(&shared, "/api/v1/services", &mut unread).await;
    let slices = "/apis/discovery.k8s.io/v1/endpointslices";
    list::<EndpointSlice>(&shared, slices, &mut unread).await;
    let version = *shared.exports.borrow();
    if let Some(version) = version {
        let (group, plural) = (ServiceExport::GROUP, ServiceExport::PLURAL);
        list::<ServiceExport>(
            &shared,
            &format!("/apis/{group}/{version}/{plural}"),
            &mut unread,
        )
        .await;
    }
    let mut state = shared.lock();
    let empty = Index::new(state.index.owner().clone());
    let mut index = std::mem::replace(&mut state.index, empty);
    index.hold_for_accounts(false);
    Ok(Once { index, unread })
}

async fn list<K: Watched>(shared: &Shared, path: &str, unread: &mut Vec<(&'static str, String)>) {
    if let Err(trouble) = watch::list_once::<K>(shared, path).await {
        unread.push((K::PLURAL, sentence(K::PLURAL, K::GROUP, &trouble)));
    }
}

fn sentence(resource: &str, group: &str, trouble: &Trouble) -> String {
    let group = if group.is_empty() { "\"\"" } else { group };
    match trouble {
        Trouble::Refused(said) if resource.starts_with('/') => format!(
            "you may not get it, which everybody who is known may by default: ask for the ClusterRole system:discovery ({})",
            said.chars().take(200).collect::<String>()
        ),
        Trouble::Refused(said) => format!(
            "you may not list them in all namespaces: ask for a ClusterRole with apiGroups [{group}], resources [{resource}], \
             verbs [list] ({})",
            said.chars().take(200).collect::<String>()
        ),
        other => format!("they could not be listed: {other}"),
    }
}
