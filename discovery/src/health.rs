//! Whether a member's API server answers its own agent.
//!
//! A watch on a connection that died in silence looks like a quiet cluster, so the API server is asked for its version
//! every few seconds. Where it does not answer for a while, the member's fact says so, the last facts stay, and watches
//! let go of their connections; when it answers again they go on from where they were.

use std::sync::Arc;
use std::time::Duration;

use causeway_api::facts::ApiFact;
use causeway_seam::Monotonic;
use serde::Deserialize;

use crate::shared::Shared;
use crate::trouble::{Trouble, within};
use crate::version::unsupported;

const ABOUT: &str = "API server";
/// After a line in the log about silence the next one waits so long where the cause is another, and so long where it is not.
const SAY_ANOTHER: Duration = Duration::from_secs(10);
const SAY_AGAIN: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionInfo {
    git_version: String,
}

/// Asks for ever.
pub(crate) async fn watch_over(shared: Arc<Shared>) {
    let config = &shared.config;
    let limit = config.health_interval.max(Duration::from_secs(1));
    // While it does not answer, it is asked often, so that its return is noticed.
    let often = config.health_interval.min(Duration::from_secs(1));
    let mut silent_since: Option<Monotonic> = None;
    let mut said: Option<(String, Monotonic)> = None;
    loop {
        let asked = shared.env.now();
        match ask(&shared, limit).await {
            Ok(version) => {
                silent_since = None;
                answered(&shared, version.as_deref());
                let pause = shared.env.random().jittered(config.health_interval);
                shared.env.sleep(pause).await;
            }
            Err(why) => {
                let since = *silent_since.get_or_insert(asked);
                let now = shared.env.now();
                let silent = now.since(since);
                if is_news(said.as_ref(), &why, now) {
                    tracing::warn!(
                        member = %config.member, error = %why, silent_ms = silent.as_millis(),
                        "the API server does not answer its agent; it is asked again"
                    );
                    said = Some((why.to_string(), now));
                }
                if silent >= config.unreachable_after {
                    give_up(&shared, silent, &why);
                }
                shared.env.sleep(often).await;
            }
        }
    }
}

/// Whether a cause is worth another line: people look for it in the log, which it must not fill.
fn is_news(said: Option<&(String, Monotonic)>, why: &Trouble, now: Monotonic) -> bool {
    said.is_none_or(|(before, at)| {
        let wait = match *before == why.to_string() {
            true => SAY_AGAIN,
            false => SAY_ANOTHER,
        };
        now.since(*at) >= wait
    })
}

/// Its version; `None` where it answers and refuses to tell.
pub(crate) async fn ask(shared: &Shared, limit: Duration) -> Result<Option<String>, Trouble> {
    let request = http::Request::get("/version")
        .body(Vec::new())
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let request = shared.client.request::<VersionInfo>(request);
    match within(&shared.env, limit, request).await {
        Ok(info) => Ok(Some(info.git_version)),
        Err(Trouble::Refused(said)) => {
            let sentence = format!(
                "the API server refuses the agent ({said}): check the agent's service account and token, and that \
                 system:discovery is bound to system:authenticated"
            );
            shared.problem("get /version", Some(sentence));
            Ok(None)
        }
        Err(silent @ Trouble::Silent(_)) => Err(silent),
        // It answers, whatever it says.
        Err(_) => Ok(None),
    }
}

/// Notes that it answered, with its version where it told it.
pub(crate) fn answered(shared: &Shared, version: Option<&str>) {
    if let Some(version) = version {
        shared.problem("get /version", None);
        shared.problem("version", unsupported(version));
    }
    let now = shared.env.now();
    let returned = shared.update(|state| {
        state.answered = Some(now);
        if let Some(version) = version {
            state.seen.insert("/version");
            if state.info.kubernetes_version != version {
                version.clone_into(&mut state.info.kubernetes_version);
                state.tell_member();
            }
        }
        let returned = state.info.api == ApiFact::Unreachable;
        if returned {
            state.set_api(ApiFact::Reachable);
            state.set_problem(ABOUT, None);
        }
        returned
    });
    if returned {
        tracing::info!(member = %shared.config.member, "the API server answers again");
        shared.look.notify_one();
    }
}

fn give_up(shared: &Shared, silent: Duration, why: &Trouble) {
    // Said once, with the time of day since when: an age that is counted up would be a new fact each second.
    let silent_ms = i64::try_from(silent.as_millis()).unwrap_or(i64::MAX);
    let since = shared.env.wall().0.saturating_sub(silent_ms);
    let since = jiff::Timestamp::from_second(since / 1000).unwrap_or_default();
    let sentence = format!(
        "the API server has not answered its agent since {since} ({why}): the facts are the last that were seen. Nothing \
         is withdrawn because of it"
    );
    let lost = shared.update(|state| {
        let lost = state.info.api == ApiFact::Reachable;
        if lost {
            // Both in one: whoever reads that it does not answer reads why.
            state.set_api(ApiFact::Unreachable);
            state.set_problem(ABOUT, Some(sentence.clone()));
        }
        lost
    });
    if lost {
        tracing::warn!(member = %shared.config.member, "{sentence}");
        shared.lost.send_modify(|n| *n = n.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_at_once_and_then_rarely() {
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        let refused = Trouble::Silent("connection refused".to_owned());
        let unknown = Trouble::Silent("failed to lookup address".to_owned());
        assert!(is_news(None, &refused, at(0)));
        let said = (refused.to_string(), at(0));
        for (why, seconds, news) in [
            (&refused, 1, false),
            (&refused, 299, false),
            (&refused, 300, true),
            (&unknown, 1, false),
            (&unknown, 10, true),
        ] {
            assert_eq!(is_news(Some(&said), why, at(seconds)), news, "{seconds} s");
        }
    }
}
