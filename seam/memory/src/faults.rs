//! What can go wrong on the way to a member, by order of a test or a scenario.

use std::time::Duration;

use crate::kinds::Kind;

/// Requests that are refused as RBAC would: those that fit all parts that are given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deny {
    /// Such as `list`, `watch`, `get`, `create`, `update`, `patch`, `delete`; `None`: all.
    pub verb: Option<String>,
    /// A group; `Some("")` is the core, `None`: all.
    pub group: Option<String>,
    /// The plural; `None`: all.
    pub resource: Option<String>,
}

impl Deny {
    /// Everything.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// One verb on one kind, such as `Deny::of("watch", "", "services")`.
    #[must_use]
    pub fn of(verb: &str, group: &str, resource: &str) -> Self {
        Self {
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
        }
    }

    /// Every verb that writes.
    #[must_use]
    pub fn writes() -> Vec<Self> {
        let verbs = ["create", "update", "patch", "delete"];
        let deny = |verb: &str| Self {
            verb: Some(verb.to_owned()),
            ..Self::default()
        };
        verbs.map(deny).to_vec()
    }

    fn fits(&self, verb: &str, kind: &Kind) -> bool {
        let fits = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        fits(&self.verb, verb) && fits(&self.group, kind.group) && fits(&self.resource, kind.plural)
    }
}

/// What holds now.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Requests and watches hang.
    pub(crate) dark: bool,
    /// Connections are refused.
    pub(crate) refused: bool,
    /// Each request waits so long before it is done.
    pub(crate) delay: Duration,
    /// Each request is answered by this code.
    pub(crate) code: Option<u16>,
    /// What is forbidden.
    pub(crate) deny: Vec<Deny>,
    /// Watches of an earlier number end.
    pub(crate) watches: u64,
}

impl Faults {
    pub(crate) fn denies(&self, verb: &str, kind: &Kind) -> bool {
        self.deny.iter().any(|deny| deny.fits(verb, kind))
    }
}
