//! A fresh list: its objects go to the index as the pages come, and what was not named goes at the end. Never a wipe.

use std::collections::BTreeSet;

use kube::api::ListParams;
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::objects::Watched;
use crate::shared::Shared;
use crate::trouble::{Trouble, within};

#[derive(Deserialize)]
struct Page<T> {
    metadata: PageMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

/// Lists all objects, and returns the version from which to watch.
pub(super) async fn all<K: Watched>(shared: &Shared, path: &str) -> Result<String, Trouble> {
    match pages::<K>(shared, path, Some(shared.config.page_size)).await {
        // The token for the next page expired: the list is longer than the server's memory of it. All at once, then.
        Err(Trouble::Gone) => pages::<K>(shared, path, None).await,
        done => done,
    }
}

async fn pages<K: Watched>(
    shared: &Shared,
    path: &str,
    limit: Option<u32>,
) -> Result<String, Trouble> {
    let mut named: Vec<(String, String)> = Vec::new();
    let mut unreadable = 0_usize;
    let mut params = ListParams {
        limit,
        ..ListParams::default()
    };
    loop {
        let request = Request::new(path)
            .list(&params)
            .map_err(|error| Trouble::Unreadable(error.to_string()))?;
        let limit = shared.config.request_timeout;
        let text = within(&shared.env, limit, shared.client.request_text(request)).await?;
        let (meta, items) = read::<K>(&text, &mut unreadable)?;
        drop(text);
        named.extend(items.iter().map(|item| {
            let meta = item.meta();
            (meta.namespace.clone(), meta.name.clone())
        }));
        shared.update(|state| {
            for item in items {
                learn_uid(state, &item);
                item.apply(&mut state.index);
            }
        });
        match meta.next.filter(|next| !next.is_empty()) {
            Some(next) => params.continue_token = Some(next),
            None => {
                finish::<K>(shared, &named, unreadable);
                return Ok(meta.resource_version);
            }
        }
    }
}

fn finish<K: Watched>(shared: &Shared, named: &[(String, String)], unreadable: usize) {
    shared.update(|state| {
        // What could not be read may be among what is known: then nothing is taken away for not being named.
        if unreadable == 0 {
            let listed: BTreeSet<(&str, &str)> = named
                .iter()
                .map(|(ns, name)| (ns.as_str(), name.as_str()))
                .collect();
            K::retain(&mut state.index, &listed);
        }
        state.seen.insert(K::PLURAL);
    });
    let sentence = (unreadable > 0).then(|| {
        format!(
            "{unreadable} of the {} could not be read and are left as they were: see the agent's log",
            K::PLURAL
        )
    });
    shared.problem(&format!("read {}", K::PLURAL), sentence);
}

/// Reads a page; an object that is not as its kind should be costs itself alone.
fn read<K: Watched>(text: &str, unreadable: &mut usize) -> Result<(PageMeta, Vec<K>), Trouble> {
    if let Ok(page) = serde_json::from_str::<Page<K>>(text) {
        return Ok((page.metadata, page.items));
    }
    let page = serde_json::from_str::<Page<Box<RawValue>>>(text)
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let mut items = Vec::with_capacity(page.items.len());
    for item in page.items {
        match serde_json::from_str(item.get()) {
            Ok(item) => items.push(item),
            Err(error) => {
                *unreadable += 1;
                let start: String = item.get().chars().take(200).collect();
                tracing::warn!(kind = K::PLURAL, %error, "an object cannot be read: {start}");
            }
        }
    }
    Ok((page.metadata, items))
}

/// The UID of `kube-system` is the cluster's.
pub(super) fn learn_uid<K: Watched>(state: &mut crate::shared::State, item: &K) {
    let meta = item.meta();
    if K::PLURAL == "namespaces" && meta.name == "kube-system" && state.info.cluster_uid != meta.uid
    {
        state.info.cluster_uid.clone_from(&meta.uid);
        state.tell_member();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::objects::Node;

    #[test]
    fn one_poisoned_object_does_not_cost_the_page() {
        let text = r#"{"metadata":{"resourceVersion":"7"},"items":[
            {"metadata":{"name":"a"}},{"metadata":{"name":5}},{"metadata":{"name":"c"}}]}"#;
        let mut unreadable = 0;
        let (meta, items) = read::<Node>(text, &mut unreadable).unwrap();
        let names: Vec<&str> = items.iter().map(|item| item.meta().name.as_str()).collect();
        assert_eq!(
            (names, unreadable, meta.resource_version.as_str()),
            (vec!["a", "c"], 1, "7")
        );
        assert!(read::<Node>("<html>", &mut unreadable).is_err());
    }
}
