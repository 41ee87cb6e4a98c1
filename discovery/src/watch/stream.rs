//! One watch: from a version until it ends.

use std::time::Duration;

use kube::api::WatchParams;
use kube::core::request::Request;

use super::events::{Event, Events};
use super::list::learn_uid;
use crate::objects::Watched;
use crate::shared::Shared;
use crate::trouble::{Trouble, within};

/// How a watch ended, where nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// When its time was up, or after it brought something.
    InTime,
    /// Without having brought anything.
    AtOnce,
}

/// How much later than the server this side gives a watch up, whose end never came.
const GRACE: Duration = Duration::from_secs(10);
/// A watch that lasted so long did not end at once.
const LASTED: Duration = Duration::from_secs(1);

/// Watches from `version`, which follows what comes.
pub(super) async fn watch<K: Watched>(
    shared: &Shared,
    path: &str,
    version: &mut String,
    lasts: impl Fn(),
) -> Result<Ended, Trouble> {
    let env = &shared.env;
    let began = env.now();
    let mut lost = shared.lost.subscribe();
    let time = env.random().jittered(shared.config.watch_timeout);
    let params = WatchParams {
        timeout: Some(u32::try_from(time.as_secs().max(1)).unwrap_or(u32::MAX)),
        bookmarks: true,
        ..WatchParams::default()
    };
    let request = Request::new(path)
        .watch(&params, version)
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let start = Events::<K>::open(&shared.client, request);
    let mut events = within(env, shared.config.request_timeout, start).await?;
    let too_long = env.sleep(time.saturating_add(GRACE));
    let mut too_long = std::pin::pin!(too_long);
    // A refusal comes as the first line of the stream: only a watch that lasts is one.
    let mut lasting = std::pin::pin!(env.sleep(LASTED));
    let (mut any, mut told) = (false, false);
    loop {
        let event = tokio::select! {
            biased;
            () = &mut lasting, if !told => {
                told = true;
                lasts();
                continue;
            }
            _ = lost.changed() => {
                return Err(Trouble::Silent("the API server was given up".to_owned()));
            }
            event = events.next() => event,
            () = &mut too_long => return Ok(Ended::InTime),
        };
        match event {
            None if any || env.now().since(began) >= LASTED => return Ok(Ended::InTime),
            None => return Ok(Ended::AtOnce),
            Some(Ok(Event::There(object))) => {
                version.clone_from(&object.meta().resource_version);
                shared.update(|state| {
                    learn_uid(state, &object);
                    object.apply(&mut state.index);
                });
            }
            Some(Ok(Event::Gone(object))) => {
                let meta = object.meta();
                version.clone_from(&meta.resource_version);
                shared.update(|state| K::delete(&mut state.index, &meta.namespace, &meta.name));
            }
            Some(Ok(Event::Bookmark(mark))) => *version = mark,
            Some(Ok(Event::Refused(code, message))) => {
                return Err(Trouble::of_status(code, &message));
            }
            // An object that cannot be read costs itself alone: the ones before and after it count.
            Some(Ok(Event::Unreadable(error))) => {
                tracing::warn!(kind = K::PLURAL, %error, "an object of a watch cannot be read");
                let sentence = format!(
                    "one of the {} could not be read and is left as it was: see the agent's log",
                    K::PLURAL
                );
                shared.problem(&format!("read {}", K::PLURAL), Some(sentence));
            }
            Some(Err(trouble)) => return Err(trouble),
        }
        any = true;
    }
}
