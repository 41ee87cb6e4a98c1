//! What went wrong with a request to a member's API server, and what a person can do about it.

use std::time::Duration;

use causeway_seam::Env;
use kube::Error;

/// Why a request came to nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// 410: what was asked for is too old, a fresh list is needed.
    Gone,
    /// 404: the API server does not have it.
    Absent,
    /// 401 or 403: the agent may not.
    Refused(String),
    /// The API server answered with something else than what was asked for.
    Answered(String),
    /// An answer that could not be read.
    Unreadable(String),
    /// No answer.
    Silent(String),
}

impl Trouble {
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Api(status) => Self::of_status(status.code, &status.message),
            Error::SerdeError(error) => Self::Unreadable(error.to_string()),
            other => Self::Silent(chain(other)),
        }
    }

    pub(crate) fn of_status(code: u16, message: &str) -> Self {
        match code {
            410 => Self::Gone,
            404 => Self::Absent,
            401 | 403 => Self::Refused(message.to_owned()),
            429 | 500..=599 => Self::Silent(format!("{code}: {message}")),
            _ => Self::Answered(format!("{code}: {message}")),
        }
    }

    /// 401: whoever asked is nobody to the API server, so that it would refuse everything. It says the same word always.
    pub(crate) fn is_of_a_stranger(&self) -> bool {
        matches!(self, Self::Refused(said) if said == "Unauthorized")
    }

    /// A sentence for people: what may not be done to what, and the remedy.
    pub(crate) fn sentence(&self, verb: &str, resource: &str, group: &str) -> Option<String> {
        let of_group = if group.is_empty() {
            String::new()
        } else {
            format!(".{group}")
        };
        let what = format!("{verb} {resource}{of_group}");
        let group = if group.is_empty() { "\"\"" } else { group };
        match self {
            // Its own answer is a fresh list.
            Self::Gone => None,
            Self::Absent => Some(format!(
                "the API server does not serve {resource}{of_group}, which is needed to {what}: check that it is a \
                 Kubernetes API server of a supported version"
            )),
            Self::Refused(said) => Some(format!(
                "the agent may not {what} in all namespaces, so the last facts of them stay: give its service account a \
                 ClusterRole with apiGroups [{group}], resources [{resource}], verbs [{verb}] ({})",
                cut(said)
            )),
            Self::Answered(said) | Self::Unreadable(said) => Some(format!(
                "{what} failed, so the last facts of them stay: {}. It is tried again",
                cut(said)
            )),
            // Whether the API server answers at all is one sentence, not one for each kind.
            Self::Silent(_) => None,
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("410: too old"),
            Self::Absent => f.write_str("404: not served"),
            Self::Refused(said)
            | Self::Answered(said)
            | Self::Unreadable(said)
            | Self::Silent(said) => f.write_str(said),
        }
    }
}

/// A request that is given up after a time.
pub(crate) async fn within<T>(
    env: &Env,
    limit: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Trouble> {
    match env.timeout(limit, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Trouble::of(&error)),
        Err(elapsed) => Err(Trouble::Silent(elapsed.to_string())),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// An error with what caused it: the outermost alone says little ("client error").
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    cut(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_refusal_names_resource_verb_and_remedy() {
        let text = Trouble::of_status(403, "User \"agent\" cannot list")
            .sentence("list", "endpointslices", "discovery.k8s.io")
            .unwrap();
        for part in [
            "may not list endpointslices.discovery.k8s.io",
            "ClusterRole with apiGroups [discovery.k8s.io], resources [endpointslices], verbs [list]",
            "the last facts of them stay",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(
            Trouble::of_status(503, "starting")
                .sentence("list", "nodes", "")
                .is_none()
        );
    }
}
